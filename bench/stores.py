"""What stores cost: memory however much it holds, and Redis beside `redis.asyncio` on the same server.

A command sent by `redis.asyncio` takes a connection and a write of its own. Here commands of concurrent callers leave
in one write, so the figure to look at is that with 50 in flight; alone, a call should cost little more than a PING.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from redis.asyncio import Redis

from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.redis._core import Script
from bench.calls import Against, Call, CallGroup, CallOutcome, finished, measure_calls
from bench.waiting import measure_awaited
from tests import valkey

__all__ = ["PEERS", "measured"]

PEERS = ("hiredis", "redis")

_FEW, _MANY = 100, 100_000
_OWNERS = 50
_OURS = "RedisStore.run"
_PING = "redis.asyncio ping"
_EVALSHA = "redis.asyncio evalsha"
_DENIED = "RedisStore.denied"
_MGET = "redis.asyncio mget"
_SOURCE = "return {redis.call('INCR', KEYS[1]) > 0 and 1, ARGV[1]}"


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure memory, then Redis with one call at a time and with many in flight."""
    yield measure_calls(memory_group(), rounds=rounds)
    with valkey.server() as url:
        for in_flight in (1, _OWNERS):
            yield from asyncio.run(_on_redis(url, rounds, in_flight))


def memory_group() -> CallGroup:
    """Return the same calls on a store that holds little, and on one that holds much."""
    few, many = (_filled(count) for count in (_FEW, _MANY))
    cases: dict[str, dict[str, Call]] = {
        "denied": {_column(_MANY): partial(_denied, many), _column(_FEW): partial(_denied, few)},
        "deny": {_column(_MANY): partial(_deny, many), _column(_FEW): partial(_deny, few)},
        "one for one": {
            _column(_MANY): partial(_roll, *_rolling(_MANY)),
            _column(_FEW): partial(_roll, *_rolling(_FEW)),
        },
    }
    return CallGroup("MemoryStore, live entries", cases, [Against(_column(_FEW), 1.2)], same=[_column(_FEW)])


def _column(count: int) -> str:
    return f"{count:,} entries"


def _filled(count: int) -> MemoryStore:
    store = MemoryStore(max_entries=2 * _MANY)
    now = time.time()
    for n in range(count):
        finished(store.deny("ada", f"t:{n}", now, now + 3600 + n % 600))
    return store


def _denied(store: MemoryStore) -> object:
    return finished(store.denied("ada", ["t:7", "s:7", "ada"])) is not None


def _deny(store: MemoryStore) -> object:
    now = time.time()
    return finished(store.deny("ada", "t:7", now, now + 3700))


@dataclass
class _Clock:
    """A clock that goes on by a hundredth of a second when it is told to."""

    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def _rolling(count: int) -> tuple[MemoryStore, _Clock, int]:
    clock = _Clock()
    store = MemoryStore(max_entries=2 * _MANY, clock=clock)
    for _ in range(2 * count):
        _roll(store, clock, count)
    return store, clock, count


def _roll(store: MemoryStore, clock: _Clock, count: int) -> object:
    """Add an entry; as many are alive as before, for one has expired."""
    clock.now += 0.01
    return finished(store.deny("ada", str(clock.now), clock.now, clock.now + count / 100))


async def _on_redis(url: str, rounds: int, in_flight: int) -> list[CallOutcome]:
    store = RedisStore.from_url(url, prefix=valkey.fresh_prefix(), timeout=10)
    peer = Redis.from_url(url)
    try:
        script = Script("bench", _SOURCE)
        sha = await peer.script_load(_SOURCE)
        key = store.key("bench", "ada")
        names = [store.key("deny", "ada", name) for name in ("t:7", "s:7", "ada")]
        evalsha: Call = partial(peer.evalsha, sha, 1, key, "5")
        ours: Call = partial(store.run, script, [key], ["5"])
        denied: Call = partial(store.denied, "ada", ["t:7", "s:7", "ada"])
        mget: Call = partial(peer.mget, names)
        against = [Against(_PING, 1.5), Against(_EVALSHA)] if in_flight == 1 else [Against(_EVALSHA, 1 / 3)]
        looks = [Against(_MGET)] if in_flight == 1 else [Against(_MGET, 1 / 3)]
        many = f"{in_flight} in flight"
        groups = [
            CallGroup(
                f"A script on Redis, {many}",
                {"EVALSHA": {_OURS: ours, _PING: peer.ping, _EVALSHA: evalsha}},
                against,
                same=[_EVALSHA],
            ),
            CallGroup(
                f"A look at the denylist on Redis, {many}",
                {"three keys": {_DENIED: denied, _MGET: mget}},
                looks,
                same=[_MGET],
            ),
        ]
        return [await measure_awaited(group, rounds=rounds, in_flight=in_flight) for group in groups]
    finally:
        await peer.aclose()
        await store.aclose()
