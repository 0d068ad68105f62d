"""Policies, requests and applications made up by hypothesis, and a driver that records what one connection saw.

Policies tell the `calls` list in the scope what they were asked, so that two ways of running them can be compared.
"""

import itertools
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import anyio
import anyio.lowlevel
from hypothesis import strategies as st

from asgisec import CORS, HSTS, Answer, Exchange, Policy, RequestID, SecurityHeaders, TrustedHosts
from asgisec.errors import OriginNotAllowed, SecurityError
from tests.asgi import App, Message, scope_of

Pair = tuple[bytes, bytes]

_ids = itertools.count()


def numbered() -> str:
    """Generate request ids that are the same in each run."""
    return f"made-{next(_ids)}"


class Defect(Exception):
    """What a policy or an application raises by mistake."""


class Fatal(BaseException):
    """What no handler of an application catches."""


class TooMuch(SecurityError):
    status = 413
    default_detail = "Too much was sent."
    default_reason = "too_much"
    close_code = 1009


FAILURES: dict[str, Callable[[], BaseException]] = {
    "defect": lambda: Defect("a secret"),
    "fatal": lambda: Fatal("a secret"),
    "refusal": lambda: OriginNotAllowed(headers={"X-Challenge": "try harder"}),
}


@dataclass(frozen=True)
class Recording(Policy):
    """Each policy has a label, so that equal ones are equal on purpose only."""

    label: str = ""

    def say(self, exchange: Exchange, *what: object) -> None:
        exchange.scope["calls"].append((self.label, *what))


@dataclass(frozen=True)
class Constants(Recording):
    response_headers: Sequence[Pair] = ()


@dataclass(frozen=True)
class Judging(Recording):
    verdict: str = "pass"
    waits: bool = False
    adds: tuple[tuple[str, str], ...] = ()
    client: str | None = None

    def on_request(self, exchange: Exchange) -> Any:
        ids = exchange.header("x-request-id"), exchange.request_id
        self.say(exchange, "on_request", *ids, exchange.client, exchange.header("x-forwarded-for"))
        for name, value in self.adds:
            exchange.add_header(name, value)
        if self.client is not None:
            exchange.scope["client"] = (self.client, 1)
        return self._later() if self.waits else self._verdict()

    async def _later(self) -> Any:
        await anyio.lowlevel.checkpoint()
        return self._verdict()

    def _verdict(self) -> Any:
        if self.verdict in FAILURES:
            failure = FAILURES[self.verdict]
            raise failure()
        if self.verdict == "answer":
            return Answer.plain(418, "tea", [(b"X-Judge", self.label.encode()), (b"vary", b"Accept, origin")])
        return None if self.verdict == "pass" else TooMuch(headers={"Retry-After": "1"}, members={"by": self.label})


@dataclass(frozen=True)
class Reading(Recording):
    reading: str = "count"

    def wrap_receive(self, exchange: Exchange, receive: Callable[[], Awaitable[Any]]) -> Any:
        self.say(exchange, "wrap_receive")
        if self.reading == "not at all":
            raise Defect("a secret")

        async def counted() -> Any:
            message = await receive()
            self.say(exchange, "received", message["type"])
            if self.reading == "refuse" and message["type"] != "websocket.connect":
                self.say(exchange, "refused")
                raise exchange.refuse(TooMuch(), by=self)
            if self.reading == "fail":
                raise Defect("a secret")
            return message

        return counted


@dataclass(frozen=True)
class Editing(Recording):
    edits: tuple[tuple[str, bytes, bytes], ...] = ()

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        assert exchange.names == {name for name, _ in headers}
        self.say(exchange, "on_response", exchange.status)
        for edit, name, value in self.edits:
            if edit == "break" and exchange.status in {200, 413}:
                raise Defect("a secret")
            if edit in {"set", "remove"}:
                headers[:] = [pair for pair in headers if pair[0] != name]
            if edit in {"append", "set"}:
                headers.append((name, value))


@dataclass(frozen=True)
class Ending(Recording):
    ending: str = "says"
    lingers: bool = False

    def on_end(self, exchange: Exchange, error: BaseException | None) -> Awaitable[None] | None:
        if self.lingers:
            return self._linger(exchange, error)
        self._end(exchange, error)
        return None

    async def _linger(self, exchange: Exchange, error: BaseException | None) -> None:
        await anyio.lowlevel.checkpoint()
        self._end(exchange, error)

    def _end(self, exchange: Exchange, error: BaseException | None) -> None:
        self.say(exchange, "on_end", type(error).__name__)
        if self.ending in FAILURES:
            failure = FAILURES[self.ending]
            raise failure()


@dataclass(frozen=True)
class Everything(Constants, Judging, Reading, Editing, Ending):
    """All hooks on one policy."""


@dataclass(frozen=True)
class Harmless(Constants, Editing, Ending):
    """A policy that never refuses: it leads where a request contradicts itself."""

    may_refuse = False


