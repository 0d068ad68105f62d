"""Four processes present one refresh token at the same time, on one server; a fifth reads what is there."""

import asyncio
import multiprocessing
from collections.abc import Iterator
from typing import Any

import pytest

from asgisec.stores.protocols import RefreshFamily
from asgisec.tokens import TokenPair
from asgisec.tokens._refresh import RefreshToken
from tests import postgres, valkey
from tests.tokens.racing import PATIENCE, issuer_on, race, store_at
from tests.valkey import fresh_prefix

PROCESSES = 4
HOUR = 3600.0

ROUNDS = [pytest.param(10, id="10 rounds"), pytest.param(200, id="200 rounds", marks=pytest.mark.slow)]


@pytest.fixture(scope="module", params=["valkey", "postgresql"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    with (valkey if request.param == "valkey" else postgres).server() as url:
        yield url


async def _issued(url: str, prefix: str, rounds: int) -> list[TokenPair]:
    async with store_at(url, prefix) as store:
        issuer = issuer_on(store, 0)
        return [await issuer.issue(f"user-{number}", ["a"]) for number in range(rounds)]


async def _families(url: str, prefix: str, tokens: list[str]) -> list[RefreshFamily]:
    async with store_at(url, prefix) as store:
        return [await store.find_family(RefreshToken.parse(token).family_id) for token in tokens]


def _raced(url: str, prefix: str, tokens: list[str], grace: float) -> list[tuple[str, ...]]:
    """Return what each process got, token by token."""
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    # Half of them have a clock that is an hour ahead.
    given = [(url, prefix, tokens, grace, HOUR * (number % 2), barrier, results) for number in range(PROCESSES)]
    processes = [context.Process(target=race, args=args) for args in given]
    for process in processes:
        process.start()
    outcomes: list[Any] = [results.get(timeout=PATIENCE) for _ in processes]
    for process in processes:
        process.join(PATIENCE)
    return list(zip(*outcomes, strict=True))


@pytest.mark.parametrize("rounds", ROUNDS)
def test_all_get_the_same_successor_within_the_grace(url: str, rounds: int) -> None:
    prefix = fresh_prefix().replace("-", "_") + "_"
    tokens = [str(pair.refresh_token) for pair in asyncio.run(_issued(url, prefix, rounds))]
    outcomes = _raced(url, prefix, tokens, 600.0)
    for token, family, got in zip(tokens, asyncio.run(_families(url, prefix, tokens)), outcomes, strict=True):
        [successor] = set(got)
        assert family.current == RefreshToken.parse(successor).secret
        assert family.previous == RefreshToken.parse(token).secret
        assert not family.ended


@pytest.mark.parametrize("rounds", ROUNDS)
def test_one_gets_a_successor_and_the_session_ends_without_a_grace(url: str, rounds: int) -> None:
    prefix = fresh_prefix().replace("-", "_") + "_"
    tokens = [str(pair.refresh_token) for pair in asyncio.run(_issued(url, prefix, rounds))]
    outcomes = _raced(url, prefix, tokens, 0.0)
    for family, got in zip(asyncio.run(_families(url, prefix, tokens)), outcomes, strict=True):
        [successor] = [outcome for outcome in got if outcome not in {"reused", "revoked"}]
        assert got.count("reused") == 1
        assert family.current == RefreshToken.parse(successor).secret
        assert family.ended
