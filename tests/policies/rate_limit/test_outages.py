"""What limits and places do while a store does not answer, what they do when it answers again, and what is told."""

import logging
from collections.abc import Awaitable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from limits import RateLimitItemPerHour

from asgisec import RateLimit, RateLimiter, RateLimitGuard, RequestID, SecurityEvent, SecurityMiddleware
from asgisec.context import Trace, current, new_trace, request_id
from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.policies.rate_limit import concurrency, outage
from asgisec.policies.rate_limit.concurrency import Held, Places
from asgisec.policies.rate_limit.outage import Outage
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import Bucket, Decision, Lease, Spending
from tests.asgi import answering, request, scope_of
from tests.policies.rate_limit.limited import Clock
from tests.waiting import until

pytestmark = pytest.mark.anyio
WAITS = pytest.mark.parametrize("waits", [True, False], ids=["when it is awaited", "at once"])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Elsewhere:
    """A store that answers, or does not, at once or when it is awaited."""

    def __init__(self, *, waits: bool = True, failing: bool = False) -> None:
        self.memory = MemoryStore(clock=Clock())
        self.waits = waits
        self.failing = failing
        self.compiled = 0
        self.forgotten: list[tuple[str, str]] = []
        self.kept_for: list[str | None] = []

    def _answers(self) -> None:
        if self.failing:
            raise StoreUnavailable

    def spending(self, buckets: Sequence[Bucket], strategy: str) -> Spending:
        self.compiled += 1
        spend = self.memory.spending(buckets, strategy)

        def at_once(identity: str, cost: int) -> Decision:
            self._answers()
            return spend(identity, cost)

        async def awaited(identity: str, cost: int) -> Decision:
            return at_once(identity, cost)

        return awaited if self.waits else at_once

    async def forget(self, identity: str, buckets: Sequence[Bucket], strategy: str) -> None:
        self._answers()
        self.forgotten.append((identity, strategy))
        self.memory.forget(identity, buckets, strategy)

    async def lease(self, identity: str, name: str, holder: str, places: int, seconds: float) -> Lease:
        self._answers()
        self.kept_for.append(request_id())
        return self.memory.lease(identity, name, holder, places, seconds)

    async def release(self, identity: str, name: str, holder: str) -> None:
        self._answers()
        self.memory.release(identity, name, holder)

    async def aclose(self) -> None: ...


@WAITS
async def test_while_it_answers_it_decides(*, waits: bool) -> None:
    limiter = RateLimiter("2/hour", store=Elsewhere(waits=waits))
    decisions = [await limiter.hit("ada", cost=cost) for cost in (1, 1, 1)]
    assert [decision.allowed for decision in decisions] == [True, True, False]
    assert [decision.limits[0].remaining for decision in decisions] == [1, 0, 0]


@WAITS
async def test_local_counts_costs_of_each_key_here(*, waits: bool) -> None:
    limiter = RateLimiter("2/hour", store=Elsewhere(waits=waits, failing=True))
    hits = [("ada", 2), ("ada", 1), ("bob", 1), ("bob", 1)]
    assert [(await limiter.hit(key, cost)).allowed for key, cost in hits] == [True, False, True, True]


@WAITS
async def test_allow_says_that_nothing_is_spent(*, waits: bool) -> None:
    limiter = RateLimiter("2/hour", "9/day", store=Elsewhere(waits=waits, failing=True), on_store_error="allow")
    for _ in range(3):
        decision = await limiter.hit("ada")
        assert (decision.allowed, decision.retry_after) == (True, 0.0)
        stand = [(status.limit.amount, status.remaining, status.reset_after) for status in decision.limits]
        assert stand == [(2, 2, 0.0), (9, 9, 0.0)]


@WAITS
async def test_deny_lets_nobody_pass(*, waits: bool) -> None:
    limiter = RateLimiter("2/hour", store=Elsewhere(waits=waits, failing=True), on_store_error="deny")
    with pytest.raises(StoreUnavailable):
        await limiter.hit("ada")


async def test_a_guard_does_what_its_choice_says() -> None:
    guard = RateLimitGuard("2/hour", store=Elsewhere(failing=True), on_store_error="deny")
    with pytest.raises(StoreUnavailable):
        await guard(scope_of())


@pytest.mark.parametrize("choice", ["local", "allow", "deny"])
async def test_what_is_reset_is_so_everywhere(choice: Any) -> None:
    store = Elsewhere()
    limiter = RateLimiter("1/hour", store=store, strategy="gcra", on_store_error=choice)
    for store.failing in (True, False):
        if choice == "local" or not store.failing:
            assert [(await limiter.hit("ada")).allowed for _ in range(2)] == [True, False]
    await limiter.reset("ada")
    assert store.forgotten == [("ada", "gcra")]
    for store.failing in (True, False):
        if choice == "local" or not store.failing:
            assert (await limiter.hit("ada")).allowed


