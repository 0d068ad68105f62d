"""fastapi-limiter: rate limits as FastAPI's dependencies."""

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi_limiter.depends import RateLimiter
from pyrate_limiter import AbstractBucket, BucketFactory, Duration, InMemoryBucket, Limiter, Rate, RateItem
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from asgisec import RateLimitGuard, RequestID, install
from bench.compare.driving import ask, statuses, told
from bench.compare.room import Room
from bench.compare.row import Row, Seen

__all__ = ["ROWS"]


def theirs() -> RateLimiter:
    """Make a limit as its README does."""
    return RateLimiter(limiter=Limiter(Rate(2, Duration.MINUTE)))


def ours() -> RateLimitGuard:
    return RateLimitGuard("2/minute")


def made(make: Callable[[], Any]) -> FastAPI:
    return install(FastAPI(), RequestID()) if make is ours else FastAPI()


def routed(make: Callable[[], Any]) -> FastAPI:
    app = made(make)
    app.add_api_route("/", hello, dependencies=[Depends(make())])
    return app


def included(make: Callable[[], Any]) -> FastAPI:
    app = made(make)
    router = APIRouter()
    router.add_api_route("/", hello, dependencies=[Depends(make())])
    app.include_router(router, prefix="/v1")
    return app


async def hello() -> dict[str, str]:
    return {"hello": "world"}


async def clients(app: Callable[[], ASGIApp], room: Room) -> Seen:
    found = app()
    seen = [(await ask(found, client=f"198.51.100.{n}")).status for n in range(4)]
    return Seen(told(seen), seen == [200] * 4)


async def retry_after(app: Callable[[], ASGIApp], room: Room) -> Seen:
    limited = app()
    answer = [await ask(limited) for _ in range(3)][-1]
    found = answer.values("retry-after")
    return Seen(f"{answer.status}, `Retry-After: {found[0]}`" if found else f"{answer.status}, none", bool(found))


async def rotated(app: Callable[[], ASGIApp], room: Room) -> Seen:
    found = app()
    seen = [(await ask(found, headers=[("x-forwarded-for", f"198.51.100.{n}")])).status for n in range(4)]
    return Seen(told(seen), seen == [200, 200, 429, 429])


async def below(app: Callable[[], ASGIApp], room: Room) -> Seen:
    seen = await statuses(app(), "/v1/")
    return Seen(told(seen), seen == [200, 200, 429, 429])


def sharing(make: Callable[[], Any]) -> FastAPI:
    """Make a limited route that has its path in common with a WebSocket, which stands before it."""
    app = made(make)

    @app.websocket("/")
    async def opened(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    app.add_api_route("/", hello, dependencies=[Depends(make())])
    return app


async def shared(app: Callable[[], ASGIApp], room: Room) -> Seen:
    seen = await statuses(app())
    return Seen(told(seen), seen == [200, 200, 429, 429])


class PerKey(BucketFactory):
    """A bucket per key, as the documentation of pyrate-limiter has it."""

    def __init__(self) -> None:
        self.buckets: dict[str, AbstractBucket] = {}

    def wrap_item(self, name: str, weight: int = 1) -> RateItem:
        return RateItem(name, time.monotonic_ns() // 1_000_000, weight=weight)

    def get(self, item: RateItem) -> AbstractBucket:
        if item.name not in self.buckets:
            self.buckets[item.name] = self.create(InMemoryBucket, [Rate(2, Duration.MINUTE)])
        return self.buckets[item.name]


def per_key() -> RateLimiter:
    return RateLimiter(limiter=Limiter(PerKey()))


def both(probe: Callable[[Callable[[], ASGIApp], Room], Awaitable[Seen]], make: Callable[..., ASGIApp]) -> Any:
    return {"theirs": partial(probe, partial(make, theirs)), "ours": partial(probe, partial(make, ours))}


ROWS = (
    Row(
        "fastapi-limiter-clients",
        "2/minute, in the form of its README; 4 clients ask once each",
        "4x 200",
        **both(clients, routed),
    ),
    Row(
        "fastapi-limiter-router",
        "a limited route of `include_router` (FastAPI 0.137 and newer)",
        "2x 200, 2x 429",
        **both(below, included),
    ),
    Row(
        "fastapi-limiter-retry-after",
        "one client asks 3 times",
        "429 with `Retry-After`",
        **both(retry_after, routed),
        note="one's own `callback` may add it",
    ),
    Row(
        "fastapi-limiter-rotated",
        "a bucket per client; one of them names another `X-Forwarded-For` each time",
        "2x 200, 2x 429",
        theirs=partial(rotated, partial(routed, per_key)),
        ours=partial(rotated, partial(routed, ours)),
        note="the key may be chosen by `identifier`",
        thread="long2ice/fastapi-limiter#10",
    ),
    Row(
        "fastapi-limiter-websocket",
        "a limited route has its path in common with a WebSocket",
        "2x 200, 2x 429",
        **both(shared, sharing),
        thread="long2ice/fastapi-limiter#61",
    ),
)
