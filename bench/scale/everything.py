"""An application with everything on, for a server: what is measured and tested here runs on it.

Tokens and their revocation, sessions that are refreshed, API keys, logins with passwords and a throttle, limits by
client and by principal, requests at once, WebSockets; all that is shared is on one Valkey. Clients are who
`X-Forwarded-For` says, so that one load generator can be many.

What is kept lives seconds: within a minute as much expires as comes, and memory that still grows is a leak. Passwords
are hashed for little memory, as what is measured is not how long that takes.

Events and whatever else is logged as a warning or worse go to one file for all workers, a line of JSON each.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Request, Security, WebSocket
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

from asgisec import (
    CORS,
    Authentication,
    RateLimit,
    RateLimitGuard,
    RequestID,
    RequestLimits,
    SecurityHeaders,
    TrustedHosts,
    TrustedProxies,
    by_principal,
    install,
)
from asgisec.auth import APIKeyAuth, BearerAuth, Principal
from asgisec.credentials import APIKeys, LoginThrottle, PasswordHasher
from asgisec.integrations.fastapi import SecurityGuard, auth_router
from asgisec.policies.rate_limit.limiter import STRATEGIES
from asgisec.stores import RedisStore
from asgisec.tokens import KeySet, TokenIssuer
from bench.whole import service

__all__ = ["CONNECTIONS", "LOG", "PASSWORD", "TIGHT", "Caller", "application", "environment", "issuer_on", "keys_on"]

LOG = "ASGISEC_BENCH_LOG"
PASSWORD = "correct horse battery staple"  # noqa: S105 - of a benchmark
TIGHT = 40
"""How often a client may ask for `/tight/...`, by each strategy."""

CONNECTIONS = 2
"""How many connections to Valkey a worker opens; the second when the first is busy."""

ACCESS_TTL, REFRESH_TTL = 20.0, 30.0
USES_WRITTEN = 0.5  # seconds

_MANY = "100000000/10 seconds"
_OPEN = ("/auth/login", "/auth/refresh", "/auth/logout", "/inside")
_CHUNKS = 20


@dataclass(frozen=True)
class Caller:
    """A user."""

    subject: str
    scopes: tuple[str, ...] = (service.SCOPE,)


def environment(url: str, log: Path) -> dict[str, str]:
    """Return what the application reads from its environment."""
    return {**service.environment(url), LOG: str(log)}


def issuer_on(store: RedisStore) -> TokenIssuer:
    """Return who issues its tokens."""
    return TokenIssuer(
        KeySet.from_secret(service.SECRET, kid="k1"),
        issuer=service.ISSUER,
        audience=service.AUDIENCE,
        store=store,
        access_ttl=ACCESS_TTL,
        refresh_ttl=REFRESH_TTL,
        refresh_grace=2,
    )


def keys_on(store: RedisStore) -> APIKeys:
    """Return its API keys."""
    return APIKeys(store, flush_interval=USES_WRITTEN)


def application() -> FastAPI:
    """Return the application, for a server: `environment()` is what it has to find."""
    _log_to(Path(os.environ[LOG]))
    # Patient, for a load that a store cannot take must be seen, and not be counted in the process instead.
    store = RedisStore.from_url(service.store_url(), timeout=10, connections=CONNECTIONS)
    api_keys = keys_on(store)
    auth = BearerAuth(issuer_on(store)) | APIKeyAuth(api_keys)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        await api_keys.aclose()  # uses that were not written yet

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    _routes(app, store, SecurityGuard(auth, scopes={service.SCOPE: ""}))
    app.include_router(auth_router(issuer_on(store), login=_login(), throttle=LoginThrottle(store)))
    strict: dict[str, Any] = {"store": store, "on_store_error": "deny"}
    return install(
        app,
        RequestID(),
        TrustedProxies(["127.0.0.0/8"]),
        SecurityHeaders.api(),
        TrustedHosts([service.HOST]),
        CORS(allow_origins=[service.ORIGIN]),
        RequestLimits(max_body_size=65_536),
        RateLimit(_MANY, exempt=["/inside"], max_concurrent=1000, messages="5000/second", **strict),
        Authentication(auth, required=False, exempt=_OPEN),
        RateLimit(_MANY, exempt=["/inside"], key=by_principal, **strict),
    )


def _login() -> Any:
    hasher = PasswordHasher(memory_cost=1024, time_cost=1)
    hashed: list[str] = []

    async def login(username: str, password: str) -> Caller | None:
        if not hashed:
            hashed.append(await hasher.hash(PASSWORD))
        result = await hasher.verify(password, hashed[0])
        return Caller(username) if result.ok else None

    return login


def _routes(app: FastAPI, store: RedisStore, guard: SecurityGuard) -> None:
    @app.get("/orders/{number}")
    async def order(number: int, caller: Annotated[Principal, Security(guard, scopes=[service.SCOPE])]) -> Any:
        return {**service.BODY, "id": number}

    @app.post("/orders")
    async def upload(request: Request, caller: Annotated[Principal, Security(guard, scopes=[service.SCOPE])]) -> Any:
        try:
            return {"length": len(await request.body())}
        except ClientDisconnect:
            return {}  # nobody reads it

    @app.get("/stream")
    async def stream(caller: Annotated[Principal, Security(guard)]) -> StreamingResponse:
        return StreamingResponse(_slowly(), media_type="text/plain")

    @app.websocket("/socket")
    async def echo(socket: WebSocket, caller: Annotated[Principal, Security(guard, scopes=[service.SCOPE])]) -> None:
        await socket.accept()
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            pass

    for strategy in STRATEGIES:
        limit = RateLimitGuard(
            f"{TIGHT}/day", strategy=strategy, store=store, on_store_error="deny", name=strategy, headers="both"
        )
        app.get(f"/tight/{strategy}", dependencies=[Depends(limit)])(_inside)
    app.get("/inside")(_inside)


async def _slowly() -> AsyncIterator[bytes]:
    for _ in range(_CHUNKS):
        yield b"." * 1024
        await asyncio.sleep(0.05)


async def _inside() -> dict[str, Any]:
    """Return which worker it is, what it took, and what it holds."""
    return {
        "process": os.getpid(),
        "cpu": time.process_time(),
        "tasks": len(asyncio.all_tasks()),
        "descriptors": len(os.listdir("/dev/fd")),  # noqa: PTH208 - names are enough
    }


class _Lines(logging.Handler):
    """Writes each record as a line of JSON, in one write: workers share the file."""

    def __init__(self, path: Path) -> None:
        super().__init__(logging.WARNING)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        told = {"log": self.format(record), "logger": record.name} if event is None else asdict(event)
        os.write(self._file, json.dumps({"process": record.process, **told}).encode() + b"\n")


def _log_to(path: Path) -> None:
    lines = _Lines(path)
    logging.getLogger("asgisec.events").propagate = False
    # uvicorn's does not pass its records on.
    for name in ("", "asgisec.events", "uvicorn"):
        logging.getLogger(name).addHandler(lines)
