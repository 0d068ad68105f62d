"""An issuer, its store and its clock."""

from collections.abc import AsyncIterator

import pytest

from asgisec.stores import MemoryStore
from asgisec.tokens import TokenIssuer
from tests.tokens.issuing import Clock, issuer_of


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[MemoryStore]:
    async with MemoryStore(clock=clock) as store:
        yield store


@pytest.fixture
def issuer(store: MemoryStore, clock: Clock) -> TokenIssuer:
    return issuer_of(store, clock)
