"""Which tokens are good, and why the others are not."""

import json
from datetime import timedelta
from typing import Any

import pytest

from asgisec.errors import ConfigError, InvalidToken
from asgisec.stores import MemoryStore
from asgisec.tokens import Claims, KeySet, TokenVerifier
from asgisec.tokens._reasons import REASONS
from tests.tokens.minting import (
    CLAIMS,
    HEADER,
    ISSUER,
    KEYS,
    NOW,
    SECRET,
    encoded,
    minted,
    now,
    sealed,
    verifier,
    without,
)

GOOD = minted()
HEAD, BODY, SIGNATURE = GOOD.split(".")
RSA = KeySet.generate("RS256", kid="rsa")
ES256 = KeySet.generate("ES256", kid="k1")
ES384 = KeySet.generate("ES384", kid="k1")
BY_ALGORITHM = {name: KeySet.generate(name) for name in ("RS256", "PS256", "ES256", "ES384", "EdDSA")}
ED = KeySet.generate("EdDSA", kid="ed")
ES_JWKS = {"keys": ES256.public_jwks()["keys"] + ES384.public_jwks()["keys"]}


def public_pem(keys: KeySet) -> bytes:
    return json.dumps(keys.public_jwks()["keys"][0]).encode()


def by_public_key(keys: KeySet, kid: str) -> str:
    """HMAC, with what everybody knows as the secret: the classic confusion."""
    import hashlib  # noqa: PLC0415 - of this attack alone
    import hmac  # noqa: PLC0415 - likewise

    signed = f"{encoded(json.dumps({**HEADER, 'kid': kid}))}.{BODY}"
    return f"{signed}.{encoded(hmac.new(public_pem(keys), signed.encode(), hashlib.sha256).digest())}"


