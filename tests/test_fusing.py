"""Policies in one pass do what the same policies do as one middleware each, nested.

The reference puts an opaque callable between them, so that none fuses with its neighbour. Hypothesis makes up policies,
a request and an application; messages, order, exception, events and what each policy was asked must be the same.

Not promised, and left out: who of the inner policies sees a response that a late refusal replaces; the client that the
event of a late refusal names, where a policy inside changed it; which policies dress the answer to a request that
contradicts itself (a property of its own, below).

`ASGISEC_EXAMPLES=20000` looks longer than the gate does.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyFailure

from asgisec import Exchange, Policy, SecurityEvent, SecurityMiddleware, TrustedProxies, _response, stack
from asgisec._plan import Plan
from asgisec._wire.headers import SINGLE, Pair
from asgisec.errors import BadRequest
from asgisec.events import EventSink
from tests.apps import opaque
from tests.asgi import App, Message
from tests.generated_policies import clock, policies
from tests.generated_requests import Outcome, Step, play, programs, running, scopes

_EXAMPLES = int(os.environ.get("ASGISEC_EXAMPLES", "0"))
_thorough = settings(
    max_examples=_EXAMPLES or 300,
    derandomize=not _EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What a policy decides is the same on either; what differs is how a request is run and cancelled.
_by_backend = {"asyncio": _thorough, "trio": settings(_thorough, max_examples=_EXAMPLES or 100)}
_until_it_fails = settings(_thorough, max_examples=1000, derandomize=True, phases=[Phase.generate])


def fused(app: App, listed: Sequence[Policy], sink: EventSink) -> App:
    return SecurityMiddleware(app, *listed, on_event=sink)


def nested(app: App, listed: Sequence[Policy], sink: EventSink) -> App:
    for policy in reversed(listed):
        app = SecurityMiddleware(opaque(app), policy, on_event=sink)
    return app


def both_ways(
    listed: Sequence[Policy], scope: Message, program: list[Step], gone: int | None = None, backend: str = "asyncio"
) -> list[Outcome]:
    application = running(program)

    async def run_one(way: Callable[[App, Sequence[Policy], EventSink], App]) -> Outcome:
        events: list[SecurityEvent] = []
        clock.jump()  # what one way has counted is no business of the other
        for policy in listed:
            if isinstance(policy, TrustedProxies):
                policy._said.clear()  # it speaks once, and there are two ways
        outcome = await play(way(application, listed, events.append), scope, gone)
        outcome.events = events
        return outcome

    async def run() -> list[Outcome]:
        return [await run_one(fused), await run_one(nested)]

    return anyio.run(run, backend=backend)


# Those that refuse when they are asked, and never later.
_AT_ONCE = {"CORS", "CrossOriginProtection", "HTTPSOnly", "Judging", "TrustedHosts"}


def promised(outcome: Outcome) -> Outcome:
    """Leave out what nesting does and one pass spares: to dress a response that a late refusal replaces."""
    late = any(event.policy == "RequestLimits" and not event.rehearsed for event in outcome.events)
    late = late or any(event.reason == "message_rate" and not event.rehearsed for event in outcome.events)
    if late or any(call[1] == "refused" for call in outcome.calls):
        outcome.calls = [call for call in outcome.calls if call[1] != "on_response"]
    outcome.events = [event if event.policy in _AT_ONCE else replace(event, client=None) for event in outcome.events]
    return outcome


def reported_once(outcome: Outcome) -> bool:
    """Tell whether a connection that was refused is one event, and any other none."""
    refusals = [event for event in outcome.events if not event.rehearsed and event.name != "sys_monitor_disabled"]
    told = [message for message in outcome.messages if _PROBLEM in message.get("headers", ())]
    refused = any(message["status"] != 500 for message in told)
    return len(refusals) == 1 if refused else len(refusals) <= 1


_PROBLEM = (b"content-type", b"application/problem+json")


def check_fusing(profile: settings, kind: str, backend: str) -> None:
    @profile
    @given(policies(), scopes(kind), programs(kind), st.sampled_from([None] * 9 + [0, 1]))
    def holds(listed: list[Policy], scope: Message, program: list[Step], gone: int | None) -> None:
        one_pass, reference = both_ways(listed, scope, program, gone, backend)
        assert promised(one_pass) == promised(reference)
        assert reported_once(one_pass)

    holds()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_one_pass_is_what_nesting_is(kind: str, backend: str) -> None:
    check_fusing(_by_backend[backend], kind, backend)


def by_whoever(outcome: Outcome) -> Outcome:
    outcome.events = [replace(event, policy="") for event in outcome.events]
    return outcome


@dataclass(frozen=True)
class Refusing(Policy):
    def on_request(self, exchange: Exchange) -> BadRequest:
        return BadRequest("A header that may come once only was repeated.", reason="repeated_header")


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_contradictory_request_is_refused_before_the_first_policy_that_may_refuse(kind: str) -> None:
    @settings(_thorough, max_examples=_EXAMPLES or 100)
    @given(policies().filter(bool), scopes(kind), st.sampled_from(sorted(SINGLE)))
    def holds(listed: list[Policy], scope: Message, name: bytes) -> None:
        rest = [pair for pair in scope["headers"] if pair[0] != name]
        scope["headers"] = [*rest, (name, b"1"), (name, b"2")]
        one_pass, reference = map(by_whoever, both_ways(listed, scope, []))

        scope["headers"] = [*rest, (name, b"1, 2")]
        leading = [*takewhile(lambda policy: not policy.may_refuse, listed)]
        # One pass knows all its policies. Of nested ones the outermost refuses, and knows its own only.
        assert one_pass == by_whoever(both_ways([*leading, Refusing()], scope, [])[0])
        assert reference == by_whoever(both_ways([*leading[:1], Refusing()], scope, [])[0])
        assert reported_once(one_pass)

    holds()


def _replan(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Plan], None]) -> None:
    class Spoilt(Plan):
        __slots__ = ()

        def __init__(self, policies: Iterable[Policy], *rest: Any, **more: Any) -> None:
            super().__init__(policies, *rest, **more)
            # Nested passes have one policy each: the reference stays what it is.
            if len(self.policies) > 1:
                spoil(self)

    monkeypatch.setattr(stack, "Plan", Spoilt)


def _dresses_outside_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(plan: Plan) -> None:
        plan.dressers = tuple(dressers[::-1] for dressers in plan.dressers)

    _replan(monkeypatch, spoil)


def _dresses_with_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(plan: Plan) -> None:
        plan.dressers = (*plan.dressers[1:], plan.dressers[-1])

    _replan(monkeypatch, spoil)


def _dresses_with_one_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(plan: Plan) -> None:
        plan.dressers = ((), *plan.dressers[:-2], plan.dressers[-1])

    _replan(monkeypatch, spoil)


def _does_not_end_who_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(plan: Plan) -> None:
        plan.ends = tuple(tuple(end for end in ends if end[0] < n) for n, ends in enumerate(plan.ends))

    _replan(monkeypatch, spoil)


def _ends_outside_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(plan: Plan) -> None:
        plan.ends = tuple(ends[::-1] for ends in plan.ends)

    _replan(monkeypatch, spoil)


def _takes_policies_of_one_type_for_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Spoilt(Plan):
        __slots__ = ()

        def __init__(self, policies: Iterable[Policy], *rest: Any, **more: Any) -> None:
            super().__init__({type(policy): policy for policy in reversed([*policies])}.values(), *rest, **more)

    monkeypatch.setattr(stack, "Plan", Spoilt)


def _only_fused(monkeypatch: pytest.MonkeyPatch, name: str, spoil: Callable[[Any, list[Pair]], list[Pair]]) -> None:
    rightly = getattr(_response, name)

    def wrongly(exchange: Any, headers: list[Pair], *rest: Any) -> list[Pair]:
        dressed: list[Pair] = rightly(exchange, headers, *rest)
        return spoil(exchange, dressed) if len(exchange.plan.policies) > 1 else dressed

    monkeypatch.setattr(_response, name, wrongly)


def _lets_the_last_vary_win(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(exchange: Exchange, headers: list[Pair]) -> list[Pair]:
        return [(name, value.rpartition(b", ")[2] if name == b"vary" else value) for name, value in headers]

    _only_fused(monkeypatch, "dress", spoil)


def _loses_added_headers_on_answers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(exchange: Exchange, headers: list[Pair]) -> list[Pair]:
        return [pair for pair in headers if pair[0] not in {name for name, _ in exchange.added or ()}]

    _only_fused(monkeypatch, "_dressed", spoil)


def _hides_the_second_of_two_refusals(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil(plan: Plan) -> None:
        plan.requests = plan.requests[:1] + tuple(step for step in plan.requests[1:] if step[0] != plan.requests[0][0])

    _replan(monkeypatch, spoil)


def _report(monkeypatch: pytest.MonkeyPatch, times: Callable[[bool], int]) -> None:
    rightly = _response.Pass.report

    def wrongly(exchange: Any, *what: Any, rehearsed: bool = False, **more: Any) -> None:
        for _ in range(times(rehearsed) if len(exchange.plan.policies) > 1 else 1):
            rightly(exchange, *what, rehearsed=rehearsed, **more)

    monkeypatch.setattr(_response.Pass, "report", wrongly)


def _reports_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    _report(monkeypatch, lambda rehearsed: 2)


def _keeps_rehearsals_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    _report(monkeypatch, lambda rehearsed: 0 if rehearsed else 1)


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(_dresses_outside_in, id="dresses from the outside in"),
        pytest.param(_dresses_with_one_too_many, id="lets who refuses dress the refusal"),
        pytest.param(_dresses_with_one_too_few, id="dresses refusals with one policy too few"),
        pytest.param(_does_not_end_who_refused, id="forgets on_end of the policy that refused"),
        pytest.param(_ends_outside_in, id="calls on_end from the outside in"),
        pytest.param(_takes_policies_of_one_type_for_equal, id="drops a policy of a type it has"),
        pytest.param(_lets_the_last_vary_win, id="lets the last Vary win"),
        pytest.param(_loses_added_headers_on_answers_of_its_own, id="loses add_header on refusals"),
        pytest.param(_reports_twice, id="reports a refusal twice"),
        pytest.param(_keeps_rehearsals_to_itself, id="does not report what is rehearsed"),
        pytest.param(_hides_the_second_of_two_refusals, id="runs one hook of the first policy only"),
    ],
)
def test_the_property_finds_a_pass_that(plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: Any) -> None:
    plant(monkeypatch)
    # A pass that forgets to give back what a request held behaves otherwise when it is looked at again.
    with pytest.raises((AssertionError, FlakyFailure)):
        check_fusing(_until_it_fails, "http", "asyncio")
