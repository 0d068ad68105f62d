"""Who issues tokens: what is in them."""

import json
from datetime import timedelta
from typing import Any

import jwt
import pytest

from asgisec.errors import ConfigError
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer
from tests.tokens.issuing import Clock, issuer_of, refresh_token
from tests.tokens.minting import ISSUER, KEYS, NOW, SECRET

pytestmark = pytest.mark.anyio


async def test_an_access_token_says_what_rfc_9068_asks_for(issuer: TokenIssuer) -> None:
    pair = await issuer.issue("user-1", ["users:write", "users:read"], "web", {"tenant": "t1"})
    assert jwt.get_unverified_header(pair.access_token) == {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
    claims = jwt.decode(
        pair.access_token, SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False, "verify_aud": False}
    )
    assert len(claims.pop("jti")) == 22, "128 bits"
    assert claims == {
        "iss": ISSUER,
        "aud": "api",
        "sub": "user-1",
        "exp": NOW + 900,
        "iat": NOW,
        "client_id": "web",
        "scope": "users:read users:write",
        "sid": (await issuer.sessions("user-1"))[0].id,
        "tenant": "t1",
    }
    assert (pair.token_type, pair.expires_in, pair.scope) == ("Bearer", 900, "users:read users:write")
    assert pair.access_token not in repr(pair)
    assert refresh_token(pair) not in repr(pair)


