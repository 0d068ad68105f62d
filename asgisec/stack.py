"""The one pass: any number of policies around an application, in one middleware.

    app = SecurityMiddleware(app, RequestID(), TrustedHosts(["api.example.com"]), SecurityHeaders())

- The first policy listed is the outermost: requests meet policies in the order listed, responses in reverse.
- A policy that answers a request gets its answer dressed by the policies outside of it.
- A pass directly around a pass is one pass; around anything else it is a pass of its own, which does not repeat what
  the outer one did.
- A header that may come once only and is repeated is answered with 400, before the first policy that may refuse.
- A WebSocket is refused by a response where the server can send one (`websocket.http.response`), else closed.
- An exception that reaches the outermost pass before a response started is answered with 500, without a word of it, and
  goes on to the server's log. Inside a framework's middleware stack that answer is the framework's.

This module is the only one that sends.
"""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import suppress
from inspect import iscoroutine, iscoroutinefunction
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from anyio import move_on_after

from asgisec._plan import Plan, dress
from asgisec._wire.headers import Pair, join_repeated
from asgisec.errors import ConfigError, SecurityError
from asgisec.events import EventSink
from asgisec.policy import Answer, Exchange, Policy, Receive, Scope, Verdict, path_below_root

__all__ = ["InstalledMiddleware", "SecurityMiddleware", "not_starting", "refuse"]

