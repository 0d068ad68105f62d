"""Tokens of other libraries and of the common identity providers, and what others make of mutated ones."""

import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jose import jwt as python_jose  # type: ignore[import-untyped]
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OctKey, OKPKey, RSAKey

from asgisec.errors import InvalidToken
from asgisec.tokens import KeySet
from asgisec.tokens._reasons import REASONS
from tests.tokens.minting import CLAIMS, HEADER, ISSUER, KEYS, NOW, SECRET, encoded, minted, sealed, verifier

RSA_KEYS = KeySet.generate("RS256", kid="rsa-1")


def test_tokens_of_pyjwt() -> None:
    token = jwt.encode(CLAIMS, SECRET, "HS256", headers=HEADER)
    assert verifier().verify(token)["tenant"] == "t1"


def test_tokens_of_python_jose() -> None:
    # The recipe of a thousand applications: no `kid`, `JWT`, and little in it.
    token = python_jose.encode({"sub": "ada", "exp": NOW + 900}, SECRET.decode(), algorithm="HS256")
    with pytest.raises(InvalidToken) as refusal:
        verifier(token_types=["JWT"], required_claims=["sub"]).verify(token)
    assert refusal.value.reason == "claim_missing"
    more = {"sub": "ada", "exp": NOW + 900, "iss": ISSUER, "aud": "api", "scopes": ["me", "items"]}
    token = python_jose.encode(more, SECRET.decode(), algorithm="HS256")
    found = verifier(token_types=["JWT"], required_claims=["sub"]).verify(token)
    assert found.subject == "ada"
    assert found.scopes == {"me", "items"}


@pytest.mark.parametrize("kind", ["RSA", "OKP"])
def test_tokens_of_joserfc(kind: str) -> None:
    key: Any = RSAKey.generate_key(2048) if kind == "RSA" else OKPKey.generate_key("Ed25519")
    algorithm = "RS256" if kind == "RSA" else "Ed25519"  # the name of RFC 9864
    jwk = {**key.as_dict(private=False), "alg": algorithm, "kid": key.thumbprint()}
    token = joserfc_jwt.encode(
        {"alg": algorithm, "typ": "at+jwt", "kid": key.thumbprint()}, CLAIMS, key, algorithms=[algorithm]
    )
    assert verifier(KeySet.from_jwks({"keys": [jwk]})).verify(token)["tenant"] == "t1"
    assert KeySet.from_jwks({"keys": [{**jwk, "kid": None}]}).public_jwks()["keys"][0]["kid"] == key.thumbprint()


def test_tokens_of_joserfc_with_a_secret() -> None:
    token = joserfc_jwt.encode(HEADER, CLAIMS, OctKey.import_key(SECRET), algorithms=["HS256"])
    assert verifier().verify(token).subject == "user-1"


PROVIDERS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "Keycloak": (
        {"alg": "RS256", "typ": "JWT", "kid": "rsa-1"},
        {
            "exp": NOW + 300,
            "iat": NOW - 1,
            "jti": "onrtac:6f1e",
            "iss": "https://id.example.com/realms/shop",
            "aud": ["api", "account"],
            "sub": "f:1",
            "typ": "Bearer",
            "azp": "web",
            "sid": "s1",
            "scope": "openid profile",
            "realm_access": {"roles": ["user"]},
        },
        {"issuer": "https://id.example.com/realms/shop", "token_types": ["JWT"]},
    ),
    "Auth0": (
        {"alg": "RS256", "typ": "at+jwt", "kid": "rsa-1"},
        {
            "iss": "https://shop.eu.auth0.com/",
            "sub": "auth0|1",
            "aud": ["https://api.example.com", "https://shop.eu.auth0.com/userinfo"],
            "iat": NOW - 1,
            "exp": NOW + 300,
            "azp": "web",
            "scope": "openid",
        },
        {
            "issuer": "https://shop.eu.auth0.com/",
            "audience": "https://api.example.com",
            "token_types": ["JWT", "at+jwt"],
            "required_claims": ["sub", "iat"],
        },
    ),
    "Cognito": (
        {"kid": "rsa-1", "alg": "RS256"},
        {
            "sub": "aaaa",
            "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a",
            "version": 2,
            "client_id": "4u5k",
            "token_use": "access",
            "scope": "shop/read",
            "auth_time": NOW - 9,
            "exp": NOW + 300,
            "iat": NOW - 1,
            "jti": "j1",
        },
        {
            "issuer": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_a",
            "audience": "4u5k",
            "audience_claim": "client_id",
            "token_types": [None],
        },
    ),
    "Azure": (
        {"typ": "JWT", "alg": "RS256", "x5t": "abc", "kid": "rsa-1"},
        {
            "aud": "api://shop",
            "iss": "https://login.microsoftonline.com/t/v2.0",
            "iat": NOW - 1,
            "nbf": NOW - 1,
            "exp": NOW + 300,
            "aio": "x",
            "azp": "web",
            "oid": "o1",
            "scp": "Items.Read Items.Write",
            "sub": "s1",
            "tid": "t",
            "uti": "u1",
            "ver": "2.0",
        },
        {
            "issuer": "https://login.microsoftonline.com/t/v2.0",
            "audience": "api://shop",
            "token_types": ["JWT"],
            "required_claims": ["sub", "iat"],
        },
    ),
}


@pytest.mark.parametrize(("header", "claims", "options"), PROVIDERS.values(), ids=PROVIDERS)
def test_tokens_of_providers(header: Any, claims: Any, options: Any) -> None:
    # Their sets of keys name no algorithm, some of them.
    jwks = {"keys": [{k: v for k, v in RSA_KEYS.public_jwks()["keys"][0].items() if k != "alg"}]}
    found = verifier(KeySet.from_jwks(jwks), **options).verify(minted(claims, header, keys=RSA_KEYS))
    assert dict(found) == claims
    assert found.scopes
    with pytest.raises(InvalidToken):
        verifier(KeySet.from_jwks(jwks)).verify(minted(claims, header, keys=RSA_KEYS))


