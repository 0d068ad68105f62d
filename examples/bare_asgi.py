"""An ASGI application without a framework, secured in one line.

    uvicorn examples.bare_asgi:app --no-server-header --lifespan off

Nobody but the pass is there to answer an exception: it sends a problem document without a word of it, and the
exception goes on to the server's log with the request id.
"""

import json
from typing import Any

from asgisec import request_id, secure


async def hello(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "hello"})
        await send({"type": "websocket.close"})
        return
    if scope["path"] == "/fails":
        raise RuntimeError("the log knows why; the client learns nothing")
    body = json.dumps({"hello": "world", "request_id": request_id()}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = secure(hello, hosts=["127.0.0.1", "api.example.com"], origins=["https://app.example.com"])
