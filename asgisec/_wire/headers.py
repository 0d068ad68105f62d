"""Header lists as ASGI carries them: pairs of bytes, repeated where the peer repeated them.

A field that means one thing and comes twice lets two readers of one request see different requests (RFC 9110
section 5.3, request smuggling, host confusion). Such fields are named here. Every other repeated field is a list, and
its lines are joined in order.
"""

import re
from collections.abc import Iterable, Sequence

__all__ = ["Pair", "is_field_value", "is_token", "join_repeated", "merge_vary"]

Pair = tuple[bytes, bytes]

SINGLE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-type",
        b"host",
        b"origin",
        b"sec-fetch-site",
        b"transfer-encoding",
        b"x-api-key",
        b"x-forwarded-proto",
    }
)

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE = re.compile(rb"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


def is_token(value: bytes) -> bool:
    """Tell whether `value` is a token (RFC 9110 section 5.6.2): a method, or the name of a header."""
    return _TOKEN.fullmatch(value) is not None


def is_field_value(value: bytes) -> bool:
    """Tell whether `value` can be sent as a header's value: visible ASCII, spaces inside only, no control character."""
    return _FIELD_VALUE.fullmatch(value) is not None


def join_repeated(headers: Iterable[Pair]) -> tuple[dict[bytes, bytes], bool]:
    """Join repeated header lines in order; tell whether a header was repeated that may come once only.

    Cookie lines, which HTTP/2 splits, join with a semicolon (RFC 9113 section 8.2.3), all others with a comma.
    """
    joined: dict[bytes, bytes] = {}
    contradictory = False
    for name, value in headers:
        if name not in joined:
            joined[name] = value
            continue
        contradictory = contradictory or name in SINGLE
        joined[name] += (b"; " if name == b"cookie" else b", ") + value
    return joined, contradictory


def merge_vary(headers: list[Pair], names: Sequence[bytes]) -> None:
    """Add `names`, each of them one or a list, to the `Vary` of a response: one line, each once, `*` alone."""
    lines = [value for name, value in headers if name == b"vary"]
    listed = [part for line in (*lines, *names) for part in (piece.strip() for piece in line.split(b",")) if part]
    if not listed:
        return
    merged: dict[bytes, bytes] = {}
    for part in listed:
        merged.setdefault(part.lower(), part)
    value = b"*" if b"*" in merged else b", ".join(merged.values())
    at = next((index for index, (name, _) in enumerate(headers) if name == b"vary"), len(headers))
    headers[:] = [pair for pair in headers if pair[0] != b"vary"]
    headers.insert(at, (b"vary", value))
