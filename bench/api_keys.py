"""What verifying an API key costs: on the memory store beside the least that is possible by hand, and on others."""

import asyncio
import hmac
import tempfile
from collections.abc import Iterator
from functools import partial
from hashlib import sha256

from asgisec.credentials import APIKeys
from asgisec.stores import MemoryStore, RedisStore, SQLStore
from bench.calls import Against, Call, CallGroup, CallOutcome, finished, measure_calls
from bench.waiting import measure_awaited
from tests import valkey

__all__ = ["PEERS", "measured"]

PEERS = ("redis", "sqlalchemy")

OURS = "APIKeys.verify"
BY_HAND = "SHA-256, a dict and a comparison"
_ON_REDIS = "on Valkey"
_ON_SQL = "on SQLite"


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure the memory store, then the others."""
    yield measure_calls(group_in_memory(), rounds=rounds)
    with valkey.server() as url, tempfile.TemporaryDirectory() as directory:
        yield asyncio.run(_elsewhere(url, f"sqlite+aiosqlite:///{directory}/keys.db", rounds))


class ByHand:
    """The least that a hashed key takes: no form, no checksum, no owner, no expiry, no count."""

    def __init__(self, key: str) -> None:
        _, key_id, secret = key.split("_")
        self._known = {key_id: sha256(secret.encode()).hexdigest()}

    async def verify(self, key: str) -> bool:
        """Tell whether a key is known."""
        _, key_id, secret = key.split("_")
        return hmac.compare_digest(sha256(secret.encode()).hexdigest(), self._known[key_id])


def group_in_memory() -> CallGroup:
    """Return what is compared on the memory store, where nothing waits."""
    keys = APIKeys(MemoryStore())
    created = asyncio.run(keys.create("ada", ["orders:read"]))
    by_hand = ByHand(created.key)
    calls: dict[str, Call] = {
        OURS: lambda: finished(_verified(keys, created.key)),
        BY_HAND: lambda: finished(by_hand.verify(created.key)),
    }
    return CallGroup("An API key, on the memory store", {"a good key": calls}, [Against(BY_HAND, 5)], same=[BY_HAND])


async def _verified(keys: APIKeys, key: str) -> bool:
    return (await keys.verify(key)).active


async def _elsewhere(redis_url: str, sql_url: str, rounds: int) -> CallOutcome:
    async with (
        RedisStore.from_url(redis_url, prefix=valkey.fresh_prefix(), timeout=10) as shared,
        SQLStore.from_url(sql_url, timeout=10) as database,
        APIKeys(shared) as on_redis,
        APIKeys(database) as on_sql,
    ):
        keys = {_ON_REDIS: on_redis, _ON_SQL: on_sql}
        calls: dict[str, Call] = {
            name: partial(_verified, kept, (await kept.create("ada")).key) for name, kept in keys.items()
        }
        group = CallGroup("An API key, on other stores", {"a good key": calls}, [Against(_ON_REDIS)], same=[_ON_REDIS])
        return await measure_awaited(group, rounds=rounds, in_flight=1)
