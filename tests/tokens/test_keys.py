"""Keys: from where, for what, for how long, and what is never shown of them."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import RSAAlgorithm

from asgisec.errors import ConfigError
from asgisec.tokens import KeySet
from tests.tokens.minting import CLAIMS, SECRET, encoded, verifier

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 - to be refused
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_CURVE = ec.generate_private_key(ec.SECP521R1())


def pem(key: Any, locked: KeySerializationEncryption | None = None) -> bytes:
    written: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked or NoEncryption())
    return written


def public_pem(key: Any) -> bytes:
    written: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return written


def private_jwk(key: rsa.RSAPrivateKey, **members: Any) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key, as_dict=True), **members}


SECRETS = {"keys": [{"kty": "oct", "k": encoded(SECRET)}]}
# RFC 7638 section 3.1, and RFC 8037 appendix A.3: the keys of the standards, and their thumbprints.
THUMBPRINTS = {
    "RSA": (
        {
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjB"
            "ZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8"
            "KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
            "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
        },
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
    ),
    "OKP": (
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    ),
    "OKP, for the algorithm by its newer name": (
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "Ed25519"},
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    ),
}


def kid_of(keys: KeySet) -> str:
    token = keys.sign({"sub": "u"})
    return str(jwt.get_unverified_header(token)["kid"])


def test_the_id_of_a_secret_is_its_thumbprint() -> None:
    # RFC 7638 section 3.2: `k` and `kty`, in that order, without a space.
    made_of = f'{{"k":"{urlsafe_b64encode(SECRET).decode().rstrip("=")}","kty":"oct"}}'
    thumbprint = urlsafe_b64encode(sha256(made_of.encode()).digest()).decode().rstrip("=")
    assert kid_of(KeySet.from_secret(SECRET)) == thumbprint


def test_an_id_of_one_s_own_is_kept() -> None:
    sealed = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")
    )
    jwk = {"kty": "oct", "k": urlsafe_b64encode(SECRET).decode().rstrip("="), "kid": "2026"}
    assert kid_of(KeySet.from_secret(SECRET, kid="2026")) == "2026"
    assert kid_of(KeySet.from_jwks({"keys": [jwk]})) == "2026"
    assert kid_of(KeySet.from_pem(sealed, password=b"open sesame", kid="2026")) == "2026"


@pytest.mark.parametrize(("jwk", "thumbprint"), THUMBPRINTS.values(), ids=THUMBPRINTS)
def test_the_id_is_the_thumbprint(jwk: dict[str, str], thumbprint: str) -> None:
    assert KeySet.from_jwks({"keys": [jwk]}).public_jwks()["keys"][0]["kid"] == thumbprint


SIGNING: dict[str, tuple[Callable[[], KeySet], str]] = {
    "secret": (lambda: KeySet.from_secret(SECRET), "HS256"),
    "secret as text": (lambda: KeySet.from_secret(SECRET.decode() * 2, algorithm="HS512"), "HS512"),
    "RSA": (lambda: KeySet.from_pem(pem(RSA_KEY)), "RS256"),
    "RSA for PS256, as text": (lambda: KeySet.from_pem(pem(RSA_KEY).decode(), algorithm="PS256"), "PS256"),
    "locked": (lambda: KeySet.from_pem(pem(EC_KEY, BestAvailableEncryption(b"pw")), password="pw"), "ES256"),  # noqa: S106 - a test's
    "oct without alg": (lambda: KeySet.from_jwks(SECRETS), "HS256"),
    "JWK of RSA": (lambda: KeySet.from_jwks({"keys": [private_jwk(RSA_KEY, alg="PS256")]}), "PS256"),
}


@pytest.mark.parametrize(("make", "algorithm"), SIGNING.values(), ids=SIGNING)
def test_keys_that_sign(make: Callable[[], KeySet], algorithm: str) -> None:
    keys = make()
    assert keys.can_sign
    token = keys.sign(CLAIMS)
    assert dict(verifier(keys).verify(token)) == CLAIMS
    assert repr(keys).startswith(f"KeySet(<{algorithm} key '")


def test_a_public_key_verifies_and_does_not_sign() -> None:
    keys = KeySet.from_pem(public_pem(EC_KEY))
    assert not keys.can_sign
    verifier(keys).verify(KeySet.from_pem(pem(EC_KEY)).sign(CLAIMS))
    with pytest.raises(ConfigError, match=r"^KeySet got KeySet\(<ES256 key .*needs a private key or a secret"):
        keys.sign(CLAIMS)


def test_the_first_key_that_can_signs() -> None:
    listed = [*KeySet.from_pem(public_pem(EC_KEY)).public_jwks()["keys"], private_jwk(RSA_KEY, kid="rsa")]
    token = KeySet.from_jwks({"keys": listed}).sign(CLAIMS, typ="JWT")
    assert urlsafe_b64decode(token.partition(".")[0] + "==") == b'{"alg":"RS256","kid":"rsa","typ":"JWT"}'


def test_what_is_no_json_is_not_signed() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        KeySet.from_secret(SECRET).sign({**CLAIMS, "exp": float("nan")})


def test_what_is_published() -> None:
    keys = KeySet.from_jwks({"keys": [private_jwk(RSA_KEY), *SECRETS["keys"]]})
    published = keys.public_jwks()
    assert [sorted(jwk) for jwk in published["keys"]] == [["alg", "e", "kid", "kty", "n", "use"]]
    published["keys"][0]["kid"] = "changed"
    assert keys.public_jwks()["keys"][0]["kid"] != "changed"
    assert KeySet.from_secret(SECRET).public_jwks() == {"keys": []}


def test_nothing_secret_is_shown() -> None:
    keys = KeySet.from_secret(SECRET)
    shown = repr(keys) + repr(keys.current().keys)
    assert SECRET.decode() not in shown
    assert encoded(SECRET) not in shown


@pytest.mark.parametrize("keys", [["s3cret"], "s3cret", b"s3cret", None, [], [None], [{"kty": "oct", "k": "s3cret"}]])
def test_what_is_no_key_is_refused_at_once_and_not_shown(keys: Any) -> None:
    with pytest.raises(ConfigError, match=r"KeySet\(keys\) got \(hidden\): make one with from_secret") as refused:
        KeySet(keys)
    assert "s3cret" not in repr(refused.value)


WRONG: dict[str, dict[str, tuple[Any, str]]] = {
    "KeySet.from_secret(secret=) got (hidden)": {
        "31 bytes": (lambda: KeySet.from_secret(b"x" * 31), "HS256 needs at least 32 random bytes"),
        "47 bytes": (lambda: KeySet.from_secret(b"x" * 47, algorithm="HS384"), "HS384 needs at least 48 random bytes"),
        "63 bytes": (lambda: KeySet.from_secret(b"x" * 63, algorithm="HS512"), "HS512 needs at least 64 random bytes"),
        "secret is a number": (lambda: KeySet.from_secret(1), "write text or bytes"),  # type: ignore[arg-type]  # wrong
        "public PEM as a secret": (lambda: KeySet.from_secret(public_pem(RSA_KEY)), "this is no secret"),
        "public PEM behind a comment as a secret": (
            lambda: KeySet.from_secret(b"Bag Attributes\n" + public_pem(RSA_KEY)),
            "this is no secret",
        ),
        "public DER as a secret": (
            lambda: KeySet.from_secret(
                RSA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ),
            "this is no secret",
        ),
        "JWKS that is indented as a secret": (
            lambda: KeySet.from_secret(json.dumps(KeySet.generate().public_jwks(), indent=2)),
            "this is no secret",
        ),
        "SSH key as a secret": (lambda: KeySet.from_secret("ssh-ed25519 " + "A" * 60), "this is no secret"),
        "secret for RS256": (lambda: KeySet.from_secret(SECRET, algorithm="RS256"), "a secret is for one of HS256"),
        "secret for none": (lambda: KeySet.from_secret(SECRET, algorithm="none"), "a secret is for one of HS256"),
    },
    "KeySet.from_secret(kid=) got ''": {
        "kid is empty": (lambda: KeySet.from_secret(SECRET, kid=""), "write a text, or leave it out"),
    },
    "KeySet.from_secret(algorithm=) got 1": {
        "the algorithm of a secret is a number": (
            lambda: KeySet.from_secret(SECRET, algorithm=1),  # type: ignore[arg-type]  # wrong
            "write a text, or leave it out",
        ),
    },
    "KeySet.generate(kid=) got ''": {
        "the kid of a made one is empty": (lambda: KeySet.generate(kid=""), "write a text, or leave it out"),
    },
    "KeySet.generate(algorithm=) got 1": {
        "algorithm is a number": (lambda: KeySet.generate(1), "write a text, or leave it out"),  # type: ignore[arg-type]  # wrong
    },
    "KeySet.generate(algorithm=) got 'none'": {
        "an algorithm nobody has": (lambda: KeySet.generate("none"), "write one of HS256, HS384"),
    },
    "KeySet.from_pem(pem=) got (hidden)": {
        "PEM is a number": (lambda: KeySet.from_pem(1), "write the text of a PEM file"),  # type: ignore[arg-type]  # wrong
        "PEM is none": (lambda: KeySet.from_pem("x"), "write a PEM private or public key"),
        "PEM of 1024 bits": (lambda: KeySet.from_pem(pem(SHORT_RSA)), "an RSA key needs at least 2048 bits"),
        "public PEM of 1024 bits": (lambda: KeySet.from_pem(public_pem(SHORT_RSA)), "at least 2048 bits"),
        "wrong password": (
            lambda: KeySet.from_pem(pem(EC_KEY, BestAvailableEncryption(b"pw")), password=b"other"),
            "write a PEM private or public key, with its password",
        ),
        "no password": (lambda: KeySet.from_pem(pem(EC_KEY, BestAvailableEncryption(b"pw"))), "with its password"),
        "P-521": (lambda: KeySet.from_pem(pem(OTHER_CURVE)), "an EC key on P-256 or P-384"),
        "Ed448": (lambda: KeySet.from_pem(pem(ed448.Ed448PrivateKey.generate())), "or an Ed25519 key"),
        "EC for RS256": (lambda: KeySet.from_pem(pem(EC_KEY), algorithm="RS256"), "this key is for ES256"),
        "P-256 for ES384": (lambda: KeySet.from_pem(pem(EC_KEY), algorithm="ES384"), "this key is for ES256"),
        "RSA for HS256": (lambda: KeySet.from_pem(pem(RSA_KEY), algorithm="HS256"), "this key is for RS256 or PS256"),
    },
    "KeySet.from_pem(kid=) got ''": {
        "the kid of a PEM file is empty": (
            lambda: KeySet.from_pem(pem(EC_KEY), kid=""),
            "write a text, or leave it out",
        ),
    },
    "KeySet.from_pem(algorithm=) got 1": {
        "the algorithm of a PEM file is a number": (
            lambda: KeySet.from_pem(pem(EC_KEY), algorithm=1),  # type: ignore[arg-type]  # wrong
            "write a text, or leave it out",
        ),
    },
    "KeySet.from_jwks(jwks=) got (hidden)": {
        "JWKS is text": (lambda: KeySet.from_jwks("{}"), "write a JWK set"),  # type: ignore[arg-type]  # wrong
        "JWKS is empty": (lambda: KeySet.from_jwks({"keys": []}), "write a JWK set"),
        "JWKS has text": (lambda: KeySet.from_jwks({"keys": ["x"]}), "write a JWK set"),
        "JWKS with a kid twice": (lambda: KeySet.from_jwks({"keys": SECRETS["keys"] * 2}), "a `kid` of its own"),
    },
    "KeySet.from_jwks(jwks=), key 0 got (hidden)": {
        "JWK of no kind": (lambda: KeySet.from_jwks({"keys": [{}]}), "write a JWK with a `kty`"),
        "JWK to encrypt": (lambda: KeySet.from_jwks({"keys": [{"kty": "RSA", "use": "enc"}]}), "not for signatures"),
        "JWK whose operations are others": (
            lambda: KeySet.from_jwks({"keys": [private_jwk(RSA_KEY, key_ops=["encrypt"])]}),
            "not for signatures",
        ),
        "JWK whose operations are text": (
            lambda: KeySet.from_jwks({"keys": [private_jwk(RSA_KEY, key_ops="verify")]}),
            "not for signatures",
        ),
        "JWK that lacks a part": (lambda: KeySet.from_jwks({"keys": [{"kty": "RSA", "e": "AQAB"}]}), "a complete JWK"),
        "JWK of a bad secret": (
            lambda: KeySet.from_jwks({"keys": [{"kty": "oct", "k": "a=="}]}),
            "the `k` of an oct key",
        ),
        "JWK whose alg is a number": (lambda: KeySet.from_jwks({"keys": [{"kty": "RSA", "alg": 1}]}), "are text"),
        "JWK of RSA for HS256": (
            lambda: KeySet.from_jwks({"keys": [private_jwk(RSA_KEY, alg="HS256")]}),
            "this key is for RS256 or PS256",
        ),
    },
    "KeySet.rotate(new=) got (hidden)": {
        "rotate to a public key": (
            lambda: KeySet.generate().rotate(KeySet.from_pem(public_pem(EC_KEY))),
            "write a KeySet that can sign",
        ),
        "rotate to text": (lambda: KeySet.generate().rotate("x"), "write a KeySet that can sign"),
    },
    "KeySet.rotate(new=) got KeySet(<HS256 key 'k1'>)": {
        "rotate to the same key": (
            lambda: KeySet.from_secret(SECRET, kid="k1").rotate(KeySet.from_secret(SECRET, kid="k1")),
            "this key is in use already",
        ),
    },
    "KeySet.rotate(overlap=) got -1": {
        "an overlap below zero": (
            lambda: KeySet.generate().rotate(overlap=-1),
            "write seconds or a timedelta, 0 or more",
        ),
    },
}


@pytest.mark.parametrize(
    ("make", "begin", "mend"),
    [pytest.param(make, begin, mend, id=name) for begin, rows in WRONG.items() for name, (make, mend) in rows.items()],
)
def test_wrong_keys(make: Any, begin: str, mend: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        make()
    assert str(wrong.value).startswith(f"{begin}: ")
    assert mend in str(wrong.value)
    assert SECRET.decode() not in str(wrong.value)
    assert wrong.value.__cause__ is None
