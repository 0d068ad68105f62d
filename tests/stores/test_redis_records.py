"""What a Redis store writes down: the server's time, and nothing of what stood in a place before."""

import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from asgisec.policies.rate_limit.limiter import RateLimiter
from asgisec.stores import RedisStore
from asgisec.stores.protocols import Pace, RefreshFamily
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio


def family(name: str = "f1", lifetime: float = 60.0) -> RefreshFamily:
    now = time.time()
    return RefreshFamily(
        id=name, owner="ada", grant="{}", proof="p", current="c1", created_at=now, expires_at=now + lifetime
    )


async def of_a_limit(store: RedisStore) -> float:
    limiter = RateLimiter("1/minute", store=store, strategy="fixed-window")
    assert await limiter.hit("ada")
    (key,) = await store.command("KEYS", f"{store._prefix}*")
    start: float = struct.unpack("<dd", await store.command("GET", key))[0]
    return start


async def of_a_place(store: RedisStore) -> float:
    await store.lease("ada", "c", "a", 1, 60)
    return float(await store.command("ZSCORE", store.key("lease", "ada", "c"), "a")) / 1000 - 60


async def of_an_attempt_to_log_in(store: RedisStore) -> float:
    await store.attempt_login("ada", [("all", Pace(5, 1, 900, 300), None)])
    return float(await store.command("HGET", store.key("login", "ada", "all"), "next_at"))


async def of_an_attempt_that_was_undone(store: RedisStore) -> float:
    pace = Pace(1, 100, 900, 300)
    await store.attempt_login("ada", [("all", pace, None)])
    await store.settle_login("ada", undo=[("all", pace, None)])
    return float(await store.command("HGET", store.key("login", "ada", "all"), "next_at"))


async def of_a_rotation(store: RedisStore) -> float:
    await store.add_family(family())
    await store.rotate("f1", "c1", "c2", "sealed", 10)
    found = await store.find_family("f1")
    assert found is not None
    return found.refreshed_at or 0


@pytest.mark.parametrize(
    "written", [of_a_limit, of_a_place, of_an_attempt_to_log_in, of_an_attempt_that_was_undone, of_a_rotation]
)
async def test_it_is_the_servers_time(valkey_url: str, written: Callable[[RedisStore], Awaitable[float]]) -> None:
    async with RedisStore.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as store:

        async def now() -> float:
            seconds, millionths = await store.command("EVAL", "return redis.call('TIME')", 0)
            return int(seconds) + int(millionths) / 1e6

        before = await now()
        at = await written(store)
        assert before - 0.001 <= at <= await now() + 0.001


async def test_a_list_forgets_what_is_over(valkey_url: str) -> None:
    async with RedisStore.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as store:
        for name, lifetime in {"f1": 60, "over": -1, "f2": 90}.items():
            await store.add_family(family(name, lifetime))
        (key,) = [
            key
            for key in await store.command("KEYS", f"{store._prefix}*")
            if await store.command("TYPE", key) == b"zset"
        ]
        assert await store.command("ZRANGE", key, 0, -1) == [b"f1", b"f2"]


async def test_a_new_record_has_nothing_of_the_one_before(valkey_url: str) -> None:
    async with RedisStore.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as store:
        await store.add_family(family())
        await store.rotate("f1", "c1", "c2", "sealed", 10)
        again = replace(family(), current="c9")
        await store.add_family(again)
        assert await store.find_family("f1") == again
