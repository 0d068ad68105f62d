"""The benchmark of what grows measures all that it says, after it has checked it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load, scale
from bench.calls import CallOutcome
from bench.harness import WrongAnswer
from bench.scale import growth, workers
from bench.whole.variants import BARE, OURS
from tests import valkey
from tests.bench.test_load import needs_wrk


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "COUNTS", (3, 1))


def figures(outcome: CallOutcome) -> list[tuple[str, str]]:
    assert all(figure.taken > 0 for figure in outcome.figures)
    return [(figure.case, figure.variant) for figure in outcome.figures]


def test_what_grows() -> None:
    assert [figures(outcome) for outcome in growth.measured(2)] == [
        [
            (case, variant)
            for case in ("exact path", "below a path", "in no rule", "each in turn")
            for variant in ("3 rules", "1 rule")
        ],
        [(case, variant) for case in ("exempt path", "trusted network") for variant in ("3 entries", "1 entry")],
        [("first route", "3 routes"), ("first route", "1 route")],
        [(case, variant) for case in ("1 route", "3 routes") for variant in ("asgisec", "the routes alone")],
    ]


def test_what_is_the_goal() -> None:
    goals = {
        outcome.group.name: [(one.to, one.at_most) for one in outcome.group.against] for outcome in growth.measured(2)
    }
    assert goals == {
        "Rules of RateLimit": [("1 rule", 1.2)],
        "Other lists": [("1 entry", 1.2)],
        "A secured FastAPI application": [("1 route", 1.2)],
        "FastAPI, asked for the last route": [("the routes alone", None)],
    }


def test_a_path_that_should_be_exempt_is() -> None:
    # One is allowed in an hour: that it is asked for again and again shows that it is not counted.
    call = growth.lists().cases["exempt path"]["3 entries"]
    assert [call() for _ in range(3)] == [b'{"id":42,"name":"lamp"}'] * 3


def test_a_route_that_refuses_stops_the_run() -> None:
    with pytest.raises(WrongAnswer, match="'status': 401"):
        growth.routed(growth.secured(1), 0, "nobodys")()


def test_without_a_load_generator_the_rest_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len([*scale.measured(2)]) == 4
    assert [f"two workers beside one: {load.MISSING}"] == scale.LEFT_OUT


@pytest.fixture
def store() -> Iterator[str]:
    with valkey.process(tcp=True) as server:
        yield server.url


@pytest.mark.slow
def test_two_workers_beside_one(store: str) -> None:
    needs_wrk()
    taken, worth = workers.measured(store, 2)
    assert [name for _, name in figures(taken)] == [
        f"{variant}, {count}" for variant in (OURS, BARE) for count in ("one worker", "two workers")
    ]
    assert [name for _, name in figures(worth)] == [OURS, BARE]
    # Not which is faster, as a test shares the machine; but what is compared is the one and the other.
    by_name = {figure.variant: figure.taken for figure in taken.figures}
    for figure in worth.figures:
        assert figure.taken == pytest.approx(
            by_name[f"{figure.variant}, two workers"] / by_name[f"{figure.variant}, one worker"], rel=0.5
        )
