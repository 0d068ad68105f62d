"""Rate limits in response headers: the IETF's two fields, and the three that were there before them.

`RateLimit-Policy` and `RateLimit` are lists of structured fields (RFC 9651, draft-ietf-httpapi-ratelimit-headers-11):
one item per limit, named by a string. `X-RateLimit-Limit`, `-Remaining` and `-Reset` hold one limit, the one that is
nearest to being used up; `-Reset` is a time in seconds since the epoch, as most servers send it.

Each stands once in a response, however many limits spoke: lists are joined, and of the older three the tightest stays.
"""

import re
from collections.abc import Iterable, Sequence

from asgisec._wire.headers import Pair

__all__ = [
    "LIMIT",
    "LIMIT_FIELDS",
    "POLICY",
    "REMAINING",
    "RESET",
    "STATE",
    "is_limit_name",
    "merge_limits",
    "policy_item",
    "state_item",
]

POLICY = b"ratelimit-policy"
STATE = b"ratelimit"
LIMIT = b"x-ratelimit-limit"
REMAINING = b"x-ratelimit-remaining"
RESET = b"x-ratelimit-reset"
LIMIT_FIELDS = frozenset({POLICY, STATE, LIMIT, REMAINING, RESET})

_LISTS = frozenset({POLICY, STATE})
# Neither quotes nor backslashes, which would be escaped, nor commas: items can be told apart by the first one.
_NAME = re.compile(r"[\x20\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,128}")
_ITEM = re.compile(rb'(?:[^,"]|"(?:[^"\\]|\\.)*"?)+')
_AVAILABLE = re.compile(rb";\s*r=([0-9]{1,15})")


def is_limit_name(text: str) -> bool:
    """Tell whether a limit can be named so in these fields, without anything to escape."""
    return _NAME.fullmatch(text) is not None


def policy_item(name: str, quota: int, window: int | None, unit: str = "") -> bytes:
    """Write an item of `RateLimit-Policy`: what is allowed, in how many seconds."""
    item = f'"{name}";q={quota}'
    item += f';qu="{unit}"' if unit else ""
    return (item if window is None else f"{item};w={window}").encode()


def state_item(name: str, *, window: bool = True) -> bytes:
    """Write an item of `RateLimit` that leaves room for what is available, and for the seconds that it has to last."""
    # Whoever fills it in does so with the operator that formats bytes.
    return f'"{name.replace("%", "%%")}";r=%d{";t=%d" if window else ""}'.encode()


def merge_limits(headers: list[Pair], pairs: Iterable[Pair]) -> None:
    """Put rate limit fields on a response, each once.

    Of the older fields `REMAINING` comes first in `pairs`: it decides whether the others of its limit are taken, too.
    """
    places = {name: place for place, (name, _) in enumerate(headers) if name in LIMIT_FIELDS}
    tighter = True
    for name, value in pairs:
        place = places.get(name)
        if place is None:
            places[name] = len(headers)
            headers.append((name, value))
            continue
        there = headers[place][1]
        if name in _LISTS:
            headers[place] = (name, _joined(there, value))
            continue
        if name == REMAINING:
            tighter = not there.isdigit() or int(value) < int(there)
        if tighter:
            headers[place] = (name, value)


def _joined(there: bytes, more: bytes) -> bytes:
    """Join two lists; where both name the same limit, the one with less available stays."""
    items: dict[bytes, bytes] = {}
    for item in (found.strip() for found in (*_ITEM.findall(there), *_ITEM.findall(more))):
        name = item.partition(b";")[0].rstrip()
        known = items.get(name)
        if known is None or _available(item) < _available(known):
            items[name] = item
    return b", ".join(items.values())


def _available(item: bytes) -> int:
    found: Sequence[bytes] = _AVAILABLE.findall(item)
    return int(found[0]) if found else 0
