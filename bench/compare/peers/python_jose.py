"""python-jose: `jwt.decode`."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jose import JOSEError, jwt  # type: ignore[import-untyped]

from asgisec.tokens import KeySet, TokenVerifier
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from bench.compare.tokens import AUDIENCE, HEADER, ISSUER, SECRET, claims, judged, ours, signed

__all__ = ["ROWS"]

_DEEP = b"[" * 100_000
_SHORT = b"short"


def theirs() -> Callable[[str], object]:
    def verify(token: str) -> object:
        return jwt.decode(token, SECRET, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE)

    return verify


async def refused(make: Callable[[], Callable[[str], object]], token: Callable[[], str], room: Room) -> Seen:
    return judged(make(), token(), JOSEError)


def both(token: Callable[[], str]) -> dict[str, Any]:
    return {"theirs": partial(refused, theirs, token), "ours": partial(refused, ours, token)}


def endless() -> bytes:
    return json.dumps(claims(exp=None)).encode()[:-1] + b', "exp": 1e400}'


async def their_short(room: Room) -> Seen:
    return judged(
        lambda token: jwt.decode(token, _SHORT, algorithms=["HS256"]),
        signed(HEADER, {"sub": "user-1"}, _SHORT),
        JOSEError,
    )


async def our_short(room: Room) -> Seen:
    try:
        KeySet.from_secret(_SHORT)
    except ValueError as error:
        return Seen(f"`{type(error).__name__}` at start", right=True)
    return Seen("accepted", right=False)


def public_key(encoding: Encoding) -> bytes:
    private = generate_private_key(SECP256R1())
    return private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


async def their_confusion(room: Room) -> Seen:
    known = public_key(Encoding.DER)

    def verify(token: str) -> object:
        return jwt.decode(token, known, algorithms=["ES256", "HS256"], issuer=ISSUER, audience=AUDIENCE)

    return judged(verify, signed(HEADER, claims(), known), JOSEError)


async def our_confusion(room: Room) -> Seen:
    known = public_key(Encoding.PEM)
    verifier = TokenVerifier(KeySet.from_pem(known), issuer=ISSUER, audience=AUDIENCE)
    return judged(verifier.verify, signed(HEADER, claims(), known), JOSEError)


def unsigned(header: bytes) -> str:
    """Write what anybody can: a token whose signature is made up."""
    head, payload, _ = signed(header, claims()).split(".")
    return f"{head}.{payload}.AAAA"


ROWS = (
    Row(
        "python-jose-confusion",
        "keys of ES256, which are public, and HS256 allowed, too; a stranger signs by HS256 with the public key",
        "refused (RFC 8725 section 2.1)",
        their_confusion,
        our_confusion,
        note="it looks for public keys in PEM; this one is DER",
        thread="mpdavis/python-jose#414",
    ),
    Row(
        "python-jose-critical",
        "a header with `crit` and an extension that nobody knows",
        "refused (RFC 7515 section 4.1.11)",
        **both(lambda: signed({**HEADER, "crit": ["x-bound"], "x-bound": "1"}, claims())),
    ),
    Row(
        "python-jose-nested",
        "a header of 100,000 brackets; anybody can send it",
        "refused, by an exception of the library",
        **both(lambda: unsigned(_DEEP)),
    ),
    Row(
        "python-jose-infinite",
        "a signed token whose `exp` is `1e400`",
        "refused, by an exception of the library",
        **both(lambda: signed(HEADER, endless())),
    ),
    Row(
        "python-jose-no-end",
        "a token without `exp`",
        "refused (RFC 9068 section 2.2)",
        **both(lambda: signed(HEADER, claims(exp=None))),
        note='`options={"require_exp": True}` asks for it',
    ),
    Row(
        "python-jose-other-kind",
        "a token of the type `refresh+jwt`, as an access token",
        "refused (RFC 8725 section 3.11)",
        **both(lambda: signed({**HEADER, "typ": "refresh+jwt"}, claims())),
        note="the type is left to the application",
    ),
    Row(
        "python-jose-short-key",
        "HS256 with a secret of 5 bytes",
        "an error (RFC 7518 section 3.2: 32 bytes at least)",
        their_short,
        our_short,
    ),
)
