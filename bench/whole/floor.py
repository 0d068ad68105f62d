"""The same by hand, for this one route: what cannot be had for less.

One function around the bare route does everything. Nothing is configurable, checked at construction, or told to a log.
One script asks for limits and revocations at once, over one connection, together with those of concurrent requests; on
a cluster, or with two stores, that cannot be. A token that was good is remembered.
"""

import asyncio
import time
from collections import deque
from hashlib import sha1
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import hiredis
import jwt
from limits import parse
from redis.asyncio import Redis

from asgisec import SecurityHeaders
from bench.harness import ASGIApp
from bench.whole import bare, service

__all__ = ["application", "built", "revoke"]

_CONSTANT = tuple(SecurityHeaders.api().response_headers)
_GRANTED = (
    (b"vary", b"Origin"),
    (b"access-control-allow-origin", service.ORIGIN.encode()),
    (b"access-control-expose-headers", b"X-Request-ID, RateLimit, RateLimit-Policy, Retry-After"),
)
_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization"),
    (b"access-control-max-age", b"600"),
)
_HOST, _ORIGIN = service.HOST.encode(), service.ORIGIN.encode()

# KEYS: two counts, and what revokes the token. Spends of both, or of none; says what is left, and who is revoked.
_SCRIPT = b"""
local spent, left = {}, {}
local full = 0
for n = 1, 2 do
  spent[n] = tonumber(redis.call('GET', KEYS[n]) or 0)
  if spent[n] >= tonumber(ARGV[n * 2 - 1]) then full = 1 end
end
for n = 1, 2 do
  if full == 0 then
    spent[n] = redis.call('INCR', KEYS[n])
    if spent[n] == 1 then redis.call('EXPIRE', KEYS[n], ARGV[n * 2]) end
  end
  left[n] = ARGV[n * 2 - 1] - spent[n]
end
local revoked = 0
if #KEYS > 2 then revoked = redis.call('EXISTS', KEYS[3]) end
return {full, revoked, left[1], redis.call('TTL', KEYS[1]), left[2], redis.call('TTL', KEYS[2])}
"""
_SHA = sha1(_SCRIPT).hexdigest()  # noqa: S324 - how Redis names scripts


class _Line(asyncio.Protocol):
    """A connection to Redis: what is asked in one turn of the loop leaves together."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.reader = hiredis.Reader()
        self.waiting: deque[asyncio.Future[Any]] = deque()
        self.pending: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.reader.feed(data)
        while (reply := self.reader.gets()) is not False:
            self.waiting.popleft().set_result(reply)

    def ask(self, *words: str | bytes | int) -> "asyncio.Future[Any]":
        if not self.pending:
            self.loop.call_soon(self.flush)
        self.pending.append(hiredis.pack_command(words))  # type: ignore[arg-type]  # its stub means any length
        reply = self.loop.create_future()
        self.waiting.append(reply)
        return reply

    def flush(self) -> None:
        self.transport.write(b"".join(self.pending))
        self.pending.clear()


async def _connected(url: str) -> _Line:
    place = urlsplit(url)
    _, line = await asyncio.get_running_loop().create_connection(_Line, str(place.hostname), place.port or 6379)
    await line.ask("SELECT", place.path[1:] or "0")
    await line.ask("SCRIPT", "LOAD", _SCRIPT)
    return line


def application() -> ASGIApp:
    """Return the application, for a server."""
    return built(service.store_url(), service.limits())


def built(url: str, limits: tuple[str, ...]) -> ASGIApp:  # noqa: C901, PLR0915 - counts what is inside
    """Return the application."""
    route: ASGIApp = bare.built()
    items = [parse(limit) for limit in limits]
    names = [f'"{item.amount}/{item.GRANULARITY.name}"' for item in items]
    amounts = [number for item in items for number in (item.amount, item.get_expiry())]
    policy = ", ".join(f"{n};q={item.amount};w={item.get_expiry()}" for n, item in zip(names, items, strict=True))
    policy_header = (b"ratelimit-policy", policy.encode())
    state = f"{names[0]};r=%d;t=%d, {names[1]};r=%d;t=%d".encode()
    good: dict[bytes, dict[str, Any]] = {}
    lines: dict[str, _Line] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:  # noqa: C901, PLR0912 - one frame
        if scope["type"] != "http":
            await route(scope, receive, send)
            for line in lines.values():
                line.transport.close()
            await asyncio.sleep(0)
            return
        headers = dict(scope["headers"])
        added = [*_CONSTANT, (b"x-request-id", headers.get(b"x-request-id") or uuid4().hex.encode())]
        if headers.get(b"host") != _HOST:
            await _answer(send, 400, added)
            return
        if headers.get(b"origin") == _ORIGIN:
            added += _GRANTED
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await _answer(send, 200, [*added, *_PREFLIGHT])
                return
        else:
            added.append(_GRANTED[0])
        presented = headers.get(b"authorization", b"")
        claims = good.get(presented)
        if claims is None or claims["exp"] <= time.time():
            claims = _verified(presented)
            if claims is not None and len(good) < 4096:
                good[presented] = claims
        line = lines.get("") or lines.setdefault("", await _connected(url))
        client = scope["client"][0]
        keys = [f"rate:{client}:0", f"rate:{client}:1"]
        if claims is not None:
            keys.append(f"revoked:{claims['jti']}")
        full, revoked, *numbers = await line.ask("EVALSHA", _SHA, len(keys), *keys, *amounts)
        added += (policy_header, (b"ratelimit", state % (*numbers,)))
        if full:
            await _answer(send, 429, [*added, (b"retry-after", b"%d" % max(numbers[1], numbers[3]))])
        elif claims is None or revoked:
            await _answer(send, 401, [*added, (b"www-authenticate", b"Bearer")])
        elif service.SCOPE not in claims["scope"].split():
            await _answer(send, 403, [*added, (b"www-authenticate", b'Bearer error="insufficient_scope"')])
        else:

            def dressed(message: Any) -> Any:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message["headers"], *added]
                return send(message)

            await route(scope, receive, dressed)

    return app


def _verified(presented: bytes) -> dict[str, Any] | None:
    kind, _, token = presented.partition(b" ")
    if kind.lower() != b"bearer":
        return None
    try:
        claims: dict[str, Any] = jwt.decode(
            token, service.SECRET, algorithms=["HS256"], audience=service.AUDIENCE, issuer=service.ISSUER
        )
    except jwt.InvalidTokenError:
        return None
    return claims


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", b"0")]})
    await send({"type": "http.response.body"})


async def revoke(url: str, token: str) -> None:
    """Revoke a token."""
    said = jwt.decode(token, options={"verify_signature": False})
    async with Redis.from_url(url) as redis:
        await redis.set(f"revoked:{said['jti']}", "1", ex=86_400)