# Any change that is no change leaves a good token; the others are what an attacker, or a bad day, makes of one.
good_claims = st.fixed_dictionaries(
    {
        "iss": st.just(ISSUER),
        "aud": st.sampled_from(["api", ["api"], ["web", "api"]]),
        "sub": st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
        "exp": st.integers(4_000_000_000, 4_100_000_000) | st.floats(4e9, 4.1e9),
        "iat": st.integers(0, 1_000_000) | st.floats(0, 1e6),
        "jti": st.text(st.characters(codec="utf-8"), min_size=1, max_size=9),
    },
    optional={"nbf": st.integers(0, 1_000_000), "scope": st.just("a b"), "x": st.lists(st.integers(), max_size=3)},
)
values: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, -1, 10**30, 1e308, "", "x", "api", ISSUER, [], ["api"], [ISSUER], {}, [1], "4000000000"]
)
odd_headers: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"alg": "none"},
        {"alg": "HS384"},
        {"alg": "RS256"},
        {"alg": 1},
        {"kid": "other"},
        {"kid": 1},
        {"typ": "JWT"},
        {"crit": ["b64"], "b64": True},
        {"crit": ["x"]},
        {"b64": False},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
    ]
)


@st.composite
def tokens(draw: st.DrawFn) -> str:
    claims = draw(good_claims)
    header = dict(HEADER)
    how = draw(st.sampled_from(["good", "good", "good", "claim", "missing", "header", "text", "cut", "json"]))
    if how == "claim":
        claims[draw(st.sampled_from(["iss", "aud", "exp", "iat", "nbf", "sub", "jti"]))] = draw(values)
    elif how == "missing":
        del claims[draw(st.sampled_from(["iss", "aud", "exp"]))]
    elif how == "header":
        header |= draw(odd_headers)
    token = minted(claims, header)
    if how == "text":
        at = draw(st.integers(0, len(token) - 1))
        token = token[:at] + draw(st.sampled_from("Ab9-_+/=. \n.é")) + token[at + draw(st.integers(0, 1)) :]
    elif how == "cut":
        token = token[draw(st.integers(0, 5)) : len(token) - draw(st.integers(0, 5))]
    elif how == "json":
        written = json.dumps(claims)
        at = draw(st.integers(0, len(written) - 1))
        more = draw(st.sampled_from(['"', "{", "]", " ", "0", "e9", "NaN", "\\", ',"a":1,"a":2']))
        written = written[:at] + more + written[at:]
        token = sealed(f"{encoded(json.dumps(header))}.{encoded(written)}")
    return token


def pyjwt_accepts(token: str) -> bool:
    try:
        jwt.decode(token, SECRET, ["HS256"], audience="api", issuer=ISSUER, options={"require": ["exp", "iss", "aud"]})
    except jwt.PyJWTError:
        return False
    return True


_REGISTRY = joserfc_jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER}, aud={"essential": True, "value": "api"}, exp={"essential": True}
)


def joserfc_accepts(token: str) -> bool:
    try:
        _REGISTRY.validate(joserfc_jwt.decode(token, OctKey.import_key(SECRET), algorithms=["HS256"]).claims)
    except Exception:  # noqa: BLE001 - whatever it raises, it does not accept
        return False
    return True


def test_nothing_is_accepted_that_others_refuse() -> None:
    counted = {"all": 0, "good": 0}
    reasons: set[str] = set()
    checked = verifier(KEYS, clock=time.time, cache_size=64)

    @settings(max_examples=600, database=None, derandomize=True)
    @given(tokens())
    def compare(token: str) -> None:
        counted["all"] += 1
        begin = time.thread_time()
        try:
            checked.verify(token)
        except InvalidToken as refusal:
            reasons.add(refusal.reason)
        else:
            counted["good"] += 1
            assert pyjwt_accepts(token), token
            assert joserfc_accepts(token), token
        assert time.thread_time() - begin < 1

    compare()
    assert reasons <= REASONS
    assert len(reasons) > 5
    assert counted["good"] >= 0.3 * counted["all"] >= 150, counted


@settings(max_examples=300)
@given(st.text(max_size=200) | st.text("abcXYZ019-_.=", max_size=200))
def test_any_text_is_a_refusal(text: str) -> None:
    with pytest.raises(InvalidToken) as refusal:
        verifier().verify(text)
    assert refusal.value.reason in REASONS


@pytest.mark.parametrize("sign", ["a", ".", "=", "é", "\x00", "{", '"'])
def test_a_megabyte_costs_nothing(sign: str) -> None:
    begin = time.thread_time()
    for _ in range(100):
        with pytest.raises(InvalidToken):
            verifier().verify(sign * 1_000_000)
    assert time.thread_time() - begin < 1


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("[" * 6000, id="open lists"),
        pytest.param('{"a":' * 1200, id="open objects"),
        pytest.param("[" * 40 + '"' + '\\"' * 2900, id="escaped quotes"),
        pytest.param("[" * 40 + '"' * 5900, id="quotes"),
        pytest.param('{"a":' + "9" * 4200 + "}", id="digits"),
    ],
)
def test_the_worst_headers_take_bounded_time(header: str) -> None:
    token = f"{encoded(header)}.e30.AA"
    begin = time.thread_time()
    for _ in range(20):
        with pytest.raises(InvalidToken):
            verifier(max_size=9000).verify(token)
    assert time.thread_time() - begin < 0.5
