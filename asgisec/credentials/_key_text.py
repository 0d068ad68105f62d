"""What an API key looks like: `prefix_id_secret`, with a checksum at its end.

    ask_0Zk3vN9qT7bYwLmC_8fJ2...43 characters of secret...1aB9xQ

A scanner finds keys that were committed or pasted by `ask_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}`, and the checksum tells a
key from what only looks like one. It also tells a typo before the store is asked.
"""

import re
import secrets
from typing import NamedTuple
from zlib import crc32

__all__ = ["KeyText", "made", "parsed", "prefix_is_good"]

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID, _SECRET, _CHECK = 16, 43, 6  # digits: 95 bits, 256 bits, 32 bits
_PREFIX = re.compile(r"[a-z][a-z0-9]{1,15}").fullmatch
# A checksum is made for each request: three pairs of digits are sooner looked up than six digits are worked out.
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_PAIR = len(_PAIRS)


class KeyText(NamedTuple):
    """The parts of a key."""

    id: str
    secret: str


def prefix_is_good(prefix: object) -> bool:
    """Tell whether keys may begin with this."""
    return isinstance(prefix, str) and _PREFIX(prefix) is not None


def made(prefix: str, key_id: str | None = None) -> tuple[str, KeyText]:
    """Make a key, and return it with its parts."""
    parts = KeyText(key_id or _digits(secrets.randbits(95), _ID), _digits(secrets.randbits(256), _SECRET))
    body = f"{prefix}_{parts.id}_{parts.secret}"
    return body + _checksum(body), parts


def parsed(prefix: str, key: object) -> KeyText | None:
    """Read a key; return `None` where its checksum is wrong.

    Raises:
        ValueError: It has not the form of a key.
    """
    begin = len(prefix) + 1
    end = begin + _ID
    # The length first: nothing is made of a header of a megabyte.
    if not isinstance(key, str) or len(key) != end + 1 + _SECRET + _CHECK or key[:begin] != f"{prefix}_":
        raise ValueError
    key_id, rest = key[begin:end], key[end + 1 :]
    if key[end] != "_" or not key.isascii() or not (key_id + rest).isalnum():
        raise ValueError
    return KeyText(key_id, rest[:_SECRET]) if rest[_SECRET:] == _checksum(key[:-_CHECK]) else None


def _checksum(body: str) -> str:
    number = crc32(body.encode())
    high, low = divmod(number, _PAIR * _PAIR)
    return _PAIRS[high] + _PAIRS[low // _PAIR] + _PAIRS[low % _PAIR]


def _digits(number: int, count: int) -> str:
    digits = []
    for _ in range(count):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
