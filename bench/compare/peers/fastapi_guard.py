"""fastapi-guard: one middleware for many concerns, with a scan for patterns of attacks.

It keeps its counts for the whole process: the limit is high but where it is looked at.
"""

import json
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI, Request
from guard import SecurityConfig, SecurityMiddleware
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from asgisec import CORS, RateLimit, install, secure
from bench.compare.cost import added
from bench.compare.driving import HOST, ask, handshake, told
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests.asgi import App

__all__ = ["ROWS"]

_PAGE = "https://app.example.com"
_RECORDS = [{"id": n, "name": f"article {n}", "note": "delivered in two weeks"} for n in range(4_000)]
_LARGE = json.dumps(_RECORDS).encode()
_LONG = 500  # ms


def bare() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("hello", headers={"X-Frame-Options": "DENY"})

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError

    @app.post("/")
    async def length(request: Request) -> int:
        return len(await request.body())

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return app


def theirs(**options: Any) -> FastAPI:
    """Add the middleware as its README does, without Redis."""
    app = bare()
    config = SecurityConfig(**{"enable_redis": False, "rate_limit": 1_000_000, **options})
    app.add_middleware(SecurityMiddleware, config=config)
    return app


def without_scan(**options: Any) -> FastAPI:
    return theirs(enable_penetration_detection=False, **options)


def ours(**options: Any) -> FastAPI:
    return secure(bare(), hosts=[HOST], **options)


def their_cors(*origins: str) -> FastAPI:
    return without_scan(enable_cors=True, cors_allow_origins=[*origins], cors_allow_credentials="*" in origins)


def our_cors() -> FastAPI:
    return ours(origins=[_PAGE])


async def cost(make: Callable[[], App], room: Room) -> Seen:
    share = await added(make, bare, rounds=3, requests=5)
    return Seen(f"{1 + share:.1f} times the CPU time", share < 1)


async def honest(make: Callable[[], App], room: Room) -> Seen:
    body = b'{"text": "the answer is yes or 1=1, as you like"}'
    status = (await ask(make(), "POST", headers=[("content-type", "application/json")], body=[body])).status
    return Seen(str(status), status == 200)


async def large(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    headers = [("content-type", "application/json")]
    begin = time.monotonic()
    status = (await ask(app, "POST", headers=headers, body=[_LARGE])).status
    taken = (time.monotonic() - begin) * 1000
    return Seen(f"{status}, after {taken:,.0f} ms", status == 200 and taken < _LONG)


async def own(make: Callable[[], App], room: Room) -> Seen:
    found = (await ask(make(), path="/own")).values("x-frame-options")
    return Seen(told(f"`{value}`" for value in found), found == ["DENY"])


async def failed(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), path="/fails", headers=[("origin", _PAGE)])
    wanted = ("access-control-allow-origin", "x-content-type-options")
    found = [name for name in wanted if answer.values(name)]
    return Seen(
        f"{answer.status}, " + ("both" if len(found) == len(wanted) else told(found) or "neither"), found == [*wanted]
    )


async def wildcard(make: Callable[[], App], room: Room) -> Seen:
    try:
        app = make()
    except ValueError as error:
        return Seen(f"`{type(error).__name__}` at start", right=True)
    return Seen(f"starts, then {told([(await ask(app)).status for _ in range(3)])}", right=False)


async def sockets(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    seen = [await handshake(app) for _ in range(4)]
    return Seen(told(seen), seen[1:] == ["refused"] * 3)


ROWS = (
    Row(
        "fastapi-guard-cost",
        "a GET without parameters, beside the route alone (FastAPI); the default configuration, in memory",
        "less than twice the CPU time",
        partial(cost, theirs),
        partial(cost, ours),
        note="the scan for patterns is most of it, and may be switched off",
        long=True,
    ),
    Row(
        "fastapi-guard-honest-text",
        "a JSON body that says `yes or 1=1, as you like`",
        "200",
        partial(honest, theirs),
        partial(honest, ours),
        note="what scans for patterns finds them in honest text, too",
    ),
    Row(
        "fastapi-guard-large-body",
        f"a JSON body of {len(_RECORDS):,} records, {len(_LARGE) // 1000} kB",
        f"200, within {_LONG} ms",
        partial(large, theirs),
        partial(large, ours),
        note="the scan runs on the event loop: nobody else is answered meanwhile",
        long=True,
    ),
    Row(
        "fastapi-guard-own-header",
        "a handler sets `X-Frame-Options: DENY`",
        "`DENY`",
        partial(own, without_scan),
        partial(own, ours),
    ),
    Row(
        "fastapi-guard-500",
        "CORS for one origin; a handler raises",
        "500 with CORS and security headers, or the page cannot read why",
        partial(failed, partial(their_cors, _PAGE)),
        partial(failed, our_cors),
        note="added as its README says; Starlette's 500 passes no middleware",
    ),
    Row(
        "fastapi-guard-wildcard",
        'CORS for `"*"` with credentials, as in its README',
        "an error when the application starts",
        partial(wildcard, partial(their_cors, "*")),
        partial(wildcard, lambda: install(bare(), CORS(allow_origins=["*"], allow_credentials=True))),
    ),
    Row(
        "fastapi-guard-websocket",
        "1/minute; 4 WebSockets are opened",
        "refused from the second on",
        partial(sockets, partial(theirs, rate_limit=1)),
        partial(sockets, lambda: install(bare(), RateLimit("1/minute"))),
        note="it says so, and has a dependency for each WebSocket route",
    ),
)
