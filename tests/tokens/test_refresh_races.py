"""Four processes present one refresh token at the same time, on one server; a fifth reads what is there."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from asgisec.stores.protocols import RefreshFamily
from asgisec.tokens import TokenPair
from asgisec.tokens._refresh import RefreshToken
from tests import postgres, valkey
from tests.processes import forking
from tests.tokens.racing import PATIENCE, issuer_on, race, store_at
from tests.valkey import fresh_prefix

PROCESSES = 4
HOUR = 3600.0


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


def _raced(url: str, prefix: str, tokens: list[tuple[str, float]]) -> list[tuple[str, ...]]:
    """Return what each process got, token by token."""
    context = forking()
    barrier, results = context.Barrier(PROCESSES), context.Queue()
    # Half of them have a clock that is an hour ahead.
    given = [(url, prefix, tokens, HOUR * (number % 2), barrier, results) for number in range(PROCESSES)]
    processes = [context.Process(target=race, args=args) for args in given]
    for process in processes:
        process.start()
    outcomes: list[Any] = [results.get(timeout=PATIENCE) for _ in processes]
    for process in processes:
        process.join(PATIENCE)
    return list(zip(*outcomes, strict=True))


@pytest.mark.parametrize(
    "rounds", [pytest.param(5, id="5 rounds"), pytest.param(200, marks=pytest.mark.slow, id="200 rounds")]
)
def test_one_token_has_one_successor(url: str, rounds: int) -> None:
    """Within the grace all get the same; without one, one gets it, and the session ends."""
    prefix = fresh_prefix().replace("-", "_") + "_"
    issued = [str(pair.refresh_token) for pair in asyncio.run(_issued(url, prefix, 2 * rounds))]
    tokens = [(token, 600.0 * (number % 2)) for number, token in enumerate(issued)]
    outcomes = _raced(url, prefix, tokens)
    for (token, grace), family, got in zip(tokens, asyncio.run(_families(url, prefix, issued)), outcomes, strict=True):
        [successor] = {outcome for outcome in got if outcome not in {"reused", "revoked"}}
        assert family.current == RefreshToken.parse(successor).secret
        assert family.previous == RefreshToken.parse(token).secret
        assert got.count(successor) == (PROCESSES if grace else 1)
        assert got.count("reused") == (0 if grace else 1)
        assert family.ended is not bool(grace)
