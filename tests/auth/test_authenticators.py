"""Authenticators: their options, what they read, and what they make of it."""

from datetime import UTC, datetime
from typing import Any

import anyio
import pytest

from asgisec.auth import AnyOf, APIKeyAuth, Authenticator, BearerAuth, Principal, ScopePolicy
from asgisec.auth.bearer import _KEPT
from asgisec.errors import BadRequest, ConfigError, InvalidToken, KeysUnavailable, StoreUnavailable, Unauthenticated
from asgisec.policy import Exchange
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer
from tests.apps import no_message
from tests.asgi import scope_of
from tests.auth.callers import NOW, Counting, Keys, Record, api_key, bearer, bearer_auth, key_auth, token
from tests.tokens.minting import verifier, without


def exchange(*headers: tuple[str, str], kind: str = "http", **extra: Any) -> Exchange:
    scope = dict(scope_of(kind, headers=headers, **extra))
    return Exchange(scope, dict(scope["headers"]), no_message)


def found(auth: Authenticator, *headers: tuple[str, str], **extra: Any) -> Principal | None:
    return anyio.run(auth.authenticate, exchange(*headers, **extra))


class Said:
    """Claims of another library, with what a test gives."""

    def __init__(self, **claims: Any) -> None:
        self.claims = claims
        self.scopes = frozenset({"users:read"})
        self.subject = claims.get("sub", "")
        self.client_id = claims.get("client_id")
        self.token_id = None

    def get(self, name: str) -> Any:
        return self.claims.get(name)


class Says:
    def __init__(self, make: Any) -> None:
        self.make = make

    async def authenticate(self, token: str) -> Any:
        return self.make()


class TestBearer:
    def test_a_principal(self) -> None:
        principal = found(bearer_auth(), bearer(token("users:read orders:*")))
        assert principal is not None
        assert (principal.subject, principal.scheme, principal.credential_id) == ("user-1", "bearer", "token-1")
        assert principal.scopes == {"users:read", "orders:*"}
        assert principal.expires_at == NOW + 900

    def test_a_token_that_is_known_gives_the_same_principal(self) -> None:
        auth = bearer_auth()
        assert found(auth, bearer(token())) is found(auth, bearer(token()))
        assert found(auth, bearer(token())) is not found(auth, bearer(token(jti="another")))

    def test_what_is_kept_is_bounded(self) -> None:
        auth = BearerAuth(Says(lambda: Said(sub="user-1")))

        async def many() -> None:
            for number in range(_KEPT + 10):
                await auth.authenticate(exchange(bearer(f"x{number}")))
            assert len(auth._seen) == 10

        anyio.run(many)

    def test_of_what_is_refused_nothing_is_kept(self) -> None:
        auth = bearer_auth()

        async def many() -> None:
            for number in range(10):
                with pytest.raises(InvalidToken):
                    await auth.authenticate(exchange(bearer(f"x{number}")))
            assert auth._seen == {}

        anyio.run(many)

    def test_of_an_issuer_asks_what_was_revoked(self) -> None:
        async def run() -> None:
            keys = KeySet.generate("EdDSA")
            issuer = TokenIssuer(keys, issuer="https://api.example.com", audience="api", store=MemoryStore())
            auth = BearerAuth(issuer)
            pair = await issuer.issue("user-1", ["users:read"])
            principal = await auth.authenticate(exchange(bearer(pair.access_token)))
            assert principal is not None
            assert principal.subject == "user-1"
            await issuer.revoke(pair.access_token)
            with pytest.raises(InvalidToken) as refused:
                await auth.authenticate(exchange(bearer(pair.access_token)))
            assert refused.value.reason == "revoked"
            assert auth.closes == issuer.closes

        anyio.run(run)

    def test_a_client_that_acts_for_itself_has_no_subject(self) -> None:
        principal = found(BearerAuth(Says(lambda: Said(client_id="robot"))), bearer("x"))
        assert principal is not None
        assert principal.subject == "robot"

    def test_nobody_at_all_is_refused(self) -> None:
        with pytest.raises(InvalidToken) as refused:
            found(BearerAuth(Says(Said)), bearer("x"))
        assert refused.value.reason == "claim_missing"

    @pytest.mark.parametrize(
        ("roles", "scopes"),
        [
            pytest.param(["admin"], {"users:*"}, id="a list"),
            pytest.param("admin", {"users:*"}, id="one"),
            pytest.param(["admin", "viewer"], {"users:*", "orders:read"}, id="several"),
            pytest.param(["stranger"], set(), id="one that is not known"),
            pytest.param([["admin"], {"admin": 1}, None, 7], set(), id="no texts"),
            pytest.param({"admin": True}, set(), id="no list"),
            pytest.param(7, set(), id="a number"),
            pytest.param(None, set(), id="null"),
        ],
    )
    def test_roles_are_worth_scopes(self, roles: Any, scopes: set[str]) -> None:
        policy = ScopePolicy({"admin": ["users:*"], "viewer": ["orders:read"]})
        for where in ("groups", lambda claims: claims["groups"]):
            principal = found(bearer_auth(scopes=policy, roles=where), bearer(token("basic", groups=roles)))
            assert principal is not None
            assert principal.scopes == {"basic", *scopes}

    def test_no_roles_are_worth_nothing(self) -> None:
        auth = bearer_auth(scopes=ScopePolicy({"admin": ["users:*"]}), roles="groups")
        principal = found(auth, bearer(token("basic")))
        assert principal is not None
        assert principal.scopes == {"basic"}

    def test_is_shown_without_what_it_knows(self) -> None:
        assert repr(bearer_auth() | key_auth()) == "BearerAuth(...) | APIKeyAuth(..., 'X-API-Key')"


