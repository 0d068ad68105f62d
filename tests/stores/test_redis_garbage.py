"""What somebody else wrote in the place of ours: nobody gets in by it, and it is a store that cannot answer."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

from asgisec.credentials import APIKeys
from asgisec.errors import SecurityError
from asgisec.stores import RedisStore
from asgisec.tokens import KeySet, TokenIssuer
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio


def _over(*command: Any) -> Callable[[Any, bytes], object]:
    def plant(client: Any, key: bytes) -> None:
        client.delete(key)
        client.execute_command(command[0], key, *command[1:])

    return plant


def _in_fields(value: bytes, *names: bytes) -> Callable[[Any, bytes], object]:
    def plant(client: Any, key: bytes) -> None:
        if client.type(key) != b"hash":
            _over("SET", b"no number")(client, key)
            return
        for name in client.hkeys(key):
            if not names or name in names:
                client.hset(key, name, value)

    return plant


PLANTS = {
    "bytes": _over("SET", b"\xff"),
    "nothing": _over("SET", b""),
    "JSON": _over("SET", b'{"a": 1}'),
    "nan, which nothing is before": _over("SET", b"nan"),
    "a hash of bytes": _over("HSET", b"\xff", b"\xff"),
    "a hash of other fields": _over("HSET", b"a", b"1"),
    "bytes in each field": _in_fields(b"\xff"),
    "a number in each field": _in_fields(b"1e400"),
    "no ASCII where hashes stand": _in_fields("é".encode(), b"current", b"digest", b"proof"),
    "half of a surrogate pair where hashes stand": _in_fields(b"\xed\xa0\x80", b"current", b"digest", b"proof"),
    "no grant": _in_fields(b"[", b"grant", b"digest"),
    "a grant of nobody": _in_fields(b"{}", b"grant", b"digest"),
    "a grant of other types": _in_fields(b'{"sub": 1, "client_id": 1, "scope": 1}', b"grant", b"digest"),
}


@pytest.mark.parametrize("plant", PLANTS)
async def test_what_somebody_else_wrote_lets_nobody_in(valkey_url: str, plant: str) -> None:
    prefix = fresh_prefix()
    async with RedisStore.from_url(valkey_url, prefix=prefix, timeout=10) as store:
        issuer = TokenIssuer(KeySet.generate("HS256"), issuer="https://id.example.com", audience="api", store=store)
        revoked = await issuer.issue("ada", ["orders:read"])
        pair = await issuer.issue("ada", ["orders:read"])
        await issuer.revoke(revoked.access_token)
        keys = APIKeys(store)
        key = (await keys.create("ada")).key
        with redis.Redis.from_url(valkey_url) as client:
            for name in [*client.scan_iter(f"{prefix}:*")]:
                # What is no hash of ours is a revocation, or a list of an owner's.
                if plant.startswith("a hash") and client.type(name) == b"string":
                    continue
                PLANTS[plant](client, name)
        tries: list[Awaitable[object]] = [
            issuer.refresh(str(pair.refresh_token)),
            issuer.verifier().authenticate(revoked.access_token),
            keys.verify(key),
        ]
        for attempt in tries:
            with pytest.raises(SecurityError):
                await attempt
