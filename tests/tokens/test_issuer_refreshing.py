"""Who issues tokens: how refresh tokens rotate, and who may not use one."""

import json
import logging
from collections.abc import Iterable

import pytest

from asgisec.errors import InvalidScope, InvalidToken
from asgisec.stores import MemoryStore
from asgisec.tokens import TokenIssuer
from asgisec.tokens._refresh import RefreshToken, is_same
from asgisec.tokens.sessions import Grant
from tests.tokens.issuing import Clock, issuer_of, refresh_token, refused
from tests.tokens.minting import NOW

pytestmark = pytest.mark.anyio


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
    clock.now += 59.5
    pair = await issuer.refresh(refresh_token(pair))
    assert pair.expires_in == 0, "in whole seconds"
    clock.now += 0.5
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


@pytest.mark.parametrize("asked", [["users:write"], ["users:*"], ["*"], ["orders"], ["orders:"], ["a b"], ['"']])
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


def test_what_a_store_keeps_may_be_any_text() -> None:
    assert is_same("a", "a")
    assert not any(is_same("a", kept) for kept in ("", "b", "ä", "\ud800"))


def test_a_grant_is_kept_as_it_was_kept_before() -> None:
    """Sessions outlive a deployment: this text is in stores."""
    grant = Grant("user-1", "web", frozenset({"b", "a"}), {"tenant": "t1"})
    text = '{"sub":"user-1","client_id":"web","scope":"a b","claims":{"tenant":"t1"}}'
    assert grant.to_text() == text
    assert Grant.from_text(text) == grant


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