BAD: dict[str, tuple[Any, str]] = {
    "no verifier": (lambda: BearerAuth(None), "BearerAuth(issuer_or_verifier) got None: write a TokenIssuer"),
    "a key set": (lambda: BearerAuth(KeySet.generate("EdDSA")), "BearerAuth(issuer_or_verifier) got "),
    "a realm with a quote": (lambda: bearer_auth(realm='a"b'), "BearerAuth(realm=) got 'a\"b': write visible ASCII"),
    "a realm with a line break": (lambda: bearer_auth(realm="a\r\nb"), "BearerAuth(realm=) got "),
    "a realm of other letters": (lambda: bearer_auth(realm="Büro"), "BearerAuth(realm=) got "),
    "a realm of bytes": (lambda: bearer_auth(realm=b"x"), "BearerAuth(realm=) got b'x': "),
    "metadata in clear": (
        lambda: bearer_auth(resource_metadata="http://api.example.com/x"),
        "BearerAuth(resource_metadata=) got 'http://api.example.com/x': write an https URL",
    ),
    "metadata in clear of a host that only begins like this machine": (
        lambda: bearer_auth(resource_metadata="http://localhost.evil.example/x"),
        "BearerAuth(resource_metadata=) got 'http://localhost.evil.example/x': write an https URL",
    ),
    "metadata with a quote": (
        lambda: bearer_auth(resource_metadata='https://a/"x'),
        "BearerAuth(resource_metadata=) got 'https://a/\"x': write visible ASCII",
    ),
    "a subprotocol with a space": (
        lambda: bearer_auth(subprotocol="a b"),
        "BearerAuth(subprotocol=) got 'a b': write a token",
    ),
    "roles without a policy": (lambda: bearer_auth(roles="groups"), "BearerAuth(roles=) got 'groups': write the name"),
    "roles of a list": (
        lambda: bearer_auth(roles=["groups"], scopes=ScopePolicy({})),
        "BearerAuth(roles=) got ['groups']: write the name",
    ),
    "a scope with a space": (lambda: bearer_auth(scopes=["a b"]), "BearerAuth(scopes=) got 'a b': "),
    "scopes in a list": (
        lambda: bearer_auth().require(["a", "b"]),  # type: ignore[arg-type]
        "auth.require(*scopes) got ['a', 'b']: write each by itself: 'a', 'b'",
    ),
    "scopes in a list of lists": (lambda: bearer_auth(scopes=[("a", "b")]), "BearerAuth(scopes=) got ('a', 'b'): "),
    "a scope that is a number": (lambda: bearer_auth(scopes=[1]), "BearerAuth(scopes=) got 1: write visible ASCII"),
    "no keys": (lambda: APIKeyAuth(object()), "APIKeyAuth(api_keys) got "),  # type: ignore[arg-type]
    "no header": (lambda: key_auth(header=""), "APIKeyAuth(header=) got '': write the name of a header of its own"),
    "a header with a colon": (lambda: key_auth(header="X:"), "APIKeyAuth(header=) got 'X:': "),
    "a header of bytes": (lambda: key_auth(header=b"X"), "APIKeyAuth(header=) got b'X': "),
    "the header of tokens": (lambda: key_auth(header="Authorization"), "APIKeyAuth(header=) got 'Authorization': "),
    "a cookie": (lambda: key_auth(header="Cookie"), "APIKeyAuth(header=) got 'Cookie': "),
    "scopes as text": (lambda: key_auth(scopes="a"), "APIKeyAuth(scopes=) got 'a': write a list: ['a']"),
    "any of none": (AnyOf, "AnyOf(*authenticators) got (): write authenticators"),
    "any of others": (lambda: AnyOf(object()), "AnyOf(*authenticators) got "),  # type: ignore[arg-type]
    "two that read one header": (
        lambda: bearer_auth() | bearer_auth(),
        "AnyOf(*authenticators) got (BearerAuth(...), BearerAuth(...)): write one per kind of credential",
    ),
    "two keys in one header": (
        lambda: bearer_auth() | key_auth() | key_auth(header="x-api-key"),
        "AnyOf(*authenticators) got ",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_said_of_a_wrong_option(case: str) -> None:
    make, said = BAD[case]
    with pytest.raises(ConfigError) as wrong:
        make()
    assert str(wrong.value).startswith(said)


@pytest.mark.parametrize("url", ["https://api.example.com/x", "http://localhost:8000/x", "http://127.0.0.1/x"])
def test_metadata_may_be_local_in_clear(url: str) -> None:
    assert url in bearer_auth(resource_metadata=url).challenge()


class TestAPIKeys:
    def test_a_principal(self) -> None:
        keys = Keys({"k": Record("id-7", "ada", ["orders:*"], 99)})
        principal = found(key_auth(keys), api_key("k"))
        assert principal == Principal("ada", frozenset({"orders:*"}), "api_key", {"exp": 99.0}, "id-7")
        assert keys.asked == [("k", "192.0.2.7")]

    @pytest.mark.parametrize(
        ("end", "expires_at"), [(None, None), (7, 7.0), (7.5, 7.5), (datetime(2030, 1, 1, tzinfo=UTC), 1893456000.0)]
    )
    def test_ends_when_the_key_does(self, end: Any, expires_at: float | None) -> None:
        principal = found(key_auth(Keys({"k": Record(expires_at=end)})), api_key("k"))
        assert principal is not None
        assert principal.expires_at == expires_at

    def test_in_another_header(self) -> None:
        auth = key_auth(header="X-Shop-Key")
        assert found(auth, api_key("good")) is None
        assert found(auth, ("x-shop-key", "good")) is not None

    def test_a_client_that_the_server_does_not_know(self) -> None:
        keys = Keys()
        assert found(key_auth(keys), api_key("good"), client=None) is not None
        assert keys.asked == [("good", None)]


class TestAnyOf:
    def test_is_flat_and_keeps_the_order(self) -> None:
        one, two, three = bearer_auth(), key_auth(), key_auth(header="X-Other")
        assert ((one | two) | three).parts == (one | (two | three)).parts == (one, two, three)

    def test_of_something_else(self) -> None:
        with pytest.raises(TypeError):
            bearer_auth() | "api key"  # type: ignore[operator]

    def test_closes_each_store_once(self) -> None:
        store = MemoryStore()
        keys = Keys(closes=(store,))
        auth = key_auth(keys) | key_auth(keys, header="X-Other") | BearerAuth(verifier(denylist=store))
        assert [*auth.closes] == [store]

    def test_who_cannot_say_refuses_without_a_challenge(self) -> None:
        for error in (KeysUnavailable(), StoreUnavailable()):
            auth = Counting(error) | bearer_auth()
            with pytest.raises(type(error)):
                found(auth, bearer(token()))
            assert auth.challenged(error).headers is None


class TestOfOnesOwn:
    def test_says_nothing_but_its_scheme(self) -> None:
        auth = Counting()
        assert auth.challenge() == "Custom"
        assert auth.challenge(Unauthenticated(), ["a"]) == "Custom"

    def test_must_look(self) -> None:
        with pytest.raises(NotImplementedError):
            found(Authenticator())

    def test_its_own_challenge_stays(self) -> None:
        error = Unauthenticated(headers={"www-authenticate": "Mine"})
        assert bearer_auth().challenged(error).headers == {"www-authenticate": "Mine"}

    def test_other_headers_of_a_refusal_stay(self) -> None:
        error = Unauthenticated(headers={"Retry-After": "7"})
        assert set(Counting().challenged(error).headers or {}) == {"Retry-After", "WWW-Authenticate"}


@pytest.mark.parametrize("detail", ['say "please"', "back\\slash", "line\r\nbreak", "Größe", "\0", ""])
def test_a_text_that_no_challenge_can_hold_is_left_out(detail: str) -> None:
    error = BadRequest(detail or None)
    error.detail = detail
    assert bearer_auth().challenge(error) == 'Bearer error="invalid_request"'


def test_a_token_without_what_is_required() -> None:
    with pytest.raises(InvalidToken):
        found(bearer_auth(), bearer("e30.e30.e30"))
    assert "sub" not in without("sub")
