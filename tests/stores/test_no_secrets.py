"""What a store holds after a busy day: dumped whole, it has no secret that was issued or presented."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from asgisec.credentials import APIKeys, LoginThrottle
from asgisec.errors import InvalidAPIKey, InvalidToken
from asgisec.stores import MemoryStore, RedisStore, SQLStore
from asgisec.tokens import KeySet, TokenIssuer
from asgisec.tokens._parsing import decode_base64url
from tests.stores.opened import STORES
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio


def _all_in(value: Any, seen: set[int]) -> Iterator[str]:
    """Return every text and every number that an object reaches."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, str | bytes | int | float):
        yield str(value)
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from _all_in(key, seen)
            yield from _all_in(member, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for member in value:
            yield from _all_in(member, seen)
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _all_in(asdict(value), seen)
    else:
        names = [*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())]
        for name in names:
            yield from _all_in(getattr(value, name, None), seen)


def _dump_of_files(directory: Path) -> str:
    return "".join(found.read_bytes().decode("latin-1") for found in directory.iterdir())


def _dump_of_valkey(url: str, prefix: str) -> str:
    with redis.Redis.from_url(url) as client:
        readers = {
            b"hash": client.hgetall,
            b"string": client.get,
            b"set": client.smembers,
            b"list": lambda key: client.lrange(key, 0, -1),
        }
        found = []
        for key in client.scan_iter(f"{prefix}:*"):
            reader = readers.get(client.type(key), lambda key: client.zrange(key, 0, -1, withscores=True))
            found.append((key, reader(key)))
        return repr(found)


async def _dump_of_postgres(url: str, prefix: str) -> str:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            tables = ("revocations", "refresh_families", "api_keys")
            rows = [(await connection.execute(text(f"SELECT * FROM {prefix}{name}"))).all() for name in tables]  # noqa: S608 - our own names
            return repr(rows)
    finally:
        await engine.dispose()


@asynccontextmanager
async def _used(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Any, list[str]]]:
    """Open a store; when it was used, put its dump into the list."""
    dump: list[str] = []
    prefix = fresh_prefix()
    names = prefix.replace("-", "_") + "_"
    if kind == "memory":
        memory = MemoryStore()
        yield memory, dump
        dump.append("\n".join(_all_in(memory, set())))
    elif kind == "valkey":
        url = request.getfixturevalue("valkey_url")
        async with RedisStore.from_url(url, prefix=prefix, timeout=10) as shared:
            yield shared, dump
        dump.append(_dump_of_valkey(url, prefix))
    elif kind == "sqlite":
        async with SQLStore.from_url(f"sqlite+aiosqlite:///{tmp_path}/store.db", prefix=names, timeout=30) as file:
            yield file, dump
        dump.append(_dump_of_files(tmp_path))
    else:
        url = request.getfixturevalue("postgres_url")
        async with SQLStore.from_url(url, prefix=names, timeout=30) as server:
            yield server, dump
        dump.append(await _dump_of_postgres(url, names))


@pytest.mark.parametrize("kind", STORES)
async def test_no_secret_is_in_a_store(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    secrets: list[str] = []
    async with _used(kind, request, tmp_path) as (store, dump):
        issuer = TokenIssuer(KeySet.generate("HS256"), issuer="https://id.example.com", audience="api", store=store)
        pair = await issuer.issue("user-1", ["orders:read"])
        refreshed = await issuer.refresh(str(pair.refresh_token))
        await issuer.refresh(str(pair.refresh_token))
        last = await issuer.refresh(str(refreshed.refresh_token))
        with pytest.raises(InvalidToken):
            await issuer.refresh(str(pair.refresh_token))
        await issuer.revoke(last.access_token)
        for issued in (pair, refreshed, last):
            token = str(issued.refresh_token)
            data = decode_base64url(token)
            # Whole, and the parts that are secret, as they might be written.
            secrets += [issued.access_token, issued.access_token.rpartition(".")[2], token, token[22:], token[64:]]
            secrets += [data[16:48].hex(), data[48:].hex()]
        async with APIKeys(store, pepper=b"pepper pepper pepper") as keys:
            created = await keys.create("user-1", name="ci")
            rotated = await keys.rotate(created.record.id)
            for key in (created.key, rotated.key):
                await keys.verify(key)
                secrets += [key, key.split("_")[2], key.split("_")[2][:43]]
            with pytest.raises(InvalidAPIKey):
                await keys.verify(created.key[:-1] + "!")
        if not isinstance(store, SQLStore):
            throttle = LoginThrottle(store)
            await throttle.check("hunter2 in the wrong field", "192.0.2.1")
            secrets.append("hunter2")
        secrets.append("pepper pepper")
    [found] = dump
    assert "user-1" in found, "the dump is whole"
    assert created.record.id in found
    assert [secret for secret in secrets if secret in found or json.dumps(secret)[1:-1] in found] == []
