"""Who issues tokens ends them: one, a session, or all that a subject has, whatever else is under way."""

import logging
from typing import Any

import pytest

from asgisec.errors import InvalidToken, StoreUnavailable
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import RefreshFamily, Rotation
from asgisec.tokens import TokenIssuer
from tests.tokens.issuing import Clock, Down, issuer_of, refresh_token, refused, serving

pytestmark = pytest.mark.anyio


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


@pytest.mark.parametrize(
    ("ago", "denied"),
    [
        pytest.param(599.999, 2, id="a clock may be behind, and another ahead"),
        pytest.param(600, 1, id="no clock is so wrong"),
    ],
)
async def test_sessions_that_were_used_long_ago_need_no_denial_of_their_own(
    store: MemoryStore, clock: Clock, ago: float, denied: int
) -> None:
    issuer = issuer_of(store, clock)
    await issuer.issue("user-1", [])
    clock.now += ago
    await issuer.revoke_subject("user-1")
    assert len(store._denied) == denied


@pytest.mark.parametrize("by", ["token", "session", "subject"])
async def test_a_revocation_lasts_as_long_as_the_most_generous_verifier_takes_its_token(
    issuer: TokenIssuer, clock: Clock, by: str
) -> None:
    pair = await issuer.issue("user-1", [], refresh=by != "subject")
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


async def test_who_ends_what_is_told_with_whom_it_was_for(
    issuer: TokenIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    with serving("login"):
        pair = await issuer.issue("user-1", [])
    session = issuer.verifier().verify(pair.access_token).session_id
    assert session is not None
    with serving("logout"):
        await issuer.revoke_session(session)
    await issuer.revoke_subject("user-1")
    events = [record.event for record in caplog.records]  # type: ignore[attr-defined]  # ours
    assert [(event.name, event.reason, event.principal, event.policy) for event in events] == [
        ("token_created", "issued", "user-1", "TokenIssuer"),
        ("token_revoked", "session", "user-1", "TokenIssuer"),
        ("token_revoked", "subject", "user-1", "TokenIssuer"),
    ]
    assert [event.request_id for event in events] == ["login", "logout", None]
    assert {record.levelno for record in caplog.records} == {logging.INFO}
