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

Only this module and `asgisec._response`, the way a response takes, send.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import suppress
from inspect import iscoroutine
from typing import Any
from weakref import WeakKeyDictionary

from anyio import move_on_after

from asgisec._exempt import is_coroutine_function, path_below_root
from asgisec._lifespan import with_closing
from asgisec._plan import Plan
from asgisec._response import Pass, Send, answer, forget, place_of_refusal, replace, request_id_of
from asgisec._wire.headers import Pair, join_repeated
from asgisec.errors import BadRequest, ConfigError, SecurityError
from asgisec.events import EventSink
from asgisec.policy import SCOPE_KEY, SWITCHING_PROTOCOLS, Answer, ASGIApp, Exchange, Policy, Receive, Verdict
from asgisec.stores.protocols import Closable

__all__ = ["ASGIApp", "InstalledMiddleware", "SecurityMiddleware", "not_starting", "refuse"]

# Clean-up that waits (a lease given back to a store) may outlive its request, cancelled or not, by this many seconds.
_CLEANUP_GRACE = 5.0


class _ServerError(SecurityError):
    status = 500
    default_detail = "The server could not answer this request."
    default_reason = "server_error"
    close_code = 1011


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

    @property
    def closes(self) -> tuple[Closable, ...]:
        """What its policies use, and is closed when an application shuts down that they were installed on."""
        return self._plan.closes

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, (self._app, *self._own)))})"

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:  # noqa: C901, PLR0912, PLR0915 - see below
        """Run the pass over one connection; other scope types pass through, but for the end of an installed one."""
        if scope["type"] != "http" and scope["type"] != "websocket":
            await self._pass_through(scope, receive, send)
            return
        outer: Pass | None = scope.get(SCOPE_KEY)
        plan = self._plan if outer is None else self._plan_inside(outer, scope)
        if not plan.policies:
            await self._innermost(scope, receive, send)
            return

        # The request path is one frame, and attributes are set one by one: each call would cost as much as a policy.
        lines = scope["headers"]
        headers = dict(lines)
        if len(headers) != len(lines):
            headers, plan = _joined(lines, plan)
        exchange = _new_pass(Pass)
        exchange.scope = {**scope}
        exchange.headers = headers
        exchange.receive = receive
        exchange.send = send
        exchange.plan = plan
        exchange.memo = {}
        exchange.status = exchange.refusal = exchange.refused_by = exchange.added = None
        exchange.around = exchange.subprotocol = exchange.failed_inside = None
        exchange.answered = False
        exchange.outer = outer
        failure: BaseException | None = None
        reached = 0
        try:
            for reached, meet in plan.requests:
                verdict = meet(exchange)
                if verdict is not None and (verdict := await _judged(exchange, verdict, reached)) is not None:
                    await answer(exchange, verdict, reached)
                    break
            else:
                reached = len(plan.policies)
                # A copy for the application: the exchange in its own scope would be a cycle, left to the collector.
                scope = {**exchange.scope}
                scope[SCOPE_KEY] = exchange
                app = self._innermost if exchange.around is None else exchange.around(self._innermost)
                await app(scope, exchange.receive, exchange.outgoing)
        except BaseException as error:  # noqa: BLE001 - raised again below, after what must run whatever happened
            failure = error
        ends = plan.ends[reached]
        if ends:
            if failure is None and exchange.refusal is None and plan.ends_at_once:
                for _, on_end in ends:
                    on_end(exchange, None)
            else:
                reached, failure = await _end(exchange, reached, failure)
        exchange.receive = receive  # a policy's own holds the exchange
        if failure is not None or exchange.refusal is not None:
            try:
                await self._conclude(exchange, reached, failure)
            finally:
                failure = None  # its traceback holds this frame: let go, or both wait for the collector

    async def _pass_through(self, scope: Any, receive: Receive, send: Send) -> None:
        if self._installed and scope["type"] == "lifespan" and self.closes:
            await with_closing(self._innermost, self.closes, scope, receive, send)
        else:
            await self._innermost(scope, receive, send)

    def _plan_inside(self, outer: Pass, scope: MutableMapping[str, Any]) -> Plan:
        """Return the plan without what the pass around this one did already, for this very request."""
        if any(outer.scope.get(key) != scope.get(key) for key in _SAME) or _path(outer.scope) != _path(scope):
            return self._plan
        plan = self._plans_inside.get(outer.plan)
        if plan is None:
            plan = self._plans_inside[outer.plan] = Plan(self._plan.policies, outer.plan.covered, self._plan.sinks)
        return plan

    async def _conclude(self, exchange: Pass, reached: int, failure: BaseException | None) -> None:
        """Give the answer that is still owed; raise what is not answered by it."""
        try:
            if exchange.refusal is not None:
                failure = await _refused(exchange, exchange.refusal, -1, failure)
            if failure is not None and not await self._settle(exchange, reached, failure):
                raise failure
        finally:
            failure = None
            if exchange.outer is None:
                forget(exchange)

    async def _settle(self, exchange: Pass, reached: int, failure: BaseException) -> bool:
        """Answer a failure, where that is ours to do; tell whether it is dealt with."""
        if not isinstance(failure, Exception):
            return False
        if exchange.outer is not None:
            exchange.outer.failed_inside = (failure, exchange, reached)
            return False
        if self._installed or "app" not in exchange.scope:
            unanswered = exchange.status is None and not exchange.answered
            open_socket = exchange.status == SWITCHING_PROTOCOLS and not exchange.answered
            if isinstance(failure, SecurityError) and (unanswered or open_socket):
                if not failure.reported:
                    exchange.report(failure.event, failure.reason, policy=failure)
                await answer(exchange, failure, reached, failure)
                return True
            if unanswered:
                # The peer may be gone; what is raised then must not hide what went wrong first.
                with suppress(Exception):
                    await answer(exchange, _ServerError(), reached, failure)
        _note(failure, exchange)
        return False


