"""One GET of a small JSON document, in a thread.

- Only `https`; plain `http` only to this machine. No redirect is followed: the document is where its owner says, or
  nowhere. No other scheme exists here: `file:` is none of ours.
- An answer is bounded in size, and in time: of all of it, its head included, which may trickle, or never end.
"""

import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from io import BufferedReader, RawIOBase
from socket import socket
from typing import Any
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from asgisec._wire.url import is_loopback
from asgisec.tokens._parsing import parse_object

__all__ = ["MAX_ANSWER", "fetch_json"]

MAX_ANSWER = 262_144  # bytes; Azure's set, the largest of the common ones, has 20,000
_CHUNK = 16_384


def fetch_json(url: str, timeout: float, clock: Callable[[], float] = time.monotonic) -> dict[str, Any]:
    """Return the JSON object at a URL.

    Raises:
        OSError: Nobody answered in time, or with another status than 200.
        ValueError: What was answered is no JSON object, or too large.
    """
    end = clock() + timeout
    request = Request(url, headers={"Accept": "application/json", "User-Agent": "asgisec"})  # noqa: S310 - checked
    with _opener(url, lambda: end - clock()).open(request, timeout=timeout) as answer:
        if answer.status != HTTPStatus.OK:
            raise OSError(f"the answer has status {answer.status}")
        parts: list[bytes] = []
        size = 0
        while part := answer.read1(_CHUNK):
            size += len(part)
            if size > MAX_ANSWER:
                raise ValueError("the answer is too large")
            parts.append(part)
    return parse_object(b"".join(parts))


def _opener(url: str, left: Callable[[], float]) -> OpenerDirector:
    opener = OpenerDirector()
    # Without the handlers of errors and redirects: what is not 200 is told by its status, and followed nowhere.
    opener.add_handler(_HTTP(left))
    opener.add_handler(_HTTPS(left))
    if not is_loopback(urlsplit(url).hostname or ""):
        opener.add_handler(ProxyHandler())  # as the environment says
    return opener


class _HTTP(HTTPHandler):
    def __init__(self, left: Callable[[], float]) -> None:
        super().__init__()
        self._left = left

    def http_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_timed(HTTPConnection, self._left), req)


class _HTTPS(HTTPSHandler):
    def __init__(self, left: Callable[[], float]) -> None:
        super().__init__()
        self._left = left

    def https_open(self, req: Request) -> HTTPResponse:
        return self.do_open(_timed(HTTPSConnection, self._left), req)


def _timed(kind: type[HTTPConnection], left: Callable[[], float]) -> Any:
    """Return connections of a kind whose answers are read as long as there is time left."""

    class Response(HTTPResponse):
        def __init__(self, sock: socket, *args: Any, **options: Any) -> None:
            super().__init__(sock, *args, **options)
            self.fp: Any = BufferedReader(_Timed(sock, self.fp.detach(), left))

    return type(kind.__name__, (kind,), {"response_class": Response})


class _Timed(RawIOBase):
    """What comes from a socket, until the time is over: the time-out of a socket begins anew with each byte."""

    def __init__(self, sock: socket, source: RawIOBase, left: Callable[[], float]) -> None:
        self._sock = sock
        self._source = source
        self._left = left

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._left()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        self._sock.settimeout(left)
        return self._source.readinto(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()
