"""Drive an ASGI application directly, with a linter on both sides of it.

    response = request(app, "GET", "/", headers=[("origin", "https://app.example.com")])
    assert response.values("vary") == ["Origin"]

Every application that is driven is linted: it may only send what the ASGI specification allows, in the order it allows.
`linted` puts the same check around the inner side of a middleware.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
Headers = Iterable[tuple[str | bytes, str | bytes]]


@dataclass
class Recorded:
    """What an application sent, and what it raised."""

    messages: list[Message] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def start(self) -> Message:
        """The message that carries status and headers."""
        return next(message for message in self.messages if "headers" in message)

    @property
    def status(self) -> int:
        """The HTTP status; 101 for an accepted WebSocket; 0 where nothing carried one."""
        starts = [message for message in self.messages if "headers" in message]
        return int(starts[0].get("status", 101)) if starts else 0

    @property
    def headers(self) -> list[tuple[str, str]]:
        return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in self.start["headers"]]

    def values(self, name: str) -> list[str]:
        """The values of every line of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def close(self) -> Message | None:
        return next((message for message in self.messages if message["type"] == "websocket.close"), None)


def scope_of(kind: str = "http", method: str = "GET", path: str = "/", headers: Headers = (), **extra: Any) -> Message:
    """Make a scope as a server would; headers may be text or bytes."""
    scope: Message = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": path,
        "raw_path": path.encode("utf-8", "surrogateescape"),
        "query_string": b"",
        "root_path": "",
        "headers": [(_bytes(name).lower(), _bytes(value)) for name, value in headers],
        "client": ("192.0.2.7", 50123),
        "server": ("testserver", 80),
    }
    if kind == "http":
        scope["method"] = method
    else:
        scope["subprotocols"] = []
    scope.update(extra)
    return scope


def request(
    app: App,
    method: str = "GET",
    path: str = "/",
    headers: Headers = (("host", "testserver"),),
    *,
    body: Sequence[bytes] = (b"",),
    backend: str = "asyncio",
    patient: bool = False,
    **extra: Any,
) -> Recorded:
    """Send one HTTP request; an exception of the application is recorded, not raised."""
    more = [*(True for _ in body[1:]), False]
    incoming = [
        {"type": "http.request", "body": chunk, "more_body": rest} for chunk, rest in zip(body, more, strict=True)
    ]
    return drive(app, scope_of("http", method, path, headers, **extra), incoming, backend=backend, patient=patient)


def websocket(
    app: App,
    path: str = "/",
    headers: Headers = (("host", "testserver"),),
    *,
    incoming: Sequence[Message] = (),
    denial: bool = True,
    backend: str = "asyncio",
    patient: bool = False,
    **extra: Any,
) -> Recorded:
    """Open one WebSocket; `denial` says whether the server can send a response in its place."""
    extensions: dict[str, dict[str, Any]] = {"websocket.http.response": {}} if denial else {}
    scope = scope_of("websocket", path=path, headers=headers, extensions=extensions, **extra)
    return drive(app, scope, [{"type": "websocket.connect"}, *incoming], backend=backend, patient=patient)


def drive(
    app: App, scope: Message, incoming: Iterable[Message] = (), *, backend: str = "asyncio", patient: bool = False
) -> Recorded:
    """Run one connection to its end; after `incoming` the peer disconnects, a `patient` one when it has its answer."""
    recorded = Recorded()
    waiting = iter(incoming)

    async def run() -> None:
        answered = anyio.Event()

        async def receive() -> Message:
            await anyio.lowlevel.checkpoint()
            message = next(waiting, None)
            if message is None and patient:
                await answered.wait()
            return message or {"type": f"{scope['type']}.disconnect"}

        async def send(message: Message) -> None:
            await anyio.lowlevel.checkpoint()
            recorded.messages.append(message)
            if message["type"].endswith((".body", ".close")) and not message.get("more_body"):
                answered.set()

        try:
            with anyio.fail_after(10):
                await linted(app)(scope, receive, send)
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 - to be looked at by the test
            recorded.error = error

    anyio.run(run, backend=backend)
    return recorded


def linted(app: App) -> App:
    """Wrap an application in a check of all that it sends, after the ASGI specification (HTTP & WebSocket, 2.4)."""

    async def check(scope: Message, receive: Any, send: Any) -> None:
        state = "begin"

        async def checked(message: Message) -> None:
            nonlocal state
            step = (scope["type"], state, message["type"])
            assert step in _STEPS, f"illegal message: {step}"
            _lint_message(message)
            state = "open" if message.get("more_body") else _STEPS[step]
            await send(message)

        await app(scope, receive, checked)

    return check


_STEPS = {
    ("http", "begin", "http.response.start"): "open",
    ("http", "open", "http.response.body"): "done",
    ("websocket", "begin", "websocket.accept"): "accepted",
    ("websocket", "begin", "websocket.close"): "done",
    ("websocket", "begin", "websocket.http.response.start"): "open",
    ("websocket", "open", "websocket.http.response.body"): "done",
    ("websocket", "accepted", "websocket.send"): "accepted",
    ("websocket", "accepted", "websocket.close"): "done",
}


def _lint_message(message: Message) -> None:
    for pair in message.get("headers", ()):
        name, value = pair
        assert type(name) is bytes, f"header name is no bytes: {name!r}"
        assert type(value) is bytes, f"header value is no bytes: {value!r}"
        assert not set(name + value) & set(b"\r\n\0"), f"control character in {name!r}: {value!r}"
    if "status" in message:
        assert type(message["status"]) is int
    if message["type"] == "websocket.close":
        assert 1000 <= message.get("code", 1000) < 5000
        assert len(message.get("reason", "").encode()) <= 123, "RFC 6455 section 5.5: control frames are short"


def _bytes(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


def answering(
    status: int = 200, headers: Headers = ((b"content-type", b"text/plain"),), body: Sequence[bytes] = (b"hello",)
) -> App:
    """Make an application that always gives this answer; it accepts WebSockets with these headers, then closes."""
    pairs = [(_bytes(name), _bytes(value)) for name, value in headers]

    async def app(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept", "headers": pairs})
            await send({"type": "websocket.close", "code": 1000})
            return
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app
