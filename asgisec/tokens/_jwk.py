"""Keys from JWK and PEM. What is wrong with one is said in words that a `ConfigError` can carry, without the key."""

import re
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from jwt import InvalidKeyError
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from asgisec.tokens._jws import ALIASES
from asgisec.tokens._keys import (
    HASHES,
    KINDS,
    MIN_RSA_BITS,
    Key,
    Private,
    Public,
    asymmetric_key,
    default_algorithm,
    secret_key,
)
from asgisec.tokens._parsing import decode_base64url

__all__ = ["BadKey", "from_jwk", "from_pair", "from_pem", "from_secret"]

_FROM_JWK: dict[str, Any] = {
    "RSA": RSAAlgorithm.from_jwk,
    "EC": ECAlgorithm.from_jwk,
    "OKP": OKPAlgorithm.from_jwk,
}
# What somebody hands over as a secret who has got hold of a public key (RFC 8725 section 2.1).
_NO_SECRET = re.compile(rb'-----BEGIN |\A\s*(ssh-|ecdsa-|\{\s*")')


class BadKey(Exception):
    """A key that cannot be used; its text is the mend."""


def from_secret(secret: bytes, algorithm: str, kid: str | None) -> Key:
    """Return a key for HMAC."""
    if algorithm not in HASHES:
        raise BadKey(f"a secret is for one of {', '.join(HASHES)}")
    if _NO_SECRET.search(secret) or _is_der(secret):
        raise BadKey("this is no secret but a key in PEM, DER, SSH or JSON form; read it with from_pem or from_jwks")
    least = int(algorithm[2:]) // 8  # RFC 7518 section 3.2
    if len(secret) < least:
        raise BadKey(f"{algorithm} needs at least {least} random bytes; make them with secrets.token_bytes({least})")
    return secret_key(secret, algorithm, kid)


def from_pair(key: object, algorithm: str | None, kid: str | None) -> Key:
    """Return the key for a pair or a public half."""
    if not isinstance(key, Private | Public) or (own := default_algorithm(key)) is None:
        raise BadKey("use an RSA key, an EC key on P-256 or P-384, or an Ed25519 key")
    algorithm = algorithm or own
    if algorithm not in KINDS or KINDS[algorithm] != KINDS[own] or (KINDS[own] == "EC" and algorithm != own):
        fitting = ("RS256", "PS256") if own == "RS256" else (own,)
        raise BadKey(f"this key is for {' or '.join(fitting)}")
    if isinstance(key, RSAPrivateKey | RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise BadKey(f"an RSA key needs at least {MIN_RSA_BITS} bits")
    return asymmetric_key(key, algorithm, kid)


def from_pem(pem: bytes, algorithm: str | None, kid: str | None, password: bytes | None) -> Key:
    """Return the key in a PEM file."""
    try:
        key = load_pem_private_key(pem, password) if b"PRIVATE KEY" in pem else load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BadKey("write a PEM private or public key, with its password where it has one") from None
    return from_pair(key, algorithm, kid)


def from_jwk(jwk: Mapping[str, Any], *, secrets: bool = True) -> Key:
    """Return the key that a JWK describes.

    Args:
        jwk: One member of a JWK set.
        secrets: Whether it may be a secret. What was fetched may not: everybody can read it.
    """
    kty, algorithm, kid = jwk.get("kty"), jwk.get("alg"), jwk.get("kid")
    for value in (kty, algorithm, kid):
        if value is not None and not (isinstance(value, str) and value):
            raise BadKey("`kty`, `alg` and `kid` are text")
    algorithm = ALIASES.get(str(algorithm), algorithm)
    if jwk.get("use", "sig") != "sig" or not _signs(jwk):
        raise BadKey("this key is not for signatures")
    if "d" in jwk and not secrets:
        raise BadKey("publish the public half only: with this anybody can sign")
    if kty == "oct" and secrets:
        return from_secret(_secret(jwk.get("k")), algorithm or "HS256", kid)
    read = _FROM_JWK.get(str(kty))
    if read is None:
        raise BadKey("write a JWK with a `kty` of RSA, EC or OKP" + (", or oct" if secrets else ""))
    try:
        key = read(dict(jwk))
    except (InvalidKeyError, ValueError, TypeError, KeyError, AttributeError, UnsupportedAlgorithm):
        raise BadKey("write a complete JWK") from None
    return from_pair(key, algorithm, kid)


def _signs(jwk: Mapping[str, Any]) -> bool:
    # RFC 7517 section 4.3.
    uses = jwk.get("key_ops", ["verify"])
    return isinstance(uses, list) and ("verify" in uses or "sign" in uses)


def _is_der(secret: bytes) -> bool:
    try:
        load_der_public_key(secret)
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


def _secret(k: object) -> bytes:
    try:
        return decode_base64url(str(k))
    except ValueError:
        raise BadKey("the `k` of an oct key is base64url without padding") from None
