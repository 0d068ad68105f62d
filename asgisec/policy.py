"""What a policy is, and what it sees of a request.

A policy is a small immutable object with hooks. It decides; only the pass (`asgisec.stack`) sends. A hook that a policy
does not define costs nothing.

    class ServerTiming(Policy):
        def on_request(self, exchange):
            exchange.memo[self] = time.perf_counter()

        def on_response(self, exchange, headers):
            took = (time.perf_counter() - exchange.memo[self]) * 1000
            headers.append((b"server-timing", b"app;dur=%.1f" % took))
"""

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any, ClassVar, TypeAlias

from asgisec._wire.headers import Pair, is_field_value, is_token
from asgisec.errors import ConfigError, SecurityError
from asgisec.events import EventSink, SecurityEvent, emit
from asgisec.stores.protocols import Closable

__all__ = ["Answer", "Exchange", "Exempt", "Policy", "Verdict"]

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

SCOPE_KEY = "asgisec"  # where in the scope the application, or a pass inside, finds the exchange of the pass around it
SWITCHING_PROTOCOLS = 101  # the status of a WebSocket that was accepted

# As RFC 9110 section 15 names them. Python does so from 3.13 on; a title should not change with the interpreter.
_RENAMED = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | _RENAMED

_MAX_CLOSE_REASON = 123  # bytes: what a control frame holds besides the code (RFC 6455 section 5.5)


