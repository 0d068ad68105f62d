"""`Authorization: Basic`, as OAuth 2 clients send it (RFC 7617; RFC 6749 section 2.3.1).

Id and secret are form-encoded each before they are joined by a colon, so a plus sign is a space and a percent sign
begins an escape. Many clients leave that out: an id or a secret of letters, digits and `-._~` is the same either way.
"""

import re
from binascii import a2b_base64
from typing import NamedTuple

from asgisec._wire.form import decode_component

__all__ = ["Basic", "parse_basic"]

_BASIC = re.compile(rb"basic +([A-Za-z0-9+/]+=*)", re.IGNORECASE)
_VISIBLE = re.compile(r"[\x20-\x7e]*")  # RFC 6749 appendix A.1 and A.2: *VSCHAR


class Basic(NamedTuple):
    """The id of a client, and its secret; both may be empty."""

    client_id: str
    secret: str

    def __repr__(self) -> str:
        return f"Basic(client_id={self.client_id!r}, secret=...)"


def parse_basic(value: bytes) -> Basic | None:
    """Read an `Authorization` header; `None` where it is of another scheme, or malformed."""
    match = _BASIC.fullmatch(value)
    if match is None:
        return None
    try:
        name, colon, secret = a2b_base64(match[1], strict_mode=True).partition(b":")
        found = Basic(decode_component(name), decode_component(secret))
    except ValueError:
        return None
    return found if colon and all(map(_VISIBLE.fullmatch, found)) else None
