"""slowapi: rate limits by decorators and by middleware, on FastAPI."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIASGIMiddleware, SlowAPIMiddleware
from slowapi.util import get_ipaddr, get_remote_address
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from asgisec import CORS, RateLimit, TrustedProxies, install
from asgisec.policy import Policy
from asgisec.stores import RedisStore
from bench.compare.cost import added
from bench.compare.driving import ask, handshake, standing, statuses, told
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests import valkey

__all__ = ["ROWS"]

_MUCH = 0.5
_FROZEN = 0.4  # seconds for which Redis does not answer


def limited(middleware: Any = SlowAPIASGIMiddleware, **options: Any) -> FastAPI:
    """Make an application as their documentation does."""
    app = FastAPI()
    app.state.limiter = Limiter(**{"key_func": get_remote_address, **options})
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # as there
    if middleware is not None:
        app.add_middleware(middleware)
    return app


def bare() -> FastAPI:
    return routed(FastAPI())


async def hello() -> dict[str, str]:
    return {"hello": "world"}


def routed(app: FastAPI) -> FastAPI:
    """Add a route of a router, a mounted application, and a WebSocket."""
    router = APIRouter()
    router.add_api_route("/included", hello)
    app.include_router(router)
    app.add_api_route("/", hello)
    mounted = FastAPI()
    mounted.add_api_route("/", hello)
    app.mount("/mounted", mounted)

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    return app


async def everywhere(make: Callable[[], ASGIApp], path: str, room: Room) -> Seen:
    seen = await statuses(make(), path)
    return Seen(told(seen), 429 in seen[1:])


def anywhere(name: str, case: str, path: str, thread: str) -> Row:
    return Row(
        name,
        f"a limit of 1/minute for the whole application; {case} is asked 4 times",
        "429 from the second request on",
        partial(everywhere, theirs_of(), path),
        partial(everywhere, ours_of(), path),
        thread=thread,
    )


async def first(make: Callable[[], ASGIApp], room: Room) -> Seen:
    status = (await ask(make())).status
    return Seen(str(status), status == 200)


def their_headers() -> FastAPI:
    app = limited(None, headers_enabled=True)

    async def route(request: Request) -> dict[str, str]:
        return {"hello": "world"}

    app.add_api_route("/", app.state.limiter.limit("5/minute")(route))
    return app


def our_headers() -> FastAPI:
    app = install(FastAPI(), RateLimit("5/minute"))
    app.add_api_route("/", hello)
    return app


def _dead() -> str:
    return f"redis://127.0.0.1:{valkey.free_port()}/0"


def their_dead_redis() -> FastAPI:
    return routed(limited(default_limits=["5/minute"], storage_uri=_dead(), swallow_errors=True))


def our_dead_redis() -> FastAPI:
    store = RedisStore.from_url(_dead())
    return install(routed(FastAPI()), RateLimit("5/minute", store=store, on_store_error="allow"))


async def starts(make: Callable[[], ASGIApp], room: Room) -> Seen:
    count = len((await ask(make(), path="/stream")).starts)
    return Seen(f"sent {count}x" if count > 1 else "sent once", count == 1)


def streaming(app: FastAPI) -> FastAPI:
    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["one", "two", "three"]))

    return app


async def sockets(make: Callable[[], ASGIApp], room: Room) -> Seen:
    app = make()
    seen = [await handshake(app, headers=[("origin", "https://evil.example")]) for _ in range(5)]
    return Seen(told(seen), "accepted" not in seen)


def their_origins() -> FastAPI:
    app = routed(limited(default_limits=["1/minute"]))
    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])
    return app


def our_origins() -> FastAPI:
    return install(routed(FastAPI()), RateLimit("1/minute"), CORS(allow_origins=["https://app.example.com"]))


async def proxied(make: Callable[[], ASGIApp], room: Room) -> Seen:
    app = make()
    seen = [
        (await ask(app, headers=[("x-forwarded-for", f"198.51.100.{n}")], client="10.0.0.1")).status for n in range(3)
    ]
    return Seen(told(seen), seen == [200] * 3)


async def line_count(make: Callable[[], ASGIApp], name: str, room: Room) -> Seen:
    answer = await ask(make())
    found = len(answer.values(name))
    return Seen(f"{answer.status}, {found}x `{name}`", found == 1)


def their_two_limits() -> FastAPI:
    app = limited(None, headers_enabled=True)

    async def route(request: Request, response: Response) -> dict[str, str]:
        return {"hello": "world"}

    limit = app.state.limiter.limit
    app.add_api_route("/", limit("5/minute")(limit("50/hour")(route)))
    return app


def our_two_limits() -> FastAPI:
    app = install(FastAPI(), RateLimit("5/minute", "50/hour", headers="legacy"))
    app.add_api_route("/", hello)
    return app


async def told_at_start(make: Callable[[], ASGIApp], room: Room) -> Seen:
    try:
        app = make()
    except ValueError as error:
        return Seen(f"`{type(error).__name__}` at start", right=True)
    return Seen(f"starts, then {told(await statuses(app))}", right=False)


async def frozen(make: Callable[[str], ASGIApp], room: Room) -> Seen:
    server = room.valkey()
    app = make(server.url)
    await ask(app)
    server.freeze()
    # The server must come back by another thread: this one may be what stands still.
    thawing = asyncio.get_running_loop().run_in_executor(None, _thaw, server)
    return await standing(lambda: asyncio.gather(ask(app), thawing))


def _thaw(server: valkey.Process) -> None:
    time.sleep(_FROZEN)
    server.thaw()


async def cost(make: Callable[[], ASGIApp], room: Room) -> Seen:
    share = await added(make, bare)
    return Seen(f"{share:+.0%} CPU time", share < _MUCH)


async def many_addresses(make: Callable[[], ASGIApp], room: Room) -> Seen:
    app = make()
    seen = [(await ask(app, client=f"2001:db8:1:2::{n:x}")).status for n in range(1, 5)]
    return Seen(told(seen), 429 in seen)


def theirs_of(**options: Any) -> Callable[[], ASGIApp]:
    return lambda: routed(limited(**{"default_limits": ["1/minute"], **options}))


def ours_of(*policies: Policy) -> Callable[[], ASGIApp]:
    return lambda: install(bare(), *(policies or (RateLimit("1/minute"),)))


def their_frozen(url: str) -> ASGIApp:
    return theirs_of(storage_uri=url, default_limits=["100/minute"])()


def our_frozen(url: str) -> ASGIApp:
    return install(bare(), RateLimit("100/minute", store=RedisStore.from_url(url)))


ROWS = (
    anywhere("slowapi-router", "a route of `include_router`", "/included", "laurentS/slowapi#281"),
    anywhere("slowapi-mount", "a mounted application", "/mounted/", "laurentS/slowapi#133"),
    anywhere("slowapi-404", "a path that is not there", "/nowhere", ""),
    Row(
        "slowapi-headers",
        "the rate limit headers are switched on; a limited route returns a dict",
        "200",
        partial(first, their_headers),
        partial(first, our_headers),
        note="it asks for a parameter named `response`, and says so when the first request fails",
        thread="laurentS/slowapi#18",
    ),
    Row(
        "slowapi-dead-redis",
        "Redis is down, and the limiter is told to let requests through then",
        "200",
        partial(first, their_dead_redis),
        partial(first, our_dead_redis),
        thread="laurentS/slowapi#253",
    ),
    Row(
        "slowapi-frozen-redis",
        f"Redis does not answer for {_FROZEN * 1000:.0f} ms",
        "the event loop goes on",
        partial(frozen, their_frozen),
        partial(frozen, our_frozen),
        note="its client of Redis is a synchronous one",
        thread="laurentS/slowapi#130",
        long=True,
    ),
    Row(
        "slowapi-streaming",
        "a response is streamed in three chunks, through `SlowAPIASGIMiddleware`",
        "`http.response.start` is sent once (ASGI specification)",
        partial(starts, lambda: streaming(limited(default_limits=["5/minute"]))),
        partial(starts, lambda: install(streaming(FastAPI()), RateLimit("5/minute"))),
        thread="laurentS/slowapi#249",
    ),
    Row(
        "slowapi-websocket",
        "1/minute, and Starlette's CORS for one origin; a page of another origin opens 5 WebSockets",
        "none is accepted",
        partial(sockets, their_origins),
        partial(sockets, our_origins),
        note="neither says that it looks at WebSockets",
    ),
    Row(
        "slowapi-forwarded",
        "behind a proxy, with its key function for that, `get_ipaddr`: three clients, 1/minute each",
        "200, 200, 200",
        partial(proxied, theirs_of(key_func=get_ipaddr)),
        partial(proxied, ours_of(TrustedProxies(["10.0.0.0/8"]), RateLimit("1/minute"))),
        note="it reads a header named `X_FORWARDED_FOR`; its page advises uvicorn's option instead",
        thread="laurentS/slowapi#59",
    ),
    Row(
        "slowapi-ipv6",
        "1/minute; one client asks from 4 IPv6 addresses of its own /64",
        "429 from the second request on",
        partial(many_addresses, theirs_of()),
        partial(many_addresses, ours_of()),
    ),
    Row(
        "slowapi-two-limits",
        "two limits on one route, with headers",
        "`x-ratelimit-limit` once",
        partial(line_count, their_two_limits, "x-ratelimit-limit"),
        partial(line_count, our_two_limits, "x-ratelimit-limit"),
        thread="laurentS/slowapi#33",
    ),
    Row(
        "slowapi-wrong-limit",
        "a limit that cannot be read, `1/fortnight`",
        "an error when the application starts",
        partial(told_at_start, theirs_of(default_limits=["1/fortnight"])),
        partial(told_at_start, lambda: install(bare(), RateLimit("1/fortnight"))),
        thread="laurentS/slowapi#239",
    ),
    Row(
        "slowapi-cost",
        "a limited route, counted in memory, beside the route alone (FastAPI)",
        f"less than {_MUCH:.0%} more",
        partial(cost, theirs_of(middleware=SlowAPIMiddleware, default_limits=["1000000/minute"])),
        partial(cost, lambda: install(bare(), RateLimit("1000000/minute"))),
        note="`SlowAPIMiddleware` is a `BaseHTTPMiddleware`",
        thread="laurentS/slowapi#195",
        long=True,
    ),
)
