"""The application: its routes, and the policies around them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from asgisec import Authentication, Rule, secure
from asgisec.integrations.fastapi import auth_router
from examples.reference_api import demo
from examples.reference_api.database import create_tables
from examples.reference_api.parts import Parts, make_parts
from examples.reference_api.routes import admin, comments, files, keys, live, me, orders, products, users
from examples.reference_api.settings import Settings

# Where no credential is looked at: who logs in, or refreshes, may still send one that is over.
OPEN = ("/auth/token", "/auth/login", "/auth/refresh", "/auth/logout", "/health")


def create_app(settings: Settings) -> FastAPI:
    """Make the application."""
    parts = make_parts(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await create_tables(parts.engine)
        if settings.demo:
            app.state.demo = await demo.seed(parts)
        yield
        # Before the engine: uses of API keys that were not written yet are written to it.
        await parts.api_keys.aclose()
        await parts.engine.dispose()

    app = FastAPI(title="Shop", version="1.0", lifespan=lifespan)
    app.state.sessions = parts.sessions
    _add_routes(app, parts)
    if settings.demo:
        app.include_router(demo.router())
    return secure(
        app,
        hosts=settings.hosts,
        origins=settings.origins,
        proxies=settings.proxies,
        # Routes say themselves who may call them. A credential that is not good is refused everywhere.
        auth=Authentication(parts.auth, required=False, exempt=OPEN),
        # By client, and by user too. Guessing passwords is slowed down beside this, by the throttle.
        limits=[settings.requests, Rule("/auth/*", methods={"POST"}, limits=settings.logins)],
        store=parts.counters,
        environment=settings.environment,
    )


def _add_routes(app: FastAPI, parts: Parts) -> None:
    app.include_router(auth_router(parts.issuer, login=parts.accounts.log_in, throttle=parts.throttle))
    for routes in (me, users, products, comments, orders, files, live, admin, keys):
        app.include_router(routes.router(parts))

    @app.get("/health", tags=["health"])
    async def health() -> dict[str, str]:
        return {"status": "ok"}
