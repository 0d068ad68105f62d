"""Applications with limits, a clock that stands still until it is told to go on, and the headers read by others."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import http_sf

from asgisec import RateLimit, RateLimitGuard, SecurityEvent, SecurityMiddleware
from asgisec.errors import RateLimitExceeded
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import Bucket, Decision
from tests.asgi import App, Message, Recorded, answering, scope_of


@dataclass
class Clock:
    """A clock; it begins where every window of the tests begins."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Limited:
    """An application behind a `RateLimit`, and what was told of it."""

    clock: Clock
    app: App
    events: list[SecurityEvent] = field(default_factory=list)

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]


def limited(*limits: Any, inner: App | None = None, clock: Clock | None = None, **options: Any) -> Limited:
    clock = clock or Clock()
    options.setdefault("store", MemoryStore(clock=clock))
    options.setdefault("strategy", "fixed-window")
    policy = RateLimit(*limits, clock=clock, **options)
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(inner or answering(), policy, on_event=events.append)
    return Limited(clock, app, events)


def fields(answer: Recorded, name: str) -> dict[str, dict[str, Any]]:
    """Read a list of structured fields with a parser that is not ours; it has to stand in one line."""
    (line,) = answer.values(name)
    items: Any = http_sf.parse(line.encode(), tltype="list")
    read = dict(items)
    assert len(read) == len(items), "a limit is named twice"
    return read


def left(answer: Recorded) -> dict[str, int]:
    """Return how much of each limit is left."""
    return {name: item["r"] for name, item in fields(answer, "ratelimit").items()}


async def refused(guard: RateLimitGuard, scope: Message) -> RateLimitExceeded | None:
    """Return what a guard raises, where it is one too many."""
    try:
        await guard(scope)
    except RateLimitExceeded as error:
        return error
    return None


def by_hand(guard: RateLimitGuard, **extra: Any) -> str | None:
    """Return why a guard refuses."""
    error = anyio.run(refused, guard, scope_of(**extra))
    return None if error is None else error.reason


class Later(MemoryStore):
    """A store that answers later, as one over a network does."""

    def spending(self, buckets: Sequence[Bucket], strategy: str) -> Any:
        spend = super().spending(buckets, strategy)

        async def spent(identity: str, cost: int) -> Decision:
            await anyio.lowlevel.checkpoint()
            return spend(identity, cost)

        return spent

    def lease(self, identity: str, name: str, holder: str, places: int, seconds: float) -> Any:
        return _later(super().lease(identity, name, holder, places, seconds))

    def release(self, identity: str, name: str, holder: str) -> Any:
        return _later(super().release(identity, name, holder))


async def _later(answer: Any) -> Any:
    await anyio.lowlevel.checkpoint()
    return answer
