"""asgi-ratelimit: a rate limit as ASGI middleware, with functions that say who is asking."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ratelimit import RateLimitMiddleware, Rule
from ratelimit.auths.ip import client_ip
from ratelimit.auths.jwt import create_jwt_auth
from ratelimit.backends.simple import MemoryBackend
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgisec import Authentication, RateLimit, SecurityMiddleware, TrustedProxies, by_principal
from asgisec.auth import BearerAuth
from asgisec.policy import Policy
from asgisec.tokens import KeySet, TokenVerifier
from bench.compare.driving import Lines, ask, handshake, told
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests.asgi import App

__all__ = ["ROWS"]

_SECRET = "a secret of the comparison, long enough"  # noqa: S105 - it protects nothing


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def bare() -> App:
    return Starlette(routes=[Route("/", hello), WebSocketRoute("/ws", socket)])


def theirs(who: Any) -> App:
    """Limit everything below `/`, as its README does it for single paths."""
    counts = MemoryBackend()  # type: ignore[no-untyped-call]  # as there
    return RateLimitMiddleware(bare(), who, counts, {r"^/": [Rule(minute=1)]})


async def known(scope: Any) -> tuple[str, str]:
    return scope["client"][0], "default"


def by_token() -> App:
    return theirs(create_jwt_auth(_SECRET, ["HS256"]))


def by_address() -> App:
    return theirs(client_ip)


def ours(*policies: Policy) -> App:
    return SecurityMiddleware(bare(), *policies)


def our_tokens() -> App:
    keys = KeySet.from_secret(_SECRET)
    verifier = TokenVerifier(keys, issuer="https://api.example.com", audience="api")
    return ours(Authentication(BearerAuth(verifier)), RateLimit("1/minute", key=by_principal))


async def credentials(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    sent: list[Lines] = [[], [("authorization", "Bearer x.y")], [("authorization", b"Bearer \xff")]]
    seen = [(await ask(app, headers=headers)).status for headers in sent]
    return Seen(told(seen), all(status in (400, 401) for status in seen))


async def neighbour(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    seen = [(await ask(app, client="10.0.0.1")).status for _ in range(3)]
    return Seen(told(seen), seen == [200, 429, 429])


async def named_by_itself(make: Callable[[], App], headers: Lines, room: Room) -> Seen:
    answer = await ask(make(), headers=headers, client="10.0.0.1")
    return Seen(str(answer.status), answer.status < 500)


async def sockets(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    seen = [await handshake(app) for _ in range(4)]
    return Seen(told(seen), seen == ["accepted", *["refused"] * 3])


ROWS = (
    Row(
        "asgi-ratelimit-credentials",
        "limits by token; requests with none, with `Bearer x.y`, with a token that is no UTF-8",
        "401, or 400 where nothing can be read",
        partial(credentials, by_token),
        partial(credentials, our_tokens),
        note="`on_auth_error` may answer instead",
    ),
    Row(
        "asgi-ratelimit-private",
        "limits by address, 1/minute; a client with a private address asks 3 times",
        "200, 2x 429",
        partial(neighbour, by_address),
        partial(neighbour, lambda: ours(RateLimit("1/minute"))),
        note="it holds private addresses for no information",
    ),
    Row(
        "asgi-ratelimit-no-utf-8",
        "limits by address, behind a proxy; the header with the client's address is no UTF-8",
        "no 5xx",
        partial(named_by_itself, by_address, [("x-real-ip", b"\xff")]),
        partial(
            named_by_itself,
            lambda: ours(TrustedProxies(["10.0.0.0/8"]), RateLimit("1/minute")),
            [("x-forwarded-for", b"\xff")],
        ),
    ),
    Row(
        "asgi-ratelimit-websocket",
        "a limit of 1/minute; 4 WebSockets are opened",
        "accepted, 3x refused",
        partial(sockets, lambda: theirs(known)),
        partial(sockets, lambda: ours(RateLimit("1/minute"))),
        note="it says that it limits HTTP",
    ),
)
