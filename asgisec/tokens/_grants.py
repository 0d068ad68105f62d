"""What is granted at a login, read: what cannot stand in a token is refused before anything is kept."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from asgisec.errors import InvalidScope
from asgisec.tokens import _scopes
from asgisec.tokens._parsing import parse_object
from asgisec.tokens.sessions import Grant

__all__ = ["MAX_TEXT", "asked", "grant_of", "name_of"]

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
    return Grant(_text("subject", name_of(subject)), _client(client_id), _scopes.checked(scopes), _own(claims))


def name_of(subject: object) -> str:
    """Return a subject as text.

    Raises:
        TypeError: It is `None`: as text that would be a name, and the same one for all that have no id yet.
    """
    if subject is None:
        raise TypeError("a subject is somebody's id, not None")
    return str(subject)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"a {name} is a text")
    if not 0 < len(value) <= MAX_TEXT:
        raise ValueError(f"a {name} has 1 to {MAX_TEXT} characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"a {name} has no half of a surrogate pair") from None
    return value


def _client(client_id: str | None) -> str | None:
    return client_id if client_id is None else _text("client's id", client_id)


def _own(claims: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if claims is None:
        return {}
    if not isinstance(claims, Mapping):
        raise TypeError("write claims as a dict")
    if not claims:
        return {}
    try:
        # As a verifier reads them: with what it refuses, no token would ever be good.
        read = parse_object(json.dumps(dict(claims), allow_nan=False).encode())
    except (ValueError, RecursionError):
        raise ValueError("claims are JSON: each name once, no NaN, not deeply nested, no lone surrogates") from None
    taken = _OWN_CLAIMS & read.keys()
    if taken:
        raise ValueError(f"the issuer says {', '.join(sorted(taken))} itself; name the claim otherwise")
    if "azp" in read:
        _text("claim `azp`", read["azp"])
    return read


def asked(scopes: Iterable[str]) -> frozenset[str]:
    """Return the scopes that a client asks for.

    Raises:
        InvalidScope: One of them is none.
    """
    try:
        return _scopes.checked(scopes)
    except ValueError:
        raise InvalidScope from None  # it comes from a client
