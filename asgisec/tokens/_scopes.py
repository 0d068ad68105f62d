"""Scopes in tokens: their grammar (RFC 6749 section 3.3), and what is left of a grant."""

import re
from collections.abc import Iterable

__all__ = ["MAX_SCOPES", "checked", "covers", "left_of"]

MAX_SCOPES = 256  # of one grant; a token with more would be too large for most headers
_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,256}").fullmatch


def checked(scopes: Iterable[str]) -> frozenset[str]:
    """Return scopes as a set.

    Raises:
        ValueError: One of them is no scope, or there are too many.
        TypeError: They are one text, or no texts.
    """
    if isinstance(scopes, str) or not isinstance(scopes, Iterable):
        raise TypeError("write scopes as a list of texts, such as ['users:read']")
    found = frozenset(scopes)
    if len(found) > MAX_SCOPES:
        raise ValueError(f"a grant has at most {MAX_SCOPES} scopes")
    for scope in found:
        if not isinstance(scope, str):
            raise TypeError("a scope is a text, such as 'users:read'")
        if not _TOKEN(scope):
            raise ValueError("a scope is visible ASCII without spaces, quotes and backslashes")
    return found


def covers(granted: frozenset[str], scope: str) -> bool:
    """Tell whether a grant covers a scope: it names it, or `users:*` where the scope is `users:read`.

    Nothing covers everything: a `*` alone is a scope like any other, here as in guards.
    """
    if scope in granted:
        return True
    while ":" in scope:
        scope = scope.rpartition(":")[0]
        if f"{scope}:*" in granted:
            return True
    return False


def left_of(granted: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    """Return what both a grant and what is allowed now cover: neither ever grows by it."""
    return frozenset(
        {scope for scope in granted if covers(allowed, scope)} | {scope for scope in allowed if covers(granted, scope)}
    )
