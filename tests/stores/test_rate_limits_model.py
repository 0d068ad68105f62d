"""Every strategy of the memory store against an oracle that keeps all hits, and Valkey against the memory store."""

from fractions import Fraction

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from limits import RateLimitItem, RateLimitItemPerSecond

from asgisec.policies.rate_limit.limiter import STRATEGIES, RateLimiter
from asgisec.stores import MemoryStore
from asgisec.stores.memory._strategies import LOG_LENGTH
from asgisec.stores.memory._strategies import STRATEGIES as _STRATEGIES
from asgisec.stores.protocols import Bucket, Decision, LimitStatus
from tests.stores.oracle import ORACLES, Oracle

TICK = Fraction(1, 16)  # what a float says exactly
START = 1_700_000_000


class Clock:
    now: float = START

    def __call__(self) -> float:
        return self.now


limits_of = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from([1, 2, 3, 10])), min_size=1, max_size=3, unique_by=lambda limit: limit
)
# How many ticks pass, who comes, and what it costs; often many at once.
hits_of = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 2, 5, 16, 17, 40, 161]), st.sampled_from("ab"), st.integers(0, 9)),
    max_size=40,
)


def decide(limiter: RateLimiter, who: str, buckets: tuple[tuple[str, RateLimitItem], ...], cost: int) -> Decision:
    decision = limiter.decide(who, buckets, cost)
    assert isinstance(decision, Decision)
    return decision


@pytest.mark.parametrize("strategy", STRATEGIES)
@settings(max_examples=120, deadline=None)
@given(limits=limits_of, hits=hits_of)
@example(limits=[(1, 1)], hits=[(0, "a", 1), (16, "a", 1), (16, "a", 1)])
@example(limits=[(3, 2), (2, 1)], hits=[(0, "a", 2), (17, "a", 1), (0, "a", 1), (16, "a", 2), (40, "a", 3)])
def test_decisions_are_those_of_the_oracle(
    strategy: str, limits: list[tuple[int, int]], hits: list[tuple[int, str, int]]
) -> None:
    clock = Clock()
    limiter = RateLimiter(store=MemoryStore(clock=clock), strategy=strategy)
    buckets = tuple((f"{n}", RateLimitItemPerSecond(*limit)) for n, limit in enumerate(limits))
    oracles: dict[str, list[Oracle]] = {who: [ORACLES[strategy](*limit) for limit in limits] for who in "ab"}
    now = Fraction(START)
    for ticks, who, cost in hits:
        now += ticks * TICK
        clock.now = float(now)
        decision = decide(limiter, who, buckets, cost)
        asked = oracles[who]
        fits = [cost <= oracle.left(now) for oracle in asked]
        assert decision.allowed == all(fits)
        if decision.allowed:
            for oracle in asked:
                oracle.spend(now, cost) if cost else None
        assert [status.remaining for status in decision.limits] == [oracle.left(now) for oracle in asked]
        assert [status.retry_after == 0 for status in decision.limits] == fits
        for oracle, status in zip(asked, decision.limits, strict=True):
            if cost > oracle.amount:
                assert status.retry_after == oracle.period
            elif status.retry_after:
                _told_rightly(oracle, status.retry_after, cost, now)
            _told_rightly(oracle, status.reset_after, oracle.amount, now)


def _told_rightly(oracle: Oracle, told: float, cost: int, now: Fraction) -> None:
    """See that a cost fits as soon as was told, and not a thousandth of a second before."""
    hair = Fraction(1, 1000)
    assert oracle.left(now + Fraction(told) + hair) >= cost
    if told:
        assert oracle.left(now + Fraction(told) - hair) < cost
    else:
        assert oracle.left(now) >= cost


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_full_limit_that_is_tried_as_soon_as_told(strategy: str) -> None:
    clock = Clock()
    limiter = RateLimiter(store=MemoryStore(clock=clock), strategy=strategy)
    buckets = (("x", RateLimitItemPerSecond(7, 3)),)
    for _ in range(200):
        decision = decide(limiter, "a", buckets, 1)
        if not decision.allowed:
            clock.now += decision.retry_after + 1e-6
            assert decide(limiter, "a", buckets, 1).allowed


