"""Scopes (RFC 6749 section 3.3): how one is written, and which of them cover others.

- A scope is visible ASCII without space, quote and backslash.
- A granted `users:*` covers every scope that begins with `users:`, and has something behind that. Nothing covers
  everything: a `*` alone is a scope like any other.
"""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache

__all__ = ["covers", "is_scope", "spellings"]

_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_KEPT = 1024  # how many scopes' spellings are remembered; an application has dozens


def is_scope(text: str) -> bool:
    """Tell whether a text can be written as a scope."""
    return _SCOPE.fullmatch(text) is not None


@lru_cache(_KEPT)
def spellings(scope: str) -> frozenset[str]:
    """Return all that may be granted, each of which covers a scope: itself, and the wildcards above it."""
    last = len(scope) - 1
    return frozenset([scope, *(f"{scope[: at + 1]}*" for at, sign in enumerate(scope) if sign == ":" and at < last)])


def covers(granted: Collection[str], needed: Iterable[str]) -> bool:
    """Tell whether what is granted covers all that is needed."""
    return all(not spellings(scope).isdisjoint(granted) for scope in needed)