def phrase_of(status: int) -> str:
    """Return the name of a status; that of its class where it has none of its own (RFC 9110 section 15)."""
    return _PHRASES.get(status) or _PHRASES[status // 100 * 100]


class Answer:
    """A whole answer that a policy gives in the application's place: a preflight's, a redirect, a refusal.

    Args:
        status: The HTTP status.
        headers: Header pairs, names in lower case.
        body: The body. Left out on HEAD, where `content-length` still tells its size.
        text: A short text; the reason of the close frame where a WebSocket is refused without a response.
        close_code: The code of that close frame (RFC 6455 section 7.4).
        event: Name and reason of the security event, where the answer is a refusal.
    """

    __slots__ = ("body", "close_code", "close_reason", "event", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: Iterable[Pair] = (),
        body: bytes = b"",
        *,
        text: str = "",
        close_code: int = 1008,
        event: tuple[str, str] | None = None,
    ) -> None:
        self.status = status
        self.headers: tuple[Pair, ...] = (*headers, (b"content-length", b"%d" % len(body)))
        self.body = body
        self.close_reason = text.encode()[:_MAX_CLOSE_REASON].decode(errors="ignore")
        self.close_code = close_code
        self.event = event

    @classmethod
    def plain(
        cls, status: int, text: str, headers: Iterable[Pair] = (), event: tuple[str, str] | None = None
    ) -> "Answer":
        """Make an answer of plain text."""
        typed = [*headers, (b"content-type", b"text/plain; charset=utf-8")]
        return cls(status, typed, text.encode(), text=text, event=event)

    @classmethod
    def problem(cls, error: SecurityError, request_id: str | None) -> "Answer":
        """Render a refusal as a problem document (RFC 9457), with the request id where there is one."""
        document = {
            "type": error.problem_type,
            "title": phrase_of(error.status_code),
            "status": error.status_code,
            "detail": error.detail,
            **({} if request_id is None else {"request_id": request_id}),
            **error.members,
        }
        headers = [header_pair(name, value) for name, value in (error.headers or {}).items()]
        headers.append((b"content-type", b"application/problem+json"))
        body = json.dumps(document, separators=(",", ":")).encode()
        return cls(error.status_code, headers, body, text=error.detail, close_code=error.close_code)


Verdict: TypeAlias = Answer | SecurityError | None


class Exchange:
    """One request and its response, as the policies of one pass see it.

    Attributes:
        scope: The ASGI scope. It is the pass's own copy: a policy may set keys on it for the application.
        headers: The request's headers, names in lower case; lines of a repeated header are joined in order.
        status: The status of the response (101 for an accepted WebSocket); `None` until it starts.
        names: The names of the headers of the response as it starts, in lower case. A hook that says
            `tracks_names` keeps them true.
        memo: What policies remember from one hook to another.
        outer: The exchange of the pass around this one, where one secured application is inside another.
        receive: What the application reads from.
        refusal: What the application's response is replaced by.
        refused_by: The policy that refused.
        added: What `add_header` put aside.
        around: What a policy puts around the application for this one request, where that is not all it does.
        subprotocol: What is chosen when a WebSocket is accepted, where the application chooses nothing.
    """

    __slots__ = (
        "__weakref__",
        "added",
        "around",
        "headers",
        "memo",
        "names",
        "outer",
        "receive",
        "refusal",
        "refused_by",
        "scope",
        "status",
        "subprotocol",
    )

    names: set[bytes]

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> None:
        self.scope = scope
        self.headers = headers
        self.receive = receive
        self.memo: dict[object, Any] = {}
        self.status: int | None = None
        self.outer: Exchange | None = None
        self.refusal: SecurityError | None = None
        self.refused_by: Policy | None = None
        self.added: list[Pair] | None = None
        self.around: Callable[[ASGIApp], ASGIApp] | None = None
        self.subprotocol: str | None = None

    def __repr__(self) -> str:
        # Neither headers nor query: both carry credentials.
        return f"<Exchange {self.scope['type']} {self.scope.get('method', '')} {self.scope['path']!r}>"

    def header(self, name: str) -> str | None:
        """Return a request header's value, `None` where it was not sent."""
        value = self.headers.get(name.lower().encode("latin-1"))
        return None if value is None else value.decode("latin-1")

    @property
    def client(self) -> str | None:
        """The client's address; `None` where the server does not know it."""
        client = self.scope.get("client")
        return client[0] if client else None

    @property
    def request_id(self) -> str | None:
        """The request's id, where a `RequestID` policy gave it one."""
        state = self.scope.get("state")
        return state.get("request_id") if state else None

    @property
    def state(self) -> dict[str, Any]:
        """The request's state, `scope["state"]`: what the application sees of it."""
        state: dict[str, Any] | None = self.scope.get("state")
        if state is None:
            state = self.scope["state"] = {}
        return state

    def recall(self, key: object) -> Any:
        """Return what a policy put into `memo` for this request, in this pass or one around it; else `None`."""
        exchange: Exchange | None = self
        while exchange is not None:
            if key in exchange.memo:
                return exchange.memo[key]
            exchange = exchange.outer
        return None

    def add_header(self, name: str, value: str) -> None:
        """Put a header on the response, whoever sends it, after all policies have had their say.

        `Vary` is merged, and so are the fields of rate limits: each stands once.

        Raises:
            ValueError: Name or value cannot stand in a header.
        """
        pair = header_pair(name, value)
        exchange = self
        while exchange.outer is not None:
            exchange = exchange.outer
        if exchange.added is None:
            exchange.added = []
        exchange.added.append(pair)

    def report(
        self,
        name: str,
        reason: str,
        *,
        policy: object,
        rehearsed: bool = False,
        level: int = logging.WARNING,
        principal: str | None = None,
    ) -> None:
        """Emit a security event of this request: an OWASP name, a reason from a closed set, and who speaks.

        `principal` is who it is about, where that is another than who was authenticated.
        """
        caller = (self.scope.get("state") or {}).get("principal")
        event = SecurityEvent(
            name=name,
            reason=reason,
            policy=type(policy).__name__,
            rehearsed=rehearsed,
            client=self.client,
            principal=principal or getattr(caller, "subject", None),
            request_id=self.request_id,
            method=self.scope.get("method", "WEBSOCKET"),
            path=self.scope["path"],
            level=level,
        )
        emit(event, self._all_sinks())

    @property
    def sinks(self) -> Sequence[EventSink]:
        """Who is told of security events, besides the log."""
        return ()

    def _all_sinks(self) -> list[EventSink]:
        """Return whom this pass and those around it tell, each once: a pass hears of what is refused inside of it."""
        sinks: list[EventSink] = []
        exchange: Exchange | None = self
        while exchange is not None:
            sinks += (sink for sink in exchange.sinks if sink not in sinks)
            exchange = exchange.outer
        return sinks

    async def replace(self) -> None:
        """Send the refusal now, where that can be done; else it is sent when the application sends or ends."""

    def refuse(self, error: SecurityError, by: "Policy | None" = None) -> SecurityError:
        """Let `error` be the answer, whatever the application makes of it, unless a response has started.

        For what is found while the application runs: a body over its limit, a guard that says no. Raise what this
        returns, to stop the application.

        Args:
            error: The refusal. A WebSocket that was accepted is closed with its code.
            by: The policy that refuses: only those outside of it see the answer. All of them where it is left out.
        """
        # What answered a handshake by a response cannot be closed, and what has begun not be taken back.
        if self.refusal is None and self.status in {None, SWITCHING_PROTOCOLS}:
            self.refusal = error
            self.refused_by = by
        return error


def header_pair(name: str, value: str) -> Pair:
    """Encode a header; refuse what could end the line or begin another."""
    pair = name.encode("ascii", "replace").lower(), value.encode("ascii", "replace")
    if not is_token(pair[0]) or not is_field_value(pair[1]) or not value.isascii():
        raise ValueError("a header is a token and a value of visible ASCII, without line breaks")
    return pair


class Policy:
    """The contract of a policy. Derive from it, define the hooks you need, check the options in the constructor.

    Two policies that compare equal do the same work: within one request the inner one is left out.
    """

    __slots__ = ()

    response_headers: Sequence[Pair] = ()
    """Constant headers of every response, set unless the application (or a policy inside of this one) set them."""

    may_refuse: ClassVar[bool] = True
    """False where `on_request` never refuses: such policies also see a request that the pass itself refuses."""

    sets_constants: ClassVar[bool] = False
    """True where `on_response` sets `response_headers` itself, which spares the pass a step."""

    ends_at_once: ClassVar[bool] = False
    """True where `on_end` neither waits nor raises, which spares the pass a coroutine."""

    dry_run: bool = False
    """True: what this policy would refuse is reported as an event, and passes."""

    closes: Sequence[Closable] = ()
    """What is closed when the application shuts down: stores, counters to flush."""

    needs: Sequence[str] = ()
    """What a policy further out has to find out first, such as `principal`: the other order is a `ConfigError`."""

    provides: Sequence[str] = ()
    """What this policy finds out for those inside of it."""

    leaves_out: Sequence[str] = ()
    """Hooks that are defined, and have nothing to do with the options of this policy: they are not called."""

    tracks_names: ClassVar[bool] = False
    """True where `on_response` keeps `exchange.names` true itself, which spares the pass reading the list again."""

    def on_request(self, exchange: Exchange) -> Verdict | Awaitable[Verdict]:
        """Judge a request: return `None` to let it pass, an `Answer` or a `SecurityError` to answer it."""

    def wrap_receive(self, exchange: Exchange, receive: Receive) -> Receive:
        """Return what the application reads body and messages through; called once this policy let it pass."""
        return receive

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        """Edit the headers of the response, in place, as it starts."""

    def on_end(self, exchange: Exchange, error: BaseException | None) -> Awaitable[None] | None:
        """Clean up. Runs whatever happened, in reverse order, for every policy that saw the request."""


PLAIN_FUNCTION = "write a plain function: a coroutine is true whatever it would return"


def is_coroutine_function(function: object) -> bool:
    """Tell whether calling `function` makes a coroutine, which counts as true before it has said anything."""
    return iscoroutinefunction(function) or iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004 - which kind


class Exempt:
    """Which requests a policy leaves alone: exact paths, or a predicate of the exchange.

    A path is compared byte by byte with the decoded path below `root_path`. There are no prefixes and no patterns: an
    exemption that is wider than it looks is a hole.
    """

    __slots__ = ("_paths", "_predicate")

    def __init__(self, option: str, exempt: Iterable[str] | Callable[[Exchange], bool]) -> None:
        self._predicate = exempt if callable(exempt) else None
        self._paths: frozenset[str] = frozenset()
        if callable(exempt):
            if is_coroutine_function(exempt):
                raise ConfigError(option, exempt, PLAIN_FUNCTION)
            return
        if isinstance(exempt, str):
            raise ConfigError(option, exempt, f"write a list: [{exempt!r}]")
        if not isinstance(exempt, Iterable):
            raise ConfigError(option, exempt, "write a list of exact paths, or a predicate of the exchange")
        paths = tuple(exempt)
        for path in paths:
            if not isinstance(path, str) or not path.startswith("/") or any(sign in path for sign in "*?#"):
                raise ConfigError(option, path, "write an exact path such as '/health', or a predicate of the exchange")
        self._paths = frozenset(paths)

    def __bool__(self) -> bool:
        return bool(self._paths) or self._predicate is not None

    def __call__(self, exchange: Exchange) -> bool:
        """Tell whether to leave a request alone."""
        if self._predicate is not None:
            # Nothing else that counts as true: to exempt is to open.
            return self._predicate(exchange) is True
        return path_below_root(exchange.scope) in self._paths


def path_below_root(scope: Mapping[str, Any]) -> str:
    """Return the path below `root_path`; servers differ on whether `path` contains it."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path
