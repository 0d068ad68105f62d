"""Proxies, HTTPS, cross-origin protection and limits, each beside the same by hand; and all eight policies in one pass.

What is written by hand gives the same answers: also to a request that repeats what may come once, and to a failure of
the application. It leaves out rehearsals, events, options that are not measured, and passes inside of passes.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from ipaddress import ip_network
from itertools import chain
from typing import Any

from anyio import move_on_after

from asgisec import (
    CORS,
    CrossOriginProtection,
    HTTPSOnly,
    RequestID,
    RequestLimits,
    SecurityHeaders,
    SecurityMiddleware,
    TrustedHosts,
    TrustedProxies,
)
from asgisec._wire.forwarded import address_of
from asgisec._wire.headers import join_repeated
from asgisec._wire.origin import is_own
from asgisec.errors import (
    BadRequest,
    ContentTooLarge,
    CrossOriginRequest,
    HeadersTooLarge,
    InsecureTransport,
    SecurityError,
    URITooLong,
)
from asgisec.policy import Answer, Policy
from bench import limited_routes
from bench.harness import ASGIApp, Expected, Goal, Group, Request, Variant
from bench.traffic import BROWSER, HOSTS, ORIGINS, bare

__all__ = ["GROUPS"]

_TRUSTED = ("10.0.0.0/8",)
_AT_MOST = 2.0
_TIMEOUT = 60.0
_MAX_BODY, _MAX_HEADERS, _MAX_LINES, _MAX_QUERY = 1_048_576, 16_384, 100, 8192


def _post(name: str, **changed: Any) -> Request:
    headers = [pair for pair in BROWSER.scope["headers"] if pair[0] not in {b"sec-fetch-site", b"origin"}]
    more = [(key.encode(), value.encode()) for key, value in changed.pop("headers", {}).items()]
    return Request(name, {**BROWSER.scope, "method": "POST", "headers": [*headers, *more], **changed})


_SENT = {"sec-fetch-site": "same-origin", "origin": "https://api.example.com", "content-length": "0"}
POST = _post("own post", headers=_SENT)
PROXIED = _post(
    "proxied post",
    headers={**_SENT, "x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"},
    client=("10.0.0.1", 40000),
    scheme="http",
)
_PLAIN = _post("plain http", headers=_SENT, scheme="http")
_FOREIGN = _post("post of another site", headers={**_SENT, "sec-fetch-site": "cross-site"})
_LARGE = _post("post that is too large", headers={**_SENT, "content-length": "9999999"})


async def reading(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, then answer."""
    while (await receive()).get("more_body"):
        pass
    await bare(scope, receive, send)


async def _refuse(send: Any, answer: Answer) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers]})
    await send({"type": "http.response.body", "body": answer.body})


_REPEATED = Answer.problem(BadRequest(), None)
_SERVER_ERROR = Answer.problem(SecurityError(), None)


