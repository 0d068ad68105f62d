"""Every framework on every server, over every protocol: each case ends as the table says, and every cell was there."""

from collections import Counter
from collections.abc import Callable
from typing import cast

import pytest

from tests.matrix.cases import CASES, Cell, outcome
from tests.matrix.cells import CELLS, EXCEPTIONS, expected
from tests.matrix.fleet import Fleet

# Said once more, so that a server, a protocol or a framework that is dropped from the product is missed.
UVICORN = {("uvicorn-h11", "http1"), ("uvicorn-httptools", "http1")}
# What `make test` leaves to `make test-matrix`.
OTHERS = {("hypercorn", "http1"), ("hypercorn", "http2"), ("granian", "http1"), ("granian", "http2")}
FRAMEWORKS = {"fastapi", "starlette", "litestar", "quart", "django", "bare"}


def mark(cell: Cell) -> object:
    marks = pytest.mark.matrix if (cell.server, cell.protocol) in OTHERS else ()
    return pytest.param(cell, id=str(cell), marks=marks)


@pytest.mark.parametrize("cell", [mark(cell) for cell in CELLS])
def test_cell(fleets: Callable[[str], Fleet], cell: Cell) -> None:
    assert outcome(cell, fleets(cell.server)[cell.framework]) == expected(cell)


@pytest.mark.parametrize(
    "lines", [pytest.param(UVICORN, id="uvicorn"), pytest.param(OTHERS, id="the others", marks=pytest.mark.matrix)]
)
def test_every_cell_was_collected(request: pytest.FixtureRequest, lines: set[tuple[str, str]]) -> None:
    collected = [
        cast("Cell", item.callspec.params["cell"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.originalname == "test_cell"
    ]
    there = Counter(
        (cell.server, cell.protocol, cell.framework, cell.case)
        for cell in collected
        if (cell.server, cell.protocol) in lines
    )
    assert there == Counter(
        (server, protocol, framework, case)
        for server, protocol in lines
        for framework in FRAMEWORKS
        for case in CASES
        if framework == "fastapi" or case != "invalid input"
        if not case.startswith({"http1": "a request that is reset", "http2": "a WebSocket"}[protocol])
    )


def test_every_exception_is_about_a_cell() -> None:
    assert [row for row in EXCEPTIONS if not any(map(row.covers, CELLS))] == []
    assert [str(cell) for cell in CELLS if sum(row.covers(cell) for row in EXCEPTIONS) > 1] == []
