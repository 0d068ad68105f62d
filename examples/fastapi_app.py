"""A FastAPI application, secured in one line.

    uvicorn examples.fastapi_app:app --no-server-header

`app` stays a `FastAPI`. The pass goes around everything that it sends: the answers, the validation errors, the 500 page
and the WebSocket handshakes. The documentation pages, `/docs` and `/redoc`, keep working under the strict policy.
`--no-server-header` is uvicorn's own option: what a server adds by itself, no application can take away.
"""

from fastapi import FastAPI, WebSocket

from asgisec import request_id, secure

app = FastAPI(title="Notes")
secure(app, hosts=["127.0.0.1", "api.example.com"], origins=["https://app.example.com"])


@app.get("/")
def index() -> dict[str, str | None]:
    return {"hello": "world", "request_id": request_id()}


@app.get("/notes/{number}")
def note(number: int) -> dict[str, int]:
    return {"note": number}


@app.get("/fails")
def fails() -> None:
    raise RuntimeError("the log knows why; the client learns nothing")


@app.websocket("/ws")
async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()
