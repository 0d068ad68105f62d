"""Clients for one request as data, over HTTP/1.1 bytes or HTTP/2 frames: what is read is what stood on the wire."""

from dataclasses import dataclass
from typing import Self

import h2.config
import h2.connection
import h2.errors
import h2.events

from tests.servers.harness import Address, Answer, Peer, open_socket

# What the proxy in front says: it ended TLS, for this client.
PROXIED = {"x-forwarded-proto": "https", "x-forwarded-for": "192.0.2.7"}


@dataclass(frozen=True)
class Request:
    """One request; `length` is what it says of its body, `None` that it says nothing."""

    path: str = "/ok"
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: tuple[bytes, ...] = ()
    length: int | None = None

    def lines(self) -> list[tuple[str, str]]:
        own = dict(self.headers)
        lines = [*(own.items()), *((name, value) for name, value in PROXIED.items() if name not in own)]
        return lines if self.length is None else [*lines, ("content-length", str(self.length))]


class Http1:
    """One connection that speaks HTTP/1.1."""

    def __init__(self, address: Address) -> None:
        self.peer = Peer(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, request: Request, *, end: bool = False) -> None:
        chunked = request.length is None and bool(request.body)
        lines = [("host", "testserver"), *request.lines()]
        lines += [("transfer-encoding", "chunked")] if chunked else []
        head = f"{request.method} {request.path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines) + "\r\n"
        body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) if chunked else part for part in request.body)
        self.peer.send(head.encode() + body + (b"0\r\n\r\n" if chunked and end else b""))

    def head(self) -> Answer:
        return self.peer.head()

    def ask(self, request: Request) -> Answer:
        self.begin(request, end=True)
        return self.peer.answer(bodiless=request.method == "HEAD")

    def reset(self) -> None:
        raise NotImplementedError("HTTP/1.1 breaks off a request with its connection only")

    def close(self) -> None:
        self.peer.close()


class Http2:
    """One connection that speaks HTTP/2 in clear, one stream at a time."""

    def __init__(self, address: Address) -> None:
        self.socket = open_socket(address)
        # Nothing is mended on the way in: a header that comes twice, or is none, shall be seen.
        config = h2.config.H2Configuration(client_side=True, header_encoding="latin-1")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.stream = 0
        self.events: list[h2.events.Event] = []
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, request: Request, *, end: bool = False) -> None:
        self.stream = self.h2.get_next_available_stream_id()
        pseudo = [(":method", request.method), (":scheme", "http"), (":authority", "testserver")]
        bodiless = end and not request.body
        lines = [*pseudo, (":path", request.path), *request.lines()]
        self.h2.send_headers(self.stream, lines, end_stream=bodiless)
        for number, part in enumerate(request.body, 1):
            self.h2.send_data(self.stream, part, end_stream=end and number == len(request.body))
        self._flush()

    def head(self) -> Answer:
        while True:
            event = self._next()
            if isinstance(event, h2.events.ResponseReceived):
                lines = [(_text(name), _text(value)) for name, value in event.headers]
                status = [value for name, value in lines if name == ":status"]
                assert len(status) == 1, lines
                return Answer(int(status[0]), [line for line in lines if line[0] != ":status"])

    def ask(self, request: Request) -> Answer:
        self.begin(request, end=True)
        answer = self.head()
        while not isinstance(event := self._next(), h2.events.StreamEnded):
            if isinstance(event, h2.events.DataReceived):
                answer.body += event.data
        return answer

    def reset(self) -> None:
        """Break off the stream; the connection serves on."""
        self.h2.reset_stream(self.stream, h2.errors.ErrorCodes.CANCEL)
        self.events.clear()
        self._flush()

    def close(self) -> None:
        self.socket.close()

    def _flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def _next(self) -> h2.events.Event:
        """Return the next event of the stream that is open."""
        while True:
            for event in self._waiting():
                if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    raise ConnectionResetError(repr(event))
                return event
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionResetError("hung up")
            self.events += self.h2.receive_data(data)
            for event in self.events:
                if isinstance(event, h2.events.DataReceived) and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self._flush()

    def _waiting(self) -> list[h2.events.Event]:
        while self.events:
            event = self.events.pop(0)
            if getattr(event, "stream_id", self.stream) in (self.stream, 0):
                return [event]
        return []


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


Client = Http1 | Http2
CLIENTS: dict[str, type[Http1] | type[Http2]] = {"http1": Http1, "http2": Http2}
