"""The compact form of a JWS (RFC 7515 section 7.1), and its header, before any key is touched.

The header is what the sender says about himself. It chooses among keys that we have; it never brings one.
"""

from typing import Any

from asgisec.tokens._parsing import decode_base64url, parse_object
from asgisec.tokens._reasons import refused

__all__ = ["ALIASES", "MAX_SIZE", "Header", "parse_header", "split"]

MAX_SIZE = 8192  # characters of a token: more than servers and proxies take of a header line

# `crit` and `b64` change how the rest is read (RFC 7515 section 4.1.11, RFC 7797), `zip` and `enc` belong to
# encryption, the others bring or fetch a key. We understand none, and what brings a key is an attack until shown
# otherwise (RFC 8725 section 3.10). Names in neither this list nor ours are ignored, as RFC 7515 section 4 asks.
_NOT_ALLOWED = frozenset({"crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c"})

# RFC 9864 section 2.2 gives EdDSA on this curve, which is the only one we have, a name of its own.
ALIASES = {"Ed25519": "EdDSA"}

_MAX_KID = 256  # characters; a thumbprint has 43


class Header:
    """What is taken from a header.

    Attributes:
        algorithm: The algorithm the token claims; the key has the last word.
        kid: Which key it claims.
        kind: Its `typ` in lower case, without `application/` (RFC 7515 section 4.1.9).
    """

    __slots__ = ("algorithm", "kid", "kind")

    def __init__(self, algorithm: str, kid: str | None, kind: str | None) -> None:
        self.algorithm = algorithm
        self.kid = kid
        self.kind = kind


def split(token: str) -> tuple[str, str, str]:
    """Return the three segments of a token.

    Raises:
        InvalidToken: There are more, or fewer, or an empty one.
    """
    parts = token.split(".", 3)
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004 - header, payload, signature
        raise refused("malformed")
    header, payload, signature = parts
    return header, payload, signature


def parse_header(segment: str) -> Header:
    """Return what a header says.

    Raises:
        InvalidToken: It is no header, or says what we must not follow.
    """
    try:
        found = parse_object(decode_base64url(segment))
    except ValueError:
        raise refused("malformed") from None
    if not _NOT_ALLOWED.isdisjoint(found):
        raise refused("header_not_allowed")
    algorithm, kid = found.get("alg"), _text(found, "kid")
    if not isinstance(algorithm, str) or (kid is not None and len(kid) > _MAX_KID):
        raise refused("malformed")
    kind = _text(found, "typ")
    algorithm = ALIASES.get(algorithm, algorithm)
    return Header(algorithm, kid, kind if kind is None else kind.lower().removeprefix("application/"))


def _text(found: dict[str, Any], name: str) -> str | None:
    if name not in found:
        return None
    value = found[name]
    if not isinstance(value, str) or not value:
        raise refused("malformed")
    return value
