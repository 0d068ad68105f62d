"""One key and the one algorithm it is for (RFC 8725 section 3.1).

PyJWT's classes sign, and read and write JWK. Checking is what every request does: HMAC is the standard library's,
prepared once per key, and other signatures are checked by `cryptography` itself, with what is constant made once.
PyJWT's way round costs more than the MAC, and a few µs of every other check.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from jwt.algorithms import Algorithm, ECAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from asgisec.tokens._parsing import encode_base64url

__all__ = [
    "HASHES",
    "KINDS",
    "MIN_RSA_BITS",
    "Key",
    "Private",
    "Public",
    "asymmetric_key",
    "default_algorithm",
    "secret_key",
]

Private: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
Public: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

HASHES = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
MIN_RSA_BITS = 2048  # RFC 7518 section 3.3

_RSA, _EC, _OKP = "RSA", "EC", "OKP"
KINDS = {"RS256": _RSA, "PS256": _RSA, "ES256": _EC, "ES384": _EC, "EdDSA": _OKP}
_ALGORITHMS: dict[str, Algorithm] = {
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "PS256": RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256),
    "ES256": ECAlgorithm(ECAlgorithm.SHA256),
    "ES384": ECAlgorithm(ECAlgorithm.SHA384),
    "EdDSA": OKPAlgorithm(),
}
# The members that a thumbprint is made of, in the order of RFC 7638 section 3.2 and RFC 8037 section 2.
_NAMED = {_RSA: ("e", "kty", "n"), _EC: ("crv", "kty", "x", "y"), _OKP: ("crv", "kty", "x")}


class Key:
    """A key. Its `repr` shows its id and algorithm, never what it is made of.

    Attributes:
        kid: Its id.
        algorithm: The one algorithm it is used with.
        public: What may be published of it as a JWK; `None` for a secret.
        check: Whether a signature is that of a message.
        sign: Returns the signature of a message; `None` where only the public half is there.
        expires_at: From when it does not verify any more.
    """

    __slots__ = ("algorithm", "check", "expires_at", "kid", "public", "sign")

    def __init__(
        self,
        kid: str,
        algorithm: str,
        *,
        check: Callable[[bytes, bytes], bool],
        sign: Callable[[bytes], bytes] | None,
        public: dict[str, Any] | None,
        expires_at: float | None = None,
    ) -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.check = check
        self.sign = sign
        self.public = public
        self.expires_at = expires_at

    def __repr__(self) -> str:
        return f"<{self.algorithm} key {self.kid!r}>"

    def until(self, expires_at: float) -> "Key":
        """Return this key, verifying no longer than given."""
        end = expires_at if self.expires_at is None else min(expires_at, self.expires_at)
        return Key(self.kid, self.algorithm, check=self.check, sign=self.sign, public=self.public, expires_at=end)

    def without_end(self) -> "Key":
        """Return this key, verifying as long as it is there."""
        return Key(self.kid, self.algorithm, check=self.check, sign=self.sign, public=self.public)


def secret_key(secret: bytes, algorithm: str, kid: str | None) -> Key:
    """Return the key that a secret is."""
    prepared = hmac.new(secret, digestmod=HASHES[algorithm])

    def sign(message: bytes) -> bytes:
        mac = prepared.copy()
        mac.update(message)
        return mac.digest()

    def check(message: bytes, signature: bytes) -> bool:
        mac = prepared.copy()
        mac.update(message)
        return hmac.compare_digest(mac.digest(), signature)

    made_of = {"k": encode_base64url(secret), "kty": "oct"}
    return Key(kid or _thumbprint(made_of), algorithm, check=check, sign=sign, public=None)


def asymmetric_key(key: Private | Public, algorithm: str, kid: str | None) -> Key:
    """Return the key for a pair, or for a public half; the algorithm fits it."""
    by: Any = _ALGORITHMS[algorithm]
    private = key if isinstance(key, Private) else None
    half: Public = key.public_key() if isinstance(key, Private) else key
    whole: dict[str, Any] = by.to_jwk(half, as_dict=True)
    made_of = {name: whole[name] for name in _NAMED[KINDS[algorithm]]}
    kid = kid or _thumbprint(made_of)
    return Key(
        kid,
        algorithm,
        check=_check(half, algorithm),
        sign=None if private is None else lambda message: bytes(by.sign(message, private)),
        public={**made_of, "use": "sig", "alg": algorithm, "kid": kid},
    )


def _check(key: Public, algorithm: str) -> Callable[[bytes, bytes], bool]:
    if isinstance(key, RSAPublicKey):
        padding = PKCS1v15() if algorithm == "RS256" else PSS(MGF1(SHA256()), SHA256.digest_size)
        sha256 = SHA256()
        verify: Callable[[bytes, bytes], None] = lambda given, message: key.verify(given, message, padding, sha256)  # noqa: E731 - one of three
    elif isinstance(key, EllipticCurvePublicKey):
        size, ecdsa = key.key_size // 8, ECDSA(SHA256() if algorithm == "ES256" else SHA384())
        verify = lambda given, message: key.verify(_der(given, size), message, ecdsa)  # noqa: E731 - likewise
    else:
        verify = key.verify

    def check(message: bytes, signature: bytes) -> bool:
        try:
            verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    return check


def _der(signature: bytes, size: int) -> bytes:
    # RFC 7518 section 3.4: two numbers of the curve's size, no more and no less.
    if len(signature) != 2 * size:
        raise ValueError
    return encode_dss_signature(int.from_bytes(signature[:size]), int.from_bytes(signature[size:]))


def default_algorithm(key: Private | Public) -> str | None:
    """Return the algorithm of a key that names none; `None` where we have none for it."""
    if isinstance(key, RSAPrivateKey | RSAPublicKey):
        return "RS256"
    if isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        return {SECP256R1.name: "ES256", SECP384R1.name: "ES384"}.get(key.curve.name)
    return "EdDSA"


def _thumbprint(made_of: dict[str, Any]) -> str:
    # RFC 7638 section 3: the required members, sorted, without whitespace.
    written = json.dumps(made_of, sort_keys=True, separators=(",", ":"))
    return encode_base64url(hashlib.sha256(written.encode()).digest())
