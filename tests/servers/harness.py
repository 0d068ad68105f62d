"""Real servers in a thread, and a raw client: bytes out, one answer in, its headers as the list of lines that came.

    with running("uvicorn-h11", {"fastapi": app}) as server, server.connect("fastapi") as peer:
        answer = peer.ask(b"GET / HTTP/1.1\\r\\nHost: testserver\\r\\n\\r\\n")
        assert answer.values("x-request-id") == [...]

A server is a name in `SERVERS`: which class runs it, with which of its implementations. Every application is the
outermost one of a server of its own; all of them share one thread and one event loop, which makes starting cheap.
"""

import asyncio
import base64
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn

from asgisec import RequestIDFilter
from tests.asgi import App

TIMEOUT = 10.0  # seconds; nothing here takes one

SERVERS: dict[str, dict[str, Any]] = {
    "uvicorn-h11": {"http": "h11", "ws": "wsproto"},
    "uvicorn-httptools": {"http": "httptools", "ws": "websockets-sansio"},
}


# Nothing between the socket and the application that is tested; logs go where the tests look.
OPTIONS: dict[str, Any] = {"log_config": None, "log_level": "info", "server_header": False, "proxy_headers": False}


@dataclass
class Answer:
    """One answer, as it stood on the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """The values of every line of a header, in order."""
        return [value for key, value in self.headers if key == name.lower()]


Address = int | str  # a port on the loopback interface, or the path of a Unix socket


def open_socket(address: Address) -> socket.socket:
    """Connect to a server."""
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address), timeout=TIMEOUT)
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(TIMEOUT)
    try:
        connected.connect(address)
    except OSError:
        connected.close()
        raise
    return connected


class Peer:
    """One connection of a client that sends exactly the bytes it is told to."""

    def __init__(self, address: Address) -> None:
        self.socket = open_socket(address)
        self.file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def ask(self, request: bytes) -> Answer:
        """Send one request, read its answer."""
        self.send(request)
        return self.answer(bodiless=request.startswith(b"HEAD "))

    def head(self) -> Answer:
        """Read an answer up to the empty line."""
        _, status, *_ = self.file.readline().decode("latin-1").split(" ", 2)
        headers = []
        while (line := self.file.readline()) not in (b"\r\n", b""):
            name, colon, value = line.decode("latin-1").removesuffix("\r\n").partition(":")
            assert colon, f"no header line: {line!r}"
            headers.append((name.lower(), value.strip(" ")))
        return Answer(int(status), headers)

    def answer(self, *, bodiless: bool = False) -> Answer:
        """Read one whole answer (RFC 9112 section 6.3)."""
        answer = self.head()
        if bodiless or answer.status in (101, 204, 304):
            return answer
        if "chunked" in answer.values("transfer-encoding"):
            answer.body = b"".join(iter(self._chunk, b""))
        elif answer.values("content-length"):
            answer.body = self.file.read(int(answer.values("content-length")[0]))
        else:
            answer.body = self.file.read()
        return answer

    def _chunk(self) -> bytes:
        data = self.file.read(int(self.file.readline(), 16))
        self.file.readline()
        return data

    def handshake(self, path: str = "/ws", *, host: str = "testserver", lines: bytes = b"") -> Answer:
        """Ask for a WebSocket (RFC 6455 section 4.1)."""
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
        )
        return self.ask(request.encode() + lines + b"\r\n")

    def frame(self) -> tuple[int, bytes]:
        """Read one frame: its opcode and payload (RFC 6455 section 5.2); servers do not mask."""
        first, length = self.file.read(2)
        if length > 125:
            length = int.from_bytes(self.file.read(2 if length == 126 else 8))
        return first & 15, self.file.read(length)

    def send_text(self, text: str) -> None:
        """Send one short text frame, masked with zeros."""
        payload = text.encode()
        assert len(payload) < 126
        self.send(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)

    def rest(self) -> bytes:
        """Read until the server hangs up."""
        return self.file.read()


class Log(logging.Handler):
    """Keeps log records, with the ids that they had when they were made."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._arrived = threading.Condition()
        self.addFilter(RequestIDFilter())

    def emit(self, record: logging.LogRecord) -> None:
        with self._arrived:
            self.records.append(record)
            self._arrived.notify_all()

    def of(self, logger: str) -> list[logging.LogRecord]:
        return [record for record in self.records if record.name == logger]

    def wait_for(self, logger: str, text: str) -> logging.LogRecord:
        """Return the record of this logger that contains the text, once it is there."""
        formatter = logging.Formatter()

        def find() -> logging.LogRecord | None:
            return next((record for record in self.of(logger) if text in formatter.format(record)), None)

        with self._arrived:
            assert self._arrived.wait_for(lambda: find() is not None, TIMEOUT), f"{logger} never logged {text!r}"
        record = find()
        assert record is not None
        return record


@dataclass
class Servers:
    """Servers of one kind, one per application, in one thread."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=lambda: OPTIONS)
    log: Log = field(default_factory=Log)
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, uvicorn.Server] = field(default_factory=dict)
    sockets: list[socket.socket] = field(default_factory=list)
    thread: threading.Thread | None = None
    loop: asyncio.AbstractEventLoop | None = None

    def start(self, apps: Mapping[str, App]) -> None:
        jobs = []
        for name, app in apps.items():
            # Bound and listening before the server runs: a client that connects at once waits in the queue.
            listening = socket.create_server(("127.0.0.1", 0))
            self.sockets.append(listening)
            self.ports[name] = listening.getsockname()[1]
            config = uvicorn.Config(app, **SERVERS[self.kind], **self.options)
            self.running[name] = uvicorn.Server(config)
            jobs.append((self.running[name], listening))

        async def serve() -> None:
            self.loop = asyncio.get_running_loop()
            await asyncio.gather(*(server.serve(sockets=[listening]) for server, listening in jobs))

        self.thread = threading.Thread(target=asyncio.run, args=(serve(),), name="servers", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ask every server to stop in its own time, and wait until it did."""
        for server in self.running.values():
            server.should_exit = True
        assert self.thread is not None
        self.thread.join(TIMEOUT)
        for listening in self.sockets:
            listening.close()
        assert not self.thread.is_alive(), "a server does not stop"

    def call(self, function: Callable[[], object]) -> None:
        """Call a function in the servers' event loop."""
        assert self.loop is not None
        self.loop.call_soon_threadsafe(function)

    def connect(self, name: str) -> Peer:
        return Peer(self.ports[name])

    def ask(self, name: str, request: bytes) -> Answer:
        """Send one request on a connection of its own."""
        with self.connect(name) as peer:
            return peer.ask(request)


@contextmanager
def running(server: str, apps: Mapping[str, App], **options: Any) -> Iterator[Servers]:
    """Run a server of this kind for every application; stop them all at the end."""
    servers = Servers(server, {**OPTIONS, **options})
    root = logging.getLogger()
    level = root.level
    with ExitStack() as stack:
        root.addHandler(servers.log)
        root.setLevel(logging.INFO)
        stack.callback(root.setLevel, level)
        stack.callback(root.removeHandler, servers.log)
        servers.start(apps)
        stack.callback(servers.stop)
        yield servers


def get(path: str = "/ok", *lines: str | bytes, method: str = "GET", host: str | None = "testserver") -> bytes:
    """Write a request without a body; what is said in `lines` comes after `Host`, byte by byte."""
    head = [f"{method} {path} HTTP/1.1".encode()]
    head += [] if host is None else [f"Host: {host}".encode()]
    head += [line.encode() if isinstance(line, str) else line for line in lines]
    return b"\r\n".join([*head, b"", b""])
