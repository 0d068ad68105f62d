"""A Starlette application, secured in one line.

    uvicorn examples.starlette_app:app --no-server-header

`app` stays a `Starlette`. The pass goes around Starlette's own outermost middleware, so its 500 page has the request id
and the security headers, too.
"""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgisec import request_id, secure


async def index(request: Request) -> JSONResponse:
    return JSONResponse({"hello": "world", "request_id": request_id()})


async def fails(request: Request) -> JSONResponse:
    raise RuntimeError("the log knows why; the client learns nothing")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


app = Starlette(routes=[Route("/", index), Route("/fails", fails), WebSocketRoute("/ws", echo)])
secure(app, hosts=["127.0.0.1", "api.example.com"], origins=["https://app.example.com"])