class InstalledMiddleware(SecurityMiddleware):
    """The pass that `install` puts around a framework's whole stack: it answers what nothing inside answered."""

    _fuses = True
    _installed = True


_new_pass: Callable[[type[Pass]], Pass] = object.__new__


def _joined(lines: Iterable[Pair], plan: Plan) -> tuple[dict[bytes, bytes], Plan]:
    """Return the headers of a request that repeats some, and the plan for it."""
    headers, contradictory = join_repeated(lines)
    return headers, plan.contradictory if contradictory else plan


def _sinks(on_event: EventSink | Sequence[EventSink]) -> tuple[EventSink, ...]:
    option = "SecurityMiddleware(on_event=)"
    if not callable(on_event) and (isinstance(on_event, str) or not isinstance(on_event, Sequence)):
        raise ConfigError(option, on_event, "write a callable that takes a SecurityEvent, or a list of them")
    sinks = (on_event,) if callable(on_event) else tuple(on_event)
    for sink in sinks:
        if not callable(sink):
            raise ConfigError(option, sink, "write a callable that takes a SecurityEvent")
        if is_coroutine_function(sink):
            raise ConfigError(option, sink, "write a plain function: nobody would await it; let it feed a queue")
    return sinks


async def _judged(exchange: Pass, verdict: Answer | SecurityError | Awaitable[Verdict], place: int) -> Verdict:
    """Return what a policy answers; of a refusal tell the events, and of one that is rehearsed only them."""
    found = verdict if isinstance(verdict, Answer | SecurityError) else await verdict
    event = (found.event, found.reason) if isinstance(found, SecurityError) else found and found.event
    if not event:
        return found
    policy = exchange.plan.policies[place]
    # Who is sent elsewhere, to HTTPS or to `www.`, is refused nothing.
    level = logging.INFO if isinstance(found, Answer) and found.status < BadRequest.status else logging.WARNING
    exchange.report(*event, policy=policy, rehearsed=policy.dry_run, level=level)
    return None if policy.dry_run else found


async def _end(exchange: Pass, reached: int, failure: BaseException | None) -> tuple[int, BaseException | None]:
    """Run what must run whatever happened; return what failed last, as `finally` blocks would raise it, and where."""
    for place, on_end in exchange.plan.ends[reached]:
        if exchange.refusal is not None:
            failure = await _refused(exchange, exchange.refusal, place, failure)
        try:
            pending = on_end(exchange, failure)
            if pending is not None:
                await _shielded(pending, failure)
        except BaseException as error:  # noqa: BLE001 - raised again by the pass
            # The log must still tell what went wrong first. A refusal is not: what comes of one is answered by it.
            if error.__context__ is None and not any(isinstance(e, SecurityError) for e in _chain(failure)):
                with suppress(Exception):  # it may be frozen
                    error.__context__ = failure
            failure, reached = error, min(reached, place + 1)
    return reached, failure


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


async def _refused(
    exchange: Pass, refusal: SecurityError, place: int, failure: BaseException | None
) -> BaseException | None:
    """Give the refusal before the policies outside of the one that refused end; return what failed besides."""
    if place >= place_of_refusal(exchange):
        return failure
    if failure is not None and not isinstance(failure, Exception):
        exchange.refusal = None  # who is cancelled answers nothing
        return failure
    try:
        await replace(exchange)
    except BaseException as error:  # noqa: BLE001 - raised again by the pass
        return error
    refusal.__traceback__ = None  # it holds the exchange, which holds the refusal
    return None if _comes_of(failure, refusal) else failure


def _comes_of(failure: BaseException | None, refusal: SecurityError) -> bool:
    """Tell whether an exception is the refusal, or what somebody made of it; a group is, where all in it are."""
    for error in _chain(failure):
        if isinstance(error, BaseExceptionGroup):
            # What it was raised in does not matter: nothing that it holds may be lost.
            return all(_comes_of(inner, refusal) for inner in error.exceptions)
        if error is refusal:
            return True
    return False


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk an exception and what it was made of."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__


def _note(failure: Exception, exchange: Pass) -> None:
    """Put the request id on an exception on its way to the server's log."""
    request_id = request_id_of(exchange, failure)
    if request_id is None:
        return
    # An exception may be frozen, or carry notes of another kind: then the log does without.
    with suppress(Exception):
        # One instance raised for every request would otherwise gather the ids of all.
        failure.__notes__ = [note for note in getattr(failure, "__notes__", ()) if not note.startswith(_NOTE)]
        failure.add_note(_NOTE + request_id)


_NOTE = "request id: "


async def _shielded(pending: Awaitable[None], failure: BaseException | None) -> None:
    """Wait for clean-up although the request was cancelled, or is while we wait, for a limited time."""
    if isinstance(failure, GeneratorExit):
        # The request's coroutine is being closed: nothing can be awaited any more.
        if iscoroutine(pending):
            pending.close()
        return
    with move_on_after(_CLEANUP_GRACE, shield=True):
        await pending
