"""What a limited route costs, beside slowapi: with counts in memory, and on Redis with 50 requests in flight.

Both tell where the client stands in headers. slowapi is measured as its documentation has it: as a decorator, and for
limits of the whole application as middleware. It asks Redis by a client that blocks, for each limit and again for the
headers; here all limits are one script, and those of concurrent requests leave in one write.
"""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Any

from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIMiddleware
from slowapi.util import get_remote_address
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgisec import RateLimit, install
from asgisec.stores import RedisStore
from bench.calls import Against, Call, CallGroup, CallOutcome
from bench.harness import ASGIApp, Expected, Goal, Group, Variant, check
from bench.traffic import BROWSER
from bench.waiting import measure_awaited
from tests import valkey

__all__ = ["GROUPS", "PEERS", "measured"]

PEERS = ("slowapi", "limits", "redis", "starlette")

_ONE = ("1000000/minute",)
_TIGHT = ("1/day",)
_THREE = ("1000000/minute", "10000000/hour", "100000000/day")
_IN_FLIGHT = 50
_OURS = "asgisec RateLimit"
_SLOWAPI = "slowapi, a decorator"
_MIDDLEWARE = "slowapi, its middleware"
_LEGACY = frozenset({b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"})
_IETF = frozenset({b"ratelimit", b"ratelimit-policy"})


async def _route(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def unlimited() -> Starlette:
    return Starlette(routes=[Route(BROWSER.scope["path"], _route)])


def ours(limits: tuple[str, ...], store: RedisStore | None = None) -> ASGIApp:
    return install(unlimited(), RateLimit(*limits, store=store))


def theirs(limits: tuple[str, ...], url: str = "memory://") -> ASGIApp:
    made = Limiter(key_func=get_remote_address, headers_enabled=True, storage_uri=url)

    async def limited(request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    endpoint: Any = limited
    for limit in limits:
        endpoint = made.limit(limit)(endpoint)
    return _with(made, endpoint)


def their_middleware(limits: tuple[str, ...]) -> ASGIApp:
    made = Limiter(key_func=get_remote_address, headers_enabled=True, default_limits=[*limits])
    app = _with(made, _route)
    app.add_middleware(SlowAPIMiddleware)
    return app


def _with(made: Limiter, endpoint: Any) -> Starlette:
    app = Starlette(routes=[Route(BROWSER.scope["path"], endpoint)])
    app.state.limiter = made
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # as there
    return app


def _in_memory(name: str, limits: tuple[str, ...]) -> Group:
    return Group(
        f"A limited route, counts in memory: {name}",
        unlimited(),
        [BROWSER],
        [
            Variant(_OURS, ours(limits), [Expected(BROWSER, present=_IETF, absent=_LEGACY)]),
            # Of several limits the decorators write the headers several times.
            Variant(_SLOWAPI, theirs(limits), [Expected(BROWSER, absent=_IETF)]),
            Variant(_MIDDLEWARE, their_middleware(limits), [Expected(BROWSER, present=_LEGACY, absent=_IETF)]),
        ],
        [Goal(_OURS, _SLOWAPI, 1 / 10), Goal(_OURS, _MIDDLEWARE, 1 / 10)],
    )


GROUPS = [_in_memory("one limit", _ONE), _in_memory("three limits", _THREE)]


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure routes on Redis, with many requests in flight."""
    with valkey.process(tcp=True) as server:
        asyncio.run(_refuse(server.url))
        for name, limits, at_most in (("one limit", _ONE, 1 / 2.5), ("three limits", _THREE, 1 / 6)):
            yield asyncio.run(_on_redis(server.url, rounds, name, limits, at_most))


async def _on_redis(url: str, rounds: int, name: str, limits: tuple[str, ...], at_most: float) -> CallOutcome:
    store = RedisStore.from_url(url, prefix=valkey.fresh_prefix(), timeout=10)
    calls: dict[str, Call] = {
        _OURS: partial(_status, ours(limits, store)),
        _SLOWAPI: partial(_status, theirs(limits, url)),
    }
    group = CallGroup(
        f"A limited route, counts on Redis, {_IN_FLIGHT} in flight",
        {name: calls},
        [Against(_SLOWAPI, at_most)],
        same=[_SLOWAPI],
    )
    # Of several limits the decorators write the headers several times.
    theirs_told = _LEGACY if len(limits) == 1 else frozenset()
    try:
        await check(Variant(_OURS, ours(limits, store), [Expected(BROWSER, present=_IETF)]))
        await check(Variant(_SLOWAPI, theirs(limits, url), [Expected(BROWSER, present=theirs_told)]))
        return await measure_awaited(group, rounds=rounds, in_flight=_IN_FLIGHT)
    finally:
        await store.aclose()


async def _refuse(url: str) -> None:
    """Stop the run where what is one too many passes, or is not told when to come back."""
    async with RedisStore.from_url(url, prefix=valkey.fresh_prefix(), timeout=10) as store:
        for name, app in ((_OURS, ours(_TIGHT, store)), (_SLOWAPI, theirs(_TIGHT, url))):
            await check(Variant(name, app, [Expected(BROWSER), Expected(BROWSER, 429, frozenset({b"retry-after"}))]))


async def _status(app: ASGIApp) -> int:
    started: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.append(message["status"])

    await app({**BROWSER.scope, "headers": [*BROWSER.scope["headers"]]}, _receive, send)
    return started[0]


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}
