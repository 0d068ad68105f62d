"""A Litestar application, with a list of policies of one's own.

    uvicorn examples.litestar_app:app --no-server-header

`app` stays a `Litestar`. `install` puts one pass around its ASGI handler; middleware that is listed in `Litestar(...)`
would be built once per route, and would not see a request for a path that no route has.
"""

from typing import Any

from litestar import Litestar, WebSocket, get, websocket

from asgisec import CORS, RequestID, SecurityHeaders, TrustedHosts, install, request_id


@get("/")
async def index() -> dict[str, str | None]:
    return {"hello": "world", "request_id": request_id()}


@get("/fails")
async def fails() -> None:
    raise RuntimeError("the client learns nothing of this")


@websocket("/ws")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


app = install(
    Litestar([index, fails, echo]),
    RequestID(),
    SecurityHeaders.api(),
    TrustedHosts(["127.0.0.1", "api.example.com"]),
    CORS(allow_origins=["https://app.example.com"]),
)
