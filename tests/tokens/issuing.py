"""An issuer on a clock that the tests hold, and what they ask of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from asgisec.context import Trace, current, new_trace
from asgisec.errors import InvalidToken, StoreUnavailable
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import RefreshFamily, Rotation
from asgisec.tokens import TokenIssuer, TokenPair
from tests.tokens.minting import ISSUER, KEYS, NOW

__all__ = ["Clock", "Down", "issuer_of", "refresh_token", "refused", "serving"]


class Clock:
    now = float(NOW)

    def __call__(self) -> float:
        return self.now


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


def issuer_of(store: Any, clock: Clock, **options: Any) -> TokenIssuer:
    return TokenIssuer(KEYS, **{"issuer": ISSUER, "audience": "api", "store": store, "clock": clock, **options})


def refresh_token(pair: TokenPair) -> str:
    assert pair.refresh_token is not None
    return pair.refresh_token


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """Be inside of a request with this id."""
    trace = new_trace(Trace)
    trace.request_id = request_id
    trace.inbound = trace.begun = None
    token = current.set(trace)
    yield
    current.reset(token)


async def refused(issuer: TokenIssuer, token: object, **options: Any) -> str:
    with pytest.raises(InvalidToken) as refusal:
        await issuer.refresh(token, **options)  # type: ignore[arg-type]
    return refusal.value.reason
