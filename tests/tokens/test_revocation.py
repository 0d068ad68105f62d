"""Tokens that were revoked are refused, and what happens where nobody can say."""

import logging
from collections.abc import Sequence
from typing import Any

import anyio
import pytest

from asgisec.errors import InvalidToken, StoreUnavailable
from asgisec.stores import MemoryStore
from asgisec.tokens.revocation import SUBJECT_KEY, owner_of, session_key, token_key
from tests.tokens.issuing import serving
from tests.tokens.minting import CLAIMS, ISSUER, NOW, minted, now, verifier, without

OWNER = owner_of(ISSUER, "user-1")


class Counting(MemoryStore):
    calls = 0

    async def denied(self, owner: str, keys: Sequence[str]) -> Sequence[float | None]:
        self.calls += 1
        return await super().denied(owner, keys)


class Down(MemoryStore):
    async def denied(self, owner: str, keys: Sequence[str]) -> Sequence[float | None]:
        raise StoreUnavailable


def authenticated(token: str, store: Any, **options: Any) -> Any:
    return anyio.run(verifier(denylist=store, **options).authenticate, token)


ROWS: dict[str, tuple[str, str, float, dict[str, Any], bool]] = {
    "the token": (OWNER, token_key("token-1"), NOW, CLAIMS, True),
    "the token, whenever it was issued": (OWNER, token_key("token-1"), 1, CLAIMS, True),
    "another token": (OWNER, token_key("token-2"), NOW, CLAIMS, False),
    "the session": (OWNER, session_key("session-1"), 1, CLAIMS, True),
    "another session": (OWNER, session_key("token-1"), NOW, CLAIMS, False),
    "no session, and no id": (OWNER, session_key("session-1"), NOW, without("sid", "jti"), False),
    "the subject": (OWNER, SUBJECT_KEY, NOW, CLAIMS, True),
    "the subject, at that very time": (OWNER, SUBJECT_KEY, NOW - 0.25, CLAIMS, True),
    "the subject, before the token was issued": (OWNER, SUBJECT_KEY, NOW - 0.5, CLAIMS, False),
    "the subject, of a token without date": (OWNER, SUBJECT_KEY, 1, without("iat"), True),
    "another subject": (owner_of(ISSUER, "user-2"), SUBJECT_KEY, NOW, CLAIMS, False),
    "another issuer's subject": (owner_of("https://other.example", "user-1"), SUBJECT_KEY, NOW, CLAIMS, False),
}


@pytest.mark.parametrize(("owner", "key", "not_before", "claims", "revoked"), ROWS.values(), ids=ROWS)
def test_what_was_revoked(owner: str, key: str, not_before: float, claims: dict[str, Any], revoked: bool) -> None:
    store = Counting(clock=now)
    anyio.run(store.deny, owner, key, not_before, NOW + 900)
    checked = verifier(denylist=store, required_claims=())
    token = minted(claims)
    for times in (1, 2):  # also where the token was seen before
        if revoked:
            with pytest.raises(InvalidToken) as refusal:
                anyio.run(checked.authenticate, token)
            assert refusal.value.reason == "revoked"
        else:
            assert anyio.run(checked.authenticate, token).subject == "user-1"
        assert store.calls == times
    assert checked.verify(token)["iss"] == ISSUER


def test_owners_are_told_apart() -> None:
    assert owner_of("a", "b:c") != owner_of("a:b", "c")


def test_a_bad_token_never_reaches_the_store() -> None:
    store = Counting()
    with pytest.raises(InvalidToken):
        authenticated("x", store)
    assert store.calls == 0


def test_a_store_that_is_down_refuses() -> None:
    with pytest.raises(StoreUnavailable):
        authenticated(minted(), Down())


def test_a_store_that_is_down_lets_through_where_somebody_chose_so(caplog: pytest.LogCaptureFixture) -> None:
    with serving("the request"):
        assert authenticated(minted(), Down(), on_store_error="allow").subject == "user-1"
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    event = record.event  # type: ignore[attr-defined]  # that logger's
    assert (event.name, event.reason) == ("sys_store_unavailable", "revocation_unchecked")
    assert (event.policy, event.principal, event.request_id) == ("TokenVerifier", "user-1", "the request")
    assert minted().split(".")[2] not in str(event)


def test_with_a_denylist_a_token_has_a_subject() -> None:
    with pytest.raises(InvalidToken) as refusal:
        authenticated(minted(without("sub")), MemoryStore(), required_claims=())
    assert refusal.value.reason == "claim_missing"


def test_what_is_closed() -> None:
    store = MemoryStore()
    assert verifier(denylist=store).closes == (store,)
    assert verifier().closes == ()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_without_a_denylist_nobody_is_asked(backend: Any) -> None:
    assert anyio.run(verifier().authenticate, minted(), backend=backend)["tenant"] == "t1"
