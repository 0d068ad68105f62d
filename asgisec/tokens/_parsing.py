"""Strict base64url and JSON: one text has one meaning, or none.

- base64url has no padding, no whitespace and no bits left over (RFC 7515 section 2, RFC 4648 section 3.5): otherwise
  one token has several spellings, and a list of spellings is no list of tokens.
- A JSON object names each member once (RFC 7519 section 4): readers differ on which of two they take.
- No `NaN` and no `Infinity`, also not as `1e999`, and no lone surrogates: these break whoever sends them on.
- Nesting is bounded before anything is parsed: the parser of the standard library recurses.

What is wrong is a `ValueError`, whatever it is.
"""

import re
from binascii import a2b_base64, b2a_base64
from json import JSONDecoder
from math import isfinite
from typing import Any, NoReturn

__all__ = ["decode_base64url", "encode_base64url", "parse_object"]

# What base64url does not have, and base64 has, becomes a sign that neither has.
_TO_BASE64 = bytes.maketrans(b"-_+/=", b"+/!!!")
_FROM_BASE64 = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", b"!", b"==", b"=")  # a single sign over is no base64, and `!` none either
# The last sign of a rest of two signs carries 8 of 12 bits, of three 16 of 18: those left over are zero.
_LAST = (None, None, frozenset(b"AQgw"), frozenset(b"AEIMQUYcgkosw048"))

_DEPTH = 32  # more than any claim needs; far fewer than the parser can take
# Possessive, and without its end where there is none: the time is linear, whatever was sent.
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def decode_base64url(text: str) -> bytes:
    """Decode base64url that has no padding and no other spelling."""
    data = text.encode("ascii")
    rest = len(data) & 3
    decoded = a2b_base64(data.translate(_TO_BASE64) + _PADDING[rest], strict_mode=True)
    last = _LAST[rest]
    if last is not None and data[-1] not in last:
        raise ValueError
    return decoded


def encode_base64url(data: bytes) -> str:
    """Encode as base64url without padding."""
    return b2a_base64(data, newline=False).translate(_FROM_BASE64).rstrip(b"=").decode("ascii")


def parse_object(data: bytes) -> dict[str, Any]:
    """Parse a JSON object."""
    text = data.decode()
    # Where there are this few brackets, they cannot be nested deeper, and nobody has to look.
    if text.count("{") + text.count("[") > _DEPTH:
        _bound_depth(text)
    parsed = _DECODER.decode(text)
    if type(parsed) is not dict:
        raise ValueError
    if "\\" in text:
        _refuse_surrogates(parsed)
    return parsed


def _bound_depth(text: str) -> None:
    depth = 0
    for sign in _STRING.sub("", text):
        if sign in "{[":
            depth += 1
            if depth > _DEPTH:
                raise ValueError
        elif sign in "}]":
            depth -= 1


def _refuse_surrogates(value: Any) -> None:
    if isinstance(value, str):
        value.encode()  # a UnicodeEncodeError is a ValueError
    elif isinstance(value, dict):
        for name, member in value.items():
            name.encode()
            _refuse_surrogates(member)
    elif isinstance(value, list):
        for item in value:
            _refuse_surrogates(item)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError


_DECODER = JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_no_constant)
