"""What a decision on rate limits costs: in memory beside a plain counter, and everywhere beside the limits package.

A decision says what remains, and when it is whole again. The limits package says so in a second call, which is in its
figures. The plain counter is a dictionary of numbers that end with their window, and says nothing.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from struct import iter_unpack, pack
from typing import Any

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMonth, RateLimitItemPerYear
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter
from limits.storage import storage_from_string
from redis.asyncio import Redis

from asgisec.policies.rate_limit.limiter import STRATEGIES, RateLimiter
from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.redis.rate_limits import _SCRIPTS
from bench.calls import Against, Call, CallGroup, CallOutcome, measure_calls
from bench.waiting import measure_awaited
from tests import valkey

__all__ = ["PEERS", "measured"]

PEERS = ("hiredis", "limits", "redis")

_OURS = "RateLimiter"
_PLAIN = "a plain dict counter"
_LIMITS = "limits.aio hit + stats"
_PING = "redis.asyncio ping"
_EVALSHA = "redis.asyncio evalsha"

_MUCH = 10**9  # nobody is refused: a refusal costs something else
_FEW, _MANY = 100, 100_000
_IN_FLIGHT = 50
# Long, so that no call finds that the one before has expired.
_ONE: tuple[RateLimitItem, ...] = (RateLimitItemPerYear(_MUCH),)
_THREE: tuple[RateLimitItem, ...] = (*_ONE, RateLimitItemPerMonth(_MUCH), RateLimitItemPerDay(_MUCH))

_THEIRS: dict[str, Callable[[Any], Any]] = {
    "fixed-window": FixedWindowRateLimiter,
    "moving-window": MovingWindowRateLimiter,
    "sliding-window-counter": SlidingWindowCounterRateLimiter,
}


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure memory, then Redis with one decision at a time and with many in flight."""
    yield measure_calls(_beside_a_counter(), rounds=rounds)
    yield measure_calls(_growing(), rounds=rounds)
    yield asyncio.run(_beside_limits(rounds))
    with valkey.server() as url:
        yield from asyncio.run(_one_at_a_time(url, rounds))
        yield from asyncio.run(_many(url, rounds))


def _buckets(items: tuple[RateLimitItem, ...]) -> tuple[tuple[str, RateLimitItem], ...]:
    return tuple((str(item), item) for item in items)


def _beside_a_counter() -> CallGroup:
    cases: dict[str, dict[str, Call]] = {}
    for strategy in STRATEGIES:
        limiter, buckets = RateLimiter(strategy=strategy), _buckets(_ONE)
        cases[strategy] = {
            _OURS: partial(_passes, limiter, buckets, "203.0.113.7"),
            _PLAIN: partial(_counted, {}, "203.0.113.7"),
        }
    return CallGroup("A decision in memory, one limit", cases, [Against(_PLAIN, 6)], same=[_PLAIN])


def _passes(limiter: RateLimiter, buckets: tuple[tuple[str, RateLimitItem], ...], who: str) -> object:
    return limiter.decide(who, buckets, 1).allowed  # type: ignore[union-attr]  # in memory nothing waits


def _counted(counts: dict[str, list[float]], who: str) -> object:
    now = time.time()
    count = counts.get(who)
    if count is None or count[1] <= now:
        count = counts[who] = [0, now + 60]
    count[0] += 1
    return count[0] <= _MUCH


