"""The engine: decisions on several limits, without a request."""

from typing import Any

import pytest
from limits import RateLimitItemPerMinute, parse

from asgisec import RateLimit, RateLimiter, RateLimitGuard
from asgisec.errors import ConfigError, LimitUndecided
from asgisec.policies.rate_limit import limiter as engine
from asgisec.policies.rate_limit.limiter import STRATEGIES
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import Decision

pytestmark = pytest.mark.anyio


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_refused_hit_spends_nothing_of_any_limit(strategy: str) -> None:
    clock = Clock()
    limiter = RateLimiter("2/second", "3/minute", store=MemoryStore(clock=clock), strategy=strategy)
    assert [(await limiter.hit("ada")).allowed for _ in range(4)] == [True, True, False, False]
    clock.now += 2.5
    decision = await limiter.hit("ada")
    assert decision.allowed
    assert [status.remaining for status in decision.limits] == [1, 0]
    refused = await limiter.hit("ada")
    assert not refused.allowed
    clock.now += refused.retry_after
    assert (await limiter.hit("ada")).allowed


@pytest.mark.parametrize(
    ("limits", "written"),
    [
        pytest.param(["5/minute"], ["5 per 1 minute"], id="text"),
        pytest.param(["5/minute; 9/hour"], ["5 per 1 minute", "9 per 1 hour"], id="several in one text"),
        pytest.param(["5/2 minutes"], ["5 per 2 minute"], id="a multiple"),
        pytest.param([RateLimitItemPerMinute(5)], ["5 per 1 minute"], id="an item"),
        pytest.param([parse("5/minute"), "5/minute"], ["5 per 1 minute"], id="the same twice is one"),
    ],
)
async def test_limits_as_the_limits_package_writes_them(limits: list[Any], written: list[str]) -> None:
    assert [str(status.limit) for status in await RateLimiter(*limits).peek("ada")] == written


class FixedWindows(MemoryStore):
    """A store that counts in one way only."""

    strategies = ("fixed-window",)


async def test_a_store_may_know_some_strategies_only() -> None:
    assert await RateLimiter("5/minute", store=FixedWindows(), strategy="fixed-window").hit("ada")


@pytest.mark.parametrize("limit", ["1000000000000/minute", "1/1000000000000 seconds"])
async def test_the_largest_limit(limit: str) -> None:
    assert await RateLimiter(limit).hit("ada")


@pytest.mark.parametrize(
    ("limits", "options", "message"),
    [
        (["often"], {}, r"RateLimiter\(\*limits\) got 'often': write limits such as"),
        (["0/minute"], {}, r"RateLimiter\(\*limits\) .*allow at least one request"),
        ([5], {}, r"RateLimiter\(\*limits\) got 5: write limits such as"),
        (["5/minute"], {"store": object()}, r"RateLimiter\(store=\) .*write a store, such as open_store"),
        (
            ["5/minute"],
            {"strategy": "token-bucket"},
            r"RateLimiter\(strategy=\) .*write one of fixed-window, gcra, moving-window, sliding-window-counter",
        ),
        (
            ["5/minute"],
            {"store": FixedWindows(), "strategy": "gcra"},
            r"RateLimiter\(strategy=\) got 'gcra': its store knows fixed-window$",
        ),
        (
            ["5/minute"],
            {"on_store_error": "ignore"},
            r"RateLimiter\(on_store_error=\) .*write one of allow, deny, local",
        ),
    ],
)
def test_a_wrong_option_is_a_config_error(limits: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RateLimiter(*limits, **options)


@pytest.mark.parametrize("made", [RateLimit, RateLimitGuard])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"store": "redis://:secret@host"}, r"store=\) got \(hidden\): write a store, such as open_store\(url\)"),
        ({"strategy": "token-bucket"}, r"strategy=\) got 'token-bucket': write one of fixed-window, gcra, .*"),
        ({"on_store_error": "ignore"}, r"on_store_error=\) got 'ignore': write one of allow, deny, local"),
    ],
)
def test_whose_option_was_wrong_is_found_in_the_error(made: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{made.__name__}\({message}$"):
        made("5/minute", **options)


async def test_a_decision_is_as_true_as_it_says() -> None:
    limiter = RateLimiter("1/minute")
    assert await limiter.hit("ada")
    assert not await limiter.hit("ada")


@pytest.mark.parametrize("cost", [-1, True, 1.5, "1", None])
async def test_a_cost_that_is_none(cost: Any) -> None:
    with pytest.raises(ValueError, match="whole number of 0 or more"):
        await RateLimiter("5/minute").hit("ada", cost=cost)


@pytest.mark.parametrize("key", ["", None, 1.5, b"ada"])
async def test_a_key_that_is_none(key: Any) -> None:
    with pytest.raises(LimitUndecided):
        await RateLimiter("5/minute").hit(key)


async def test_without_limits_of_its_own_it_decides_on_those_it_is_given() -> None:
    limiter = RateLimiter()
    with pytest.raises(ValueError, match="no limits of its own"):
        await limiter.hit("ada")
    decision = limiter.decide("ada", (("a", RateLimitItemPerMinute(1)),), 1)
    assert isinstance(decision, Decision)
    assert decision.allowed


async def test_a_store_of_its_own_is_closed_with_it() -> None:
    store = MemoryStore()
    assert RateLimiter("5/minute", store=store).closes == (store,)
    (own,) = RateLimiter("5/minute").closes
    await own.aclose()


def test_limits_that_are_new_each_time_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_KNOWN", 10)
    limiter = RateLimiter()
    allowed = 0
    for _ in range(3):
        for n in range(40):
            # Made anew, an object may have the place in memory of one that is gone: it must not have its limits.
            decision = limiter.decide("ada", ((str(n), RateLimitItemPerMinute(n + 1)),), 1)
            assert isinstance(decision, Decision)
            assert decision.limits[0].limit.amount == n + 1
            allowed += decision.allowed
        assert len(limiter._prepared) <= 10
    assert allowed == 1 + 2 + 38 * 3


async def test_the_worth_of_a_long_key_is_bounded() -> None:
    store = MemoryStore()
    limiter = RateLimiter("1/minute", store=store)
    assert [(await limiter.hit("a" * 100_000)).allowed, (await limiter.hit("a" * 100_001)).allowed] == [True, True]
    assert not (await limiter.hit("a" * 100_000)).allowed
    assert all(len(identity) < 100 for (identity, _), _ in store._counts.items(0))


async def test_many_keys_do_not_fill_the_memory() -> None:
    clock = Clock()
    store = MemoryStore(max_entries=50, clock=clock)
    limiter = RateLimiter("5/minute", store=store)
    for n in range(1000):
        await limiter.hit(f"ada-{n}")
        clock.now += 0.01
    assert len(store._counts) == 50
