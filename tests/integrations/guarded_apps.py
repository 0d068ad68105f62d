"""One small API, behind the same guards, in each framework.

`/read` needs `users:read`, `/own` a predicate, `/any` anybody who is known. `/mounted` is another application.
`/before` asks a guard before it accepts a WebSocket, `/after` when it has.
"""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, WebSocket
from litestar import Litestar, asgi, get, websocket
from litestar import Request as LitestarRequest
from litestar import WebSocket as LitestarWebSocket
from quart import Quart
from quart import websocket as quart_websocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route, WebSocketRoute

from asgisec.auth import Guard, Principal
from asgisec.auth.authenticators import Authenticator
from asgisec.integrations.litestar import GuardPlugin, principal_of
from asgisec.integrations.litestar import guarded as in_litestar
from asgisec.integrations.quart import current_principal
from asgisec.integrations.quart import guarded as in_quart
from tests.asgi import App, Message


class Guards:
    """The guards of the API."""

    def __init__(self, auth: Authenticator) -> None:
        self.read = auth.require("users:read", "users:list")
        self.own = auth.require("users:read", where=lambda principal: principal.subject == "user-1")
        self.any = auth.require()

    @property
    def by_path(self) -> dict[str, Guard]:
        return {"/read": self.read, "/own": self.own, "/any": self.any}

    def mounted(self) -> App:
        """Return another application, which only those reach who may read."""

        async def app(scope: Message, receive: Any, send: Any) -> None:
            response = JSONResponse({"subject": scope["state"]["principal"].subject})
            await response(scope, receive, send)

        return self.read.wrap(app)


def make_fastapi(guards: Guards) -> FastAPI:
    app = FastAPI()

    def add(path: str, guard: Guard) -> None:
        @app.get(path)
        def endpoint(principal: Annotated[Principal, Depends(guard)]) -> dict[str, str]:
            return {"subject": principal.subject}

    for path, guard in guards.by_path.items():
        add(path, guard)

    @app.websocket("/before")
    async def before(socket: WebSocket, principal: Annotated[Principal, Depends(guards.read)]) -> None:
        await socket.accept()
        await _greet(socket, principal)

    @app.websocket("/after")
    async def after(socket: WebSocket) -> None:
        await socket.accept()
        await _greet(socket, await guards.read(socket))

    app.mount("/mounted", guards.mounted())
    return app


async def _greet(socket: WebSocket, principal: Principal) -> None:
    await socket.send_text(principal.subject)
    await socket.close()


def make_starlette(guards: Guards) -> Starlette:
    def protected(guard: Guard) -> Callable[[Request], Any]:
        @guard.protect
        def endpoint(request: Request) -> JSONResponse:
            return JSONResponse({"subject": request.state.principal.subject})

        return endpoint

    @guards.read.protect
    async def before(socket: WebSocket) -> None:
        await socket.accept()
        await _greet(socket, socket.state.principal)

    async def after(socket: WebSocket) -> None:
        await socket.accept()
        await _greet(socket, await guards.read(socket))

    return Starlette(
        routes=[
            *(Route(path, protected(guard)) for path, guard in guards.by_path.items()),
            WebSocketRoute("/before", before),
            WebSocketRoute("/after", after),
            Mount("/mounted", guards.mounted()),
        ]
    )


def make_litestar(guards: Guards) -> Litestar:
    def handler(path: str, guard: Guard) -> Any:
        @get(path, guards=[in_litestar(guard)])
        async def endpoint(request: LitestarRequest[Any, Any, Any]) -> dict[str, str]:
            return {"subject": principal_of(request).subject}

        return endpoint

    @websocket("/before", guards=[in_litestar(guards.read)])
    async def before(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.send_text(principal_of(socket).subject)
        await socket.close()

    @websocket("/after")
    async def after(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        principal = await guards.read(socket)
        await socket.send_text(principal.subject)
        await socket.close()

    @asgi("/mounted", is_mount=True, copy_scope=True)
    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        await inside(scope, receive, send)

    inside = guards.mounted()
    handlers = [handler(path, guard) for path, guard in guards.by_path.items()]
    return Litestar([*handlers, before, after, mounted], plugins=[GuardPlugin()])


def make_quart(guards: Guards) -> Quart:
    app = Quart("tests.integrations.guarded_apps")

    def add(path: str, guard: Guard) -> None:
        @app.get(path, endpoint=path)
        @in_quart(guard)
        async def endpoint() -> dict[str, str]:
            return {"subject": current_principal.subject}

    for path, guard in guards.by_path.items():
        add(path, guard)

    @app.websocket("/before")
    @in_quart(guards.read)
    async def before() -> None:
        await quart_websocket.accept()
        await quart_websocket.send(current_principal.subject)
        await quart_websocket.close(1000)

    @app.websocket("/after")
    async def after() -> None:
        await quart_websocket.accept()
        principal = await guards.read(quart_websocket)
        await quart_websocket.send(principal.subject)
        await quart_websocket.close(1000)

    # Quart has no mounts: what is in front of it decides by the path.
    inside, outside = guards.mounted(), app.asgi_app

    async def dispatch(scope: Any, receive: Any, send: Any) -> None:
        await (inside if scope["path"].startswith("/mounted") else outside)(scope, receive, send)

    app.asgi_app = dispatch  # type: ignore[method-assign]  # as Quart documents
    return app


def make_bare(guards: Guards) -> App:
    inside = guards.mounted()

    async def app(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await _socket(guards, scope, receive, send)
        elif scope["path"].startswith("/mounted"):
            await inside(scope, receive, send)
        else:
            principal = await guards.by_path[scope["path"]](scope)
            await JSONResponse({"subject": principal.subject})(scope, receive, send)

    return app


async def _socket(guards: Guards, scope: Message, receive: Any, send: Any) -> None:
    await receive()
    principal = await guards.read(scope) if scope["path"] == "/before" else None
    await send({"type": "websocket.accept", "headers": []})
    principal = principal or await guards.read(scope)
    await send({"type": "websocket.send", "text": principal.subject})
    await send({"type": "websocket.close", "code": 1000})


APPS: dict[str, Callable[[Guards], Any]] = {
    "fastapi": make_fastapi,
    "starlette": make_starlette,
    "litestar": make_litestar,
    "quart": make_quart,
    "bare": make_bare,
}
