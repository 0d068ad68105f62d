"""Guessing is slowed down, and the owner of an account that is under attack still gets in."""

from collections.abc import AsyncIterator

import pytest

from asgisec.credentials import LoginThrottle
from asgisec.errors import RateLimitExceeded
from asgisec.stores.protocols import LoginStore
from tests.stores.opened import opened

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "valkey"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[LoginStore]:
    async with opened(request) as store:
        yield store  # type: ignore[misc]  # of these kinds it is one


async def test_an_attack_from_many_addresses_does_not_hold_back_the_owner(store: LoginStore) -> None:
    throttle = LoginThrottle(store, per_account=10)
    await throttle.check("ada", "192.0.2.1")
    await throttle.succeeded("ada", "192.0.2.1")
    held_back = 0
    for number in range(30):
        try:
            await throttle.check("Ada", f"198.51.100.{number}")
            await throttle.failed("Ada", f"198.51.100.{number}")
        except RateLimitExceeded:
            held_back += 1
    assert held_back == 20
    await throttle.check("ada", "192.0.2.1")
    await throttle.succeeded("ada", "192.0.2.1")


async def test_guesses_in_parallel_count_before_they_are_looked_at(store: LoginStore) -> None:
    throttle = LoginThrottle(store)
    for _ in range(5):
        await throttle.check("ada", "192.0.2.1")
    with pytest.raises(RateLimitExceeded) as refused:
        await throttle.check("ada", "192.0.2.1")
    assert refused.value.headers == {"Retry-After": "1"}
