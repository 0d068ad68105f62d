"""The `traceparent` header of W3C Trace Context (Recommendation of 23 November 2021, section 3.2).

Lower-case hexadecimal, 2-32-16-2 digits. Version `ff` and all-zero ids are invalid. A version above 00 may carry more
after its first four fields, set off by a hyphen; only the four are read.
"""

import re
from typing import NamedTuple

__all__ = ["TraceParent", "parse_traceparent"]

_TRACEPARENT = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace_id>[0-9a-f]{32})-(?!0{16})(?P<parent_id>[0-9a-f]{16})"
    rb"-(?P<flags>[0-9a-f]{2})(?P<rest>-[\x21-\x7e]*)?"
)


class TraceParent(NamedTuple):
    """The trace a request belongs to, the span that sent it, and its flags (bit 0: sampled)."""

    trace_id: str
    parent_id: str
    flags: int


def parse_traceparent(value: bytes) -> TraceParent | None:
    """Read a `traceparent` header; `None` where it is invalid, so that a new trace is begun."""
    match = _TRACEPARENT.fullmatch(value)
    if match is None or (match["version"] == b"00" and match["rest"] is not None):
        return None
    return TraceParent(match["trace_id"].decode(), match["parent_id"].decode(), int(match["flags"], 16))
