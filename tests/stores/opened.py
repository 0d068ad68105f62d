"""A store of every kind, for contracts that all of them keep."""

from typing import TYPE_CHECKING

from asgisec.stores import MemoryStore, RedisStore, SQLStore
from tests.valkey import fresh_prefix

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

STORES = ["memory", "valkey", "sqlite", "postgresql"]


def opened(request: "pytest.FixtureRequest") -> MemoryStore | RedisStore | SQLStore:
    """Return the store that a parametrised fixture asks for, with keys or tables that nobody else has."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "valkey":
        return RedisStore.from_url(request.getfixturevalue("valkey_url"), prefix=fresh_prefix(), timeout=10)
    prefix = fresh_prefix().replace("-", "_") + "_"
    if request.param == "sqlite":
        directory: Path = request.getfixturevalue("tmp_path")
        return SQLStore.from_url(f"sqlite+aiosqlite:///{directory}/store.db", prefix=prefix, timeout=30)
    return SQLStore.from_url(request.getfixturevalue("postgres_url"), prefix=prefix, timeout=30)
