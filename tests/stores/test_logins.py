"""The contract of a `LoginStore`, over every store that is one."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.protocols import LoginStore, Pace
from tests.stores.opened import opened
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio

SLOW = Pace(free=2, first_wait=100.0, longest_wait=1000.0, forgotten_after=5000.0)


@pytest.fixture(params=["memory", "valkey"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[LoginStore]:
    async with opened(request) as store:
        yield store  # type: ignore[misc]  # of these kinds it is one


async def test_of_attempts_at_once_as_many_pass_as_are_free(store: LoginStore) -> None:
    waits = await asyncio.gather(*(store.attempt_login("ada", [("all", SLOW, None)]) for _ in range(10)))
    assert [wait == 0 for wait in waits] == [True] * 2 + [False] * 8
    assert all(90 < wait <= 100 for wait in waits[2:])


async def test_what_has_to_wait_at_one_pace_is_counted_at_none(store: LoginStore) -> None:
    quick = SLOW._replace(free=1)
    assert await store.attempt_login("ada", [("one", quick, None)]) == 0
    for _ in range(5):
        assert await store.attempt_login("ada", [("one", quick, None), ("two", SLOW, None)]) > 0
    assert await store.attempt_login("ada", [("two", SLOW, None)]) == 0
    assert await store.attempt_login("ada", [("two", SLOW, None)]) == 0


async def test_who_is_remembered_is_not_counted(store: LoginStore) -> None:
    pace = [("all", SLOW, "home")]
    for _ in range(2):
        assert await store.attempt_login("ada", pace) == 0
    assert await store.attempt_login("ada", pace) > 0
    await store.settle_login("ada", undo=pace, remember=("home", 60.0))
    for _ in range(5):
        assert await store.attempt_login("ada", pace) == 0
        await store.settle_login("ada", undo=pace)
    assert await store.attempt_login("ada", [("all", SLOW, "elsewhere")]) == 0
    assert await store.attempt_login("ada", [("all", SLOW, "elsewhere")]) > 0


async def test_what_is_forgotten_begins_anew_and_what_is_undone_was_never(store: LoginStore) -> None:
    for _ in range(2):
        await store.attempt_login("ada", [("one", SLOW, None), ("two", SLOW, None)])
    await store.settle_login("ada", forget=["one"], undo=[("two", SLOW, None), ("never", SLOW, None)])
    assert await store.attempt_login("ada", [("one", SLOW, None)]) == 0
    assert await store.attempt_login("ada", [("two", SLOW, None)]) == 0
    assert await store.attempt_login("ada", [("two", SLOW, None)]) > 0
    assert await store.attempt_login("ada", [("one", SLOW, None)]) == 0


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_waits_double_up_to_the_longest_and_end_with_a_pause() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    waits: list[float] = []
    for _ in range(9):
        assert await store.attempt_login("ada", [("all", SLOW, None)]) == 0
        waits.append(await store.attempt_login("ada", [("all", SLOW, None)]) if waits else 0.0)
        clock.now += waits[-1]
    assert waits == [0.0, 100.0, 200.0, 400.0, 800.0, 1000.0, 1000.0, 1000.0, 1000.0]
    clock.now += SLOW.forgotten_after
    assert await store.attempt_login("ada", [("all", SLOW, None)]) == 0
    assert await store.attempt_login("ada", [("all", SLOW, None)]) == 0


async def test_nobody_waits_for_a_clock_that_was_put_back() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    for _ in range(2):
        assert await store.attempt_login("ada", [("all", SLOW, None)]) == 0
    clock.now -= 850.0
    assert await store.attempt_login("ada", [("all", SLOW, None)]) == 950.0  # no longer than the longest
    clock.now -= 100_000.0
    assert await store.attempt_login("ada", [("all", SLOW, None)]) == 0
    assert await store.attempt_login("ada", [("all", SLOW, None)]) == 200.0


@pytest.mark.parametrize("ahead", [365 * 86_400, 3000], ids=["a year", "for longer than anybody waits"])
async def test_nobody_waits_for_a_servers_clock_that_was_put_back(valkey_url: str, ahead: int) -> None:
    async with RedisStore.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as store:
        for _ in range(2):
            assert await store.attempt_login("ada", [("all", SLOW, None)]) == 0
        # As a clock that was ahead has left it.
        await store.command("HSET", store.key("login", "ada", "all"), "next_at", str(time.time() + ahead))
        assert await store.attempt_login("ada", [("all", SLOW, None)]) == 0
        assert 190 < await store.attempt_login("ada", [("all", SLOW, None)]) <= 200


def test_any_number_of_attempts_has_a_wait() -> None:
    assert [SLOW.wait(attempts) for attempts in (0, 1, 2, 3, 100, 10**9)] == [0.0, 0.0, 100.0, 200.0, 1000.0, 1000.0]
