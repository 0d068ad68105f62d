"""The usual recipe: what tutorials have, put together as they have it.

`BaseHTTPMiddleware` for the id and the headers, Starlette's CORS and trusted hosts, python-jose in a dependency, a look
into Redis for revoked tokens, slowapi with its counts on Redis, and its headers, which are of the tighter limit.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from jose import JWTError, jwt  # type: ignore[import-untyped]  # it has no types
from redis.asyncio import Redis
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.util import get_remote_address
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from bench.base_http import RequestIDHeader, StaticHeaders
from bench.whole import service

__all__ = ["application", "built", "revoke"]

_oauth2 = OAuth2PasswordBearer("/auth/token", scopes={service.SCOPE: "See orders"})


def application() -> FastAPI:
    """Return the application, for a server."""
    return built(service.store_url(), service.limits())


def built(url: str, limits: tuple[str, ...]) -> FastAPI:
    """Return the application."""
    redis = Redis.from_url(url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await redis.aclose()

    app = FastAPI(lifespan=lifespan)
    app.state.redis = redis
    app.state.limiter = limiter = Limiter(get_remote_address, headers_enabled=True, storage_uri=url)
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # as there

    @app.get("/orders/{number}")
    @limiter.limit(";".join(limits))
    async def order(
        request: Request,
        response: Response,
        number: int,
        caller: Annotated[str, Security(_caller, scopes=[service.SCOPE])],
    ) -> Any:
        return {**service.BODY, "id": number}

    app.add_middleware(
        CORSMiddleware,
        allow_origins=[service.ORIGIN],
        allow_methods=["*"],
        allow_headers=["Authorization"],
        expose_headers=["X-Request-ID"],
    )
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[service.HOST])
    app.add_middleware(StaticHeaders)
    app.add_middleware(RequestIDHeader)
    return app


async def _caller(request: Request, needed: SecurityScopes, token: Annotated[str, Depends(_oauth2)]) -> str:
    refused = HTTPException(401, "Could not validate credentials", {"WWW-Authenticate": "Bearer"})
    try:
        claims = jwt.decode(
            token, service.SECRET, algorithms=["HS256"], audience=service.AUDIENCE, issuer=service.ISSUER
        )
    except JWTError:
        raise refused from None
    redis: Redis = request.app.state.redis
    if await redis.exists(f"revoked:{claims['jti']}"):
        raise refused
    granted = claims.get("scope", "").split()
    if any(scope not in granted for scope in needed.scopes):
        raise HTTPException(403, "Not enough permissions", {"WWW-Authenticate": "Bearer"})
    subject: str = claims["sub"]
    return subject


async def revoke(url: str, token: str) -> None:
    """Revoke a token."""
    async with Redis.from_url(url) as redis:
        await redis.set(f"revoked:{jwt.get_unverified_claims(token)['jti']}", "1", ex=86_400)
