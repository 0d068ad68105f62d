"""A Quart application, secured in one line.

    uvicorn examples.quart_app:app --no-server-header

`app` stays a `Quart`: the pass goes where Quart asks for middleware, around `asgi_app`. Quart logs what a handler
raises itself, while the request is still there; a `RequestIDFilter` on the log handler puts the id into that line.
"""

from quart import Quart, websocket

from asgisec import request_id, secure

app = Quart(__name__)
secure(app, hosts=["127.0.0.1", "api.example.com"], origins=["https://app.example.com"])


@app.get("/")
async def index() -> dict[str, str | None]:
    return {"hello": "world", "request_id": request_id()}


@app.get("/fails")
async def fails() -> str:
    raise RuntimeError("the log knows why; the client learns nothing")


@app.websocket("/ws")
async def echo() -> None:
    await websocket.accept()
    await websocket.send("hello")
    await websocket.close(1000)
