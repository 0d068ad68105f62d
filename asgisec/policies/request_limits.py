"""Bounds on what a request may make the application hold, and for how long it may take to arrive.

- Body over `max_body_size`: 413. By `Content-Length` before anything is read; while it streams, by counting, whatever
  the length said. The 413 is the answer whatever the framework makes of the failed read, unless a response has begun.
- Body not complete within `timeout` of its first read: 408.
- Headers over `max_header_size` or `max_headers`: 431. Query over `max_query_size`: 414.
- A body of a type that is not among `content_types`: 415; found while it arrives where no header announced it.
- WebSocket message over `max_message_size`: close with 1009.

Servers have limits of their own on lines and headers, and apply them first. A body that nobody reads is not counted.
After a response has begun nothing can take its place: the application's next read raises, and an event is emitted.
"""

import re
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any, cast

from anyio import move_on_after

from asgisec._durations import in_seconds
from asgisec._exempt import is_coroutine_function
from asgisec.errors import (
    BadRequest,
    ConfigError,
    ContentTooLarge,
    HeadersTooLarge,
    RequestTimeout,
    SecurityError,
    UnsupportedMediaType,
    URITooLong,
)
from asgisec.policies._options import a_bool, a_list, positive
from asgisec.policy import Exchange, Policy, Receive

__all__ = ["RequestLimits"]

_KIB = 1024
_MIB = 1024 * 1024
_TOO_LARGE = "The request is too large."

