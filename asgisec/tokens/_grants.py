"""What is granted at a login, read: what cannot stand in a token is refused before anything is kept."""

from collections.abc import Iterable, Mapping
from typing import Any

from asgisec.errors import InvalidScope
from asgisec.tokens import _scopes
from asgisec.tokens.sessions import Grant

__all__ = ["MAX_TEXT", "asked", "grant_of"]

MAX_TEXT = 1024
"""The characters of a subject or a client's id: what verifiers accept."""

# What the issuer says itself.
_OWN_CLAIMS = frozenset({"iss", "aud", "sub", "exp", "nbf", "iat", "jti", "client_id", "scope", "scopes", "scp", "sid"})


def grant_of(subject: object, client_id: str | None, scopes: Iterable[str], claims: Mapping[str, Any] | None) -> Grant:
    """Return a grant.

    Raises:
        ValueError: Something of it cannot stand in a token.
        TypeError: Something of it is of another type.
    """
    if subject is None:
        # As text it would be a name, and the same one for all that have no id yet.
        raise TypeError("a subject is somebody's id, not None")
    return Grant(_text("subject", str(subject)), _client(client_id), _scopes.checked(scopes), _own(claims))


def _text(name: str, value: str) -> str:
    if not 0 < len(value) <= MAX_TEXT:
        raise ValueError(f"a {name} has 1 to {MAX_TEXT} characters")
    return value


def _client(client_id: str | None) -> str | None:
    if client_id is not None and not isinstance(client_id, str):
        raise TypeError("a client's id is a text")
    return client_id if client_id is None else _text("client's id", client_id)


def _own(claims: Mapping[str, Any] | None) -> Mapping[str, Any]:
    taken = _OWN_CLAIMS.intersection(claims or {})
    if taken:
        raise ValueError(f"the issuer says {', '.join(sorted(taken))} itself; name the claim otherwise")
    return claims or {}


def asked(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes that a client asks for.

    Raises:
        InvalidScope: One of them is none.
    """
    try:
        return _scopes.checked(scopes)
    except ValueError:
        raise InvalidScope from None  # it comes from a client