Send: TypeAlias = Callable[[Any], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

SCOPE_KEY = "asgisec"  # where in the scope a pass inside finds the exchange of the pass around it

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_SWITCHING_PROTOCOLS = 101

# Clean-up that waits (a lease given back to a store) may outlive the cancelled request by this much, in seconds.
_CLEANUP_GRACE = 5.0


class _ServerError(SecurityError):
    status = 500
    default_detail = "The server could not answer this request."
    default_reason = "server_error"
    close_code = 1011


class _Pass(Exchange):
    """An exchange, with what the pass alone knows of it and the way its response takes."""

    answered = False
    failed_inside: "tuple[BaseException, _Pass, int] | None" = None

    def __init__(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive, send: Send, plan: Plan) -> None:
        # Not through super(): a call more per request.
        self.scope = scope
        self.headers = headers
        self.receive = receive
        self.memo = {}
        self.plan = plan
        self.sinks = plan.sinks
        self.send = send

    def outgoing(self, message: Any) -> Awaitable[None]:
        """Pass on what the application sends: dressed where a response starts, replaced where it was refused."""
        # A plain function, not a coroutine around another: the application awaits the server's own `send`.
        if self.refusal is not None:
            return _replace(self)
        if self.status is None and message["type"] in _STARTS:
            self.status = message.get("status", _SWITCHING_PROTOCOLS)
            headers = dress(self, [*message.get("headers", ())], self.plan.dressers[-1])
            message = {**message, "headers": headers}
        return self.send(message)


class SecurityMiddleware:
    """Run policies around an ASGI application.

    Args:
        app: The application.
        policies: The policies, outermost first.
        on_event: A callable, or several, to be told of every security event besides the logger `asgisec.events`.

    Raises:
        ConfigError: Something among `policies` is not a policy, or `on_event` cannot be called.
    """

    _fuses = True
    _installed = False

    def __init__(self, app: ASGIApp, *policies: Policy, on_event: EventSink | Sequence[EventSink] = ()) -> None:
        self._app = app
        self._own = policies
        self._innermost = app
        sinks = _sinks(on_event)
        # Of a subclass we know nothing: it may do more than its policies say.
        if isinstance(app, SecurityMiddleware) and "_fuses" in vars(type(app)):
            self._innermost = app._innermost  # noqa: SLF001 - our own
            self._installed = self._installed or app._installed  # noqa: SLF001 - our own
            sinks = (*sinks, *(sink for sink in app._plan.sinks if sink not in sinks))  # noqa: SLF001 - our own
            policies = (*policies, *app.policies)
        self._plan: Plan = Plan(policies, sinks=sinks)
        self._plans_inside: WeakKeyDictionary[Plan, Plan] = WeakKeyDictionary()

    @property
    def app(self) -> ASGIApp:
        """The application that was wrapped."""
        return self._app

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies of this pass, outermost first, those of a pass fused with it included."""
        return self._plan.policies

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, (self._app, *self._own)))})"

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Run the pass over one connection; other scope types pass through untouched."""
        if scope["type"] != "http" and scope["type"] != "websocket":
            await self._innermost(scope, receive, send)
            return
        outer: _Pass | None = scope.get(SCOPE_KEY)
        plan = self._plan if outer is None else self._plan_inside(outer, scope)
        if not plan.policies:
            await self._innermost(scope, receive, send)
            return

        exchange = _begin(scope, receive, send, plan)
        if outer is not None:
            exchange.outer = outer
        failure: BaseException | None = None
        reached = 0
        try:
            for reached, meet in exchange.plan.requests:
                verdict = meet(exchange)
                if verdict is not None and (verdict := await _judged(exchange, verdict, reached)) is not None:
                    await _answer(exchange, verdict, reached)
                    break
            else:
                reached = len(plan.policies)
                # A copy for the application: the exchange in its own scope would be a cycle, left to the collector.
                await self._innermost({**exchange.scope, SCOPE_KEY: exchange}, exchange.receive, exchange.outgoing)
        except BaseException as error:  # noqa: BLE001 - raised again below, after what must run whatever happened
            failure = error
        if exchange.plan.ends:
            failure = await _end(exchange, reached, failure)
        if failure is not None or exchange.refusal is not None:
            try:
                if not await self._settle(exchange, reached, failure) and failure is not None:
                    raise failure
            finally:
                failure = None  # its traceback holds this frame: let go, or both wait for the collector

    def _plan_inside(self, outer: _Pass, scope: MutableMapping[str, Any]) -> Plan:
        """Return the plan without what the pass around this one did already, for this very request."""
        if any(outer.scope.get(key) != scope.get(key) for key in _SAME) or _path(outer.scope) != _path(scope):
            return self._plan
        plan = self._plans_inside.get(outer.plan)
        if plan is None:
            plan = self._plans_inside[outer.plan] = Plan(self._plan.policies, outer.plan.covered, self._plan.sinks)
        return plan

    async def _settle(self, exchange: _Pass, reached: int, failure: BaseException | None) -> bool:
        """Give the answer that is still owed; tell whether the failure, if any, is answered by it."""
        if failure is not None and not isinstance(failure, Exception):
            return False
        if exchange.refusal is not None:
            await _replace(exchange)
        if failure is None or (exchange.refusal is not None and _comes_of(failure, exchange.refusal)):
            return True
        if exchange.outer is not None:
            if exchange.status is None and isinstance(exchange.outer, _Pass):
                exchange.outer.failed_inside = (failure, exchange, reached)
            return False
        if self._installed or "app" not in exchange.scope:
            open_socket = exchange.scope["type"] == "websocket" and not exchange.answered
            if isinstance(failure, SecurityError) and (exchange.status is None or open_socket):
                exchange.report(failure.event, failure.reason, policy=failure)
                await _answer(exchange, failure, reached, failure)
                return True
            if exchange.status is None:
                # The peer may be gone; what is raised then must not hide what went wrong first.
                with suppress(Exception):
                    await _answer(exchange, _ServerError(), reached, failure)
        _note(failure, exchange)
        return False


class InstalledMiddleware(SecurityMiddleware):
    """The pass that `install` puts around a framework's whole stack: it answers what nothing inside answered."""

    _fuses = True
    _installed = True


def _sinks(on_event: EventSink | Sequence[EventSink]) -> tuple[EventSink, ...]:
    option = "SecurityMiddleware(on_event=)"
    if not callable(on_event) and not isinstance(on_event, Sequence):
        raise ConfigError(option, on_event, "write a callable that takes a SecurityEvent, or a list of them")
    sinks = (on_event,) if callable(on_event) else tuple(on_event)
    for sink in sinks:
        if not callable(sink):
            raise ConfigError(option, sink, "write a callable that takes a SecurityEvent")
        if iscoroutinefunction(sink) or iscoroutinefunction(getattr(sink, "__call__", None)):  # noqa: B004 - which kind
            raise ConfigError(option, sink, "write a plain function: nobody would await it; let it feed a queue")
    return sinks


def _begin(scope: Any, receive: Receive, send: Send, plan: Plan) -> _Pass:
    lines = scope["headers"]
    headers = dict(lines)
    if len(headers) != len(lines):
        headers, contradictory = join_repeated(lines)
        plan = plan.contradictory if contradictory else plan
    return _Pass({**scope}, headers, receive, send, plan)


async def _judged(exchange: _Pass, verdict: Answer | SecurityError | Awaitable[Verdict], place: int) -> Verdict:
    """Return what a policy answers; of a refusal tell the events, and of one that is rehearsed only them."""
    found = verdict if isinstance(verdict, Answer | SecurityError) else await verdict
    event = (found.event, found.reason) if isinstance(found, SecurityError) else found and found.event
    if not event:
        return found
    policy = exchange.plan.policies[place]
    exchange.report(*event, policy=policy, rehearsed=policy.dry_run)
    return None if policy.dry_run else found


async def _end(exchange: _Pass, reached: int, failure: BaseException | None) -> BaseException | None:
    """Run what must run whatever happened; return what failed last, as nested `finally` blocks would raise it."""
    for place, on_end in exchange.plan.ends:
        if place <= reached:
            try:
                pending = on_end(exchange, failure)
                if pending is not None:
                    await (pending if failure is None else _shielded(pending, failure))
            except BaseException as error:  # noqa: BLE001 - raised again by the pass
                failure = error
    return failure


def refuse(scope: Any, error: SecurityError) -> None:
    """Answer the request of `scope` with a refusal that a framework caught on its way to the pass."""
    exchange: Exchange = scope[SCOPE_KEY]
    exchange.refuse(error)


def not_starting(error: ConfigError) -> ASGIApp:
    """Return an application that stops the server at start, and serves nothing where the server has no start."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            raise error
        await receive()
        await send({"type": "lifespan.startup.failed", "message": str(error)})

    return app


# Two scopes are of one request where these agree: a scope that was rewritten in between has not been judged yet.
_SAME = ("type", "method", "scheme", "query_string", "client", "headers")


def _path(scope: MutableMapping[str, Any]) -> str:
    root: str = scope.get("root_path", "")
    return root.rstrip("/") + path_below_root(scope)


async def _replace(exchange: _Pass) -> None:
    """Answer with the refusal, once, and drop what the application makes of it."""
    if exchange.answered or exchange.refusal is None:
        return
    exchange.answered = True
    policies = exchange.plan.policies
    place = next((n for n, policy in enumerate(policies) if policy is exchange.refused_by), len(policies))
    exchange.report(exchange.refusal.event, exchange.refusal.reason, policy=exchange.refused_by or exchange.refusal)
    await _answer(exchange, exchange.refusal, place)


async def _answer(
    exchange: _Pass, verdict: Answer | SecurityError, place: int, failure: BaseException | None = None
) -> None:
    """Send an answer, dressed by the policies outside of `place`; close a WebSocket that can take none."""
    answer = verdict if isinstance(verdict, Answer) else Answer.problem(verdict, _request_id(exchange, failure))
    prefix, scope = "", exchange.scope
    if scope["type"] == "websocket":
        prefix = "websocket."
        if exchange.status is not None or "websocket.http.response" not in (scope.get("extensions") or ()):
            await exchange.send({"type": "websocket.close", "code": answer.close_code, "reason": answer.close_reason})
            return
    exchange.status = answer.status
    headers = _dressed(exchange, [*answer.headers], place, failure)
    await exchange.send({"type": f"{prefix}http.response.start", "status": answer.status, "headers": headers})
    # RFC 9110 section 9.3.2: no content in the answer to HEAD. Not every server sees to it.
    body = b"" if scope.get("method") == "HEAD" else answer.body
    await exchange.send({"type": f"{prefix}http.response.body", "body": body})


def _dressed(exchange: _Pass, headers: list[Pair], place: int, failure: BaseException | None) -> list[Pair]:
    # A pass that a failure went through could not dress the answer then; it does so now, innermost first.
    if failure is not None and exchange.failed_inside is not None and exchange.failed_inside[0] is failure:
        _, inside, inside_place = exchange.failed_inside
        headers = _dressed(inside, headers, inside_place, failure)
    return dress(exchange, headers, exchange.plan.dressers[place])


def _request_id(exchange: _Pass, failure: BaseException | None) -> str | None:
    inside = exchange.failed_inside
    if failure is not None and inside is not None and inside[0] is failure:
        return exchange.request_id or _request_id(inside[1], failure)
    return exchange.request_id


def _comes_of(failure: BaseException, refusal: SecurityError) -> bool:
    """Tell whether an exception is the refusal, or what somebody made of it."""
    seen: set[int] = set()
    error: BaseException | None = failure
    while error is not None and id(error) not in seen:
        if error is refusal:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _note(failure: Exception, exchange: _Pass) -> None:
    """Put the request id on an exception on its way to the server's log."""
    request_id = _request_id(exchange, failure)
    if request_id is None:
        return
    # An exception may be frozen, or carry notes of another kind: then the log does without.
    with suppress(Exception):
        # One instance raised for every request would otherwise gather the ids of all.
        failure.__notes__ = [note for note in getattr(failure, "__notes__", ()) if not note.startswith(_NOTE)]
        failure.add_note(_NOTE + request_id)


_NOTE = "request id: "


async def _shielded(pending: Awaitable[None], failure: BaseException) -> None:
    """Wait for clean-up although the request was cancelled, for a limited time."""
    if isinstance(failure, GeneratorExit):
        # The request's coroutine is being closed: nothing can be awaited any more.
        if iscoroutine(pending):
            pending.close()
        return
    with move_on_after(_CLEANUP_GRACE, shield=True):
        await pending
