"""The contract of a `LeaseStore`, over every store that is one."""

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.protocols import Lease, LeaseStore
from tests import valkey
from tests.waiting import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "redis"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[LeaseStore]:
    if request.param == "memory":
        yield MemoryStore()
        return
    url = request.getfixturevalue("valkey_url")
    async with RedisStore.from_url(url, prefix=valkey.fresh_prefix(), timeout=10) as opened:
        yield opened


async def take(store: LeaseStore, holder: str, places: int = 2, identity: str = "ada", name: str = "c") -> Lease:
    lease: Any = store.lease(identity, name, holder, places, 60.0)
    return lease if isinstance(lease, Lease) else await lease


async def give_back(store: LeaseStore, holder: str) -> None:
    releasing = store.release("ada", "c", holder)
    if releasing is not None:
        await releasing


async def test_places_are_taken_until_none_is_left(store: LeaseStore) -> None:
    assert [await take(store, holder) for holder in "abc"] == [(True, 1), (True, 0), (False, 0)]
    await give_back(store, "a")
    assert await take(store, "c") == (True, 0)


async def test_who_has_a_place_keeps_it(store: LeaseStore) -> None:
    assert [await take(store, holder) for holder in "aab"] == [(True, 1), (True, 1), (True, 0)]
    assert await take(store, "a") == (True, 0)
    # Fewer places than holders: none is driven out, and nobody comes in.
    assert await take(store, "a", places=1) == (True, 0)
    assert await take(store, "d", places=1) == (False, 0)


async def test_identities_and_names_are_apart(store: LeaseStore) -> None:
    assert await take(store, "a", places=1) == (True, 0)
    assert await take(store, "a", places=1, identity="bob") == (True, 0)
    assert await take(store, "b", places=1, name="d") == (True, 0)
    assert await take(store, "b", places=1) == (False, 0)


async def test_a_place_is_given_back_once(store: LeaseStore) -> None:
    await give_back(store, "nobody")
    await take(store, "a")
    await take(store, "b")
    await give_back(store, "a")
    await give_back(store, "a")
    assert [await take(store, holder) for holder in "cd"] == [(True, 0), (False, 0)]


async def test_at_once_no_more_than_there_are(store: LeaseStore) -> None:
    taken: list[bool] = []

    async def try_to(holder: str) -> None:
        taken.append((await take(store, holder, places=5)).taken)

    async with anyio.create_task_group() as group:
        for n in range(40):
            group.start_soon(try_to, str(n))
    assert taken.count(True) == 5


async def test_memory_keeps_nothing_of_what_ended() -> None:
    store = MemoryStore()
    store.lease("ada", "c", "a", 1, 60.0)
    store.release("ada", "c", "a")
    assert store._held == {}


async def test_a_server_whose_clock_is_set_back_holds_no_place_for_longer(valkey_url: str) -> None:
    async with RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as store:

        async def is_free() -> bool:
            return (await store.lease("ada", "c", "b", 1, 0.02)).taken

        in_an_hour = int(time.time() + 3600) * 1000
        await store.command("ZADD", store.key("lease", "ada", "c"), in_an_hour, "crashed")
        assert not await is_free()
        await until(is_free)


async def test_a_place_of_a_server_whose_clock_is_set_back_is_held_for_as_long_as_one_that_is_asked_for(
    valkey_url: str,
) -> None:
    async with RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as store:
        await store.command("ZADD", store.key("lease", "ada", "c"), int(time.time() + 3600) * 1000, "crashed")
        assert not (await store.lease("ada", "c", "b", 1, 60)).taken
        until = float(await store.command("ZSCORE", store.key("lease", "ada", "c"), "crashed")) / 1000
        assert 30 < until - time.time() <= 60


async def test_who_asks_for_longer_prolongs_nobodys_place(valkey_url: str) -> None:
    async with RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as store:
        assert (await store.lease("ada", "c", "a", 1, 60)).taken
        ends = await store.command("ZSCORE", store.key("lease", "ada", "c"), "a")
        assert not (await store.lease("ada", "c", "b", 1, 90)).taken
        assert await store.command("ZSCORE", store.key("lease", "ada", "c"), "a") == ends


async def test_redis_keeps_nothing_of_what_is_over(valkey_url: str) -> None:
    async with RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as store:
        assert await store.lease("ada", "c", "a", 1, 0.02) == (True, 0)

        async def is_free() -> bool:
            return (await store.lease("ada", "c", "b", 1, 0.02)).taken

        async def is_gone() -> bool:
            return not await store.command("EXISTS", store.key("lease", "ada", "c"))

        await until(is_free)
        await until(is_gone)
