"""What verifying a token costs: beside PyJWT, the same by hand, and the signature check alone."""

import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from functools import partial
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from asgisec.tokens import KeySet, TokenVerifier
from bench.calls import Against, Call, CallGroup, CallOutcome, measure_calls

__all__ = ["PEERS", "groups", "measured"]

PEERS = ("cryptography", "pyjwt")

ISSUER, AUDIENCE, KID = "https://api.example.com", "api", "k" * 43
SECRET = b"0123456789abcdef0123456789abcdef"
_NOW = int(time.time())
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": AUDIENCE,
    "sub": "user-1",
    "exp": _NOW + 86_400,
    "iat": _NOW - 0.25,
    "jti": "0123456789abcdefghijkl",
    "client_id": "web",
    "scope": "users:read users:write",
    "sid": "abcdefghijkl0123456789",
    "tenant": "t1",
}

_PYJWT = "jwt.decode"
_BY_HAND = "HMAC, base64 and JSON by hand"
_RAW = "the signature check alone"


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure one group after the other."""
    for group in groups():
        yield measure_calls(group, rounds=rounds)


def groups() -> list[CallGroup]:
    """Return what is measured."""
    token = KeySet.from_secret(SECRET, kid=KID).sign(CLAIMS)
    keys = KeySet.from_secret(SECRET, kid=KID)
    pyjwt = partial(by_pyjwt, token)
    cold: dict[str, Call] = {
        "TokenVerifier.verify": partial(read, _verifier(keys, 0), token),
        _PYJWT: pyjwt,
        _BY_HAND: partial(by_hand, token),
    }
    seen: dict[str, Call] = {"TokenVerifier.verify": partial(read_seen, _verifier(keys, 64), token), _PYJWT: pyjwt}
    raw = _raw_checks()
    return [
        CallGroup(
            "HS256, ten claims, for the first time",
            {"token": cold},
            [Against(_PYJWT, 0.4), Against(_BY_HAND, 1.5)],
            same=[_PYJWT, _BY_HAND],
        ),
        CallGroup("HS256, ten claims, seen before", {"token": seen}, [Against(_PYJWT, 0.1)]),
        *(
            CallGroup(f"{name}, ten claims, for the first time", {"token": raw[name]}, [Against(_RAW, goal)])
            for name, goal in (("RS256", 1.7), ("ES256", 1.3), ("EdDSA", 1.2))
        ),
    ]


def read(verifier: TokenVerifier, token: str) -> dict[str, Any]:
    return verifier.verify(token)._members  # noqa: SLF001 - to compare, without the copy that a caller would make


def read_seen(verifier: TokenVerifier, token: str) -> object:
    return verifier.verify(token)


def by_pyjwt(token: str) -> dict[str, Any]:
    return jwt.decode(token, SECRET, ["HS256"], audience=AUDIENCE, issuer=ISSUER)


def by_hand(token: str) -> dict[str, Any]:
    """Check what `TokenVerifier` checks, in one function for this one kind of token."""
    if len(token) > 8192 or not token.isascii():
        raise ValueError
    header, payload, signature = token.split(".")
    head = _STRICT.decode(_decoded(header).decode())
    if head["alg"] != "HS256" or head["kid"] != KID or head["typ"] != "at+jwt" or "crit" in head:
        raise ValueError
    mac = hmac.digest(SECRET, f"{header}.{payload}".encode(), "sha256")
    if not hmac.compare_digest(mac, _decoded(signature)):
        raise ValueError
    claims: dict[str, Any] = _STRICT.decode(_decoded(payload).decode())
    if claims["iss"] != ISSUER or claims["aud"] != AUDIENCE:
        raise ValueError
    for name in ("sub", "jti", "sid", "client_id"):
        if not isinstance(claims[name], str):
            raise TypeError
    for name in ("exp", "iat"):
        if type(claims[name]) not in (int, float):
            raise TypeError
    if not claims["iat"] <= time.time() < claims["exp"]:
        raise ValueError
    frozenset(claims["scope"].split(" "))
    return claims


def _decoded(segment: str) -> bytes:
    decoded = urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    if urlsafe_b64encode(decoded).rstrip(b"=") != segment.encode():
        raise ValueError
    return decoded


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError
    return found


def _none(name: str) -> None:
    raise ValueError


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_none)


def _verifier(keys: KeySet, cache_size: int) -> TokenVerifier:
    return TokenVerifier(keys, issuer=ISSUER, audience=AUDIENCE, cache_size=cache_size)


def _raw_checks() -> dict[str, dict[str, Call]]:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    ed_key = ed25519.Ed25519PrivateKey.generate()
    found: dict[str, dict[str, Call]] = {}
    for name, key in (("RS256", rsa_key), ("ES256", ec_key), ("EdDSA", ed_key)):
        keys = KeySet.from_pem(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        token = keys.sign(CLAIMS)
        message, _, signature = token.rpartition(".")
        signed, given = message.encode(), urlsafe_b64decode(signature + "==")
        if isinstance(key, rsa.RSAPrivateKey):
            check: Call = partial(key.public_key().verify, given, signed, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePrivateKey):
            der = encode_dss_signature(int.from_bytes(given[:32]), int.from_bytes(given[32:]))
            check = partial(key.public_key().verify, der, signed, ec.ECDSA(hashes.SHA256()))
        else:
            check = partial(key.public_key().verify, given, signed)
        found[name] = {"TokenVerifier.verify": partial(read, _verifier(keys, 0), token), _RAW: check}
    return found
