"""A client for what is served here: one connection, one request after the other, answers read in full."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from bench.whole import service

__all__ = ["Answer", "Client"]

_PATIENCE = 30.0  # seconds that an answer may take on a machine that does much else


@dataclass(frozen=True)
class Answer:
    """What came: the status, the headers by their names in lower case, and the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The request's id."""
        return self.headers["x-request-id"]

    @property
    def document(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


class Client:
    """A connection to a server.

    Args:
        port: Where it listens.
        address: What the client is said to be: its `X-Forwarded-For`.
    """

    def __init__(self, port: int, address: str = "192.0.2.1") -> None:
        self._port = port
        self._address = address

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._writer.close()
        await asyncio.gather(self._writer.wait_closed(), return_exceptions=True)

    async def ask(
        self, path: str, *, method: str = "GET", bearer: str | None = None, document: Any = None, **headers: str
    ) -> Answer:
        """Send a request, and read its answer; a name of a header has underscores."""
        body = b"" if document is None else json.dumps(document).encode()
        if document is not None:
            headers = {"content_type": "application/json", "content_length": str(len(body)), **headers}
        await self.send(self.head(path, method=method, bearer=bearer, **headers) + body)
        async with asyncio.timeout(_PATIENCE):
            return await self.answer()

    def head(self, path: str, *, method: str = "GET", bearer: str | None = None, **headers: str) -> bytes:
        """Return the lines of a request."""
        named = {"host": service.HOST, "x-forwarded-for": self._address}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        if bearer is not None:
            named["authorization"] = f"Bearer {bearer}"
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in named.items())]
        return "\r\n".join([*lines, "", ""]).encode()

    async def send(self, data: bytes) -> None:
        """Send bytes, whatever they are."""
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> Answer:
        """Read an answer of a known length."""
        status, headers = await self.begun()
        body = await self._reader.readexactly(int(headers.get("content-length", 0)))
        return Answer(status, headers, body)

    async def begun(self) -> tuple[int, dict[str, str]]:
        """Read an answer up to its body."""
        first, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[:-2]
        pairs = (line.partition(":") for line in lines)
        return int(first.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def hang_up(self) -> None:
        """Be gone, without a word."""
        self._writer.transport.abort()
