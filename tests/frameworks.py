"""Small applications of every framework, for tests of what `secure` and `install` do to them.

Each has `/ok`, `/boom`, which raises what it is given, and three WebSockets: `/before` raises before it accepts,
`/after` when it has, `/ws` says hello.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, WebSocket
from litestar import Litestar, get, websocket
from litestar import WebSocket as LitestarWebSocket
from quart import Quart
from quart import websocket as quart_websocket
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

from asgisec.errors import SecurityError

Error = Callable[[], Exception]


class Refused(SecurityError):
    status = 418
    default_detail = "No tea for you."
    default_reason = "teapot"


@dataclass(frozen=True)
class Framework:
    kind: type
    make: Callable[..., Any]


def make_fastapi(error: Error = Refused, **options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/ok")
    def ok() -> str:
        return "ok"

    @app.get("/boom")
    def boom() -> None:
        raise error()

    for route in _websocket_routes(error):
        app.router.routes.append(route)
    return app


def make_starlette(error: Error = Refused, **options: Any) -> Starlette:
    async def ok(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def boom(request: Request) -> PlainTextResponse:
        raise error()

    return Starlette(routes=[Route("/ok", ok), Route("/boom", boom), *_websocket_routes(error)], **options)


def _websocket_routes(error: Error) -> list[WebSocketRoute]:
    async def before(socket: WebSocket) -> None:
        raise error()

    async def after(socket: WebSocket) -> None:
        await socket.accept()
        raise error()

    async def hello(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    endpoints = {"/before": before, "/after": after, "/ws": hello}
    return [WebSocketRoute(path, endpoint) for path, endpoint in endpoints.items()]


def make_litestar(error: Error = Refused, **options: Any) -> Litestar:
    @get("/ok")
    async def ok() -> str:
        return "ok"

    @get("/boom")
    async def boom() -> None:
        raise error()

    @websocket("/before")
    async def before(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        raise error()

    @websocket("/after")
    async def after(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        raise error()

    @websocket("/ws")
    async def hello(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.send_text("hello")
        await socket.close()

    return Litestar([ok, boom, before, after, hello], openapi_config=None, **options)


def make_quart(error: Error = Refused, *, debug: bool = False) -> Quart:
    app = Quart("tests.frameworks")
    app.debug = debug

    @app.get("/ok")
    async def ok() -> str:
        return "ok"

    @app.get("/boom")
    async def boom() -> str:
        raise error()

    @app.websocket("/before")
    async def before() -> None:
        raise error()

    @app.websocket("/after")
    async def after() -> None:
        await quart_websocket.accept()
        raise error()

    @app.websocket("/ws")
    async def hello() -> None:
        await quart_websocket.accept()
        await quart_websocket.send("hello")
        await quart_websocket.close(1000)

    return app


FRAMEWORKS = {
    "fastapi": Framework(FastAPI, make_fastapi),
    "starlette": Framework(Starlette, make_starlette),
    "litestar": Framework(Litestar, make_litestar),
    "quart": Framework(Quart, make_quart),
}

__all__ = ["FRAMEWORKS", "Refused", "make_fastapi", "make_litestar", "make_quart", "make_starlette"]