def other_bits(segment: str) -> str:
    """The same bytes, spelled with other bits left over."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) + 1]


def body_of(members: str) -> str:
    return json.dumps(CLAIMS)[:-1] + f", {members}}}"


ATTACKS: dict[str, tuple[str, Any]] = {
    "nothing": ("malformed", ""),
    "no text": ("malformed", None),
    "bytes": ("malformed", GOOD.encode()),
    "a list": ("malformed", [GOOD]),
    "one segment": ("malformed", HEAD),
    "two segments": ("malformed", f"{HEAD}.{BODY}"),
    "four segments": ("malformed", f"{GOOD}.{SIGNATURE}"),
    "five segments, as encrypted": ("malformed", f"{GOOD}.a.a"),
    "only dots": ("malformed", ".."),
    "empty header": ("malformed", f".{BODY}.{SIGNATURE}"),
    "empty payload": ("malformed", sealed(f"{HEAD}.")),
    "empty signature": ("malformed", f"{HEAD}.{BODY}."),
    "1 MB": ("too_large", "a" * 1_000_000),
    "1 MB of dots": ("too_large", "." * 1_000_000),
    "signed, and too large": ("too_large", minted({**CLAIMS, "more": "x" * 9000})),
    "padding": ("malformed", sealed(f"{HEAD}=.{BODY}")),
    "padding at the end": ("malformed", f"{GOOD}="),
    "whitespace in front": ("malformed", f" {GOOD}"),
    "whitespace behind": ("malformed", f"{GOOD}\n"),
    "whitespace within": ("malformed", f"{HEAD}.{BODY[:9]} {BODY[9:]}.{SIGNATURE}"),
    "no ASCII": ("malformed", f"{HEAD}.{BODY}.{SIGNATURE[:-1]}é"),
    "look-alike digits": ("malformed", f"{HEAD}.{BODY}.{SIGNATURE[:-1]}٤"),
    "base64 of the other alphabet": ("malformed", f"{HEAD}.{BODY}.{SIGNATURE[:-2]}+/"),
    "other last bits of the signature": ("malformed", f"{HEAD}.{BODY}.{other_bits(SIGNATURE)}"),
    "other last bits of the header": ("malformed", sealed(f"{other_bits(encoded(json.dumps(HEADER) + ' '))}.{BODY}")),
    "other last bits of the payload": ("malformed", sealed(f"{HEAD}.{other_bits(encoded(json.dumps(CLAIMS) + ' '))}")),
    "a sign over": ("malformed", sealed(f"{HEAD}A.{BODY}") if len(HEAD) % 4 == 0 else sealed(f"{'A' * 5}.{BODY}")),
    "header is a list": ("malformed", minted(header="[]")),
    "header is text": ("malformed", minted(header='"x"')),
    "header is no JSON": ("malformed", minted(header="{")),
    "header is no UTF-8": ("malformed", minted(header=b'{"alg": "\xff"}')),
    "header names alg twice": ("malformed", minted(header='{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"k1"}')),
    "header nested deeply": ("malformed", minted(header='{"alg":"HS256","x":' + "[" * 2000 + "]" * 2000 + "}")),
    "header of quotes": ("malformed", minted(header='{"x":' + "[" * 40 + '"' + '\\"' * 2000)),
    "no alg": ("malformed", minted(header={"typ": "at+jwt"})),
    "alg is a number": ("malformed", minted(header={**HEADER, "alg": 256})),
    "alg is a list": ("malformed", minted(header={**HEADER, "alg": ["HS256"]})),
    "alg none": ("algorithm", f"{encoded(json.dumps({**HEADER, 'alg': 'none'}))}.{BODY}.{SIGNATURE}"),
    "alg nOnE": ("algorithm", minted(header={**HEADER, "alg": "nOnE"})),
    "alg in lower case": ("algorithm", minted(header={**HEADER, "alg": "hs256"})),
    "alg HS512 of an HS256 key": ("algorithm", minted(header={**HEADER, "alg": "HS512"})),
    "alg none, no signature": ("malformed", f"{encoded(json.dumps({**HEADER, 'alg': 'none'}))}.{BODY}."),
    "crit": ("header_not_allowed", minted(header={**HEADER, "crit": ["exp"], "exp": 1})),
    "crit that is empty": ("header_not_allowed", minted(header={**HEADER, "crit": []})),
    "b64": ("header_not_allowed", minted(header={**HEADER, "b64": False})),
    "embedded jwk": ("header_not_allowed", minted(header={**HEADER, "jwk": {"kty": "oct", "k": encoded(SECRET)}})),
    "jku": ("header_not_allowed", minted(header={**HEADER, "jku": "https://evil.example/jwks"})),
    "x5u": ("header_not_allowed", minted(header={**HEADER, "x5u": "https://evil.example/cert"})),
    "x5c": ("header_not_allowed", minted(header={**HEADER, "x5c": ["MII"]})),
    "compressed": ("header_not_allowed", minted(header={**HEADER, "zip": "DEF"})),
    "kid of a path": ("unknown_key", minted(header={**HEADER, "kid": "../../../../dev/null"})),
    "kid of SQL": ("unknown_key", minted(header={**HEADER, "kid": "k1' UNION SELECT 'x"})),
    "kid of a URL": ("unknown_key", minted(header={**HEADER, "kid": "https://evil.example/jwks"})),
    "kid in other case": ("unknown_key", minted(header={**HEADER, "kid": "K1"})),
    "kid of 256 signs": ("unknown_key", minted(header={**HEADER, "kid": "k" * 256})),
    "kid of 257 signs": ("malformed", minted(header={**HEADER, "kid": "k" * 257})),
    "kid is empty": ("malformed", minted(header={**HEADER, "kid": ""})),
    "kid is null": ("malformed", minted(header={**HEADER, "kid": None})),
    "kid is a list": ("malformed", minted(header={**HEADER, "kid": ["k1"]})),
    "typ is missing": ("token_type", minted(header={"alg": "HS256", "kid": "k1"})),
    "typ JWT": ("token_type", minted(header={**HEADER, "typ": "JWT"})),
    "typ of a refresh token": ("token_type", minted(header={**HEADER, "typ": "refresh+jwt"})),
    "typ with more behind": ("token_type", minted(header={**HEADER, "typ": "at+jwt "})),
    "typ is a number": ("malformed", minted(header={**HEADER, "typ": 1})),
    "another's signature": ("signature", minted(keys=KeySet.from_secret(b"x" * 32, kid="k1"))),
    "a signature cut short": ("signature", f"{HEAD}.{BODY}.{SIGNATURE[:40]}"),
    "one bit of the payload": ("signature", f"{HEAD}.{BODY[:-8]}AAAAAAAA.{SIGNATURE}"),
    "payload is a list": ("malformed", minted("[]")),
    "payload is null": ("malformed", minted("null")),
    "payload is no JSON": ("malformed", minted("{'a': 1}")),
    "payload has more behind": ("malformed", minted(json.dumps(CLAIMS) + "{}")),
    "payload is no UTF-8": ("malformed", minted(json.dumps(CLAIMS).encode()[:-1] + b', "x": "\xff"}')),
    "payload with a mark in front": ("malformed", minted(b"\xef\xbb\xbf" + json.dumps(CLAIMS).encode())),
    "a member twice": ("malformed", minted(body_of('"sub": "admin"'))),
    "a member twice, escaped": ("malformed", minted(body_of('"\\u0073ub": "admin"'))),
    "a member twice, within": ("malformed", minted(body_of('"x": {"a": 1, "a": 2}'))),
    "NaN": ("malformed", minted({**CLAIMS, "x": float("nan")})),
    "Infinity": ("malformed", minted({**CLAIMS, "exp": float("inf")})),
    "minus Infinity": ("malformed", minted({**CLAIMS, "nbf": float("-inf")})),
    "1e999": ("malformed", minted(json.dumps(without("exp"))[:-1] + ', "exp": 1e999}')),
    "an int of 5000 digits": ("malformed", minted(json.dumps(without("exp"))[:-1] + ', "exp": ' + "9" * 5000 + "}")),
    "deep JSON": ("malformed", minted(body_of('"x": ' + "[" * 2500 + "]" * 2500))),
    "33 deep": ("malformed", minted(body_of('"x": ' + "[" * 32 + "]" * 32))),
    "33 deep beside 32 deep": ("malformed", minted(body_of('"x": ' + "[" * 30 + "[], [[]]" + "]" * 30))),
    "a lone surrogate": ("malformed", minted(body_of('"x": [{"y": "\\ud800"}]'))),
    "a lone surrogate in a name": ("malformed", minted(body_of('"\\udfff": 1'))),
    "exp missing": ("claim_missing", minted(without("exp"))),
    "iss missing": ("claim_missing", minted(without("iss"))),
    "aud missing": ("claim_missing", minted(without("aud"))),
    "sub missing": ("claim_missing", minted(without("sub"))),
    "iat missing": ("claim_missing", minted(without("iat"))),
    "jti missing": ("claim_missing", minted(without("jti"))),
    "exp is true": ("claim_malformed", minted({**CLAIMS, "exp": True})),
    "exp is text": ("claim_malformed", minted({**CLAIMS, "exp": str(NOW + 900)})),
    "exp is null": ("claim_malformed", minted({**CLAIMS, "exp": None})),
    "exp is huge": ("claim_malformed", minted({**CLAIMS, "exp": 10**400})),
    "exp is negative": ("claim_malformed", minted({**CLAIMS, "exp": -1})),
    "exp in the year 10000": ("claim_malformed", minted({**CLAIMS, "exp": 253_402_300_800})),
    "exp in milliseconds": ("claim_malformed", minted({**CLAIMS, "exp": (NOW + 900) * 1000})),
    "nbf is false": ("claim_malformed", minted({**CLAIMS, "nbf": False})),
    "nbf is null": ("claim_malformed", minted({**CLAIMS, "nbf": None})),
    "iat is text": ("claim_malformed", minted({**CLAIMS, "iat": "0"})),
    "iat is a list": ("claim_malformed", minted({**CLAIMS, "iat": [0]})),
    "sub is a number": ("claim_malformed", minted({**CLAIMS, "sub": 1})),
    "sub is empty": ("claim_malformed", minted({**CLAIMS, "sub": ""})),
    "sub of 2000 signs": ("claim_malformed", minted({**CLAIMS, "sub": "x" * 2000})),
    "jti is a list": ("claim_malformed", minted({**CLAIMS, "jti": ["token-1"]})),
    "sid is null": ("claim_malformed", minted({**CLAIMS, "sid": None})),
    "client_id is an object": ("claim_malformed", minted({**CLAIMS, "client_id": {}})),
    "scope is a number": ("claim_malformed", minted({**CLAIMS, "scope": 1})),
    "scope is a list of numbers": ("claim_malformed", minted({**CLAIMS, "scope": [1]})),
    "iss is part of ours": ("issuer", minted({**CLAIMS, "iss": ISSUER[:-1]})),
    "ours is part of iss": ("issuer", minted({**CLAIMS, "iss": ISSUER + ".evil.example"})),
    "iss with a slash": ("issuer", minted({**CLAIMS, "iss": ISSUER + "/"})),
    "iss in capitals": ("issuer", minted({**CLAIMS, "iss": ISSUER.upper()})),
    "iss is a list": ("claim_malformed", minted({**CLAIMS, "iss": [ISSUER]})),
    "aud of another": ("audience", minted({**CLAIMS, "aud": "other"})),
    "aud contains ours": ("audience", minted({**CLAIMS, "aud": "api2"})),
    "aud is part of ours": ("audience", minted({**CLAIMS, "aud": "ap"})),
    "aud is an empty list": ("audience", minted({**CLAIMS, "aud": []})),
    "aud of others": ("audience", minted({**CLAIMS, "aud": ["a", "p", "i"]})),
    "aud is an object": ("claim_malformed", minted({**CLAIMS, "aud": {"api": 1}})),
    "aud has a number": ("claim_malformed", minted({**CLAIMS, "aud": ["api", 1]})),
    "expired": ("expired", minted({**CLAIMS, "exp": NOW - 1})),
    "expires right now": ("expired", minted({**CLAIMS, "exp": NOW})),
    "nbf to come": ("not_yet_valid", minted({**CLAIMS, "nbf": NOW + 1})),
    "iat to come": ("not_yet_valid", minted({**CLAIMS, "iat": NOW + 1})),
}


@pytest.mark.parametrize(("reason", "token"), ATTACKS.values(), ids=ATTACKS)
def test_a_bad_token_is_refused(reason: str, token: Any) -> None:
    checked = verifier()
    for _ in range(2):  # a refusal leaves nothing behind that would help the next try
        with pytest.raises(InvalidToken) as refusal:
            checked.verify(token)
        assert refusal.value.reason == reason
        assert refusal.value.detail == InvalidToken.default_detail


def test_every_reason_has_a_row() -> None:
    # "revoked" is what only `authenticate` can say, the others are of refresh tokens.
    others = {"revoked", "unknown_token", "client_mismatch", "subject_gone", "reused"}
    assert {reason for reason, _ in ATTACKS.values()} == REASONS - others


@pytest.mark.parametrize("kid", ["k1", "rsa"])
def test_what_everybody_knows_is_no_secret(kid: str) -> None:
    keys = RSA if kid == "rsa" else ES256
    with pytest.raises(InvalidToken) as refusal:
        verifier(keys).verify(by_public_key(keys, kid))
    assert refusal.value.reason == "algorithm"


@pytest.mark.parametrize(
    ("keys", "signer", "header", "reason"),
    [
        pytest.param(ES256, ES384, {"alg": "ES384"}, "algorithm", id="ES384 for an ES256 key"),
        pytest.param(ES256, ES384, {"alg": "ES256"}, "signature", id="signed as ES384, said to be ES256"),
        pytest.param(KeySet.from_jwks(ES_JWKS), ES384, {"alg": "ES256"}, "signature", id="one kid, two curves"),
        pytest.param(RSA, RSA, {"alg": "PS256", "kid": "rsa"}, "algorithm", id="PS256 for an RS256 key"),
        pytest.param(RSA, RSA, {"alg": "RS512", "kid": "rsa"}, "algorithm", id="RS512 for an RS256 key"),
        pytest.param(ED, RSA, {"alg": "EdDSA", "kid": "ed"}, "signature", id="signed by another kind of key"),
        pytest.param(
            KeySet.from_jwks({"keys": RSA.public_jwks()["keys"] + ED.public_jwks()["keys"]}),
            ED,
            {"alg": "EdDSA", "kid": "rsa"},
            "algorithm",
            id="the kid of another algorithm's key",
        ),
    ],
)
def test_a_key_has_one_algorithm(keys: KeySet, signer: KeySet, header: dict[str, str], reason: str) -> None:
    with pytest.raises(InvalidToken) as refusal:
        verifier(keys).verify(minted(header={**HEADER, **header}, keys=signer))
    assert refusal.value.reason == reason


LEGAL: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "as it should be": (None, None, {}),
    "no kid, and one key fits": (None, {"alg": "HS256", "typ": "at+jwt"}, {}),
    "typ in capitals": (None, {**HEADER, "typ": "AT+JWT"}, {}),
    "typ in full": (None, {**HEADER, "typ": "application/at+jwt"}, {}),
    "a header nobody knows": (None, {**HEADER, "cat": "cl_1", "x5t": "abc"}, {}),
    "other types, by option": (None, {**HEADER, "typ": "JWT"}, {"token_types": ["application/jwt"]}),
    "no type, by option": (None, {"alg": "HS256"}, {"token_types": ["at+jwt", None]}),
    "a list of audiences": ({**CLAIMS, "aud": ["web", "api"]}, None, {}),
    "several names of ours": (None, None, {"audience": ["web", "api"]}),
    "audience elsewhere": ({**without("aud"), "azp": "api"}, None, {"audience_claim": "azp"}),
    "32 deep": (body_of('"x": ' + "[" * 31 + "]" * 31), None, {}),
    "many brackets, not deep": (body_of('"x": [' + "[], " * 50 + '"]\\"[[["]'), None, {}),
    "an escape that is one sign": (body_of('"x": "\\ud83d\\ude00"'), None, {}),
    "whitespace in JSON": (json.dumps(CLAIMS, indent=2) + "\n", None, {}),
    "nbf has come": ({**CLAIMS, "nbf": NOW}, None, {}),
    "nbf came with the epoch": ({**CLAIMS, "nbf": 0}, None, {}),
    "no beginning, at the epoch": (without("iat"), None, {"required_claims": (), "clock": lambda: 0.0}),
    "exp in the last second of the year 9999": ({**CLAIMS, "exp": 253_402_300_799}, None, {}),
    "expired within leeway": ({**CLAIMS, "exp": NOW - 9}, None, {"leeway": 10}),
    "from tomorrow within leeway": ({**CLAIMS, "iat": NOW + 9}, None, {"leeway": timedelta(seconds=10)}),
    "nothing else required": ({k: CLAIMS[k] for k in ("iss", "aud", "exp")}, None, {"required_claims": ()}),
    "a longer one, by option": ({**CLAIMS, "more": "x" * 9000}, None, {"max_size": 20_000}),
}


@pytest.mark.parametrize(("claims", "header", "options"), LEGAL.values(), ids=LEGAL)
def test_a_good_token_is_read(claims: Any, header: Any, options: dict[str, Any]) -> None:
    checked = verifier(KeySet.from_secret(SECRET, kid="k1"), **options)
    found = checked.verify(minted(claims, header))
    assert found["iss"] == ISSUER
    assert checked.verify(minted(claims, header)) is found  # seen before


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_every_algorithm(algorithm: str) -> None:
    keys = KeySet.generate(algorithm)
    assert [key.algorithm for key in keys.current().keys] == [algorithm]
    token = keys.sign(CLAIMS)
    assert dict(verifier(keys).verify(token)) == CLAIMS
    head, body, signature = token.split(".")
    bad = signature[:8] + ("A" if signature[8] != "A" else "B") + signature[9:]
    with pytest.raises(InvalidToken) as refusal:
        verifier(keys).verify(f"{head}.{body}.{bad}")
    assert refusal.value.reason == "signature"


def test_the_newer_name_of_an_algorithm() -> None:
    # RFC 9864 section 2.2.
    assert verifier(ED).verify(minted(header={**HEADER, "alg": "Ed25519", "kid": "ed"}, keys=ED)) == CLAIMS


def test_a_token_has_no_more_characters_than_is_allowed() -> None:
    assert verifier(max_size=len(GOOD)).verify(GOOD) == CLAIMS
    with pytest.raises(InvalidToken) as refusal:
        verifier(max_size=len(GOOD) - 1).verify(GOOD)
    assert refusal.value.reason == "too_large"


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
@pytest.mark.parametrize("size", [1, 63, 64, 65, 96, 97, 256, 384, 1000])
@pytest.mark.parametrize("byte", [b"\0", b"\xff"])
def test_a_signature_of_any_size_is_a_refusal(algorithm: str, size: int, byte: bytes) -> None:
    keys = BY_ALGORITHM[algorithm]
    signed = keys.sign(CLAIMS).rpartition(".")[0]
    with pytest.raises(InvalidToken) as refusal:
        verifier(keys).verify(f"{signed}.{encoded(byte * size)}")
    assert refusal.value.reason == "signature"


def test_a_token_without_kid_is_not_tried_with_several_keys() -> None:
    keys = KeySet.from_secret(SECRET, kid="k1").rotate(KeySet.from_secret(b"n" * 32, kid="k2"))
    for signer in (KEYS, KeySet.from_secret(b"n" * 32)):
        with pytest.raises(InvalidToken) as refusal:
            verifier(keys).verify(minted(header={"alg": "HS256", "typ": "at+jwt"}, keys=signer))
        assert refusal.value.reason == "unknown_key"


class Clock:
    now: float = NOW

    def __call__(self) -> float:
        return self.now


def test_a_token_seen_before_still_expires() -> None:
    clock = Clock()
    checked = verifier(clock=clock)
    checked.verify(GOOD)
    clock.now = NOW + 899.9
    checked.verify(GOOD)
    clock.now = NOW + 900
    with pytest.raises(InvalidToken) as refusal:
        checked.verify(GOOD)
    assert refusal.value.reason == "expired"


def test_a_token_seen_before_is_refused_when_the_clock_goes_back() -> None:
    clock = Clock()
    checked = verifier(clock=clock)
    checked.verify(GOOD)
    clock.now = NOW - 60
    with pytest.raises(InvalidToken) as refusal:
        checked.verify(GOOD)
    assert refusal.value.reason == "not_yet_valid"


def test_a_token_seen_before_ends_with_its_key() -> None:
    keys = KeySet.from_secret(SECRET, kid="k1").rotate(KeySet.from_secret(b"n" * 32, kid="k2"))
    checked = verifier(keys)
    checked.verify(GOOD)
    keys.remove("k1")
    with pytest.raises(InvalidToken) as refusal:
        checked.verify(GOOD)
    assert refusal.value.reason == "unknown_key"


@pytest.mark.parametrize(("size", "kept"), [(0, 0), (1, 0), (10, 10), (4096, 100)])
def test_what_is_remembered_is_bounded(size: int, kept: int) -> None:
    checked = verifier(cache_size=size)
    for number in range(100):
        checked.verify(minted({**CLAIMS, "jti": str(number)}))
        assert len(checked._known.tokens) <= size
    assert len(checked._known.tokens) == kept


def test_what_is_used_stays_remembered() -> None:
    checked = verifier(cache_size=10)
    found = checked.verify(GOOD)
    for number in range(100):
        token = minted({**CLAIMS, "jti": str(number)})
        latest = checked.verify(token)
        assert checked.verify(token) is latest
        assert checked.verify(GOOD) is found


def test_headers_remembered_are_bounded_and_signed() -> None:
    checked = verifier()
    for number in range(100):
        header = {**HEADER, "x": number}
        with pytest.raises(InvalidToken):
            checked.verify(minted(header=header, keys=KeySet.from_secret(b"x" * 32)))
    assert not checked._known.headers
    for number in range(100):
        checked.verify(minted(header={**HEADER, "x": number}))
    assert len(checked._known.headers) == 64


def test_a_caller_cannot_change_what_the_next_one_reads() -> None:
    checked = verifier()
    token = minted({**CLAIMS, "roles": ["reader", {"of": "x"}]})
    checked.verify(token)["roles"].append("admin")
    checked.verify(token)["roles"][1]["of"] = "y"
    assert checked.verify(token)["roles"] == ["reader", {"of": "x"}]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "keys": ({"keys": SECRET}, "TokenVerifier(keys=) got (hidden)"),
    "no issuer": ({"issuer": ""}, "TokenVerifier(issuer=) got ''"),
    "issuer is a list": ({"issuer": [ISSUER]}, "TokenVerifier(issuer=)"),
    "no audience": ({"audience": ""}, "TokenVerifier(audience=)"),
    "empty audience": ({"audience": []}, "TokenVerifier(audience=)"),
    "audience is None": ({"audience": None}, "TokenVerifier(audience=)"),
    "denylist": ({"denylist": {}}, "TokenVerifier(denylist=)"),
    "denylist is a URL": ({"denylist": "redis://:hush@host"}, "TokenVerifier(denylist=) got (hidden)"),
    "on_store_error": ({"on_store_error": "local"}, "TokenVerifier(on_store_error=)"),
    "leeway below zero": ({"leeway": -1}, "TokenVerifier(leeway=) got -1: write seconds or a timedelta, 0 or more"),
    "leeway is text": ({"leeway": "10"}, "TokenVerifier(leeway=)"),
    "leeway is true": ({"leeway": True}, "TokenVerifier(leeway=)"),
    "leeway without end": ({"leeway": float("inf")}, "TokenVerifier(leeway=)"),
    "leeway past the end of revocations": (
        {"leeway": 301, "denylist": MemoryStore()},
        "TokenVerifier(leeway=) got 301: with a denylist write 300 or less",
    ),
    "cache_size": ({"cache_size": -1}, "TokenVerifier(cache_size=) got -1: write a whole number of 0 or more"),
    "cache_size is true": ({"cache_size": True}, "TokenVerifier(cache_size=)"),
    "max_size": ({"max_size": 0}, "TokenVerifier(max_size=)"),
    "types are text": ({"token_types": "at+jwt"}, "TokenVerifier(token_types=)"),
    "no types": ({"token_types": []}, "TokenVerifier(token_types=)"),
    "types are None": ({"token_types": None}, "TokenVerifier(token_types=)"),
    "a type is a number": ({"token_types": [1]}, "TokenVerifier(token_types=)"),
    "audience_claim": ({"audience_claim": ""}, "TokenVerifier(audience_claim=)"),
    "required_claims is text": ({"required_claims": "sub"}, "TokenVerifier(required_claims=)"),
    "required_claims is None": ({"required_claims": None}, "TokenVerifier(required_claims=)"),
    "a required claim is a number": ({"required_claims": [1]}, "TokenVerifier(required_claims=)"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    given = {"keys": KEYS, "issuer": ISSUER, "audience": "api", **options}
    with pytest.raises(ConfigError) as wrong:
        TokenVerifier(**given)
    assert str(wrong.value).startswith(message)


def test_claims() -> None:
    found = Claims(CLAIMS)
    assert (found.subject, found.token_id, found.session_id, found.client_id) == (
        "user-1",
        "token-1",
        "session-1",
        "web",
    )
    assert (found.expires_at, found.issued_at) == (NOW + 900, NOW - 0.25)
    assert found.scopes == {"users:read", "users:write"}
    assert dict(found) == CLAIMS
    assert found == CLAIMS
    assert len({found, Claims(CLAIMS)}) == 1
    assert hash(found) != hash(Claims({**CLAIMS, "jti": "token-2"}))
    assert len(found) == len(CLAIMS)
    assert repr(found) == "<Claims of 'user-1': iss, aud, sub, exp, iat, jti, client_id, scope, sid, tenant>"
    assert Claims({"exp": 1}).subject == ""
    with pytest.raises(TypeError):
        found["sub"] = "admin"  # type: ignore[index]  # that is the point


@pytest.mark.parametrize(
    ("members", "scopes"),
    [
        ({}, set()),
        ({"scope": ""}, set()),
        ({"scope": "a  b"}, {"a", "b"}),
        ({"scope": "a\tb"}, {"a\tb"}),
        ({"scopes": ["a", "b"]}, {"a", "b"}),
        ({"scopes": "a b"}, {"a", "b"}),
        ({"scp": "a b"}, {"a", "b"}),
        ({"scp": ["", "a"]}, {"a"}),
        ({"scope": "a", "scp": "b"}, {"a"}),
    ],
)
def test_scopes(members: dict[str, Any], scopes: set[str]) -> None:
    assert Claims({"exp": 1, **members}).scopes == scopes


def test_clients_by_another_name() -> None:
    assert Claims({"exp": 1, "azp": "web"}).client_id == "web"
    assert Claims({"exp": 1}).client_id is None
    assert now() == NOW