async def test_what_is_left_out_has_its_default(store: MemoryStore, clock: Clock) -> None:
    issuer = issuer_of(store, clock, audience=["b", "a"], access_ttl=timedelta(minutes=1))
    pair = await issuer.issue(7, [], refresh=False)
    claims = issuer.verifier().verify(pair.access_token)
    assert (claims.subject, claims.client_id, claims["aud"], claims.session_id) == (
        "7",
        "first-party",
        ["a", "b"],
        None,
    )
    assert (pair.refresh_token, pair.expires_in, pair.scope) == (None, 60, "")
    assert (issuer.keys, issuer.issuer, issuer.audience) == (KEYS, ISSUER, frozenset("ab"))
    assert (issuer.access_ttl, issuer.refresh_ttl, issuer.closes) == (60.0, 604_800.0, (store,))


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        pytest.param(("", []), ValueError, "a subject has 1", id="no subject"),
        pytest.param(
            (None, []),
            TypeError,
            "a subject is somebody's id",
            id="None, which would be the name of all that have no id",
        ),
        pytest.param(("u" * 1025, []), ValueError, "a subject has 1", id="a subject that is too long"),
        pytest.param(("u", "users:read"), TypeError, "a list of texts", id="scopes as one text"),
        pytest.param(("u", 5), TypeError, "a list of texts", id="scopes that are none"),
        pytest.param(("u", [5]), TypeError, "a scope is a text", id="a scope that is no text"),
        pytest.param(("u", ["a b"]), ValueError, "visible ASCII", id="a scope with a space"),
        pytest.param(("u", ['a"']), ValueError, "visible ASCII", id="a scope with a quote"),
        pytest.param(("u", ["a\\"]), ValueError, "visible ASCII", id="a scope with a backslash"),
        pytest.param(("u", ["a\r\nb"]), ValueError, "visible ASCII", id="a scope with a line break"),
        pytest.param(("u", ["ä"]), ValueError, "visible ASCII", id="a scope that is not ASCII"),
        pytest.param(("u", ["s" * 257]), ValueError, "visible ASCII", id="a scope that is too long"),
        pytest.param(("u", [f"s{n}" for n in range(257)]), ValueError, "at most 256 scopes", id="too many scopes"),
        pytest.param(("u", [], 5), TypeError, "a client's id is a text", id="a client that is no text"),
        pytest.param(("u", [], ""), ValueError, "a client's id has 1", id="a client without a name"),
        pytest.param(("u", [], None, {"exp": 1}), ValueError, "says exp itself", id="a claim that the issuer makes"),
        pytest.param(
            ("u\ud800", []), ValueError, "a subject has no half", id="a subject with half of a surrogate pair"
        ),
        pytest.param(
            ("u", [], "\udfff"), ValueError, "a client's id has no half", id="a client with half of a surrogate pair"
        ),
        pytest.param(
            ("u", [], None, {"a": "\ud800"}), ValueError, "claims are JSON", id="a claim with half of a surrogate pair"
        ),
        pytest.param(
            ("u", [], None, {"a": float("nan")}), ValueError, "claims are JSON", id="a claim that is no number"
        ),
        pytest.param(("u", [], None, {float("nan"): 1}), ValueError, "claims are JSON", id="a name that is no number"),
        pytest.param(
            ("u", [], None, {1: 2, "1": 3}), ValueError, "claims are JSON", id="a claim that JSON names twice"
        ),
        pytest.param(
            ("u", [], None, {"a": nested(32)}), ValueError, "claims are JSON", id="a claim deeper than a verifier reads"
        ),
        pytest.param(
            ("u", [], None, {"b": [[]] * 9, "a": nested(32)}),
            ValueError,
            "claims are JSON",
            id="a deep claim beside others",
        ),
        pytest.param(
            ("u", [], None, {"a": nested(100_000)}),
            ValueError,
            "claims are JSON",
            id="a claim deeper than anybody writes",
        ),
        pytest.param(("u", [], None, {"azp": 5}), TypeError, "a claim `azp` is a text", id="a party that is no text"),
        pytest.param(("u", [], None, {"azp": ""}), ValueError, "a claim `azp` has 1", id="a party without a name"),
        pytest.param(("u", [], None, {"a": b"b"}), TypeError, "not JSON", id="a claim that is no JSON"),
        pytest.param(("u", [], None, [("a", 1)]), TypeError, "write claims as a dict", id="claims that are a list"),
    ],
)
async def test_what_cannot_stand_in_a_token(
    issuer: TokenIssuer, given: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await issuer.issue(*given)
    assert await issuer.sessions("u") == []


@pytest.mark.parametrize(
    ("subject", "claims"),
    [
        pytest.param("\U0001f642" * 1024, {}, id="as long as can be, in another script"),
        pytest.param("a\0b\r\n\u202e", {}, id="characters that control"),
        pytest.param("u", {"a": nested(31)}, id="as deep as can be"),
        pytest.param("u", {"1": [[]] * 40, "a": nested(31)}, id="as deep as can be, beside much that is not"),
        pytest.param("u", {1: (2.5, None)}, id="what JSON writes otherwise"),
    ],
)
async def test_what_stands_in_a_token_is_read_again(issuer: TokenIssuer, subject: str, claims: dict[Any, Any]) -> None:
    pair = await issuer.issue(subject, [], claims=claims)
    for given in (pair, await issuer.refresh(refresh_token(pair))):
        found = await issuer.verifier().authenticate(given.access_token)
        assert found.subject == subject
        assert {name: found[name] for name in found if name in {"a", "1"}} == json.loads(json.dumps(claims))


async def test_a_session_may_be_granted_nothing(issuer: TokenIssuer) -> None:
    pair = await issuer.issue("user-1")
    assert pair.scope == ""
    assert issuer.verifier().verify(pair.access_token).scopes == frozenset()


@pytest.mark.parametrize(
    "scopes",
    [pytest.param([f"s{n}" for n in range(256)], id="many"), pytest.param(["s" * 256], id="a long one")],
)
async def test_a_session_may_be_granted_as_much_as_this(issuer: TokenIssuer, scopes: list[str]) -> None:
    pair = await issuer.issue("user-1", scopes)
    assert issuer.verifier().verify(pair.access_token).scopes == set(scopes)


async def test_a_claim_that_is_changed_later_stays_what_it_was(issuer: TokenIssuer) -> None:
    roles = ["reader"]
    pair = await issuer.issue("u", [], claims={"roles": roles})
    roles.append("admin")
    second = await issuer.refresh(refresh_token(pair))
    assert issuer.verifier().verify(second.access_token)["roles"] == ["reader"]


@pytest.mark.parametrize("ask", ["issue", "sessions", "revoke_subject"])
async def test_nobody_is_called_none(issuer: TokenIssuer, ask: str) -> None:
    """A revocation that reaches nobody must not look like one that was done."""
    asked = getattr(issuer, ask)(None, *([[]] if ask == "issue" else []))
    with pytest.raises(TypeError, match="a subject is somebody's id, not None"):
        await asked


async def test_what_a_token_says_to_introspection(issuer: TokenIssuer) -> None:
    pair = await issuer.issue("user-1", ["a"], "web")
    access, refresh = await issuer.inspect(pair.access_token), await issuer.inspect(refresh_token(pair))
    assert access is not None
    assert refresh is not None
    assert (access.kind, access.subject, access.client_id, access.scopes) == (
        "access_token",
        "user-1",
        "web",
        frozenset("a"),
    )
    assert (access.issued_at, access.expires_at) == (NOW, NOW + 900)
    assert access.token_id == issuer.verifier().verify(pair.access_token).token_id
    assert (refresh.kind, refresh.subject, refresh.client_id, refresh.scopes) == (
        "refresh_token",
        "user-1",
        "web",
        frozenset("a"),
    )
    assert (refresh.issued_at, refresh.token_id, refresh.expires_at) == (None, None, NOW + 604_800)
    assert access.session_id == refresh.session_id
    await issuer.refresh(refresh_token(pair), client_id="web")
    assert await issuer.inspect(refresh_token(pair)) is None


async def test_a_token_that_no_verifier_would_take_is_not_issued(issuer: TokenIssuer) -> None:
    room = {"note": "x" * 5_863}
    pair = await issuer.issue("user-1", claims=room)
    assert len(pair.access_token) == 8_192
    assert issuer.verifier().verify(pair.access_token)["note"] == room["note"]
    for refresh in (True, False):
        with pytest.raises(ValueError, match=r"^this token would have [0-9,]+ characters, and verifiers take 8,192"):
            await issuer.issue("user-2", claims={"note": "x" * 6_000}, refresh=refresh)
    assert await issuer.sessions("user-2") == []


async def test_a_refresh_that_could_give_no_good_token_uses_nothing_up(clock: Clock) -> None:
    # What a wildcard covers may be much: what is left of it is all that is named.
    allowed = [f"orders:{n:03}{'x' * 40}" for n in range(200)]
    issuer = issuer_of(MemoryStore(), clock, subject_scopes=lambda subject: allowed)
    pair = await issuer.issue("user-1", ["orders:*"])
    with pytest.raises(ValueError, match="verifiers take 8,192"):
        await issuer.refresh(refresh_token(pair))
    del allowed[1:]
    assert (await issuer.refresh(refresh_token(pair))).scope == allowed[0]


PUBLIC = KeySet.from_jwks(KeySet.generate("EdDSA").public_jwks())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"keys": PUBLIC}, "a secret or a private key", id="keys that only verify"),
        pytest.param({"keys": SECRET.decode()}, r"got \(hidden\): .* or a private key", id="the secret itself"),
        pytest.param({"issuer": ""}, "write a URL", id="no issuer"),
        pytest.param({"audience": []}, "what your API is called", id="no audience"),
        pytest.param({"store": object()}, r"such as open_store\(url\)", id="no store"),
        pytest.param({"access_ttl": 0}, "more than 0", id="tokens that are over at once"),
        pytest.param({"refresh_ttl": -1}, "more than 0", id="a session that is over before"),
        pytest.param({"refresh_grace": -1}, "0 or more", id="a grace below none"),
        pytest.param({"subject_scopes": ["a"]}, "a function of a subject", id="scopes that are no function"),
        pytest.param({"client_id": ""}, "first-party", id="a client without a name"),
    ],
)
def test_a_wrong_option_is_a_config_error(options: dict[str, Any], message: str) -> None:
    given = {"keys": KEYS, "issuer": ISSUER, "audience": "api", "store": MemoryStore(), **options}
    with pytest.raises(ConfigError, match=message) as error:
        TokenIssuer(given.pop("keys"), **given)
    assert SECRET.decode() not in str(error.value)