def most_within(admitted: list[float], period: float) -> int:
    """Return the most that came within less than a period."""
    return max(sum(begin <= at < begin + period for at in admitted) for begin in admitted)


# What a window of any place lets through at most, for a limit of 10: each strategy's promise, met by the worst callers.
MOST = {"fixed-window": 20, "gcra": 19, "moving-window": 10, "sliding-window-counter": 20}


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("pause", [0.0, 0.5, 2.75, 3.75])
def test_no_window_lets_more_through_than_is_said(strategy: str, pause: float) -> None:
    clock = Clock()
    limiter = RateLimiter(store=MemoryStore(clock=clock), strategy=strategy)
    buckets = (("x", RateLimitItemPerSecond(10, 4)),)
    decide(limiter, "a", buckets, 1)
    admitted = [clock.now]
    clock.now += pause
    for _ in range(400):
        if decide(limiter, "a", buckets, 1).allowed:
            admitted.append(clock.now)
        clock.now += 1 / 32
    assert most_within(admitted, 4) <= MOST[strategy]
    # Nobody who asks all the time gets less than half of what is allowed.
    assert len(admitted) >= 400 / 32 / 4 * 10 / 2


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_clock_that_is_set_back_closes_nothing_for_longer_than_a_period(strategy: str) -> None:
    clock = Clock()
    limiter = RateLimiter(store=MemoryStore(clock=clock), strategy=strategy)
    buckets = (("x", RateLimitItemPerSecond(4, 2)),)
    for _ in range(4):
        assert decide(limiter, "a", buckets, 1).allowed
    clock.now -= 3600
    decision = decide(limiter, "a", buckets, 1)
    assert not decision.allowed
    assert decision.limits[0].remaining == 0
    assert 0 < decision.retry_after <= 4
    clock.now += 4
    assert decide(limiter, "a", buckets, 4).allowed


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_limits_that_no_fraction_of_a_second_tells_apart(strategy: str) -> None:
    clock = Clock()
    limiter = RateLimiter(store=MemoryStore(clock=clock), strategy=strategy)
    buckets = (("x", RateLimitItemPerSecond(10**12, 1)),)
    assert decide(limiter, "a", buckets, 10**12 - 1).allowed
    assert [decide(limiter, "a", buckets, 1).allowed for _ in range(2)] == [True, False]


def test_the_log_of_a_large_limit_is_bounded_and_never_early() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    limiter = RateLimiter(store=store, strategy="moving-window")
    buckets = (("x", RateLimitItemPerSecond(5000, 100)),)
    admitted = []
    for _ in range(12_000):
        if decide(limiter, "a", buckets, 1).allowed:
            admitted.append(clock.now)
        clock.now += 1 / 64
    entry = store._counts.get(("a", "moving-window x"))
    assert entry is not None
    assert len(entry.value.entries) <= LOG_LENGTH + 1
    # All came in the first 78 seconds; what is free again is so at most a thousandth of the period late.
    again = [at for at in admitted if at > START + 78.2]
    assert again
    for n, at in enumerate(again):
        assert at >= admitted[n] + 100
        assert at <= admitted[n] + 100 + 0.1 + 1 / 32


def test_a_refused_cost_leaves_a_shared_entry_of_a_log_as_it_was() -> None:
    clock = Clock()
    limiter = RateLimiter(store=MemoryStore(clock=clock), strategy="moving-window")
    buckets = (("large", RateLimitItemPerSecond(2000, 10)), ("small", RateLimitItemPerSecond(3, 1)))
    assert decide(limiter, "a", buckets, 3).allowed
    refused = decide(limiter, "a", buckets, 2)
    assert [status.remaining for status in refused.limits] == [1997, 0]
    assert [status.remaining for status in decide(limiter, "a", buckets, 0).limits] == [1997, 0]


def test_a_window_that_ends_by_a_rounding_before_its_entry_does_is_a_new_one() -> None:
    take = _STRATEGIES["fixed-window"][0](Bucket("x", 2, 0.1, RateLimitItemPerSecond(2)))
    status = LimitStatus()
    assert take((START, 2), 1, START + 0.1000002, status) == (START + 0.1000002, 1)
    assert (status.remaining, status.retry_after, status.reset_after) == (1, 0, 0.1)
