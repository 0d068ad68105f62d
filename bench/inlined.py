"""The four policies written out by hand in one function: what the pass is measured against.

It gives the answers of

    SecurityMiddleware(app, RequestID(), SecurityHeaders(), TrustedHosts(hosts), CORS(**CORS_OPTIONS))

to HTTP requests and WebSocket handshakes, refusals and failures included; `tests/bench/test_inlined.py` compares them.
Nothing is configurable and no step is a call that could stand here, so it shows what a loop over policies costs.
What ordinary requests never reach is in functions below, with the package's own parsers.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from asgisec import SecurityHeaders
from asgisec._plan import _USUAL
from asgisec._wire.headers import Pair, join_repeated, merge_vary
from asgisec._wire.host import parse_host
from asgisec._wire.origin import is_own
from asgisec.context import Trace, current, new_id, new_trace
from asgisec.errors import BadRequest, OriginNotAllowed, SecurityError
from asgisec.policies.request_id import _WELL_FORMED
from asgisec.policy import Answer
from bench.traffic import CORS_OPTIONS, ORIGINS

__all__ = ["inlined"]

ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_KINDS = frozenset({"http", "websocket"})
_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_CONSTANTS = tuple(SecurityHeaders().response_headers)
_CONSTANT_NAMES = frozenset(name for name, _ in _CONSTANTS)
_STRIPPED = frozenset({b"server", b"x-powered-by"})
_HSTS = (b"strict-transport-security", b"max-age=63072000; includeSubDomains")
_VARY = (b"vary", b"Origin")
_PREFLIGHT_VARIES = (
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
)
_REPEATED = BadRequest("A header that may come once only was repeated.")
_STRANGER = OriginNotAllowed()
_CREDENTIALS = (b"access-control-allow-credentials", b"true")
_GRANTED = {
    origin.encode(): (
        (b"access-control-allow-origin", origin.encode()),
        _CREDENTIALS,
        (b"access-control-expose-headers", b"X-Request-ID"),
    )
    for origin in ORIGINS
}
_GRANTING = frozenset(
    {b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers"}
)
_METHODS = [method.encode() for method in CORS_OPTIONS["allow_methods"]]
_MAY_ASK = b"Accept, Accept-Language, Authorization, Content-Language, Content-Type, X-Request-ID"


class _ServerError(SecurityError):
    status = 500
    default_detail = "The server could not answer this request."
    default_reason = "server_error"
    close_code = 1011


def inlined(app: ASGIApp, hosts: Sequence[str]) -> ASGIApp:  # noqa: C901, PLR0915 - counts what is inside
    """Wrap an application."""
    allowed_hosts = frozenset(host.encode() for host in hosts)

    async def middleware(scope: Any, receive: Any, send: Any) -> None:  # noqa: C901, PLR0915 - one frame
        kind = scope["type"]
        if kind not in _KINDS:
            await app(scope, receive, send)
            return
        pairs = scope["headers"]
        headers = dict(pairs)
        contradictory = False
        if len(headers) != len(pairs):
            headers, contradictory = join_repeated(pairs)

        inbound = headers.get(b"x-request-id")
        request_id = inbound.decode() if inbound is not None and _WELL_FORMED(inbound) else new_id()
        scope = {**scope}
        state = scope.get("state")
        if state is None:
            state = scope["state"] = {}
        state["request_id"] = request_id
        origin = headers.get(b"origin")
        started = False

        def outgoing(message: Any) -> Awaitable[None]:
            nonlocal started
            if started or message["type"] not in _STARTS:
                sent: Awaitable[None] = send(message)
                return sent
            started = True
            own = [*message.get("headers", ())]
            names: set[bytes] = set()
            for name, _ in own:
                names.add(name)
            if not (names <= _USUAL or b"".join(names).islower()):
                own = [(name.lower(), value) for name, value in own]
                names = {name for name, _ in own}
            if b"vary" in names:
                merge_vary(own, (b"Origin",))
            else:
                own.append(_VARY)
            if origin is not None and b"access-control-allow-origin" not in names and origin in _GRANTED:
                granted = _GRANTED[origin]
                own += granted if _GRANTING.isdisjoint(names) else [pair for pair in granted if pair[0] not in names]
            if _CONSTANT_NAMES.isdisjoint(names):
                own += _CONSTANTS
            else:
                own += [pair for pair in _CONSTANTS if pair[0] not in names]
            if not _STRIPPED.isdisjoint(names):
                own = [pair for pair in own if pair[0] not in _STRIPPED]
            if scope.get("scheme") in ("https", "wss") and _HSTS[0] not in names:
                own.append(_HSTS)
            if b"x-request-id" not in names:
                own.append((b"x-request-id", request_id.encode()))
            else:
                first = next(pair for pair in own if pair[0] == b"x-request-id")
                own = [pair for pair in own if pair[0] != b"x-request-id" or pair is first]
            message = dict(message)
            message["headers"] = own
            answered: Awaitable[None] = send(message)
            return answered

        trace = new_trace(Trace)
        trace.request_id = request_id
        trace.inbound = headers.get(b"traceparent")
        trace.begun = None
        token = current.set(trace)
        try:
            if contradictory:
                await _refuse(scope, send, Answer.problem(_REPEATED, request_id), request_id)
            elif headers.get(b"host") not in allowed_hosts and (
                refusal := _judge_host(scope, headers.get(b"host"), allowed_hosts)
            ):
                await _refuse(scope, send, refusal, request_id)
            elif kind == "websocket" and origin is not None and not _may_connect(origin, headers):
                await _refuse(scope, send, Answer.problem(_STRANGER, request_id), request_id)
            elif (
                origin is not None
                and kind == "http"
                and scope["method"] == "OPTIONS"
                and b"access-control-request-method" in headers
            ):
                await _refuse(scope, send, _preflight(origin, headers), request_id)
            else:
                await app(scope, receive, outgoing)
        except Exception as error:
            if not await _answer_failure(scope, outgoing, error, request_id, started=started):
                raise
        finally:
            try:
                current.reset(token)
            except ValueError:
                current.set(None)

    return middleware


async def _refuse(scope: Any, send: Any, answer: Answer, request_id: str) -> None:
    """Answer with the headers that the policies outside of the refusing one give: the constants and the id."""
    own = [*answer.headers, *_CONSTANTS]
    if scope.get("scheme") in {"https", "wss"}:
        own.append(_HSTS)
    await _send(scope, send, answer, [*own, (b"x-request-id", request_id.encode())])


async def _answer_failure(scope: Any, send: Any, error: Exception, request_id: str, *, started: bool) -> bool:
    """Answer an exception that nobody else will answer; tell whether that was all that it wanted."""
    if "app" not in scope and not started:
        refusal = isinstance(error, SecurityError)
        answer = Answer.problem(error if isinstance(error, SecurityError) else _ServerError(), request_id)
        # What the peer's absence raises now must not hide the application's failure.
        with suppress(*(() if refusal else (Exception,))):
            await _send(scope, send, answer, [*answer.headers])
        if refusal:
            return True
    error.add_note(f"request id: {request_id}")
    return False


async def _send(scope: Any, send: Any, answer: Answer, headers: list[Pair]) -> None:
    prefix = ""
    if scope["type"] == "websocket":
        prefix = "websocket."
        if "websocket.http.response" not in (scope.get("extensions") or ()):
            await send({"type": "websocket.close", "code": answer.close_code, "reason": answer.close_reason})
            return
    await send({"type": f"{prefix}http.response.start", "status": answer.status, "headers": headers})
    body = b"" if scope.get("method") == "HEAD" else answer.body
    await send({"type": f"{prefix}http.response.body", "body": body})


def _judge_host(scope: Any, value: bytes | None, allowed: frozenset[bytes]) -> Answer | None:
    host = None if value is None else parse_host(value)
    if host is not None:
        if host.name.encode() in allowed:
            return None
        if f"www.{host.name}".encode() in allowed:
            port = "" if host.port is None else f":{host.port}"
            location = f"{scope['scheme']}://www.{host.name}{port}{scope['path']}".encode()
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            return Answer(307, [(b"location", location + query)])
    return Answer.plain(400, "Invalid host header")


def _may_connect(origin: bytes, headers: dict[bytes, bytes]) -> bool:
    return origin in _GRANTED or is_own(origin, headers.get(b"host", b""))


def _preflight(origin: bytes, request: dict[bytes, bytes]) -> Answer:
    failures = [] if origin in _GRANTED else ["origin"]
    headers = [(b"vary", _PREFLIGHT_VARIES)]
    if not failures:
        headers = [
            (b"access-control-allow-origin", origin),
            *headers,
            (b"access-control-allow-methods", b", ".join(_METHODS)),
            (b"access-control-max-age", b"600"),
            _CREDENTIALS,
            (b"access-control-allow-headers", _MAY_ASK),
        ]
    if request[b"access-control-request-method"] not in _METHODS:
        failures.append("method")
    asked = request.get(b"access-control-request-headers")
    if asked is not None and not {name.strip().lower() for name in asked.split(b",")} <= {
        *_MAY_ASK.lower().split(b", ")
    }:
        failures.append("headers")
    if b"access-control-request-private-network" in request:
        failures.append("private-network")
    if failures:
        return Answer.plain(400, "Disallowed CORS " + ", ".join(failures), headers)
    return Answer.plain(200, "OK", headers)
