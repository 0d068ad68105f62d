"""Requests and applications made up by hypothesis, and a driver that records what one connection saw."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import anyio
import anyio.lowlevel
from hypothesis import strategies as st

from asgisec import SecurityEvent
from tests import generated_policies
from tests.asgi import App, Message, scope_of
from tests.generated_policies import FAILURES, Defect, Fatal, names, values

_PREFLIGHT = (b"access-control-request-method", b"GET")
_asked = (
    (b"host", [None, b"testserver", b"testserver", b"example.com", b"api.example.com", b"a b"]),
    (b"origin", [None, None, b"https://app.example.com", b"http://testserver", b"https://evil.example", b"null"]),
    (b"x-request-id", [None, b"inbound-1", b"not an id"]),
    (b"access-control-request-headers", [None, b"X-Mine", b"x-mine, X-Other"]),
    (b"access-control-request-private-network", [None, None, b"true"]),
    (b"sec-fetch-site", [None, None, b"same-origin", b"cross-site"]),
    (b"content-length", [None, None, b"2", b"99", b"-1"]),
    (b"content-type", [None, b"application/json", b"text/plain"]),
    (b"x-forwarded-proto", [None, b"https"]),
)
_repeated = st.sampled_from(
    [
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-for", b"192.0.2.2"),
        (b"x-forwarded-for", b"192.0.2.7, 192.0.2.1"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-request-id", b"second"),
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
        (b"access-control-request-headers", b"X-More"),
    ]
)


@st.composite
def scopes(draw: st.DrawFn, kind: str) -> Message:
    """A request, or a WebSocket handshake, whose list headers may be repeated."""
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "OPTIONS"]))
    chosen = [(name, draw(st.sampled_from(values))) for name, values in _asked]
    headers = [(name, value) for name, value in chosen if value is not None]
    headers += draw(st.lists(_repeated, max_size=4))
    if method == "OPTIONS" and draw(st.booleans()):
        headers.append(_PREFLIGHT)
    secure = "s" if draw(st.booleans()) else ""
    more: dict[str, Any] = {
        "query_string": draw(st.sampled_from([b"", b"", b"a=1", b"a=" + b"1" * 20])),
        "client": draw(st.sampled_from([("192.0.2.7", 0), ("10.0.0.1", 4711), None])),
    }
    if kind == "http":
        return scope_of(kind, method, headers=headers, scheme=f"http{secure}", **more)
    extensions: dict[str, Any] = draw(st.sampled_from([{"websocket.http.response": {}}, {}]))
    return scope_of(kind, headers=headers, scheme=f"ws{secure}", extensions=extensions, **more)


Step = tuple[Any, ...]

_own_headers = st.lists(
    st.tuples(names | names.map(bytes.title) | st.just(b"Content-Type"), values | st.just(b"text/html")), max_size=4
)
_statuses = st.sampled_from([200, 204, 404, 500])
_http: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("http.response.start"), _statuses, _own_headers),
    st.tuples(st.just("http.response.body"), st.sampled_from([b"", b"one"]), st.booleans()),
)
_socket: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("websocket.accept"), st.just(101), _own_headers),
    st.tuples(st.just("websocket.send"), st.just("text")),
    st.tuples(st.just("websocket.close"), st.sampled_from([1000, 4001])),
    st.tuples(st.just("websocket.http.response.start"), _statuses, _own_headers),
    st.tuples(st.just("websocket.http.response.body"), st.just(b"no"), st.booleans()),
)
_doing: st.SearchStrategy[Step] = st.one_of(
    st.just(("read",)),
    st.just(("read",)),
    st.just(("read",)),
    st.just(("read, come what may",)),
    st.just(("read, else turn it into a defect",)),
    st.tuples(st.just("fail"), st.sampled_from(sorted(FAILURES))),
    st.just(("be cancelled",)),
)
_whole: dict[str, list[list[Step]]] = {
    "http": [
        [("http.response.start", 200, [(b"X-A", b"own")]), ("http.response.body", b"hello", False)],
        [
            ("read",),
            ("http.response.start", 200, [(b"vary", b"Cookie"), (b"Vary", b"origin")]),
            ("http.response.body", b"a", True),
            ("http.response.body", b"b", False),
        ],
        [("read, come what may",), ("http.response.start", 400, []), ("http.response.body", b"bad", False)],
        [("read, else turn it into a defect",), ("http.response.start", 204, []), ("http.response.body", b"", False)],
        [],
    ],
    "websocket": [
        [("read",), ("websocket.accept", 101, [(b"X-A", b"own")]), ("read",), ("websocket.send", "hello")],
        [("read",), ("websocket.accept", 101, []), ("read, come what may",), ("websocket.close", 1000)],
        [("read",), ("read",), ("websocket.accept", 101, []), ("read",), ("read, else turn it into a defect",)],
        [("read",), ("websocket.close", 4001)],
        [("websocket.http.response.start", 403, []), ("websocket.http.response.body", b"no", False)],
        [],
    ],
}


@st.composite
def programs(draw: st.DrawFn, kind: str) -> list[Step]:
    """What the application does: something whole into which something else may come, or anything in any order."""
    own = _http if kind == "http" else _socket
    program: list[Step] = [*draw(st.sampled_from(_whole[kind]))]
    for _ in range(draw(st.sampled_from([1, 0, 1, 2]))):
        program.insert(draw(st.integers(0, len(program))), draw(_doing))
    return program if draw(st.integers(0, 3)) else draw(st.lists(own | _doing, max_size=6))


def running(program: Iterable[Step]) -> App:
    """Make the application that does this."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        scope["calls"].append(("app", scope.get("client"), scope.get("state"), [*scope["headers"]]))
        for step in program:
            await _do(step, scope, receive, send)

    return app