def _by_hand(app: ASGIApp, judge: Callable[[Any, dict[bytes, bytes]], Answer | None]) -> ASGIApp:
    """Write down what every middleware needs that judges a request before anything else does."""

    async def by_hand(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" and scope["type"] != "websocket":
            await app(scope, receive, send)
            return
        lines = scope["headers"]
        headers = dict(lines)
        repeated = False
        if len(headers) != len(lines):
            headers, repeated = join_repeated(lines)
        scope = {**scope}
        started = False

        def outgoing(message: Any) -> Awaitable[None]:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
            sent: Awaitable[None] = send(message)
            return sent

        try:
            answer = _REPEATED if repeated else judge(scope, headers)
            if answer is None:
                await app(scope, receive, outgoing)
            else:
                await _refuse(outgoing, answer)
        except Exception:
            if not started:
                await _refuse(send, _SERVER_ERROR)
            raise

    return by_hand


def _proxies_by_hand(app: ASGIApp) -> ASGIApp:
    networks = [ip_network(entry) for entry in _TRUSTED]

    @lru_cache(maxsize=1024)
    def trusted(peer: str) -> bool:
        address = address_of(peer)
        return address is not None and any(address in network for network in networks)

    def judge(scope: Any, headers: dict[bytes, bytes]) -> None:
        peer, _ = scope["client"]
        if not trusted(peer):
            return
        for entry in reversed(headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            address = address_of(entry)
            if address is None:
                break
            scope["client"] = (str(address), 0)
            if not any(address in network for network in networks):
                break
        scheme = headers.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower()
        if scheme in {b"http", b"https"}:
            scope["scheme"] = scheme.decode()

    return _by_hand(app, judge)


def _judge_https(scope: Any, headers: dict[bytes, bytes]) -> Answer | None:
    return None if scope.get("scheme") in {"https", "wss"} else Answer.problem(InsecureTransport(), None)


_TRUSTED_ORIGINS = frozenset(origin.encode() for origin in ORIGINS)


def _judge_origin(scope: Any, headers: dict[bytes, bytes]) -> Answer | None:
    if scope["type"] == "http" and scope["method"] in {"GET", "HEAD", "OPTIONS", "QUERY"}:
        return None
    site, origin = headers.get(b"sec-fetch-site"), headers.get(b"origin")
    if site in {b"same-origin", b"none"} or (site is None and origin is None) or origin in _TRUSTED_ORIGINS:
        return None
    if site is None and origin is not None and is_own(origin, headers.get(b"host", b"")):
        return None
    return Answer.problem(CrossOriginRequest(), None)


def _judge_size(scope: Any, headers: dict[bytes, bytes]) -> Answer | None:
    lines = scope["headers"]
    if len(lines) > _MAX_LINES or sum(map(len, chain.from_iterable(lines))) > _MAX_HEADERS:
        return Answer.problem(HeadersTooLarge(), None)
    if len(scope["query_string"]) > _MAX_QUERY:
        return Answer.problem(URITooLong(), None)
    length = headers.get(b"content-length")
    if length is not None and (not length.isdigit() or int(length) > _MAX_BODY):
        return Answer.problem(ContentTooLarge(), None)
    return None


def _limits_by_hand(app: ASGIApp) -> ASGIApp:
    async def by_hand(scope: Any, receive: Any, send: Any) -> None:
        size = 0
        deadline: float | None = None
        complete = False

        async def counted() -> Any:
            nonlocal size, deadline, complete
            if complete:
                return await receive()
            now = time.monotonic()
            deadline = now + _TIMEOUT if deadline is None else deadline
            message = None
            with move_on_after(max(0.0, deadline - now)):
                message = await receive()
            if message is None:
                raise TimeoutError
            size += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if size > _MAX_BODY:
                raise ContentTooLarge
            return message

        await app(scope, counted, send)

    return _by_hand(by_hand, _judge_size)


def _group(title: str, app: ASGIApp, by_hand: ASGIApp, policy: Policy, rows: Sequence[Expected]) -> Group:
    ours, theirs = f"asgisec {type(policy).__name__}", "the same, written by hand"
    variants = [Variant(ours, SecurityMiddleware(app, policy), rows), Variant(theirs, by_hand, rows)]
    timed = [row.request for row in rows if row.status < 300]
    return Group(title, app, timed, variants, [Goal(ours, theirs, _AT_MOST)])


def _eight() -> list[Policy]:
    return [
        RequestID(),
        TrustedProxies(_TRUSTED),
        SecurityHeaders(),
        TrustedHosts(HOSTS),
        HTTPSOnly(),
        CORS(allow_origins=ORIGINS, allow_methods=["*"]),
        CrossOriginProtection(ORIGINS),
        RequestLimits(),
    ]


def _nested() -> ASGIApp:
    app: ASGIApp = bare
    for policy in reversed(_eight()):
        app = SecurityMiddleware(_hidden(app), policy)
    return app


def _hidden(app: ASGIApp) -> ASGIApp:
    async def hidden(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return hidden


_DRESSED = frozenset({b"x-request-id", b"vary", b"strict-transport-security", b"x-content-type-options"})
_EIGHT_ROWS = [
    Expected(POST, present=_DRESSED),
    Expected(PROXIED, present=_DRESSED),
    Expected(_PLAIN, status=307),
    Expected(_FOREIGN, status=403),
    Expected(_LARGE, status=413),
]

GROUPS = [
    _group(
        "Trusted proxies alone",
        bare,
        _proxies_by_hand(bare),
        TrustedProxies(_TRUSTED),
        [Expected(POST), Expected(PROXIED)],
    ),
    _group(
        "HTTPS alone",
        bare,
        _by_hand(bare, _judge_https),
        HTTPSOnly("reject"),
        [Expected(POST), Expected(_PLAIN, status=403)],
    ),
    _group(
        "Cross-origin protection alone",
        bare,
        _by_hand(bare, _judge_origin),
        CrossOriginProtection(ORIGINS),
        [Expected(POST), Expected(_FOREIGN, status=403)],
    ),
    _group(
        "Request limits alone, the body read",
        reading,
        _limits_by_hand(reading),
        RequestLimits(),
        [Expected(POST), Expected(_LARGE, status=413)],
    ),
    Group(
        "All eight policies",
        bare,
        [POST, PROXIED],
        [
            Variant("asgisec: eight policies, one pass", SecurityMiddleware(bare, *_eight()), _EIGHT_ROWS),
            Variant("asgisec: eight passes, nested", _nested(), _EIGHT_ROWS),
        ],
    ),
    *limited_routes.GROUPS,
]
