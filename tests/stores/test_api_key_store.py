"""The contract of an `APIKeyStore`, over every store that is one."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace

import pytest

from asgisec.credentials import APIKeys, CreatedAPIKey
from asgisec.credentials._usage import Usage
from asgisec.errors import APIKeyChanged, InvalidAPIKey, StoreUnavailable
from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.protocols import APIKeyStore, StoredAPIKey
from tests.stores.opened import STORES, opened
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[APIKeyStore]:
    async with opened(request) as store:
        yield store


def key(key_id: str = "k1", owner: str = "ada", **changes: object) -> StoredAPIKey:
    made = StoredAPIKey(
        id=key_id,
        owner=owner,
        name="the büild \0 server",
        scopes="a b",
        networks="10.0.0.0/8 2001:db8::/32",
        digest="d1",
        last_four="wxyz",
        created_at=time.time(),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(key(), id="what it must have"),
        pytest.param(
            key(expires_at=1.5, previous_digest="d0", previous_until=2.5, last_used_at=0.5), id="and may have"
        ),
        pytest.param(key(active=False, request_count=2**40, name=""), id="disabled, and used often"),
        pytest.param(key(owner="ada\r\n\ud800\0"), id="of anybody"),
    ],
)
async def test_a_key_comes_back_as_it_was_given(store: APIKeyStore, given: StoredAPIKey) -> None:
    await store.add_api_key(given)
    assert await store.find_api_key("k1") == given
    assert list(await store.api_keys_of(given.owner)) == [given]
    assert await store.find_api_key("k2") is None
    assert list(await store.api_keys_of("nobody")) == []


async def test_what_is_changed_is_changed_and_nothing_else(store: APIKeyStore) -> None:
    given = key(previous_digest="d0", previous_until=5.0)
    await store.add_api_key(given)
    changed = await store.change_api_key(
        "k1", {"digest": "d2", "active": False, "previous_until": None, "expires_at": 9.5}
    )
    assert changed == replace(given, digest="d2", active=False, previous_until=None, expires_at=9.5)
    assert await store.find_api_key("k1") == changed
    assert await store.change_api_key("k2", {"active": False}) is None
    assert await store.find_api_key("k2") is None


async def test_a_key_is_changed_only_if_it_has_the_digest_still(store: APIKeyStore) -> None:
    await store.add_api_key(key())
    assert await store.change_api_key("k1", {"digest": "d2"}, digest="d0") is None
    assert await store.find_api_key("k1") == key(created_at=(await store.api_keys_of("ada"))[0].created_at)
    first = await store.change_api_key("k1", {"digest": "d2", "previous_digest": "d1"}, digest="d1")
    assert first is not None
    assert (first.digest, first.previous_digest) == ("d2", "d1")
    assert await store.change_api_key("k2", {"digest": "d2"}, digest="d1") is None
    assert await store.find_api_key("k2") is None


async def test_of_many_that_rotate_a_key_at_once_one_does(store: APIKeyStore) -> None:
    api_keys = APIKeys(store)
    created = await api_keys.create("ada")
    tries = [api_keys.rotate(created.record.id) for _ in range(8)]
    found = await asyncio.gather(*tries, return_exceptions=True)
    rotated = [one.key for one in found if isinstance(one, CreatedAPIKey)]
    assert len(rotated) + sum(isinstance(one, APIKeyChanged) for one in found) == len(found)
    good = []
    for text in (created.key, *rotated):
        with suppress(InvalidAPIKey):
            good.append(await api_keys.verify(text))
    # The newest, and the one before that: whoever was given one that was not replaced since has one that works.
    assert len(good) == 2


async def test_a_deleted_key_is_gone(store: APIKeyStore) -> None:
    await store.add_api_key(key("k1", created_at=2.0))
    await store.add_api_key(key("k2", created_at=1.0))
    assert [found.id for found in await store.api_keys_of("ada")] == ["k2", "k1"]
    assert await store.delete_api_key("k1")
    assert not await store.delete_api_key("k1")
    await store.count_api_keys({"k1": (1, 5.0)})
    assert [found.id for found in await store.api_keys_of("ada")] == ["k2"]


async def test_counts_of_several_add_up(store: APIKeyStore) -> None:
    for name in ("k1", "k2"):
        await store.add_api_key(key(name))
    await asyncio.gather(*(store.count_api_keys({"k2": (1, 7.0), "k1": (2, float(n))}) for n in range(8)))
    assert list(await store.count_api_keys({})) == []
    first, second = [await store.find_api_key(name) for name in ("k1", "k2")]
    assert first is not None
    assert second is not None
    assert (first.request_count, first.last_used_at) == (16, 7.0)
    assert (second.request_count, second.last_used_at) == (8, 7.0)


async def test_a_memory_store_that_is_full_refuses_new_keys() -> None:
    store = MemoryStore(max_entries=1)
    await store.add_api_key(key("k1"))
    with pytest.raises(StoreUnavailable):
        await store.add_api_key(key("k2"))
    assert await store.find_api_key("k1") is not None


async def test_what_one_key_could_not_be_counted_for_is_told(valkey_url: str) -> None:
    async with RedisStore.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as store:
        await store.add_api_key(key("k1"))
        # As good as a node of a cluster that is away: the server refuses this one, and takes the other.
        await store.command("SET", store.key("api-key", "k2"), "no hash")
        used = {"k1": (2, 5.0), "k2": (1, 5.0)}
        assert list(await store.count_api_keys(used)) == ["k2"]
        with pytest.raises(StoreUnavailable):
            await store.count_api_keys({"k2": (1, 5.0)})
        found = await store.find_api_key("k1")
        assert found is not None
        assert found.request_count == 2


@pytest.mark.parametrize("store", ["valkey", "sqlite", "postgresql"], indirect=True)
async def test_what_gathered_while_a_store_was_away_is_written_whole(store: APIKeyStore) -> None:
    await store.add_api_key(key("k1"))
    usage = Usage(store, 3600.0, time.monotonic)
    for n in range(3_000):
        await usage.count(f"gone-{n}", 5.0)
    await usage.count("k1", 5.0)
    await usage.aclose()
    found = await store.find_api_key("k1")
    assert found is not None
    assert (found.request_count, usage.pending("k1")) == (1, (0, None))
