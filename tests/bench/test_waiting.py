"""Awaited calls are measured at the load that was asked for, and checked before."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bench.calls import Against, CallGroup
from bench.harness import WrongAnswer
from bench.waiting import measure_awaited


def returning(answer: str) -> Callable[[], Awaitable[str]]:
    async def call() -> str:
        await asyncio.sleep(0)
        return answer

    return call


def test_every_variant_has_a_figure_for_every_case() -> None:
    variants = {"ours": returning("x"), "theirs": returning("x")}
    group = CallGroup("text", {"a": variants, "b": variants}, [Against("theirs", 2.0)], same=["theirs"])
    outcome = asyncio.run(measure_awaited(group, rounds=2))
    assert [(figure.variant, figure.case) for figure in outcome.figures] == [
        (variant, case) for case in "ab" for variant in ("ours", "theirs")
    ]
    assert all(figure.taken > 0 for figure in outcome.figures)
    assert len(outcome.ratios) == 2


@pytest.mark.parametrize("in_flight", [1, 50])
def test_the_load_is_what_was_asked_for(in_flight: int) -> None:
    running = most = 0

    async def call() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    group = CallGroup("load", {"x": {"ours": call}}, [])
    asyncio.run(measure_awaited(group, rounds=2, in_flight=in_flight))
    assert most == in_flight


def test_a_variant_that_answers_otherwise_stops_the_run() -> None:
    variants = {"ours": returning("x"), "theirs": returning("y")}
    group = CallGroup("text", {"x": variants}, [Against("theirs")], same=["theirs"])
    with pytest.raises(WrongAnswer, match="theirs gives 'y', not 'x'"):
        asyncio.run(measure_awaited(group, rounds=2))
