"""Sends one request of the demo, as it stands, and brings back the answer."""

import base64
import http.client
from dataclasses import dataclass

from examples.demo.steps import Request

_TIMEOUT = 10.0


@dataclass(frozen=True)
class Answer:
    """One answer: its status, its header lines in order, its body."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: str

    def values(self, name: str) -> list[str]:
        """Return the values of every line of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def ask(port: int, request: Request) -> Answer:
    """Send a request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in lines(port, request):
            connection.putheader(name, value)
        if request.websocket:
            # RFC 6455 section 4.1; the answer to a key that is always the same is of no use to anybody here.
            key = base64.b64encode(bytes(16)).decode()
            for name, value in {
                "Connection": "Upgrade",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": key,
            }.items():
                connection.putheader(name, value)
        connection.endheaders(request.body.encode() or None)
        response = connection.getresponse()
        body = "" if response.status == http.client.SWITCHING_PROTOCOLS else response.read().decode()
        return Answer(response.status, response.reason, tuple(response.getheaders()), body)
    finally:
        connection.close()


def lines(port: int, request: Request) -> tuple[tuple[str, str], ...]:
    """Return the header lines of a request that matter: those that it names, and `Host`."""
    host = () if any(name == "Host" for name, _ in request.headers) else (("Host", f"127.0.0.1:{port}"),)
    upgrade = (("Upgrade", "websocket"),) if request.websocket else ()
    length = (("Content-Length", str(len(request.body.encode()))),) if request.body else ()
    return (*host, *upgrade, *request.headers, *length)
