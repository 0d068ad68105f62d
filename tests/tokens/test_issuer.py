"""Who issues tokens: what is in them, their rotation, and how they end."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import jwt
import pytest
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from asgisec.errors import ConfigError, InvalidScope, InvalidToken, StoreUnavailable
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import RefreshFamily, Rotation
from asgisec.tokens import KeySet, TokenIssuer, TokenPair
from asgisec.tokens._refresh import RefreshToken
from tests.tokens.minting import ISSUER, KEYS, NOW, SECRET

pytestmark = pytest.mark.anyio


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[MemoryStore]:
    async with MemoryStore(clock=clock) as store:
        yield store


def issuer_of(store: Any, clock: Clock, **options: Any) -> TokenIssuer:
    return TokenIssuer(KEYS, **{"issuer": ISSUER, "audience": "api", "store": store, "clock": clock, **options})


@pytest.fixture
def issuer(store: MemoryStore, clock: Clock) -> TokenIssuer:
    return issuer_of(store, clock)


def refresh_token(pair: TokenPair) -> str:
    assert pair.refresh_token is not None
    return pair.refresh_token


async def refused(issuer: TokenIssuer, token: object, **options: Any) -> str:
    with pytest.raises(InvalidToken) as refusal:
        await issuer.refresh(token, **options)  # type: ignore[arg-type]
    return refusal.value.reason


async def test_an_access_token_says_what_rfc_9068_asks_for(issuer: TokenIssuer) -> None:
    pair = await issuer.issue("user-1", ["users:write", "users:read"], "web", {"tenant": "t1"})
    assert jwt.get_unverified_header(pair.access_token) == {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}
    claims = jwt.decode(
        pair.access_token, SECRET, ["HS256"], options={"verify_exp": False, "verify_iat": False, "verify_aud": False}
    )
    assert claims.pop("jti")
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
    ("given", "error"),
    [
        pytest.param(("", []), ValueError, id="no subject"),
        pytest.param((None, []), TypeError, id="None, which would be the name of all that have no id"),
        pytest.param(("u" * 1025, []), ValueError, id="a subject that is too long"),
        pytest.param(("u", "users:read"), TypeError, id="scopes as one text"),
        pytest.param(("u", 5), TypeError, id="scopes that are none"),
        pytest.param(("u", [5]), TypeError, id="a scope that is no text"),
        pytest.param(("u", ["a b"]), ValueError, id="a scope with a space"),
        pytest.param(("u", ['a"']), ValueError, id="a scope with a quote"),
        pytest.param(("u", ["a\\"]), ValueError, id="a scope with a backslash"),
        pytest.param(("u", ["a\r\nb"]), ValueError, id="a scope with a line break"),
        pytest.param(("u", ["ä"]), ValueError, id="a scope that is not ASCII"),
        pytest.param(("u", [f"s{n}" for n in range(257)]), ValueError, id="too many scopes"),
        pytest.param(("u", [], 5), TypeError, id="a client that is no text"),
        pytest.param(("u", [], ""), ValueError, id="a client without a name"),
        pytest.param(("u", [], None, {"exp": 1}), ValueError, id="a claim that the issuer makes"),
        pytest.param(("u\ud800", []), ValueError, id="a subject with half of a surrogate pair"),
        pytest.param(("u", [], "\udfff"), ValueError, id="a client with half of a surrogate pair"),
        pytest.param(("u", [], None, {"a": "\ud800"}), ValueError, id="a claim with half of a surrogate pair"),
        pytest.param(("u", [], None, {"a": float("nan")}), ValueError, id="a claim that is no number"),
        pytest.param(("u", [], None, {1: 2, "1": 3}), ValueError, id="a claim that JSON names twice"),
        pytest.param(("u", [], None, {"a": nested(32)}), ValueError, id="a claim deeper than a verifier reads"),
        pytest.param(("u", [], None, {"a": nested(100_000)}), ValueError, id="a claim deeper than anybody writes"),
        pytest.param(("u", [], None, {"azp": 5}), TypeError, id="a party that is no text"),
        pytest.param(("u", [], None, {"azp": ""}), ValueError, id="a party without a name"),
        pytest.param(("u", [], None, {"a": b"b"}), TypeError, id="a claim that is no JSON"),
        pytest.param(("u", [], None, [("a", 1)]), TypeError, id="claims that are a list"),
    ],
)
async def test_what_cannot_stand_in_a_token(issuer: TokenIssuer, given: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        await issuer.issue(*given)
    assert await issuer.sessions("u") == []


@pytest.mark.parametrize(
    ("subject", "claims"),
    [
        pytest.param("\U0001f642" * 1024, {}, id="as long as can be, in another script"),
        pytest.param("a\0b\r\n\u202e", {}, id="characters that control"),
        pytest.param("u", {"a": nested(31)}, id="as deep as can be"),
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


async def test_a_refresh_rotates_and_keeps_the_session(issuer: TokenIssuer, clock: Clock) -> None:
    first = await issuer.issue("user-1", ["a"], "web", {"tenant": "t1"})
    clock.now += 600
    second = await issuer.refresh(refresh_token(first), client_id="web")
    claims = [issuer.verifier().verify(pair.access_token) for pair in (first, second)]
    assert claims[0].session_id == claims[1].session_id
    assert claims[0].token_id != claims[1].token_id
    assert (claims[1]["tenant"], claims[1].issued_at) == ("t1", clock.now)
    [session] = await issuer.sessions("user-1")
    assert (session.created_at, session.refreshed_at, session.expires_at) == (NOW, NOW + 600, NOW + 604_800)
    assert (session.client_id, session.scopes, session.subject) == ("web", frozenset("a"), "user-1")


async def test_the_parent_gives_the_same_successor_until_that_is_used(issuer: TokenIssuer) -> None:
    first = await issuer.issue("user-1", ["users:read"])
    second = await issuer.refresh(refresh_token(first))
    again = await issuer.refresh(refresh_token(first))
    assert again.refresh_token == second.refresh_token
    third = await issuer.refresh(refresh_token(second))
    assert await refused(issuer, first.refresh_token) == "reused"
    assert await refused(issuer, third.refresh_token) == "revoked"
    for pair in (first, second, again, third):
        with pytest.raises(InvalidToken) as refusal:
            await issuer.verifier().authenticate(pair.access_token)
        assert refusal.value.reason == "revoked"


async def test_the_grace_ends(issuer: TokenIssuer, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    first = await issuer.issue("user-1", [])
    second = await issuer.refresh(refresh_token(first))
    clock.now += 10
    with caplog.at_level(logging.CRITICAL, "asgisec.events"):
        assert await refused(issuer, first.refresh_token) == "reused"
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL] == [
        "token_reuse reason=reused policy=TokenIssuer principal=user-1"
    ]
    assert await refused(issuer, second.refresh_token) == "revoked"


async def test_without_grace_a_second_use_ends_the_session_at_once(store: MemoryStore, clock: Clock) -> None:
    issuer = issuer_of(store, clock, refresh_grace=0)
    first = await issuer.issue("user-1", [])
    second = await issuer.refresh(refresh_token(first))
    assert await refused(issuer, first.refresh_token) == "reused"
    assert await refused(issuer, second.refresh_token) == "revoked"


async def test_a_session_has_an_end_and_no_access_token_outlives_it(issuer: TokenIssuer, clock: Clock) -> None:
    pair = await issuer.issue("user-1", [])
    clock.now += 604_800 - 60
    pair = await issuer.refresh(refresh_token(pair))
    assert pair.expires_in == 60
    clock.now += 60
    assert await refused(issuer, pair.refresh_token) == "unknown_token"
    with pytest.raises(InvalidToken, match="not valid") as refusal:
        issuer.verifier().verify(pair.access_token)
    assert refusal.value.reason == "expired"


async def test_a_session_ends_by_the_clock_of_the_issuer_too(store: MemoryStore, clock: Clock) -> None:
    ahead = Clock()
    issuer = issuer_of(store, ahead)
    pair = await issuer.issue("user-1", [])
    ahead.now += 604_800
    assert await refused(issuer, pair.refresh_token) == "expired"


def _flipped(token: str, at: int) -> str:
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


async def test_who_knows_only_the_id_of_a_session_ends_nothing(issuer: TokenIssuer) -> None:
    pair = await issuer.issue("user-1", [])
    token = refresh_token(pair)
    for at in range(22, 64):  # signs of the proof
        assert await refused(issuer, _flipped(token, at)) == "unknown_token"
    assert (await issuer.refresh(token)).expires_in == 900


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "A" * 106,
        "A" * 108,
        "=" * 107,
        "A" * 106 + "B",
        "ä" * 107,
        "A" * 1_000_000,
        None,
        5,
        b"A" * 107,
    ],
    ids=lambda token: repr(token)[:20],
)
async def test_what_is_no_refresh_token(issuer: TokenIssuer, token: object) -> None:
    assert await refused(issuer, token) in {"malformed", "unknown_token"}
    await issuer.revoke(token)  # type: ignore[arg-type]
    assert await issuer.inspect(token) is None  # type: ignore[arg-type]


async def test_another_client_is_refused_and_uses_nothing_up(issuer: TokenIssuer) -> None:
    pair = await issuer.issue("user-1", [], "web")
    for client_id in (None, "app"):
        assert await refused(issuer, pair.refresh_token, client_id=client_id) == "client_mismatch"
        await issuer.revoke(refresh_token(pair), client_id="app")
        await issuer.revoke(pair.access_token, client_id="app")
    await issuer.verifier().authenticate(pair.access_token)
    assert (await issuer.refresh(refresh_token(pair), client_id="web")).expires_in == 900


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param(None, "orders:* users:read", id="nothing named"),
        pytest.param([], "", id="nothing wanted"),
        pytest.param(["users:read"], "users:read", id="a part"),
        pytest.param(["orders:read", "orders:a:b"], "orders:a:b orders:read", id="what a wildcard covers"),
        pytest.param(["orders:*"], "orders:*", id="the wildcard"),
    ],
)
async def test_a_refresh_may_ask_for_less(issuer: TokenIssuer, asked: list[str] | None, granted: str) -> None:
    pair = await issuer.issue("user-1", ["users:read", "orders:*"])
    narrowed = await issuer.refresh(refresh_token(pair), asked)
    assert narrowed.scope == granted
    assert (await issuer.refresh(refresh_token(narrowed))).scope == "orders:* users:read"


@pytest.mark.parametrize("asked", [["users:write"], ["users:*"], ["*"], ["orders"], ["a b"], ['"']])
async def test_a_refresh_may_not_ask_for_more(issuer: TokenIssuer, asked: list[str]) -> None:
    pair = await issuer.issue("user-1", ["users:read", "orders:*"])
    with pytest.raises(InvalidScope):
        await issuer.refresh(refresh_token(pair), asked)
    assert (await issuer.refresh(refresh_token(pair))).expires_in == 900


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        pytest.param(["users:read", "orders:*", "admin"], "orders:* users:read", id="more than was granted"),
        pytest.param(["*"], "", id="a star, which covers nothing"),
        pytest.param(["users:*", "orders:read"], "orders:read users:read", id="less of a wildcard"),
        pytest.param([], "", id="nothing any more"),
    ],
)
async def test_scopes_never_grow_past_what_is_allowed_now(
    store: MemoryStore, clock: Clock, allowed: list[str], left: str
) -> None:
    async def later(subject: str) -> Iterable[str] | None:
        return allowed

    for subject_scopes in (lambda subject: allowed, later):
        issuer = issuer_of(store, clock, subject_scopes=subject_scopes)
        pair = await issuer.issue("user-1", ["users:read", "orders:*"])
        assert (await issuer.refresh(refresh_token(pair))).scope == left


async def test_who_is_gone_is_refused_and_the_session_ends(store: MemoryStore, clock: Clock) -> None:
    users = {"user-1": ["a"]}
    issuer = issuer_of(store, clock, subject_scopes=users.get)
    pair = await issuer.issue("user-1", ["a"])
    other = await issuer.refresh(refresh_token(pair))
    del users["user-1"]
    assert await refused(issuer, other.refresh_token) == "subject_gone"
    users["user-1"] = ["a"]
    assert await refused(issuer, other.refresh_token) == "revoked"
    with pytest.raises(InvalidToken):
        await issuer.verifier().authenticate(other.access_token)


async def test_a_revoked_access_token_is_refused_alone(issuer: TokenIssuer) -> None:
    pair = await issuer.issue("user-1", [])
    await issuer.revoke(pair.access_token)
    with pytest.raises(InvalidToken) as refusal:
        await issuer.verifier().authenticate(pair.access_token)
    assert refusal.value.reason == "revoked"
    assert await issuer.inspect(pair.access_token) is None
    fresh = await issuer.refresh(refresh_token(pair))
    await issuer.verifier().authenticate(fresh.access_token)


@pytest.mark.parametrize("by", ["its refresh token", "an older refresh token", "its id"])
async def test_a_revoked_session_ends_its_access_tokens_and_no_other(issuer: TokenIssuer, by: str) -> None:
    pair, other = await issuer.issue("user-1", []), await issuer.issue("user-1", [])
    fresh = await issuer.refresh(refresh_token(pair))
    if by == "its id":
        session = issuer.verifier().verify(pair.access_token).session_id
        assert session is not None
        await issuer.revoke_session(session)
        await issuer.revoke_session("never")
    else:
        await issuer.revoke(refresh_token(fresh if by == "its refresh token" else pair))
    for ended in (pair, fresh):
        with pytest.raises(InvalidToken):
            await issuer.verifier().authenticate(ended.access_token)
        assert await refused(issuer, ended.refresh_token) == "revoked"
        assert await issuer.inspect(refresh_token(ended)) is None
    await issuer.verifier().authenticate(other.access_token)
    assert (await issuer.refresh(refresh_token(other))).expires_in == 900


async def test_all_of_a_subject_ends_and_what_it_gets_from_then_on_is_good(issuer: TokenIssuer, clock: Clock) -> None:
    pairs = [await issuer.issue("user-1", []), await issuer.issue("user-1", [], refresh=False)]
    stranger = await issuer.issue("user-10", [])
    await issuer.revoke_subject("user-1")
    clock.now += 0.001
    for pair in pairs:
        with pytest.raises(InvalidToken):
            await issuer.verifier().authenticate(pair.access_token)
    assert await refused(issuer, pairs[0].refresh_token) == "revoked"
    assert await issuer.sessions("user-1") == []
    await issuer.verifier().authenticate(stranger.access_token)
    again = await issuer.issue("user-1", [])
    await issuer.verifier().authenticate(again.access_token)
    assert (await issuer.refresh(refresh_token(again))).expires_in == 900


async def test_a_refresh_that_meets_a_revocation_leaves_no_good_token(store: MemoryStore, clock: Clock) -> None:
    """The session ends while a refresh asks who its subject is, or right behind its rotation."""

    class Meeting(MemoryStore):
        async def rotate(self, *args: Any) -> Rotation:
            rotation = await super().rotate(*args)
            clock.now += 0.001
            await issuer.revoke_subject("user-1")
            return rotation

    issuer = issuer_of(Meeting(clock=clock), clock)
    pair = await issuer.issue("user-1", [])
    late = await issuer.refresh(refresh_token(pair))
    with pytest.raises(InvalidToken):
        await issuer.verifier().authenticate(late.access_token)
    assert await refused(issuer, late.refresh_token) == "revoked"

    async def ending(subject: str) -> list[str]:
        await plain.revoke_subject(subject)
        return ["a"]

    plain = issuer_of(store, clock, subject_scopes=ending)
    pair = await plain.issue("user-1", ["a"])
    assert await refused(plain, pair.refresh_token) == "revoked"


@pytest.mark.parametrize("step", ["add_family", "denied"])
async def test_a_login_that_meets_a_revocation_leaves_no_session(clock: Clock, step: str) -> None:
    """The subject is revoked right before its new session is kept, when no list has it yet, or right behind."""

    class Meeting(MemoryStore):
        async def add_family(self, family: RefreshFamily) -> None:
            if step == "add_family":
                await meeting.revoke_subject("user-1")
            await super().add_family(family)

        async def denied(self, *args: Any) -> Any:
            if step == "denied":
                await meeting.revoke_subject("user-1")
            return await super().denied(*args)

    meeting = issuer_of(Meeting(clock=clock), clock)
    with pytest.raises(InvalidToken) as refusal:
        await meeting.issue("user-1", [])
    assert refusal.value.reason == "revoked"
    assert await meeting.sessions("user-1") == []


async def test_a_login_behind_a_revocation_is_good(issuer: TokenIssuer, clock: Clock) -> None:
    await issuer.revoke_subject("user-1")
    clock.now += 0.001
    pair = await issuer.issue("user-1", [])
    await issuer.verifier().authenticate(pair.access_token)
    assert len(await issuer.sessions("user-1")) == 1


@pytest.mark.parametrize("refreshed", [False, True], ids=["issued", "refreshed"])
async def test_what_an_issuer_whose_clock_is_ahead_has_issued_ends_too(
    store: MemoryStore, clock: Clock, refreshed: bool
) -> None:
    issuer, other = issuer_of(store, clock), Clock()
    ahead = issuer_of(store, other)
    other.now = clock.now + 2
    pair = await (issuer if refreshed else ahead).issue("user-1", [])
    if refreshed:
        clock.now += 3600
        other.now = clock.now + 2
        pair = await ahead.refresh(refresh_token(pair))
    await issuer.revoke_subject("user-1")
    clock.now += 3
    with pytest.raises(InvalidToken) as refusal:
        await issuer.verifier().authenticate(pair.access_token)
    assert refusal.value.reason == "revoked"


@pytest.mark.parametrize("place", ["families_of", "end_family"])
async def test_access_tokens_of_a_subject_end_before_its_sessions_are_looked_for(clock: Clock, place: str) -> None:
    store = Down(clock=clock)
    issuer = issuer_of(store, clock)
    pair = await issuer.issue("user-1", [])
    store.failing = place
    with pytest.raises(StoreUnavailable):
        await issuer.revoke_subject("user-1")
    with pytest.raises(InvalidToken):
        await issuer.verifier().authenticate(pair.access_token)


async def test_sessions_that_were_used_long_ago_need_no_denial_of_their_own(store: MemoryStore, clock: Clock) -> None:
    issuer = issuer_of(store, clock)
    await issuer.issue("user-1", [])
    clock.now += 3600
    await issuer.revoke_subject("user-1")
    assert len(store._denied) == 1


@pytest.mark.parametrize("by", ["token", "session", "subject"])
async def test_a_revocation_lasts_as_long_as_the_most_generous_verifier_takes_its_token(
    issuer: TokenIssuer, clock: Clock, by: str
) -> None:
    pair = await issuer.issue("user-1", [])
    generous = issuer.verifier(leeway=300)
    await generous.authenticate(pair.access_token)
    if by == "subject":
        await issuer.revoke_subject("user-1")
    else:
        await issuer.revoke(pair.access_token if by == "token" else refresh_token(pair))
    clock.now += 900 + 300 - 0.001
    with pytest.raises(InvalidToken) as refusal:
        await generous.authenticate(pair.access_token)
    assert refusal.value.reason == "revoked"
    clock.now += 0.002
    with pytest.raises(InvalidToken) as refusal:
        await generous.authenticate(pair.access_token)
    assert refusal.value.reason == "expired"


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


class Down(MemoryStore):
    """A store that fails in one place."""

    failing = ""

    async def find_family(self, family_id: str) -> RefreshFamily | None:
        self._fail("find_family")
        return await super().find_family(family_id)

    async def rotate(self, *args: Any) -> Rotation:
        self._fail("rotate")
        return await super().rotate(*args)

    async def deny(self, *args: Any) -> None:
        self._fail("deny")
        await super().deny(*args)

    async def add_family(self, family: RefreshFamily) -> None:
        self._fail("add_family")
        await super().add_family(family)

    async def families_of(self, owner: str) -> Sequence[RefreshFamily]:
        self._fail("families_of")
        return await super().families_of(owner)

    async def end_family(self, family_id: str) -> None:
        self._fail("end_family")
        await super().end_family(family_id)

    def _fail(self, place: str) -> None:
        if place == self.failing:
            raise StoreUnavailable


@pytest.mark.parametrize("place", ["find_family", "rotate"])
async def test_a_refresh_that_the_store_did_not_take_may_come_again(clock: Clock, place: str) -> None:
    store = Down(clock=clock)
    issuer = issuer_of(store, clock)
    pair = await issuer.issue("user-1", [])
    store.failing = place
    with pytest.raises(StoreUnavailable):
        await issuer.refresh(refresh_token(pair))
    store.failing = ""
    assert (await issuer.refresh(refresh_token(pair))).expires_in == 900


async def test_a_login_that_the_store_did_not_take_gives_no_token(clock: Clock) -> None:
    store = Down(clock=clock)
    store.failing = "add_family"
    with pytest.raises(StoreUnavailable):
        await issuer_of(store, clock).issue("user-1", [])


async def test_access_tokens_that_could_not_be_ended_with_their_session_end_at_the_next_try(clock: Clock) -> None:
    store = Down(clock=clock)
    issuer = issuer_of(store, clock)
    pair = await issuer.issue("user-1", [])
    store.failing = "deny"
    with pytest.raises(StoreUnavailable):
        await issuer.revoke(refresh_token(pair))
    await issuer.verifier().authenticate(pair.access_token)
    store.failing = ""
    assert await refused(issuer, pair.refresh_token) == "revoked"
    with pytest.raises(InvalidToken):
        await issuer.verifier().authenticate(pair.access_token)


async def test_a_caller_that_is_cancelled_logs_nobody_out(clock: Clock) -> None:
    class Slow(MemoryStore):
        async def rotate(self, *args: Any) -> Rotation:
            rotation = await super().rotate(*args)
            scope.cancel()
            await checkpoint()
            return rotation

    issuer = issuer_of(Slow(clock=clock), clock)
    pair = await issuer.issue("user-1", [])
    with CancelScope() as scope:
        await issuer.refresh(refresh_token(pair))
    assert scope.cancelled_caught
    scope = CancelScope()
    again = await issuer_of(issuer.closes[0], clock).inspect(refresh_token(pair))
    assert again is None, "it was used"
    with CancelScope() as scope:
        await issuer.refresh(refresh_token(pair))
    [session] = await issuer.sessions("user-1")
    assert session.refreshed_at == NOW


@pytest.mark.parametrize("step", ["rotate", "deny"])
@pytest.mark.parametrize("how", ["scope", "task"])
async def test_a_token_used_twice_ends_the_session_though_its_bearer_is_cancelled(
    clock: Clock, step: str, how: str, anyio_backend_name: str
) -> None:
    if how == "task" and anyio_backend_name == "trio":
        return  # which has no other way to cancel

    class Slow(MemoryStore):
        async def rotate(self, *args: Any) -> Rotation:
            rotation = await super().rotate(*args)
            await self._meanwhile("rotate")
            return rotation

        async def deny(self, *args: Any) -> None:
            await self._meanwhile("deny")
            await super().deny(*args)

        async def _meanwhile(self, place: str) -> None:
            if place == step and armed:
                armed.clear()
                cancel()
                # A task that was cancelled is told at its next wait, and only once.
                await checkpoint() if place == "rotate" or how == "scope" else None

    cancel: Callable[[], object]
    armed: list[str] = []
    issuer = issuer_of(Slow(clock=clock), clock, refresh_grace=0)
    pair = await issuer.issue("user-1", [])
    second = await issuer.refresh(refresh_token(pair))
    armed.append(step)
    if how == "scope":
        with CancelScope() as scope:
            cancel = scope.cancel
            with suppress(InvalidToken):
                await issuer.refresh(refresh_token(pair))
    else:
        task = asyncio.ensure_future(issuer.refresh(refresh_token(pair)))
        cancel = task.cancel
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError | InvalidToken)
    assert not armed
    with pytest.raises(InvalidToken) as refusal:
        await issuer.verifier().authenticate(second.access_token)
    assert refusal.value.reason == "revoked"


async def test_who_is_cancelled_while_the_store_goes_down_is_cancelled(clock: Clock) -> None:
    class Slow(Down):
        async def rotate(self, *args: Any) -> Rotation:
            self.failing = "find_family"
            scope.cancel()
            await checkpoint()
            return await super().rotate(*args)

    issuer = issuer_of(Slow(clock=clock), clock)
    pair = await issuer.issue("user-1", [])
    with CancelScope() as scope:
        await issuer.refresh(refresh_token(pair))
    assert scope.cancelled_caught


PUBLIC = KeySet.from_jwks(KeySet.generate("EdDSA").public_jwks())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"keys": PUBLIC}, "a secret or a private key", id="keys that only verify"),
        pytest.param({"keys": "secret"}, "a secret or a private key", id="keys that are none"),
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


def test_a_successor_opens_under_its_parent_alone() -> None:
    parent, other = RefreshToken.first(), RefreshToken.first()
    successor = parent.successor()
    sealed = parent.seal(successor)
    assert str(parent.open(sealed)) == str(successor)
    for stranger in (other, successor):
        with pytest.raises(ValueError) as failure:  # noqa: PT011 - its text is empty, on purpose
            stranger.open(sealed)
        assert str(failure.value) == ""
    assert str(RefreshToken.parse(str(parent))) == str(parent)
    assert repr(parent) == f"<refresh token of {parent.family_id}>"
    assert json.dumps([parent.proof, parent.secret]).count(str(parent)) == 0
