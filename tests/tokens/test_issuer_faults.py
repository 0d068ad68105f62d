"""Who issues tokens, where its store goes down, and where its caller is cancelled."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from asgisec.errors import InvalidToken, StoreUnavailable
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import RefreshFamily, Rotation
from tests.tokens.issuing import Clock, Down, issuer_of, refresh_token, refused
from tests.tokens.minting import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.anyio


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
    await issuer.verifier().authenticate(pair.access_token)


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

        async def find_family(self, family_id: str) -> RefreshFamily | None:
            await checkpoint()
            return await super().find_family(family_id)

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
