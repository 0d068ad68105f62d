"""`LimitsStore`: what the limits package counts, in memory and on a real Valkey, and what becomes of its errors."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.storage import MemoryStorage as SynchronousStorage

from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.policies.rate_limit.limiter import RateLimiter
from asgisec.stores import LimitsStore
from tests import valkey

pytestmark = pytest.mark.anyio

STRATEGIES = ("fixed-window", "moving-window", "sliding-window-counter")


@pytest.fixture(params=["memory", "valkey"])
async def storage(request: pytest.FixtureRequest) -> AsyncIterator[Storage]:
    if request.param == "memory":
        yield MemoryStorage()
    else:
        with valkey.process(tcp=True) as server:
            shared = RedisStorage(f"async+{server.url}", implementation="redispy")
            yield shared
            await shared.bridge.storage.aclose()  # type: ignore[attr-defined]  # on the bridge for redis-py


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_several_limits_all_or_nothing(storage: Storage, strategy: str) -> None:
    async with LimitsStore(storage, timeout=10) as store:
        limiter = RateLimiter("9/hour", "2/day", store=store, strategy=strategy, on_store_error="deny")
        decisions = [await limiter.hit("ada") for _ in range(4)]
        assert [decision.allowed for decision in decisions] == [True, True, False, False]
        assert [status.remaining for status in decisions[-1].limits] == [7, 0]
        assert [status.retry_after > 0 for status in decisions[-1].limits] == [False, True]
        assert 0 < decisions[-1].retry_after <= 86_400
        assert (await limiter.hit("grace")).allowed
        assert [status.remaining for status in await limiter.peek("ada")] == [7, 0]
        await limiter.reset("ada")
        assert [status.remaining for status in await limiter.peek("ada")] == [9, 2]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_cost_above_a_limit(storage: Storage, strategy: str) -> None:
    limiter = RateLimiter("5/hour", store=LimitsStore(storage, timeout=10), strategy=strategy, on_store_error="deny")
    refused = await limiter.hit("ada", cost=6)
    assert (refused.allowed, refused.retry_after) == (False, 3600)
    assert refused.limits[0].remaining == 5
    assert (await limiter.hit("ada", cost=5)).allowed


async def test_odd_identities_share_nothing(storage: Storage) -> None:
    limiter = RateLimiter("1/hour", store=LimitsStore(storage, timeout=10), strategy="fixed-window")
    for who in ("a", "a/b", "a b", "\udc80", "a" * 500, "a\r\nb", "LIMITS:LIMITER"):
        assert (await limiter.hit(who)).allowed


async def test_concurrent_hits_never_exceed_a_fixed_window(storage: Storage) -> None:
    limiter = RateLimiter("20/hour", store=LimitsStore(storage, timeout=10), strategy="fixed-window")
    decisions = await asyncio.gather(*(limiter.hit("ada") for _ in range(60)))
    assert sum(decision.allowed for decision in decisions) == 20
    assert all(decision.limits[0].remaining >= 0 for decision in decisions)


class Failing(MemoryStorage):
    """A storage that fails, or never answers."""

    failure: Exception | None = None

    async def get(self, key: str) -> int:
        if self.failure is not None:
            raise self.failure
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.parametrize("failure", [OSError("gone"), KeyError("a bug"), None], ids=["lost", "bug", "hangs"])
async def test_whatever_fails_is_one_error_in_time(failure: Exception | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    storage = Failing()
    storage.failure = failure
    limiter = RateLimiter(
        "5/hour", store=LimitsStore(storage, timeout=0.05), strategy="fixed-window", on_store_error="deny"
    )
    begin = time.monotonic()
    causes = []
    for _ in range(5):
        with pytest.raises(StoreUnavailable) as refused:
            await limiter.hit("ada")
        causes.append(refused.value.__cause__)
    assert time.monotonic() - begin < 5
    assert {type(cause) for cause in causes[:3]} == {TimeoutError if failure is None else type(failure)}
    assert causes[3:] == [None, None]  # nobody was asked any more
    with pytest.raises(StoreUnavailable):
        await limiter.reset("ada")
    assert [record.event.reason for record in caplog.records] == ["circuit_opened"]  # type: ignore[attr-defined]


class FixedOnly(Storage):
    """A storage of which only the first strategy can be asked."""

    STORAGE_SCHEME = None
    base_exceptions = OSError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return amount

    async def get(self, key: str) -> int:
        return 0

    async def get_expiry(self, key: str) -> float:
        return 0.0

    async def check(self) -> bool:
        return True

    async def reset(self) -> int | None:
        return None

    async def clear(self, key: str) -> None:
        return None


@pytest.mark.parametrize(
    ("storage", "strategy", "mend"),
    [
        (MemoryStorage, "gcra", "its store knows fixed-window, moving-window, sliding-window-counter"),
        (FixedOnly, "moving-window", "its store knows fixed-window"),
    ],
)
def test_a_strategy_that_the_storage_has_not(storage: Any, strategy: str, mend: str) -> None:
    async def construct() -> None:
        RateLimiter("1/hour", store=LimitsStore(storage()), strategy=strategy)

    with pytest.raises(ConfigError, match=mend):
        asyncio.run(construct())


@pytest.mark.parametrize(
    ("storage", "options", "message"),
    [
        (SynchronousStorage(), {}, "asynchronous storage"),
        ("async+memory://", {}, "asynchronous storage"),
        (None, {"timeout": 0}, "write seconds"),
        (None, {"timeout": True}, "write seconds"),
        (None, {"timeout": "1"}, "write seconds"),
        (None, {"timeout": float("inf")}, "write seconds"),
    ],
)
async def test_wrong_options(storage: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LimitsStore(MemoryStorage() if storage is None else storage, **options)
