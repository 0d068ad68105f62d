"""Bounds on what a request may make the application hold, and for how long it may take to arrive.

- Body over `max_body_size`: 413. By `Content-Length` before anything is read; while it streams, by counting, whatever
  the length said. The 413 is the answer whatever the framework makes of the failed read, unless a response has begun.
- Body not complete within `timeout` of its first read: 408.
- Headers over `max_header_size` or `max_headers`: 431. Query over `max_query_size`: 414.
- A body of a type that is not among `content_types`: 415.
- WebSocket message over `max_message_size`: close with 1009.

Servers have limits of their own on lines and headers, and apply them first. A body that nobody reads is not counted.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any

from anyio import move_on_after

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
from asgisec.policies._options import a_bool, a_list, positive, seconds
from asgisec.policy import Exchange, Policy, Receive

__all__ = ["RequestLimits"]

_KIB = 1024
_MAX_DIGITS = 18
_MIB = 1024 * 1024


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
    timeout: int | timedelta | None = 60
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
            limit = positive("RequestLimits(timeout=)", seconds("RequestLimits(timeout=)", self.timeout), "seconds")
            object.__setattr__(self, "timeout", limit)
        a_bool("RequestLimits(dry_run=)", self.dry_run)
        option = "RequestLimits(content_types=)"
        types = () if self.content_types is None else a_list(option, self.content_types)
        for written in types:
            kind, slash, subtype = written.partition("/")
            if not (kind and slash and subtype) or ";" in written or (kind == "*"):
                raise ConfigError(
                    option, written, "write a media type without parameters: 'application/json', 'image/*'"
                )
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

    def _judge_body(self, headers: dict[bytes, bytes]) -> SecurityError | None:
        length = headers.get(b"content-length")
        if length is not None:
            # RFC 9110 section 8.6: digits only; `int` would also take signs, spaces and underscores.
            if not length.isdigit():
                return BadRequest(reason="content_length")
            # Compared by digits first: a number of thousands of digits is not worth converting.
            if self.max_body_size is not None and (len(length) > _MAX_DIGITS or int(length) > self.max_body_size):
                return ContentTooLarge()
        if self._types and (b"transfer-encoding" in headers or length not in {None, b"0"}):
            media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
            if not {media_type, media_type.partition(b"/")[0] + b"/*"} & self._types:
                return UnsupportedMediaType()
        return None

    def wrap_receive(self, exchange: Exchange, receive: Receive) -> Receive:
        """Count what arrives."""
        if exchange.scope["type"] == "websocket":
            return self._counting_messages(exchange, receive)
        return self._counting_body(exchange, receive)

    def _counting_messages(self, exchange: Exchange, receive: Receive) -> Receive:
        async def counted() -> Any:
            message = await receive()
            if message["type"] == "websocket.receive" and self.max_message_size is not None:
                size = len(message.get("bytes") or b"") or len((message.get("text") or "").encode())
                if size > self.max_message_size:
                    self._refuse(exchange, ContentTooLarge("The message is too large.", reason="message_too_large"))
            return message

        return counted

    def _counting_body(self, exchange: Exchange, receive: Receive) -> Receive:
        size = 0
        deadline: float | None = None
        complete = False

        async def counted() -> Any:
            nonlocal size, deadline, complete
            if exchange.refusal is not None and exchange.refused_by is self:
                # Whoever swallowed the refusal and reads on gets no more of the body.
                raise exchange.refusal
            if complete or self.timeout is None:
                message = await receive()
            else:
                now = self.clock()
                deadline = deadline or now + seconds("timeout", self.timeout)
                message = None
                with move_on_after(max(0.0, deadline - now)):
                    message = await receive()
                if message is None:
                    self._refuse(exchange, RequestTimeout(headers={"connection": "close"}))
                    complete = True  # rehearsed: from here on without a clock
                    message = await receive()
            if message["type"] == "http.request":
                size += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if self.max_body_size is not None and size > self.max_body_size:
                    self._refuse(exchange, ContentTooLarge())
                    size = 0
            return message

        return counted

    def _refuse(self, exchange: Exchange, error: SecurityError) -> None:
        if self.dry_run:
            exchange.report(error.event, error.reason, policy=self, rehearsed=True)
        else:
            raise exchange.refuse(error, by=self)
