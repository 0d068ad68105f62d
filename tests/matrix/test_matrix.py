"""Every framework on every server, over every protocol: each case ends as the table says, and every cell was there."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.matrix.cases import CASES, Cell, outcome
from tests.matrix.cells import CELLS, EXCEPTIONS, expected
from tests.matrix.fleet import PROTOCOLS, Fleet
from tests.servers.harness import SERVERS

# What `make test` leaves to `make test-matrix`.
ELSEWHERE = [server for server in PROTOCOLS if server not in SERVERS]


@pytest.mark.parametrize(
    "cell",
    [pytest.param(cell, id=str(cell), marks=pytest.mark.matrix if cell.server in ELSEWHERE else ()) for cell in CELLS],
)
def test_cell(fleets: Callable[[str], Fleet], cell: Cell) -> None:
    assert outcome(cell, fleets(cell.server)[cell.framework]) == expected(cell)


@pytest.mark.parametrize(
    "servers",
    [pytest.param([*SERVERS], id="uvicorn"), pytest.param(ELSEWHERE, id="the others", marks=pytest.mark.matrix)],
)
def test_every_cell_was_collected(request: pytest.FixtureRequest, servers: list[str]) -> None:
    there = Counter(
        (cell.server, cell.protocol, cell.framework, cell.case)
        for item in request.session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec")
        if isinstance(cell := item.callspec.params.get("cell"), Cell) and cell.server in servers
    )
    frameworks = ("fastapi", "starlette", "litestar", "quart", "django", "bare")
    lines = [(server, "http1") for server in servers] + [(server, "http2") for server in servers if server in ELSEWHERE]
    assert there == Counter(
        (*line, framework, case)
        for line in lines
        for framework in frameworks
        for case in CASES
        if framework == "fastapi" or case != "invalid input"
        if not case.startswith({"http1": "a request that is reset", "http2": "a WebSocket"}[line[1]])
    )


def test_every_exception_is_about_a_cell() -> None:
    assert [row for row in EXCEPTIONS if not any(map(row.covers, CELLS))] == []
    assert [str(cell) for cell in CELLS if sum(row.covers(cell) for row in EXCEPTIONS) > 1] == []
