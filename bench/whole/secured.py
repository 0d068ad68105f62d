"""asgisec, as its documentation has it: `secure`, a `SecurityGuard` on the route, a `RedisStore` for all."""

from typing import Annotated, Any

from fastapi import FastAPI, Security

from asgisec import secure
from asgisec.auth import BearerAuth, Principal
from asgisec.integrations.fastapi import SecurityGuard
from asgisec.stores import RedisStore
from bench.whole import service

__all__ = ["application", "built", "revoke"]


def application() -> FastAPI:
    """Return the application, for a server: `service.environment()` is what it has to find."""
    return built(service.store_url(), service.limits())


def built(url: str, limits: tuple[str, ...]) -> FastAPI:
    """Return the application."""
    # Patient, for a load that a store cannot take must be seen, and not be counted in the process instead.
    store = RedisStore.from_url(url, timeout=10)
    guard = SecurityGuard(BearerAuth(service.issuer(store)), scopes={service.SCOPE: "See orders"})
    app = FastAPI()

    @app.get("/orders/{number}")
    async def order(number: int, caller: Annotated[Principal, Security(guard, scopes=[service.SCOPE])]) -> Any:
        return {**service.BODY, "id": number}

    return secure(app, hosts=[service.HOST], origins=[service.ORIGIN], limits=limits, store=store)


async def revoke(url: str, token: str) -> None:
    """Revoke a token."""
    async with RedisStore.from_url(url) as store:
        await service.issuer(store).revoke(token)
