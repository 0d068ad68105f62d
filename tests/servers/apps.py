"""One application in each framework, all with the same routes, each secured by `secure`.

`/ok` answers JSON to GET and HEAD only, `/boom` raises, `/stream` streams, `/own` sets headers of its own, `/log` logs,
`/upload` tells how many bytes it was sent, `/endless` streams until the client is gone, `/ws` says hello and then
repeats what it hears.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from functools import cache
from typing import Any, cast

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_safe
from fastapi import FastAPI, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from litestar import Litestar, MediaType, Response
from litestar import Request as LitestarRequest
from litestar import WebSocket as LitestarWebSocket
from litestar import get as litestar_get
from litestar import post as litestar_post
from litestar import websocket as litestar_websocket
from litestar.exceptions import WebSocketDisconnect as LitestarDisconnect
from litestar.response import Stream
from quart import Quart, websocket
from quart import Response as QuartResponse
from quart import request as quart_request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from asgisec import request_id, secure
from tests.asgi import App

HOSTS = ["testserver"]
ORIGINS = ["https://app.example.com"]
SECRET = "sesame-7f3a"  # noqa: S105 - what must never reach a client
CHUNKS = [b"%d" % number * 10 for number in range(5)]
OWN = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "Cache-Control": "max-age=60",
    "Vary": "Accept-Encoding",
    "Server": "secret/1.0",
    "X-Powered-By": "secret",
}

_log = logging.getLogger("tests.apps")


async def chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        await asyncio.sleep(0)
        yield chunk


async def endless() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0)
        yield bytes(65536)


async def logged() -> dict[str, str | None]:
    """Let other requests run in between, then log."""
    for _ in range(5):
        await asyncio.sleep(0)
    _log.info("served %s", request_id())
    return {"request_id": request_id()}


def fastapi_app() -> FastAPI:
    app = FastAPI()

    @app.get("/ok")
    def ok() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/items/{number}")
    def item(number: int) -> int:
        return number

    @app.get("/boom")
    def boom() -> None:
        raise RuntimeError(SECRET)

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(chunks())

    @app.get("/endless")
    def stream_endless() -> StreamingResponse:
        return StreamingResponse(endless())

    @app.get("/own")
    def own() -> JSONResponse:
        return JSONResponse({}, headers=OWN)

    @app.get("/log")
    async def log() -> dict[str, str | None]:
        return await logged()

    @app.post("/upload")
    async def upload(request: Request) -> int:
        return len(await request.body())

    app.add_api_websocket_route("/ws", _starlette_echo)
    return app


async def _starlette_echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    try:
        while True:
            await socket.send_text(await socket.receive_text())
    except WebSocketDisconnect:
        pass


def starlette_app() -> Starlette:
    def ok(request: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    def boom(request: Request) -> JSONResponse:
        raise RuntimeError(SECRET)

    def stream(request: Request) -> StreamingResponse:
        return StreamingResponse(chunks())

    def stream_endless(request: Request) -> StreamingResponse:
        return StreamingResponse(endless())

    def own(request: Request) -> JSONResponse:
        return JSONResponse({}, headers=OWN)

    async def log(request: Request) -> JSONResponse:
        return JSONResponse(await logged())

    async def upload(request: Request) -> JSONResponse:
        return JSONResponse(len(await request.body()))

    routes = {"/ok": ok, "/boom": boom, "/stream": stream, "/endless": stream_endless, "/own": own, "/log": log}
    listed = [Route(path, endpoint) for path, endpoint in routes.items()]
    upload_route = Route("/upload", upload, methods=["POST"])
    return Starlette(routes=[*listed, upload_route, WebSocketRoute("/ws", _starlette_echo)])


@litestar_post("/upload", status_code=200)
async def _litestar_upload(request: LitestarRequest[Any, Any, Any]) -> int:
    return len(await request.body())


def litestar_app() -> Litestar:
    @litestar_get("/ok", sync_to_thread=False)
    def ok() -> dict[str, bool]:
        return {"ok": True}

    @litestar_get("/boom", sync_to_thread=False)
    def boom() -> None:
        raise RuntimeError(SECRET)

    @litestar_get("/stream", sync_to_thread=False)
    def stream() -> Stream:
        return Stream(chunks())

    @litestar_get("/endless", sync_to_thread=False)
    def stream_endless() -> Stream:
        return Stream(endless())

    @litestar_get("/own", sync_to_thread=False)
    def own() -> Response[dict[str, str]]:
        return Response({}, headers=OWN, media_type=MediaType.JSON)

    @litestar_get("/log")
    async def log() -> dict[str, str | None]:
        return await logged()

    @litestar_websocket("/ws")
    async def echo(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.send_text("hello")
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except LitestarDisconnect:
            pass

    return Litestar([ok, boom, stream, stream_endless, own, log, _litestar_upload, echo], openapi_config=None)


def quart_app() -> Quart:
    app = Quart("tests.servers.apps")

    @app.get("/ok")
    async def ok() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/boom")
    async def boom() -> str:
        raise RuntimeError(SECRET)

    @app.get("/stream")
    async def stream() -> QuartResponse:
        return QuartResponse(chunks())

    @app.get("/endless")
    async def stream_endless() -> QuartResponse:
        return QuartResponse(endless())

    @app.get("/own")
    async def own() -> QuartResponse:
        return QuartResponse("{}", headers=OWN)

    @app.get("/log")
    async def log() -> dict[str, str | None]:
        return await logged()

    @app.post("/upload")
    async def upload() -> str:
        return str(len(await quart_request.get_data(as_text=False)))

    @app.websocket("/ws")
    async def echo() -> None:
        await websocket.accept()
        await websocket.send("hello")
        while True:
            await websocket.send(await websocket.receive())

    return app


@cache
def django_app() -> App:
    @require_safe
    def ok(request: HttpRequest) -> HttpResponse:
        return JsonResponse({"ok": True})

    def boom(request: HttpRequest) -> HttpResponse:
        raise RuntimeError(SECRET)

    async def stream(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(chunks())

    async def stream_endless(request: HttpRequest) -> StreamingHttpResponse:
        return StreamingHttpResponse(endless())

    def own(request: HttpRequest) -> HttpResponse:
        return JsonResponse({}, headers=OWN)

    async def log(request: HttpRequest) -> HttpResponse:
        return JsonResponse(await logged())

    async def upload(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(len(request.body)))

    routes: dict[str, Callable[..., Any]] = {"ok": ok, "boom": boom, "own": own, "log": log, "upload": upload}
    routes |= {"stream": stream, "endless": stream_endless, "auth/token": ok}

    class Urls:
        urlpatterns = tuple(path(name, view) for name, view in routes.items())

    settings.configure(ROOT_URLCONF=Urls, ALLOWED_HOSTS=["*"], SECRET_KEY=SECRET, LOGGING_CONFIG=None, USE_TZ=True)
    django.setup()
    return cast("App", get_asgi_application())


def bare_app() -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["type"] == "websocket":
            await _bare_echo(receive, send)
            return
        if scope["path"] == "/boom":
            raise RuntimeError(SECRET)
        if scope["path"] == "/upload":
            status, headers, body = 200, {"Content-Type": "text/plain"}, _one(await _length(receive))
        else:
            status, headers, body = await _bare_answer(scope["path"], scope["method"])
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        gone = asyncio.ensure_future(_gone(receive))
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if gone.done():
                break
        gone.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _length(receive: Any) -> int:
    length = 0
    while (message := await receive())["type"] == "http.request":
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    return length


async def _one(content: object) -> AsyncIterator[bytes]:
    yield json.dumps(content).encode()


async def _bare_echo(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept", "headers": []})
    await send({"type": "websocket.send", "text": "hello"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def _bare_answer(path: str, method: str) -> tuple[int, dict[str, str], AsyncIterator[bytes]]:
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    bodies: dict[str, Callable[[], AsyncIterator[bytes]]] = {"/stream": chunks, "/endless": endless}
    if path in bodies:
        return 200, {"Content-Type": "text/plain"}, bodies[path]()
    if path == "/log":
        return 200, {"Content-Type": "application/json"}, _one(await logged())
    if path == "/own":
        return 200, OWN, _one({})
    if path != "/ok":
        return 404, {"Content-Type": "text/plain"}, _one("not found")
    if method not in {"GET", "HEAD"}:
        return 405, {"Allow": "GET, HEAD"}, _one("not allowed")
    return 200, {"Content-Type": "application/json"}, _one({"ok": True}) if method == "GET" else nothing()


BARE: dict[str, Callable[[], Any]] = {
    "fastapi": fastapi_app,
    "starlette": starlette_app,
    "litestar": litestar_app,
    "quart": quart_app,
    "django": django_app,
    "bare": bare_app,
}


def secured() -> dict[str, App]:
    """Every application, secured."""
    return {name: secure(make(), hosts=HOSTS, origins=ORIGINS) for name, make in BARE.items()}