async def _do(step: Step, scope: Message, receive: Any, send: Any) -> None:
    match step:
        case ["read" | "read, come what may" | "read, else turn it into a defect" as how]:
            await _read(how, scope["calls"], receive)
        case ["fail", failure]:
            make = FAILURES[failure]
            raise make()
        case ["be cancelled"]:
            scope["cancel"]()
            await anyio.lowlevel.checkpoint()
        case [kind, *values]:
            names = {"body": ("body", "more_body"), "send": ("text",), "close": ("code",)}
            fields = names.get(kind.rpartition(".")[2], ("status", "headers"))
            await send({"type": kind, **dict(zip(fields, values, strict=True))})


async def _read(how: str, calls: list[Any], receive: Any) -> None:
    try:
        calls.append(("app read", (await receive())["type"]))
    except Exception as error:
        calls.append(("app caught", type(error).__name__))
        if how == "read":
            raise
        if how != "read, come what may":
            raise Defect("of another kind") from error


@dataclass
class Outcome:
    """All that a server and the policies could tell of one connection."""

    messages: list[Message]
    error: str
    notes: list[str]
    calls: list[Any]
    events: list[SecurityEvent] = field(default_factory=list)


async def play(app: App, scope: Message, gone_after: int | None = None) -> Outcome:
    """Run one connection; the server's `send` fails after so many messages."""
    generated_policies.ids = itertools.count()
    outcome = Outcome([], "", [], [])
    kind = scope["type"]
    waiting = iter([{"type": "http.request", "body": b"in", "more_body": False}])
    if kind == "websocket":
        waiting = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "in"}])

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        return next(waiting, {"type": f"{kind}.disconnect"})

    async def send(message: Message) -> None:
        await anyio.lowlevel.checkpoint()
        if len(outcome.messages) == gone_after:
            raise OSError("the peer is gone")
        outcome.messages.append({**message})

    with (
        patch("asgisec.policies.security_headers._new_nonce", lambda: f"nonce-{next(generated_policies.ids)}"),
        anyio.CancelScope() as cancel,
    ):
        own = {**scope, "state": {}, "calls": outcome.calls, "cancel": cancel.cancel}
        try:
            await app(own, receive, send)
        except BaseException as error:
            outcome.error = repr(error) if isinstance(error, Exception | Fatal) else type(error).__name__
            outcome.notes = getattr(error, "__notes__", [])
            if not isinstance(error, Exception | Fatal):
                raise
    return outcome
