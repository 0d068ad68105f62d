"""A store by its URL."""

import asyncio
import sys
from typing import Any

import pytest

from asgisec import RateLimiter, stores
from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.stores import MemoryStore, RedisStore, open_store
from tests import valkey


def test_each_scheme_has_its_store() -> None:
    memory = open_store("memory://", max_entries=5)
    assert isinstance(memory, MemoryStore)
    assert memory.max_entries == 5
    assert isinstance(open_store("redis://localhost", prefix="shop"), RedisStore)


def test_valkey_by_its_own_name() -> None:
    with valkey.process(tcp=True) as started:
        url = started.url.removeprefix("redis")

        async def allowed(scheme: str) -> bool:
            async with open_store(f"{scheme}{url}", timeout=10) as store:
                return (await RateLimiter("9/minute", store=store, on_store_error="deny").hit("ada")).allowed  # type: ignore[arg-type]  # it counts

        assert asyncio.run(allowed("valkey"))
        with pytest.raises(StoreUnavailable):  # TLS, which this server does not speak
            asyncio.run(allowed("valkeys"))


@pytest.mark.parametrize("url", ["", "memory", "mysql://:s3cret@localhost", None, 5, b"memory://"])
def test_a_url_of_no_store_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError, match="begin with one of memory://, redis://") as refused:
        open_store(url)
    assert "s3cret" not in str(refused.value)


def test_a_store_whose_library_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    for name in [name for name in sys.modules if name.startswith("asgisec.stores.redis")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigError, match=r"install asgisec\[redis\]"):
        open_store("redis://localhost")


@pytest.mark.parametrize("nodes", ["redis://:s3cret@localhost", None])
def test_a_redis_store_is_made_from_its_url(nodes: Any) -> None:
    with pytest.raises(ConfigError, match=r"RedisStore\(nodes\) got \(hidden\): make one with RedisStore.from_url"):
        RedisStore(nodes)


def test_a_name_that_is_none() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'MongoStore'"):
        _ = stores.MongoStore  # type: ignore[attr-defined]
