"""The benchmark of the whole way measures all that it says, after it has checked it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import load, whole
from bench.harness import WrongAnswer
from bench.whole import in_process, served, service
from bench.whole.answers import Answer, Row, judge, refusals, timed, too_many
from bench.whole.variants import AGAINST, ASSEMBLED, BARE, FLOOR, OURS, USUAL, VARIANTS
from tests import valkey
from tests.bench.test_load import needs_wrk

GOALS = [(BARE, 2.0), (ASSEMBLED, 0.4), (USUAL, 0.2), (FLOOR, None)]


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    with valkey.process(tcp=True) as server:
        yield server.url


def test_what_is_compared_in_process(store: str) -> None:
    outcomes = asyncio.run(in_process.measured(store, 2))
    assert [outcome.group.name.rpartition(", ")[2] for outcome in outcomes] == ["one at a time", "50 in flight"]
    goals = [[(one.to, one.at_most) for one in outcome.group.against] for outcome in outcomes]
    assert goals == [[(to, None) for to, _ in GOALS], GOALS]
    for outcome in outcomes:
        assert [figure.variant for figure in outcome.figures] == [OURS, BARE, ASSEMBLED, USUAL, FLOOR]
        assert all(figure.taken > 0 for figure in outcome.figures)


@pytest.mark.slow
def test_what_is_compared_through_a_server(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    needs_wrk()
    # Two of five, on one server: each round takes a second per variant.
    monkeypatch.setattr(served, "VARIANTS", {name: VARIANTS[name] for name in (OURS, BARE)})
    monkeypatch.setattr(served, "AGAINST", [one for one in AGAINST if one.to == BARE])
    monkeypatch.setattr(served, "SERVERS", {"uvloop, httptools": served.SERVERS["uvloop, httptools"]})
    outcome = served.measured(store, 2)
    assert [figure.variant for figure in outcome.figures] == [OURS, BARE]
    assert outcome.rounds == 2
    assert [ratio.against.to for ratio in outcome.ratios] == [BARE]


def test_without_a_load_generator_the_rest_is_done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(in_process, "VARIANTS", {OURS: VARIANTS[OURS], BARE: VARIANTS[BARE]})
    monkeypatch.setattr(in_process, "AGAINST", ())
    monkeypatch.setattr(in_process, "ALONE", ())
    assert len(list(whole.measured(2))) == 2
    assert [f"the whole way through uvicorn: {load.MISSING}"] == whole.LEFT_OUT


GOOD = timed("a token")
READABLE = [("vary", "Origin"), ("access-control-allow-origin", service.ORIGIN)]
LINES = [*((name, "x") for name in GOOD.present - {"vary", "access-control-allow-origin"}), *READABLE]
LEFT = [("ratelimit", "x"), ("ratelimit-policy", "x")]


def test_a_right_answer_passes() -> None:
    judge("a variant", GOOD, Answer(200, [*LINES, *LEFT], service.EXPECTED))


@pytest.mark.parametrize(
    ("row", "answer", "message"),
    [
        pytest.param(GOOD, Answer(429, []), "answered 429, not 200", id="another status"),
        pytest.param(GOOD, Answer(200, [*LINES, *LEFT], b"{}"), "answered b'{}'", id="another body"),
        pytest.param(GOOD, Answer(200, [*LINES[1:], *LEFT]), "should be there once", id="a header lacks"),
        pytest.param(GOOD, Answer(200, [*LINES, LINES[0], *LEFT]), "should be there once", id="a header twice"),
        pytest.param(GOOD, Answer(200, [*LINES, LEFT[0]]), "nothing says what remains", id="what remains"),
        pytest.param(
            GOOD,
            Answer(200, [*LINES[:-1], ("access-control-allow-origin", "*"), *LEFT]),
            "a page may not read it",
            id="any origin",
        ),
    ],
)
def test_a_wrong_answer_stops_the_run(row: Row, answer: Answer, message: str) -> None:
    with pytest.raises(WrongAnswer) as raised:
        judge("a variant", row, answer)
    assert message in str(raised.value)


def test_every_refusal_is_asked_for() -> None:
    rows = [*refusals("a token", "another"), *too_many("a token")]
    assert sorted(row.status for row in rows) == [200, 200, 200, 400, 401, 401, 401, 403, 429]
