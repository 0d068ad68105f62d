"""Where a Bearer token is: in the `Authorization` header (RFC 6750 section 2.1), or among a WebSocket's subprotocols.

Pages cannot set headers on a WebSocket. They can name subprotocols, and each of them is a token (RFC 6455 section 4.1)
as a JWT is one: the name of ours, and the access token right behind it.
"""

from collections.abc import Sequence

__all__ = ["bearer_token", "challenge", "offered", "subprotocol_token"]

_SCHEME = b"bearer"
# RFC 6750 section 2.1: b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
_B64TOKEN = b"-._~+/0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# RFC 9110 section 5.6.2, without what may end a scheme's name.
_TCHAR = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


def bearer_token(value: bytes) -> str | None:
    """Return the token of an `Authorization` header; `None` where the scheme is another.

    Raises:
        ValueError: The scheme is Bearer, and what follows is no token.
    """
    # As everybody writes it, first: this runs for every request.
    if value[:7] == b"Bearer " and (token := value[7:]) and not token.translate(None, _B64TOKEN):
        return token.decode("ascii")
    value = value.strip(b" \t")
    length = len(_SCHEME)
    # RFC 9110 section 11.1: the name of a scheme has no case.
    if value[:length].lower() != _SCHEME or (len(value) > length and value[length] in _TCHAR):
        return None
    token = value[length:].lstrip(b" ")
    body = token.rstrip(b"=")
    if value[length : length + 1] != b" " or not body or body.translate(None, _B64TOKEN):
        raise ValueError
    return token.decode("ascii")


def offered(value: bytes) -> list[str]:
    """Return the subprotocols that a `Sec-WebSocket-Protocol` header offers, in order."""
    return [name for part in value.decode("latin-1").split(",") if (name := part.strip(" \t"))]


def subprotocol_token(names: Sequence[str], marker: str) -> str | None:
    """Return the token that stands behind `marker` among subprotocols; `None` where `marker` is not offered.

    Raises:
        ValueError: Nothing stands behind it, or it is offered twice.
    """
    if marker not in names:
        return None
    at = names.index(marker) + 1
    if at == len(names) or names.count(marker) > 1:
        raise ValueError
    token = names[at].encode("latin-1", "replace")
    body = token.rstrip(b"=")
    if not body or body.translate(None, _B64TOKEN):
        raise ValueError
    return names[at]


def challenge(scheme: str, parameters: Sequence[tuple[str, str]]) -> str:
    """Write a challenge (RFC 9110 section 11.6.1); what a quoted string cannot hold plainly is left out."""
    written = [f'{name}="{value}"' for name, value in parameters if _is_plain(value)]
    return " ".join([scheme, ", ".join(written)]) if written else scheme


def _is_plain(value: str) -> bool:
    # RFC 6750 section 3: visible ASCII and spaces, without quote and backslash. So nothing can end the string.
    return bool(value) and value.isascii() and value.isprintable() and not {'"', "\\"} & set(value)
