"""What is done to every application on every server, and what should come of it, in a few words that can be compared.

"200 dressed" is an answer with the status, the request's own id once and every security header once, and nothing that
tells which server it is. What is missing or too much is named instead.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from tests.matrix.apps import BUSY, IDLE, MAX_BODY
from tests.matrix.peers import CLIENTS, Client, Http1, Request
from tests.servers.apps import CHUNKS
from tests.servers.checks import CONSTANTS
from tests.servers.harness import Address, Answer

HEADERS = {**CONSTANTS, "strict-transport-security": "max-age=63072000; includeSubDomains"}
TOO_LARGE = (b"a" * (MAX_BODY // 2),) * 3

_ids = (f"cell-{number}" for number in count())


@dataclass(frozen=True)
class Cell:
    """One case of one framework's application on one server, over one protocol."""

    server: str
    protocol: str
    framework: str
    case: str

    def __str__(self) -> str:
        return f"{self.server} {self.protocol} {self.framework}: {self.case}"


def outcome(cell: Cell, address: Address) -> str:
    """Do to the server what the case says, and say what came of it."""
    return CASES[cell.case](CLIENTS[cell.protocol], address)


def dressed(answer: Answer, request_id: str) -> str:
    """Say what an answer is."""
    lines = Counter(name for name, _ in answer.headers)
    faults = [f"{name}: {answer.values(name)}" for name, value in HEADERS.items() if answer.values(name) != [value]]
    faults += [f"{name} {lines[name]} times" for name in ("permissions-policy", "content-type") if lines[name] > 1]
    faults += [] if lines["permissions-policy"] else ["no permissions-policy"]
    faults += [f"x-request-id: {ids}"] if (ids := answer.values("x-request-id")) != [request_id] else []
    faults += [f"{name}: {answer.values(name)}" for name in ("server", "x-powered-by") if answer.values(name)]
    if len(faults) > len(HEADERS):
        return f"{answer.status} bare"
    return f"{answer.status} {'; '.join(faults) or 'dressed'}"


def _tell(ask: Callable[[], Answer], request_id: str) -> tuple[str, Answer]:
    """Ask, and say what came; where nothing did, the answer has the status 0."""
    try:
        answer = ask()
    except (TimeoutError, ConnectionError) as error:
        return ("silence" if isinstance(error, TimeoutError) else "hung up"), Answer(0, [])
    return dressed(answer, request_id), answer


Kind = type[Client]
Case = Callable[[Kind, Address], str]


def _asking(request: Request, body: bytes | None = None) -> Case:
    def case(kind: Kind, address: Address) -> str:
        request_id = next(_ids)
        own = Request(
            request.path, request.method, (*request.headers, ("x-request-id", request_id)), request.body, request.length
        )
        with kind(address) as client:
            told, answer = _tell(lambda: client.ask(own), request_id)
        if answer.status and body not in (None, answer.body):
            told += f", {answer.body!r}"
        return told

    return case


def _hanging_up(request: Request, *, answered: bool, reset: bool = False) -> Case:
    """Break off, wait until the application's call has ended, then ask again."""

    def case(kind: Kind, address: Address) -> str:
        request_id = next(_ids)
        told = []
        with kind(address) as client:
            own = Request(request.path, request.method, (("x-request-id", request_id),), request.body)
            client.begin(own, end=not request.body)
            told += [] if _is(BUSY, kind, address) else ["no call began"]
            if answered:
                told.append(_tell(client.head, request_id)[0])
            if reset:
                client.reset()
                told.append(_tell(lambda: client.ask(Request(headers=(("x-request-id", "again"),))), "again")[0])
        told.append("the call ended" if _is(IDLE, kind, address) else "the call goes on")
        told.append(_asking(Request())(kind, address))
        return ", ".join(told)

    return case


def _is(state: str, kind: Kind, address: Address) -> bool:
    with kind(address) as client:
        return client.ask(Request(state)).status == 200


def _websocket(origin: str) -> Case:
    def case(kind: Kind, address: Address) -> str:
        request_id = next(_ids)
        lines = f"Origin: {origin}\r\nX-Forwarded-Proto: https\r\nX-Request-ID: {request_id}\r\n"
        with Http1(address) as client:
            peer = client.peer
            told, answer = _tell(lambda: peer.handshake(lines=lines.encode()), request_id)
            if answer.status != 101:
                return told
            said = [peer.frame()]
            peer.send_text("again")
            said.append(peer.frame())
            return told if said == [(1, b"hello"), (1, b"again")] else f"{told}, {said}"

    return case


_UPLOAD = Request("/upload", "POST", body=TOO_LARGE)

CASES: dict[str, Case] = {
    "an answer": _asking(Request()),
    "not found": _asking(Request("/missing")),
    "a method that the route has not": _asking(Request(method="PUT")),
    "invalid input": _asking(Request("/items/abc")),
    "an exception": _asking(Request("/boom")),
    "a stream": _asking(Request("/stream"), b"".join(CHUNKS)),
    "a post of a foreign page": _asking(Request("/upload", "POST", (("origin", "https://evil.example"),))),
    "an upload within the limit": _asking(Request("/upload", "POST", body=(b"a" * 1000,) * 4), b"4000"),
    "an upload over the limit, with its length": _asking(
        Request("/upload", "POST", body=TOO_LARGE, length=sum(map(len, TOO_LARGE)))
    ),
    "an upload over the limit, of no known length": _asking(_UPLOAD),
    "a client that hangs up in its body": _hanging_up(Request("/upload", "POST", body=(b"begun",)), answered=False),
    "a client that hangs up in a stream": _hanging_up(Request("/endless"), answered=True),
    "a request that is reset in its body": _hanging_up(
        Request("/upload", "POST", body=(b"begun",)), answered=False, reset=True
    ),
    "a request that is reset in a stream": _hanging_up(Request("/endless"), answered=True, reset=True),
    "a WebSocket, accepted": _websocket("https://app.example.com"),
    "a WebSocket, refused": _websocket("https://evil.example"),
}
