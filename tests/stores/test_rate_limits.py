"""The contract of a `RateLimitStore`, over every store that is one; the scripts of Redis against the memory store."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerHour, RateLimitItemPerMinute, RateLimitItemPerSecond

from asgisec.policies.rate_limit.limiter import STRATEGIES, RateLimiter
from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.protocols import Decision, RateLimitStore
from tests import valkey
from tests.stores.test_rate_limits_model import START, TICK, hits_of, limits_of
from tests.stores.timed import Timed

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "valkey"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RateLimitStore]:
    if request.param == "memory":
        async with MemoryStore() as memory:
            yield memory
    else:
        url = request.getfixturevalue("valkey_url")
        async with RedisStore.from_url(url, prefix=valkey.fresh_prefix(), timeout=10) as shared:
            yield shared


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_what_is_allowed_is_allowed_and_no_more(store: RateLimitStore, strategy: str) -> None:
    limiter = RateLimiter("5/hour", store=store, strategy=strategy)
    decisions = await asyncio.gather(*(limiter.hit("ada") for _ in range(12)))
    assert sum(decision.allowed for decision in decisions) == 5
    assert sorted(decision.limits[0].remaining for decision in decisions) == [0] * 8 + [1, 2, 3, 4]
    assert all(0 < decision.limits[0].reset_after <= 7200 for decision in decisions)
    assert all(0 < decision.retry_after <= 3600 for decision in decisions if not decision.allowed)
    assert (await limiter.hit("grace")).allowed


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_all_or_nothing(store: RateLimitStore, strategy: str) -> None:
    limiter = RateLimiter("100/hour", "2/day", "7/hour", store=store, strategy=strategy)
    decisions = [await limiter.hit("ada") for _ in range(5)]
    assert [decision.allowed for decision in decisions] == [True, True, False, False, False]
    assert [status.remaining for status in decisions[-1].limits] == [98, 0, 5]
    assert [status.retry_after > 0 for status in decisions[-1].limits] == [False, True, False]


# More than a float holds; more digits than Python writes.
@pytest.mark.parametrize("cost", [6, 10**400, 16**4096], ids=["6", "10**400", "16**4096"])
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_cost_above_a_limit_spends_nothing(store: RateLimitStore, strategy: str, cost: int) -> None:
    limiter = RateLimiter("5/hour", "50/day", store=store, strategy=strategy, on_store_error="deny")
    refused = await limiter.hit("ada", cost=cost)
    assert not refused.allowed
    assert refused.retry_after == (3600 if cost < 50 else 86_400)
    assert [status.remaining for status in refused.limits] == [5, 50]
    assert [status.reset_after for status in refused.limits] == [0, 0]
    assert (await limiter.hit("ada", cost=5)).allowed


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_looking_spends_nothing_and_a_reset_gives_all_back(store: RateLimitStore, strategy: str) -> None:
    limiter = RateLimiter("2/hour", "9/day", store=store, strategy=strategy)
    assert [status.remaining for status in await limiter.peek("ada")] == [2, 9]
    await limiter.hit("ada")
    await limiter.hit("grace")
    assert [[status.remaining for status in await limiter.peek("ada")] for _ in range(3)] == [[1, 8]] * 3
    assert (await limiter.hit("ada")).allowed
    assert (await limiter.hit("ada", cost=0)).allowed
    await limiter.reset("ada")
    assert [status.remaining for status in await limiter.peek("ada")] == [2, 9]
    assert [status.remaining for status in await limiter.peek("grace")] == [1, 8]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_names_and_identities_of_any_text_are_kept_apart(store: RateLimitStore, strategy: str) -> None:
    limiter = RateLimiter(store=store, strategy=strategy)
    odd = ["a", "a:b", "a b", "{a}", "\udc80", "é", "#", "a" * 500, "a\r\nb", "a\0"]
    item = RateLimitItemPerHour(1)
    for who in odd:
        for name in odd:
            decided = limiter.decide(who, ((name, item),), 1)
            assert (decided if isinstance(decided, Decision) else await decided).allowed


async def test_two_strategies_share_no_count(store: RateLimitStore) -> None:
    for strategy in STRATEGIES:
        assert (await RateLimiter("1/hour", store=store, strategy=strategy).hit("ada")).allowed


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_the_scripts_decide_as_the_memory_store_does(valkey_url: str, strategy: str) -> None:
    async with Timed.from_url(valkey_url, timeout=10) as shared:
        cases: list[tuple[list[tuple[int, int]], list[tuple[int, str, int]]]] = []

        @settings(max_examples=25, deadline=None, database=None)
        @given(limits=limits_of, hits=hits_of, large=st.sampled_from([1, 1, 1500]))
        def gather(limits: list[tuple[int, int]], hits: list[tuple[int, str, int]], large: int) -> None:
            cases.append(([(amount * large, period) for amount, period in limits], hits))

        gather()
        for limits, hits in cases:
            shared._prefix = valkey.fresh_prefix()
            await _compare(shared, strategy, limits, hits)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize(
    ("limits", "costs", "longest"),
    [
        pytest.param([(4, 2)], [1, 1, 1, 2, 3, 4, 5, 0], 24, id="few"),
        pytest.param([(1, 1)], [1, 1, 0, 2], 12, id="one"),
        pytest.param([(40, 2), (90, 9)], [1, 2, 5, 9, 13, 40, 41], 16, id="many, of two limits"),
        pytest.param([(1500, 8)], [1, 40, 170, 300, 700, 1500], 32, id="more than a log has entries"),
        pytest.param([(1000, 7)], [1, 40, 170, 300, 700, 1000], 32, id="as many as a log has entries"),
    ],
)
async def test_the_scripts_decide_as_the_memory_store_does_on_a_long_walk(
    valkey_url: str, strategy: str, limits: list[tuple[int, int]], costs: list[int], longest: int
) -> None:
    drawn = Random(strategy)  # noqa: S311 - the same walk each time
    steps = [*range(1, longest), *[0] * longest]
    hits = [(drawn.choice(steps), "ada", drawn.choice(costs)) for _ in range(400)]
    async with Timed.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as shared:
        await _compare(shared, strategy, limits, hits)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_server_whose_clock_is_set_back_closes_nothing_for_longer_than_a_period(
    valkey_url: str, strategy: str
) -> None:
    async with Timed.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as shared:
        clock = shared.clock
        clock.now = START
        limiter = RateLimiter("4/2 seconds", store=shared, strategy=strategy, on_store_error="deny")
        for _ in range(4):
            clock.now += 1 / 16
            assert (await limiter.hit("ada")).allowed
        clock.now -= 3600
        refused = await limiter.hit("ada")
        assert not refused.allowed
        assert refused.limits[0].remaining == 0
        assert 0 < refused.retry_after <= 2
        clock.now += 4
        assert (await limiter.hit("ada", cost=4)).allowed


async def test_a_log_of_a_server_whose_clock_is_set_back_keeps_what_was_spent(valkey_url: str) -> None:
    async with Timed.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as shared:
        shared.clock.now = START
        limiter = RateLimiter("6/200 seconds", store=shared, strategy="moving-window", on_store_error="deny")
        for cost, seconds in [(1, 190), (2, 5), (3, 10)]:
            assert (await limiter.hit("ada", cost)).allowed
            shared.clock.now += seconds
        # The first is over, and looked away.
        assert (await limiter.peek("ada"))[0].remaining == 1
        shared.clock.now -= 3600
        (key,) = await shared.command("KEYS", f"{shared._prefix}*")
        await shared.command("PEXPIRE", key, 3_800_000)
        for _ in range(2):
            (status,) = await limiter.peek("ada")
            assert status.remaining == 1
            assert status.reset_after == pytest.approx(200, abs=1e-3)
        assert 190_000 < await shared.command("PTTL", key) <= 200_000
        shared.clock.now += 200.5
        assert (await limiter.hit("ada", 6)).allowed


async def test_a_sliding_window_of_a_server_whose_clock_is_set_back_begins_now(valkey_url: str) -> None:
    async with Timed.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as shared:
        shared.clock.now = START
        limiter = RateLimiter("4/200 seconds", store=shared, strategy="sliding-window-counter", on_store_error="deny")
        assert (await limiter.hit("ada", 4)).allowed
        shared.clock.now -= 3600
        (status,) = await limiter.peek("ada")
        assert status.remaining == 0
        assert status.reset_after == pytest.approx(350, abs=1e-3)
        ours = RateLimiter("4/200 seconds", store=MemoryStore(clock=shared.clock), strategy="sliding-window-counter")
        shared.clock.now += 3600
        assert (await ours.hit("ada", 4)).allowed
        shared.clock.now -= 3600
        assert (await ours.peek("ada"))[0].reset_after == pytest.approx(350, abs=1e-3)
        (key,) = await shared.command("KEYS", f"{shared._prefix}*")
        assert 390_000 < await shared.command("PTTL", key) <= 400_000


async def _compare(
    shared: Timed, strategy: str, limits: list[tuple[int, int]], hits: list[tuple[int, str, int]]
) -> None:
    clock = shared.clock
    clock.now = START
    buckets = tuple((str(n), RateLimitItemPerSecond(*limit)) for n, limit in enumerate(limits))
    ours = RateLimiter(store=MemoryStore(clock=clock), strategy=strategy)
    theirs = RateLimiter(store=shared, strategy=strategy, on_store_error="deny")
    for ticks, who, cost in hits:
        clock.now += ticks * float(TICK)
        expected = ours.decide(who, buckets, cost)
        decided = theirs.decide(who, buckets, cost)
        assert isinstance(expected, Decision)
        assert not isinstance(decided, Decision)
        found = await decided
        assert found.allowed == expected.allowed
        assert found.retry_after == pytest.approx(expected.retry_after, abs=2e-6)
        for one, other in zip(found.limits, expected.limits, strict=True):
            assert one.limit is other.limit
            assert one.remaining == other.remaining
            assert one.reset_after == pytest.approx(other.reset_after, abs=2e-6)
            assert one.retry_after == pytest.approx(other.retry_after, abs=2e-6)


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_every_key_is_short_and_expires(strategy: str) -> None:
    with valkey.process() as server:
        async with RedisStore.from_url(server.url, timeout=10) as store:
            limiter = RateLimiter(store=store, strategy=strategy)
            buckets = (("a", RateLimitItemPerMinute(100)), ("b", RateLimitItemPerHour(9)))
            for _ in range(10):
                decided = limiter.decide("ada", buckets, 1)
                assert not isinstance(decided, Decision)
                await decided
            with server.client() as other:
                keys = other.keys()
                assert len(keys) == 2
                assert all(key.startswith("asgisec:rate:{ada}:") and len(key) < 40 for key in keys)
                assert sorted(0 < other.pttl(key) <= 2 * 3600_000 for key in keys) == [True, True]
                if strategy != "moving-window":
                    assert all(other.strlen(key) in (16, 24) for key in keys)


async def test_a_log_of_redis_has_no_more_entries_than_that_of_memory(valkey_url: str) -> None:
    async with Timed.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as shared:
        shared.clock.now = START
        limiter = RateLimiter(store=shared, strategy="moving-window")
        buckets = (("x", RateLimitItemPerSecond(1001, 100)),)
        for _ in range(1100):
            shared.clock.now += 1 / 16
            await limiter.decide("a", buckets, 1)  # type: ignore[misc]  # it waits
        key = (await shared.command("KEYS", f"{shared._prefix}:rate:*"))[0].decode()
        # Entries of one tenth of a second are one.
        assert 500 < int(await shared.command("LLEN", key)) < 700
