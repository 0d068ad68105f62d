"""A site to be attacked, and the pages of others: plain ASGI, so that a browser meets nothing but what is tested.

`/page` runs scripts, one with the nonce, `/form` posts to where its query says, `/read` tells which cookie it was sent,
`/write` notes who asked, `/ws` says hello.
"""

from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import unquote

PAGE = """<!doctype html><title>page</title><script>marks = []</script>
<script nonce="{nonce}">(window.marks ??= []).push("nonce"); parent.postMessage(location.origin, "*")</script>
<script nonce="guessed">marks.push("another nonce")</script>
<script>marks.push("no nonce")</script>
<img src="/missing.png" onerror="marks.push('attribute')">
<p style="color: rgb(1, 2, 3)">text</p>"""
FORM = '<!doctype html><title>form</title><form method="post" action="{action}"><input name="a" value="b"></form>'


@dataclass
class Site:
    """An application, and what was written to it: who asked, as the browser said it."""

    writes: list[tuple[str, str | None]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": "hello"})
            await receive()
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        body, content_type, status = self._answer(scope, headers)
        lines = [(b"content-type", content_type.encode()), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": status, "headers": lines})
        await send({"type": "http.response.body", "body": body.encode()})

    def _answer(self, scope: Any, headers: dict[str, str]) -> tuple[str, str, int]:
        match scope["path"]:
            case "/page":
                return PAGE.format(nonce=scope.get("state", {}).get("csp_nonce", "none")), "text/html", 200
            case "/form":
                return FORM.format(action=escape(unquote(scope["query_string"].decode()))), "text/html", 200
            case "/read":
                return f"read with {headers.get('cookie', 'no cookie')}", "text/plain", 200
            case "/write":
                self.writes.append((scope["method"], headers.get("origin")))
                return "written", "text/plain", 200
        return "", "text/plain", 404


def reflecting(app: Any) -> Any:
    """Let every page of every origin read every answer, as many applications do by mistake."""

    async def reflected(scope: Any, receive: Any, send: Any) -> None:
        origin = dict(scope["headers"]).get(b"origin") if scope["type"] == "http" else None
        if origin is None:
            await app(scope, receive, send)
            return
        allowed = [(b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true")]
        if scope["method"] == "OPTIONS":
            allowed += [
                (b"access-control-allow-methods", b"PUT, DELETE"),
                (b"access-control-allow-headers", b"x-own, x-other"),
            ]
            await send({"type": "http.response.start", "status": 204, "headers": allowed})
            await send({"type": "http.response.body", "body": b""})
            return

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *allowed]
            await send(message)

        await app(scope, receive, sending)

    return reflected
