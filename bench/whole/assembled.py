"""The best of the other packages, all of them pure ASGI or asynchronous, put together by somebody who measured.

asgi-correlation-id, fastapi-security-headers, Starlette's CORS and trusted hosts, PyJWT in a dependency, a look into
Redis for revoked tokens, and the limits package by its asynchronous storage. Of the limiters that count on Redis
without blocking and can say in headers what remains it is the fastest: its fixed window, asked for one limit after the
other, as tasks beside each other cost more than the waiting they save. fastapi-limiter says nothing of what remains;
throttled-py cannot be installed beside redis-py 8.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import jwt
from asgi_correlation_id import CorrelationIdMiddleware
from fastapi import Depends, FastAPI, HTTPException, Request, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from fastapi_security_headers import Presets, SecurityHeadersMiddleware
from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.asyncio import Redis
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bench.whole import service

__all__ = ["application", "built", "revoke"]

_oauth2 = OAuth2PasswordBearer("/auth/token", scopes={service.SCOPE: "See orders"})


def application() -> FastAPI:
    """Return the application, for a server."""
    return built(service.store_url(), service.limits())


def built(url: str, limits: tuple[str, ...]) -> FastAPI:
    """Return the application."""
    redis, storage = Redis.from_url(url), RedisStorage(f"async+{url}", implementation="redispy")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await redis.aclose()
        await storage.bridge.storage.aclose()  # type: ignore[attr-defined]  # on the bridge for redis-py

    app = FastAPI(lifespan=lifespan)
    app.state.redis = redis

    @app.get("/orders/{number}")
    async def order(number: int, caller: Annotated[str, Security(_caller, scopes=[service.SCOPE])]) -> Any:
        return {**service.BODY, "id": number}

    app.add_middleware(Limited, storage=storage, limits=limits)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[service.ORIGIN],
        allow_methods=["*"],
        allow_headers=["Authorization"],
        expose_headers=["X-Request-ID", "RateLimit", "RateLimit-Policy", "Retry-After"],
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[service.HOST])
    app.add_middleware(SecurityHeadersMiddleware, config=Presets.api())
    app.add_middleware(CorrelationIdMiddleware)
    return app


async def _caller(request: Request, needed: SecurityScopes, token: Annotated[str, Depends(_oauth2)]) -> str:
    refused = HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})
    try:
        claims = jwt.decode(
            token, service.SECRET, algorithms=["HS256"], audience=service.AUDIENCE, issuer=service.ISSUER
        )
    except jwt.InvalidTokenError:
        raise refused from None
    redis: Redis = request.app.state.redis
    if await redis.exists(f"revoked:{claims['jti']}"):
        raise refused
    granted = claims.get("scope", "").split()
    if any(scope not in granted for scope in needed.scopes):
        raise HTTPException(403, "Not enough permissions", {"WWW-Authenticate": "Bearer"})
    subject: str = claims["sub"]
    return subject


class Limited:
    """Limits by the client's address, and what remains of them in headers."""

    def __init__(self, app: ASGIApp, storage: RedisStorage, limits: tuple[str, ...]) -> None:
        self.app = app
        self.limiter = FixedWindowRateLimiter(storage)
        items = [parse(limit) for limit in limits]
        self.named = [(f'"{item.amount}/{item.GRANULARITY.name}"', item) for item in items]
        self.policy = ", ".join(f"{name};q={item.amount};w={item.get_expiry()}" for name, item in self.named).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it with 429."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        client = scope["client"][0]
        allowed = True
        for _, item in self.named:
            allowed = await self.limiter.hit(item, client) and allowed
        states, wait, now = [], 0, time.time()
        for name, item in self.named:
            resets, remaining = await self.limiter.get_window_stats(item, client)
            seconds = max(0, round(resets - now))
            states.append(f"{name};r={remaining};t={seconds}")
            if not remaining:
                wait = max(wait, seconds)
        told = [(b"ratelimit-policy", self.policy), (b"ratelimit", ", ".join(states).encode())]
        if not allowed:
            headers = {name.decode(): value.decode() for name, value in told} | {"retry-after": str(wait)}
            await JSONResponse({"detail": "Too many requests."}, 429, headers)(scope, receive, send)
            return

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *told]
            await send(message)

        await self.app(scope, receive, tell)


async def revoke(url: str, token: str) -> None:
    """Revoke a token."""
    said = jwt.decode(token, options={"verify_signature": False})
    async with Redis.from_url(url) as redis:
        await redis.set(f"revoked:{said['jti']}", "1", ex=86_400)
