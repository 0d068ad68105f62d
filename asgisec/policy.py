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

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, TypeAlias

from asgisec._answer import Answer, header_pair
from asgisec._exempt import Exempt
from asgisec._wire.headers import Pair
from asgisec.errors import SecurityError
from asgisec.events import EventSink, SecurityEvent, emit
from asgisec.stores.protocols import Closable

__all__ = ["Answer", "Exchange", "Exempt", "Policy", "Verdict"]

Scope: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

SCOPE_KEY = "asgisec"  # where in the scope the application, or a pass inside, finds the exchange of the pass around it
SWITCHING_PROTOCOLS = 101  # the status of a WebSocket that was accepted

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
