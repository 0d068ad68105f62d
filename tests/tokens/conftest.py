"""An issuer, its store and its clock; a provider of keys."""

from collections.abc import AsyncIterator, Iterator

import pytest

from asgisec.stores import MemoryStore
from asgisec.tokens import TokenIssuer
from tests.tokens.issuing import Clock, issuer_of
from tests.tokens.providing import Provider, provided


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


@pytest.fixture
def provider() -> Iterator[Provider]:
    with provided() as started:
        yield started
