"""The ids of the request being served, for whoever logs or calls other services while serving it.

They live in one context variable that the `RequestID` policy sets and resets, so they are right in tasks and threads
started while serving. In a log record they are never `None`: a formatter that names them works outside of requests too.

    handler.addFilter(RequestIDFilter())
    handler.setFormatter(logging.Formatter("%(levelname)s [%(request_id)s] %(message)s"))

    structlog.configure(processors=[add_request_id, structlog.processors.JSONRenderer()])
"""

import logging
import os
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from typing import Any

from asgisec._ids import UUID7
from asgisec._wire.traceparent import parse_traceparent
from asgisec.errors import ConfigError

__all__ = [
    "RequestIDFilter",
    "Trace",
    "add_request_id",
    "current",
    "new_id",
    "new_trace",
    "request_id",
    "trace_id",
    "traceparent",
]

new_id = UUID7().__call__  # the method itself: calling it through the object takes longer than making the id

_SAMPLED = 1  # the only flag that version 00 defines; others must be sent as zero (Trace Context section 3.2.2.5)


class Trace:
    """The ids of one request; the trace is read, or begun, when somebody asks.

    Attributes:
        request_id: The request's id.
        inbound: The `traceparent` that came with the request; `None` where none did, or none is trusted.
        begun: Trace id, id of this application's span, and flags; `None` until somebody asks.
    """

    # No constructor: it is set attribute by attribute, once per request, which takes half the time.
    __slots__ = ("begun", "inbound", "request_id")

    request_id: str
    inbound: bytes | None
    begun: tuple[str, str, int] | None

    def ids(self) -> tuple[str, str, int]:
        """Return the trace id, the id of this application's span, and the flags."""
        if self.begun is None:
            parent = parse_traceparent(self.inbound) if self.inbound is not None else None
            trace, flags = (parent.trace_id, parent.flags & _SAMPLED) if parent else (new_id(), 0)
            self.begun = (trace, os.urandom(8).hex(), flags)
        return self.begun


new_trace: Callable[[type[Trace]], Trace] = object.__new__

current: ContextVar[Trace | None] = ContextVar("asgisec_trace", default=None)


def request_id() -> str | None:
    """Return the id of the request being served; `None` outside of one."""
    trace = current.get()
    return None if trace is None else trace.request_id


def trace_id() -> str | None:
    """Return the W3C trace id of the request being served; `None` outside of one."""
    trace = current.get()
    return None if trace is None else trace.ids()[0]


def traceparent() -> str | None:
    """Return the `traceparent` header to send with calls to other services; `None` outside of a request."""
    trace = current.get()
    return None if trace is None else "00-{}-{}-{:02x}".format(*trace.ids())


class RequestIDFilter(logging.Filter):
    """Put `request_id` and `trace_id` on every log record that passes.

    Args:
        name: As for `logging.Filter`: let only records of this logger and those below it pass.
        default: What stands there outside of a request.
        length: Cut the request id to this many characters; whole where left out.

    Raises:
        ConfigError: `default` is no text of one line, or `length` is no number of characters.
    """

    def __init__(self, name: str = "", *, default: str = "-", length: int | None = None) -> None:
        super().__init__(name)
        if not isinstance(default, str) or not default.isprintable():
            raise ConfigError("RequestIDFilter(default=)", default, "write a short text such as '-'")
        if length is not None and (not isinstance(length, int) or isinstance(length, bool) or length < 1):
            raise ConfigError("RequestIDFilter(length=)", length, "write a whole number of 1 or more, or None")
        self._default = default
        self._length = length

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the ids to the record."""
        record.request_id = (request_id() or self._default)[: self._length]
        record.trace_id = trace_id() or self._default
        return super().filter(record)


def add_request_id(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put `request_id` and `trace_id` into an event, as a structlog processor; ids that are there already stay."""
    if (trace := current.get()) is not None:
        event.setdefault("request_id", trace.request_id)
        event.setdefault("trace_id", trace.ids()[0])
    return event