@dataclass
class _Clock:
    """A clock that goes on by a hundredth of a second when it is told to."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def _growing() -> CallGroup:
    few, many = f"{_FEW:,} keys", f"{_MANY:,} keys"
    cases: dict[str, dict[str, Call]] = {
        "one key": {many: _again(_MANY, 1), few: _again(_FEW, 1)},
        "a hundred keys in turn": {many: _again(_MANY, 100), few: _again(_FEW, 100)},
        "a new key for each that ends": {many: _rolling(_MANY), few: _rolling(_FEW)},
    }
    return CallGroup("A decision in memory, live keys", cases, [Against(few, 1.2)], same=[few])


def _again(count: int, asked: int) -> Call:
    limiter, buckets = RateLimiter(store=MemoryStore(max_entries=2 * _MANY)), _buckets((RateLimitItemPerDay(_MUCH),))
    keys = [f"203.0.113.{n}" for n in range(count)]
    for key in keys:
        _passes(limiter, buckets, key)
    turn = cycle(keys[:: count // asked]).__next__
    return lambda: _passes(limiter, buckets, turn())


def _rolling(count: int) -> Call:
    clock = _Clock()
    limiter = RateLimiter(store=MemoryStore(max_entries=2 * _MANY, clock=clock), strategy="fixed-window")
    buckets = _buckets((RateLimitItemPerDay(_MUCH),))
    step = 86_400 / count

    def roll() -> object:
        clock.now += step
        return _passes(limiter, buckets, str(clock.now))

    for _ in range(2 * count):
        roll()
    return roll


async def _beside_limits(rounds: int) -> CallOutcome:
    cases: dict[str, dict[str, Call]] = {}
    for strategy in ("fixed-window", "sliding-window-counter"):
        for count, items in (("one limit", _ONE), ("three limits", _THREE)):
            limiter = RateLimiter(*items, strategy=strategy)
            cases[f"{strategy}, {count}"] = {
                _OURS: partial(_hit, limiter),
                _LIMITS: partial(_hit_and_stats, _THEIRS[strategy](MemoryStorage()), items),
            }
    group = CallGroup("An awaited decision in memory", cases, [Against(_LIMITS, 0.3)], same=[_LIMITS])
    return await measure_awaited(group, rounds=rounds)


async def _hit(limiter: RateLimiter) -> object:
    return (await limiter.hit("203.0.113.7")).allowed


async def _hit_and_stats(limiter: Any, items: tuple[RateLimitItem, ...]) -> object:
    allowed = True
    for item in items:
        allowed = await limiter.hit(item, "203.0.113.7") and allowed
        await limiter.get_window_stats(item, "203.0.113.7")
    return allowed


async def _one_at_a_time(url: str, rounds: int) -> list[CallOutcome]:
    store, peer = RedisStore.from_url(url, prefix=valkey.fresh_prefix(), timeout=10), Redis.from_url(url)
    try:
        cases: dict[str, dict[str, Call]] = {
            count: {_OURS: partial(_hit, RateLimiter(*items, store=store, on_store_error="deny")), _PING: peer.ping}
            for count, items in (("one limit", _ONE), ("three limits", _THREE))
        }
        group = CallGroup("A decision on Redis, one at a time", cases, [Against(_PING, 1.5)], same=[_PING])
        return [await measure_awaited(group, rounds=rounds)]
    finally:
        await peer.aclose()
        await store.aclose()


async def _many(url: str, rounds: int) -> list[CallOutcome]:
    store, peer = RedisStore.from_url(url, prefix=valkey.fresh_prefix(), timeout=10), Redis.from_url(url)
    theirs = storage_from_string(_limits_url(url), implementation="redispy")
    assert isinstance(theirs, Storage)
    try:
        cases: dict[str, dict[str, Call]] = {}
        for count, items in (("one limit", _ONE), ("three limits", _THREE)):
            limiter = RateLimiter(*items, store=store, on_store_error="deny")
            cases[count] = {
                _OURS: partial(_hit, limiter),
                _EVALSHA: await _same_script(peer, store, items),
                _LIMITS: partial(_hit_and_stats, SlidingWindowCounterRateLimiter(theirs), items),
            }
        name = f"A decision on Redis, {_IN_FLIGHT} in flight"
        evalsha = CallGroup(name, cases, [Against(_EVALSHA, 1 / 3)], same=[_EVALSHA, _LIMITS])
        outcome = await measure_awaited(evalsha, rounds=rounds, in_flight=_IN_FLIGHT)
        beside = CallGroup(
            f"Three limits on Redis, {_IN_FLIGHT} in flight",
            {"three limits": {name: cases["three limits"][name] for name in (_OURS, _LIMITS)}},
            [Against(_LIMITS, 1 / 10)],
            same=[_LIMITS],
        )
        return [outcome, await measure_awaited(beside, rounds=rounds, in_flight=_IN_FLIGHT)]
    finally:
        await peer.aclose()
        await store.aclose()
        await theirs.bridge.storage.aclose()  # type: ignore[attr-defined]  # on the bridge for redis-py


def _limits_url(url: str) -> str:
    return f"async+{url.replace('unix://', 'redis+unix://')}"


async def _same_script(
    peer: "Redis", store: RedisStore, items: tuple[RateLimitItem, ...]
) -> Callable[[], Awaitable[object]]:
    """Return what runs our script on keys of its own by `redis.asyncio`."""
    sha = await peer.script_load(_SCRIPTS["sliding-window-counter"].source)
    keys = [store.key("peer", "203.0.113.7", str(n)) for n in range(len(items))]
    amounts = b"".join([pack("<dd", item.amount, item.get_expiry()) for item in items])

    async def evalsha() -> object:
        reply = await peer.evalsha(sha, len(keys), *keys, 1, amounts)
        return [wait for _, _, wait in iter_unpack("<ddd", reply)] == [0] * len(keys)

    return evalsha