_MAX_DIGITS = 18  # what a signed number of 64 bits holds; nobody's body is longer
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][\w!#$&^.+-]*/(?:\*|[A-Za-z0-9][\w!#$&^.+-]*)", re.ASCII)  # RFC 6838 section 4.2


@dataclass(frozen=True, kw_only=True)
class RequestLimits(Policy):
    """Refuse requests that are too large or too slow.

    Args:
        max_body_size: Bytes of a body; 1 MiB. `None` for no limit, as for every limit here.
        max_header_size: Bytes of all header names and values; 16 KiB.
        max_headers: Lines of headers; 100.
        max_query_size: Bytes of the query; 8 KiB.
        max_message_size: Bytes of a WebSocket message; 64 KiB.
        timeout: Seconds from the first read of a body to its end, or a `timedelta`; 60.
        content_types: Media types that a body may have, `application/json` or `image/*`; any where left out.
        clock: Returns seconds, rising.
        dry_run: Report what would be refused, and let it pass.

    Raises:
        ConfigError: A limit is not a number of 1 or more; a content type is none.
    """

    max_body_size: int | None = _MIB
    max_header_size: int | None = 16 * _KIB
    max_headers: int | None = 100
    max_query_size: int | None = 8 * _KIB
    max_message_size: int | None = 64 * _KIB
    timeout: float | timedelta | None = 60
    content_types: Collection[str] | None = None
    clock: Callable[[], float] = time.monotonic
    dry_run: bool = False
    _types: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, unit in (
            ("max_body_size", "bytes"),
            ("max_header_size", "bytes"),
            ("max_headers", "lines"),
            ("max_query_size", "bytes"),
            ("max_message_size", "bytes"),
        ):
            positive(f"RequestLimits({name}=)", getattr(self, name), unit)
        if self.timeout is not None:
            limit = in_seconds(self.timeout)
            if limit is None or limit <= 0:
                mend = "write seconds or a timedelta, more than 0, or None for no limit"
                raise ConfigError("RequestLimits(timeout=)", self.timeout, mend)
            object.__setattr__(self, "timeout", limit)
        if not callable(self.clock) or is_coroutine_function(self.clock):
            raise ConfigError("RequestLimits(clock=)", self.clock, "write a function that returns seconds, rising")
        a_bool("RequestLimits(dry_run=)", self.dry_run)
        option = "RequestLimits(content_types=)"
        types = () if self.content_types is None else a_list(option, self.content_types)
        if self.content_types is not None and not types:
            raise ConfigError(option, types, "name at least one media type, or leave it out for any")
        for written in types:
            if not _MEDIA_TYPE.fullmatch(written):
                mend = "write a media type without parameters: 'application/json', 'image/*'"
                raise ConfigError(option, written, mend)
        object.__setattr__(self, "_types", frozenset(written.lower().encode() for written in types))

    def on_request(self, exchange: Exchange) -> SecurityError | None:
        """Judge what can be seen before the body."""
        scope = exchange.scope
        lines = scope["headers"]
        if self.max_headers is not None and len(lines) > self.max_headers:
            return HeadersTooLarge(reason="too_many_headers")
        if self.max_header_size is not None and sum(map(len, chain.from_iterable(lines))) > self.max_header_size:
            return HeadersTooLarge()
        if self.max_query_size is not None and len(scope.get("query_string", b"")) > self.max_query_size:
            return URITooLong()
        return self._judge_body(exchange.headers) if scope["type"] == "http" else None

    def _judge_body(self, headers: Mapping[bytes, bytes]) -> SecurityError | None:
        length = headers.get(b"content-length")
        if length is not None:
            # RFC 9110 section 8.6: digits only; `int` would also take signs, spaces and underscores.
            if not length.isdigit():
                return BadRequest(reason="content_length")
            # Compared by digits first: a number of thousands of digits is not worth converting.
            if self.max_body_size is not None and (len(length) > _MAX_DIGITS or int(length) > self.max_body_size):
                return ContentTooLarge(_TOO_LARGE, reason="body_too_large")
        announced = b"transfer-encoding" in headers or length not in {None, b"0"}
        return UnsupportedMediaType() if announced and not self.accepts_type(headers) else None

    def accepts_type(self, headers: Mapping[bytes, bytes]) -> bool:
        """Tell whether a body of a request with these headers is of an accepted type."""
        if not self._types:
            return True
        media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        return media_type in self._types or media_type.partition(b"/")[0] + b"/*" in self._types

    def wrap_receive(self, exchange: Exchange, receive: Receive) -> Receive:
        """Count what arrives."""
        if exchange.scope["type"] == "websocket":
            return _Messages(self, exchange, receive).read
        return _Body(self, exchange, receive).read


class _Reader:
    """What one request has brought so far."""

    __slots__ = ("complete", "deadline", "exchange", "limits", "receive", "refusal", "said", "size")

    def __init__(self, limits: RequestLimits, exchange: Exchange, receive: Receive) -> None:
        self.limits = limits
        self.exchange = exchange
        self.receive = receive
        self.size = 0
        self.deadline: float | None = None
        self.complete = False
        self.refusal: SecurityError | None = None
        # Of a request whose refusal was rehearsed before, nothing more is said.
        self.said = limits.dry_run and limits.on_request(exchange) is not None

    def refuse(self, error: SecurityError) -> None:
        """Let the request be refused, and the application's read fail; say so, only, where that is rehearsed."""
        exchange, limits = self.exchange, self.limits
        if not limits.dry_run:
            exchange.refuse(error, by=limits)
            if exchange.refusal is error:
                self.refusal = error
                raise error
        if not self.said:
            self.said = True
            exchange.report(error.event, error.reason, policy=limits, rehearsed=limits.dry_run)
        if not limits.dry_run:
            raise error

    def go_on(self) -> None:
        """Raise where the request was refused: who swallowed the refusal and reads on gets no more of it."""
        if self.refusal is not None:
            # Of its traceback, which grows with every raise and holds what was read, nothing is kept.
            raise self.refusal.with_traceback(None)


class _Messages(_Reader):
    __slots__ = ()

    async def read(self) -> Any:
        """Receive the next message of a WebSocket."""
        self.go_on()
        message = await self.receive()
        limit = self.limits.max_message_size
        if message["type"] == "websocket.receive" and limit is not None:
            text = message.get("text") or ""
            if len(message.get("bytes") or b"") + len(text.encode(errors="surrogatepass")) > limit:
                self.refuse(ContentTooLarge("The message is too large.", reason="message_too_large"))
        return message


class _Body(_Reader):
    __slots__ = ()

    async def read(self) -> Any:
        """Receive the next part of a body."""
        self.go_on()
        limits = self.limits
        message = await (self.receive() if self.complete or limits.timeout is None else self.read_in_time())
        if message["type"] == "http.request":
            length = len(message.get("body", b""))
            self.size += length
            self.complete = not message.get("more_body", False)
            if limits.max_body_size is not None and self.size > limits.max_body_size:
                self.refuse(ContentTooLarge(_TOO_LARGE, reason="body_too_large"))
            # HTTP/2 announces no body: there the first of it is the first that can be judged.
            elif self.size == length > 0 and not limits.accepts_type(self.exchange.headers):
                self.refuse(UnsupportedMediaType())
        return message

    async def read_in_time(self) -> Any:
        now = self.limits.clock()
        if self.deadline is None:
            self.deadline = now + cast("float", self.limits.timeout)
        message = None
        with move_on_after(max(0.0, self.deadline - now)):
            message = await self.receive()
        if message is None:
            # RFC 9110 section 15.5.9 wants it closed; HTTP/2 has no such header (RFC 9113 section 8.2.2).
            old = self.exchange.scope.get("http_version", "1.1").startswith("1")
            self.refuse(RequestTimeout(headers={"connection": "close"} if old else None))
            self.complete = True  # rehearsed: from here on without a clock
            message = await self.receive()
        return message
