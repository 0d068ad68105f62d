"""Scopes in tokens: how many and how long, and what is left of a grant."""

from collections.abc import Iterable

from asgisec._wire.scopes import covers, is_scope

__all__ = ["MAX_SCOPES", "checked", "left_of"]

MAX_SCOPES = 256  # of one grant; a token with more would be too large for most headers
_LONGEST = 256  # characters


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
        if len(scope) > _LONGEST or not is_scope(scope):
            raise ValueError("a scope is visible ASCII without spaces, quotes and backslashes")
    return found


def left_of(granted: frozenset[str], allowed: frozenset[str]) -> frozenset[str]:
    """Return what both a grant and what is allowed now cover: neither ever grows by it."""
    return frozenset(
        {scope for scope in granted if covers(allowed, [scope])}
        | {scope for scope in allowed if covers(granted, [scope])}
    )