async def test_a_store_compiles_limits_once_however_they_take_turns() -> None:
    store = Elsewhere(waits=False)
    limiter = RateLimiter(store=store)
    before = store.compiled
    sets = [(("a", RateLimitItemPerHour(9)),), (("b", RateLimitItemPerHour(9)),)]
    for _ in range(3):
        for limits in sets:
            limiter.decide("ada", limits, 1)
    assert store.compiled - before == len(sets)


def told(caplog: pytest.LogCaptureFixture) -> list[SecurityEvent]:
    return [record.event for record in caplog.records if record.name == "asgisec.events"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("limit", "policy", "began", "over"),
    [
        ({}, "RateLimiter", "limits_local", "limits_shared"),
        ({"on_store_error": "allow"}, "RateLimiter", "limits_unchecked", "limits_shared"),
        ({"max_concurrent": 9}, "RateLimit", "places_local", "places_shared"),
        ({"max_concurrent": 9, "on_store_error": "allow"}, "RateLimit", "places_unchecked", "places_shared"),
    ],
)
def test_who_tells_of_an_outage_and_in_which_request(
    limit: dict[str, Any],
    policy: str,
    began: str,
    over: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock, store = Clock(), Elsewhere(failing=True)
    monkeypatch.setattr(outage, "time", SimpleNamespace(monotonic=clock))
    caplog.set_level(logging.INFO, "asgisec.events")
    limits = () if "max_concurrent" in limit else ("9/hour",)
    app = SecurityMiddleware(answering(), RequestID(), RateLimit(*limits, store=store, **limit))
    first, _ = request(app), request(app)
    store.failing = False
    clock.now += 2
    again, _ = request(app), request(app)
    assert [(event.name, event.reason, event.policy, event.level, event.request_id) for event in told(caplog)] == [
        ("sys_store_unavailable", began, policy, logging.ERROR, *first.values("x-request-id")),
        ("sys_store_available", over, policy, logging.INFO, *again.values("x-request-id")),
    ]


@pytest.mark.parametrize(("later", "reasons"), [(0.0, ["a"]), (0.5, ["a"]), (1.0, ["a"]), (1.5, ["a", "c"])])
def test_an_outage_is_over_when_nothing_failed_for_more_than_a_second(
    later: float, reasons: list[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(outage, "time", SimpleNamespace(monotonic=clock))
    caplog.set_level(logging.INFO, "asgisec.events")
    seen = Outage("Limiter(on_store_error=)", "local", "Limiter", ("a", "b", "c"))
    seen.began(StoreUnavailable())
    clock.now += later
    seen.may_be_over()
    assert [event.reason for event in told(caplog)] == reasons


async def taken(places: Places, held: Held) -> bool:
    lease = places.take(held)
    return (lease if isinstance(lease, Lease) else await lease).taken


async def given(giving: Awaitable[None] | None) -> None:
    if giving is not None:
        await giving


@pytest.mark.parametrize("failing", [True, False], ids=["while it fails", "when it answers again"])
async def test_a_place_that_was_taken_here_is_given_back_here(*, failing: bool) -> None:
    store = Elsewhere(failing=True)
    places = Places("RateLimit", "crowd", 1, store, "local", "kept")
    first, second, other = (places.attempt(identity) for identity in ("ada", "ada", "bob"))
    assert [await taken(places, held) for held in (first, second, other)] == [True, False, True]
    store.failing = failing
    await given(places.give_back(second))
    await given(places.give_back(first))
    store.failing = True
    assert await taken(places, places.attempt("ada"))
    assert not await taken(places, places.attempt("bob"))


async def test_a_place_is_kept_in_no_request_s_name(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "_SAID", 0)
    store = Elsewhere()
    places = Places("RateLimit", "crowd", 1, store, "deny")
    trace = new_trace(Trace)
    trace.request_id = "the request"
    trace.inbound = trace.begun = None
    token = current.set(trace)
    held = places.attempt("ada")
    assert await taken(places, held)
    await until(lambda: len(store.kept_for) >= 3)
    current.reset(token)
    await given(places.give_back(held))
    await until(lambda: not places._tasks)
    assert store.kept_for[0] == "the request"
    assert set(store.kept_for[1:]) == {None}
    assert caplog.records == []


class Counting:
    """A store that keeps no places."""

    def spending(self, *what: Any) -> Any: ...


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"store": Counting()}, r"RateLimit\(store=\) got <.*Counting .*>: write a MemoryStore or a RedisStore$"),
        ({"store": "redis://:secret@host"}, r"RateLimit\(store=\) got \(hidden\): write a MemoryStore"),
        ({"on_store_error": "ignore"}, r"RateLimit\(on_store_error=\) got 'ignore': write one of allow, deny, local$"),
    ],
)
def test_what_keeps_no_places(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        RateLimit(max_concurrent=1, **options)


def test_a_store_that_keeps_no_places_may_count() -> None:
    store: Any = Counting()
    assert RateLimit("1/minute", store=store).store is store
