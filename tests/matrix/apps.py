"""What the servers of the matrix serve: each framework's application behind all eight policies, and two to look inside.

`unix`, `unix-untrusted` and `rooted` answer with what stands in the scope after the pass has seen it. `limited` and
`limited-rooted` are each framework's application behind a rule for `/ok` and one for `/auth/token`: which of them, the
header `x-framework` says, and whose requests count together, `x-key`.
"""

import asyncio
import json
import os
from typing import Any

from asgisec import (
    CORS,
    CrossOriginProtection,
    Exchange,
    HTTPSOnly,
    Policy,
    RateLimit,
    RequestID,
    RequestLimits,
    Rule,
    SecurityHeaders,
    TrustedHosts,
    TrustedProxies,
    install,
)
from tests.asgi import App
from tests.servers.apps import BARE, HOSTS, ORIGINS

MAX_BODY = 4096
ROOT = "/api"
IDLE = "/--idle"
BUSY = "/--busy"
FRAMEWORKS = tuple(BARE)

_PATIENCE = 2.0  # seconds that a call whose client is gone may go on; none needs more than a few milliseconds


def policies(proxies: str = "127.0.0.1") -> list[Policy]:
    """All eight, as behind a proxy that ends TLS."""
    return [
        RequestID(),
        TrustedProxies([proxies]),
        SecurityHeaders(),
        TrustedHosts(HOSTS),
        HTTPSOnly(),
        CORS(allow_origins=ORIGINS),
        CrossOriginProtection(trusted_origins=ORIGINS, exempt=["/hook"]),
        RequestLimits(max_body_size=MAX_BODY),
    ]


def scope_app() -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        seen = {key: scope.get(key) for key in ("client", "scheme", "path", "root_path", "http_version")}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(seen).encode()})

    return app


def by_key(exchange: Exchange) -> str:
    return exchange.header("x-key") or "nobody"


def limited_app() -> App:
    """Put each framework's application behind rules, all in one."""
    rules = [Rule("/ok", limits="1/hour"), Rule("/auth/token", limits="1/hour")]
    apps = {name: install(make(), RateLimit(rules=rules, key=by_key)) for name, make in BARE.items()}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise NotImplementedError
        await apps[dict(scope["headers"])[b"x-framework"].decode()](scope, receive, send)

    return app


class Watched:
    """Tells at `/--idle` when every call of the application has ended, and at `/--busy` when one has begun.

    The answer is 503 where that does not happen; a call that does not end is told of once.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._running: set[object] = set()
        self._change = asyncio.Condition()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["path"] in (IDLE, BUSY):
            await self._tell(send, busy=scope["path"] == BUSY)
            return
        call = object()
        self._running.add(call)
        try:
            await self._changed()
            await self._app(scope, receive, send)
        finally:
            self._running.discard(call)
            await self._changed()

    async def _changed(self) -> None:
        async with self._change:
            self._change.notify_all()

    async def _tell(self, send: Any, *, busy: bool) -> None:
        status = 200
        try:
            async with asyncio.timeout(_PATIENCE), self._change:
                await self._change.wait_for(lambda: bool(self._running) is busy)
        except TimeoutError:
            status = 503
            self._running.clear()
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


_PROXIES = {"unix": "unix", "unix-untrusted": "192.0.2.1"}
UNIX = tuple(_PROXIES)
ROOTED = ("rooted", "limited-rooted")
TARGETS = (*FRAMEWORKS, *UNIX, *ROOTED, "limited")


def make(target: str) -> App:
    """Make one application, secured."""
    if target in FRAMEWORKS:
        return Watched(install(BARE[target](), *policies()))
    if target.startswith("limited"):
        return limited_app()
    return Watched(install(scope_app(), *policies(_PROXIES.get(target, "127.0.0.1"))))


def from_environment() -> App:
    """Make the application that the environment names: for servers that import what they serve."""
    return make(os.environ["ASGISEC_TEST_TARGET"])