# Few names and values, so that policies and applications get into each other's way.
_names = st.sampled_from([b"x-a", b"x-b", b"vary", b"cache-control", b"server"])
_values = st.sampled_from([b"1", b"Origin", b"accept, Cookie", b"*"])
_pairs = st.lists(st.tuples(_names, _values), max_size=3).map(tuple)
_labels = st.sampled_from("abcdef")
_adds = st.lists(
    st.sampled_from([("Vary", "Accept"), ("Vary", "*"), ("vary", "X-Plan"), ("X-A", "added"), ("X-Extra", "added")]),
    max_size=2,
).map(tuple)
_edits = st.lists(
    st.tuples(st.sampled_from(["append", "set", "remove"] * 4 + ["break"]), _names.map(bytes.title) | _names, _values),
    max_size=3,
).map(tuple)
# Most let a request pass: each list has several, and behind the first refusal nothing is to be seen.
_verdicts = st.sampled_from(["pass"] * 8 + ["answer", "refuse", "refusal", "defect", "fatal"])
_judging = {
    "verdict": _verdicts,
    "waits": st.booleans(),
    "adds": _adds,
    "client": st.sampled_from([None, "192.0.2.99"]),
}
_reading = {"reading": st.sampled_from(["count"] * 4 + ["refuse"] * 3 + ["fail", "not at all"])}
_ending = {"ending": st.sampled_from(["says"] * 8 + ["defect", "refusal", "fatal"]), "lingers": st.booleans()}
_harmless = {"response_headers": _pairs, "edits": _edits, "ending": st.just("says"), "lingers": st.booleans()}

_generated = st.one_of(
    st.builds(Constants, _labels, _pairs),
    st.builds(Judging, _labels, **_judging),
    st.builds(Reading, _labels, **_reading),
    st.builds(Reading, _labels, reading=st.just("refuse")),
    st.builds(Editing, _labels, _edits),
    st.builds(Ending, _labels, **_ending),
    st.builds(Ending, _labels),
    st.builds(Everything, _labels, response_headers=_pairs, edits=_edits, **_judging, **_reading, **_ending),
    st.builds(Harmless, _labels, **_harmless),
)
_ORIGINS = ("https://app.example.com", "http://testserver")
_real = st.one_of(
    st.builds(
        RequestID,
        header=st.sampled_from(["X-Request-ID", "X-Other-ID"]),
        trust_inbound=st.booleans(),
        generator=st.just(numbered),
        update_request_header=st.booleans(),
    ),
    st.builds(TrustedHosts, st.sampled_from([("testserver",), ("*",), ("www.example.com",), ("*.example.com",)])),
    st.builds(
        CORS,
        allow_origins=st.sampled_from([_ORIGINS[:1], ("*",), ()]),
        allow_headers=st.sampled_from([(), ("*",), ("X-Mine",)]),
        expose_headers=st.sampled_from([(), ("X-A",)]),
        allow_origin_regex=st.sampled_from([None, r"https://app\..*"]),
        allow_private_network=st.booleans(),
    ),
    st.builds(CORS, allow_origins=st.just(_ORIGINS[:1]), allow_credentials=st.just(value=True)),
    st.builds(
        SecurityHeaders.api,
        strict_transport_security=st.sampled_from([None, HSTS()]),
        permissions_policy=st.none(),
        strip=st.sampled_from([(), ("Server", "X-A")]),
    ),
    st.builds(SecurityHeaders.web, permissions_policy=st.none()),
)


@st.composite
def policies(draw: st.DrawFn) -> list[Policy]:
    """Up to six policies, of which some may be equal."""
    pool = draw(st.lists(_real | _generated, min_size=2, max_size=6))
    # Left alone, a third of all lists would be empty.
    return draw(st.lists(st.sampled_from(pool), min_size=draw(st.sampled_from([0, 2, 3, 4])), max_size=6))


_PREFLIGHT = (b"access-control-request-method", b"GET")
_asked = (
    (b"host", [None, b"testserver", b"testserver", b"example.com", b"api.example.com", b"a b"]),
    (b"origin", [None, None, b"https://app.example.com", b"http://testserver", b"https://evil.example", b"null"]),
    (b"x-request-id", [None, b"inbound-1", b"not an id"]),
    (b"access-control-request-headers", [None, b"X-Mine", b"x-mine, X-Other"]),
    (b"access-control-request-private-network", [None, None, b"true"]),
)
_repeated = st.sampled_from(
    [
        (b"x-forwarded-for", b"192.0.2.1"),
        (b"x-forwarded-for", b"192.0.2.2"),
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
    secure = draw(st.booleans())
    if kind == "http":
        return scope_of(kind, method, headers=headers, scheme="https" if secure else "http")
    extensions: dict[str, Any] = draw(st.sampled_from([{"websocket.http.response": {}}, {}]))
    return scope_of(kind, headers=headers, scheme="wss" if secure else "ws", extensions=extensions)


Step = tuple[Any, ...]

_own_headers = st.lists(
    st.tuples(_names | _names.map(bytes.title) | st.just(b"Content-Type"), _values | st.just(b"text/html")), max_size=4
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


async def play(app: App, scope: Message, gone_after: int | None = None) -> Outcome:
    """Run one connection; the server's `send` fails after so many messages."""
    global _ids  # noqa: PLW0603 - a generator of ids takes no argument to hold it
    _ids = itertools.count()
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

    with patch("secrets.token_urlsafe", lambda size: f"nonce-{next(_ids)}"), anyio.CancelScope() as cancel:
        own = {**scope, "state": {}, "calls": outcome.calls, "cancel": cancel.cancel}
        try:
            await app(own, receive, send)
        except BaseException as error:
            outcome.error = repr(error) if isinstance(error, Exception | Fatal) else type(error).__name__
            outcome.notes = getattr(error, "__notes__", [])
            if not isinstance(error, Exception | Fatal):
                raise
    return outcome
