"""The whole matrix: what should come of every case, and the one table of what a server or framework cannot do.

A cell does exactly what stands here: one that does better fails, too, so that its row is struck out.
"""

from dataclasses import dataclass

from tests.matrix.apps import FRAMEWORKS
from tests.matrix.cases import CASES, Cell
from tests.matrix.fleet import PROTOCOLS

# The header that a server adds to each answer and cannot be kept from adding.
# https://github.com/emmett-framework/granian/issues/594: an application can only have it say something else.
SIGNATURES = {"granian": "server: ['granian']"}


@dataclass(frozen=True)
class Exception_:  # noqa: N801 - the other name is taken
    """Cells that end otherwise: `None` stands for every server, or every framework."""

    server: str | None
    protocol: str
    frameworks: tuple[str, ...] | None
    case: str
    instead: str
    why: str

    def covers(self, cell: Cell) -> bool:
        """Tell whether this row is about that cell."""
        return (
            self.server in {None, cell.server}
            and self.protocol == cell.protocol
            and (self.frameworks is None or cell.framework in self.frameworks)
            and self.case == cell.case
        )


EXCEPTIONS = [
    Exception_(
        None,
        "http1",
        ("django",),
        "a WebSocket, accepted",
        "500 dressed",
        "Django's handler speaks HTTP only and raises; the pass answers what it raises",
    ),
    Exception_(
        "granian",
        "http1",
        ("fastapi", "starlette", "litestar", "quart", "bare"),
        "a WebSocket, accepted",
        "101 bare",
        "Granian sends none of the headers of `websocket.accept`, as the specification asks since version 2.1",
    ),
    Exception_(
        "hypercorn",
        "http2",
        ("fastapi", "starlette", "litestar", "bare"),
        "a client that hangs up in its body",
        "the call goes on, 200 dressed",
        "Hypercorn waits until the response is sent, on a connection whose sending task has ended; so does an "
        "application that is not secured. Quart and Django answer nothing after a disconnect",
    ),
    Exception_(
        "hypercorn",
        "http2",
        ("bare",),
        "a client that hangs up in a stream",
        "200 dressed, the call goes on, 200 dressed",
        "the same: this application ends its response although the client is gone; frameworks stop",
    ),
]

_STATUS = {
    "not found": 404,
    "a method that the route has not": 405,
    "invalid input": 422,
    "an exception": 500,
    "a post of a foreign page": 403,
    "an upload over the limit, with its length": 413,
    "an upload over the limit, of no known length": 413,
    "a WebSocket, accepted": 101,
    "a WebSocket, refused": 403,
}
_BROKEN_OFF = {
    "a client that hangs up in its body": "the call ended, 200 dressed",
    "a client that hangs up in a stream": "200 dressed, the call ended, 200 dressed",
    "a request that is reset in its body": "200 dressed, the call ended, 200 dressed",
    "a request that is reset in a stream": "200 dressed, 200 dressed, the call ended, 200 dressed",
}


def expected(cell: Cell) -> str:
    """Return what should come of a cell, exceptions considered."""
    usual = _BROKEN_OFF.get(cell.case, f"{_STATUS.get(cell.case, 200)} dressed")
    outcome = next((row.instead for row in EXCEPTIONS if row.covers(cell)), usual)
    return outcome.replace("dressed", SIGNATURES.get(cell.server, "dressed"))


def _applies(protocol: str, framework: str, case: str) -> bool:
    if case.startswith("a request that is reset"):
        return protocol == "http2"  # HTTP/1.1 breaks off a request with its connection only
    if case.startswith("a WebSocket"):
        return protocol == "http1"
    return case != "invalid input" or framework == "fastapi"  # who else validates by itself


CELLS = [
    Cell(server, protocol, framework, case)
    for server, protocols in PROTOCOLS.items()
    for protocol in protocols
    for framework in FRAMEWORKS
    for case in CASES
    if _applies(protocol, framework, case)
]
