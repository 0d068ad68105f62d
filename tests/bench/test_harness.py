"""The harness refuses what answers wrongly, and takes what it measures from one round. No figure of time is tested."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from bench import harness
from bench.harness import Expected, Goal, Group, Request, Variant, WrongAnswer, measure
from tests.asgi import App, Headers, answering, scope_of

PLAIN = Request("plain", scope_of(headers=[("host", "testserver")]))
OTHER = Request("other", scope_of(path="/other"))


def _group(app: App, *expected: Expected, goals: Sequence[Goal] = ()) -> Group:
    return Group("group", answering(), [PLAIN], [Variant("variant", app, expected)], goals)


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        pytest.param(200, [], Expected(PLAIN, status=400), id="lets-pass-what-it-must-refuse"),
        pytest.param(200, [], Expected(PLAIN, present=frozenset({b"x-id"})), id="header-missing"),
        pytest.param(
            200, [("x-id", "1"), ("X-Id", "2")], Expected(PLAIN, present=frozenset({b"x-id"})), id="header-twice"
        ),
        pytest.param(200, [("x-id", "1")], Expected(PLAIN, absent=frozenset({b"x-id"})), id="header-not-wanted"),
        pytest.param(200, [], Expected(OTHER), id="nothing-said-of-the-timed-request"),
    ],
)
def test_a_wrong_answer_stops_the_run(status: int, headers: Headers, expected: Expected) -> None:
    with pytest.raises(WrongAnswer, match="variant"):
        measure(_group(answering(status, headers), expected), rounds=2, seed=1)


async def _silent(scope: Any, receive: Any, send: Any) -> None:
    """Answer nothing."""


def test_no_answer_stops_the_run() -> None:
    with pytest.raises(WrongAnswer, match="variant"):
        measure(_group(_silent, Expected(PLAIN)), rounds=2, seed=1)


class _Turns:
    """Stands in for the clock: says what each application costs, round by round, and who was run when."""

    def __init__(self, costs: dict[App, list[float]]) -> None:
        self.costs = {app: iter(list_of_costs) for app, list_of_costs in costs.items()}
        self.order: list[App] = []

    async def turn(self, app: App, request: Request, count: int) -> float:
        if count == harness._WARM_UP:
            return harness._BATCH / 100
        self.order.append(app)
        return next(self.costs[app])


def test_a_figure_is_the_median_of_same_round_differences_and_quotients(monkeypatch: pytest.MonkeyPatch) -> None:
    bare, one, two = answering(), answering(), answering()
    # The machine is half as fast in the second round and has a hiccup in the third.
    turns = _Turns({bare: [1000.0, 2000.0, 1000.0], one: [2000.0, 4000.0, 9000.0], two: [3000.0, 6000.0, 3000.0]})
    monkeypatch.setattr(harness, "_turn", turns.turn)
    expected = [Expected(PLAIN)]
    group = Group(
        "group",
        bare,
        [PLAIN],
        [Variant("one", one, expected), Variant("two", two, expected)],
        [Goal("one", "two", 0.6), Goal("two", "one", 0.6)],
    )
    outcome = measure(group, rounds=3, seed=1)
    assert outcome.bare == {"plain": 1.0}
    assert (outcome.added("one", "plain"), outcome.added("two", "plain")) == (2.0, 2.0)
    assert [(ratio.value, ratio.met) for ratio in outcome.ratios] == [(0.5, True), (2.0, False)]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_rotates_and_is_decided_by_the_seed(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    apps = [answering() for _ in range(4)]
    turns = _Turns({app: [1000.0 + place] * 4 for place, app in enumerate(apps)})
    monkeypatch.setattr(harness, "_turn", turns.turn)
    variants = [Variant(str(place), app, [Expected(PLAIN)]) for place, app in enumerate(apps[1:], 1)]
    measure(Group("group", apps[0], [PLAIN], variants), rounds=4, seed=seed)
    first = apps.copy()
    Random(seed).shuffle(first)  # noqa: S311 - an order, not a secret
    assert turns.order == [app for turn in range(4) for app in first[turn:] + first[:turn]]


def test_each_request_gets_a_scope_of_its_own() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        scope["headers"].append((b"x-mine", b"1"))
        scope["mine"] = True
        await answering()(scope, receive, send)

    measure(_group(app, Expected(PLAIN)), rounds=2, seed=1)
    assert all(len(scope["headers"]) == 2 for scope in seen)
    assert PLAIN.scope["headers"] == [(b"host", b"testserver")]
    assert "mine" not in PLAIN.scope
