"""The benchmark of guarded FastAPI routes compares what it says."""

import asyncio

from bench import fastapi
from bench.waiting import measure_awaited


def test_every_variant_has_a_figure() -> None:
    group = fastapi.in_process()
    assert group.variants == [fastapi.OURS, fastapi.USUAL, fastapi.BARE]
    assert [(one.to, one.at_most) for one in group.against] == [(fastapi.USUAL, 0.5), (fastapi.BARE, None)]
    outcome = asyncio.run(measure_awaited(group, rounds=2))
    assert all(figure.taken > 0 for figure in outcome.figures)
