"""API keys on Redis: one hash each, and for each owner a set of ids. They never expire by themselves.

A server that is full and may evict keys (`maxmemory-policy` other than `noeviction` or one of `volatile-*`) may drop
some.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

from asgisec.errors import StoreUnavailable
from asgisec.stores.protocols import StoredAPIKey
from asgisec.stores.redis._core import Redis, Script
from asgisec.stores.redis._records import changed, read, written

__all__ = ["APIKeyTable"]

_PUT, _CHANGE, _COUNT = Script("put"), Script("change"), Script("count")


class APIKeyTable(Redis):
    """An `APIKeyStore`."""

    async def add_api_key(self, key: StoredAPIKey) -> None:
        """Keep a new key; see `APIKeyStore`."""
        # The owner's list first: a key that is in no list could not be found to be revoked.
        await self.command("SADD", self._list(key.owner), key.id)
        await self.run(_PUT, [self._name(key.id)], [0, *written(key)])

    async def find_api_key(self, key_id: str) -> StoredAPIKey | None:
        """Return a key; see `APIKeyStore`."""
        return read(StoredAPIKey, await self.command("HGETALL", self._name(key_id)))

    async def api_keys_of(self, owner: str) -> Sequence[StoredAPIKey]:
        """Return the keys of an owner; see `APIKeyStore`."""
        ids = await self.command("SMEMBERS", self._list(owner))
        return sorted(await self.each(self.find_api_key, [*ids]), key=lambda key: (key.created_at, key.id))

    async def change_api_key(
        self, key_id: str, changes: Mapping[str, object], *, digest: str | None = None
    ) -> StoredAPIKey | None:
        """Set attributes of a key; see `APIKeyStore`."""
        words = changed(changes) if digest is None else changed(changes, ("digest", digest))
        return read(StoredAPIKey, await self.run(_CHANGE, [self._name(key_id)], words))

    async def delete_api_key(self, key_id: str) -> bool:
        """Delete a key; see `APIKeyStore`."""
        known = await self.find_api_key(key_id)
        if known is None:
            return False
        deleted = await self.command("DEL", self._name(key_id))
        await self.command("SREM", self._list(known.owner), key_id)
        return bool(deleted)

    async def count_api_keys(self, used: Mapping[str, tuple[int, float]]) -> Collection[str]:
        """Add to counts; see `APIKeyStore`."""
        # One server of a cluster may be away. Told that all failed, the caller would count twice what the others took.
        answers = await asyncio.gather(
            *(
                self.run(_COUNT, [self._name(key_id)], [times, repr(float(last))])
                for key_id, (times, last) in used.items()
            ),
            return_exceptions=True,
        )
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        for failure in failures:
            if len(failures) == len(answers) or not isinstance(failure, StoreUnavailable):
                raise failure
        return [key_id for key_id, answer in zip(used, answers, strict=True) if isinstance(answer, StoreUnavailable)]

    def _name(self, key_id: str) -> str:
        return self.key("api-key", key_id)

    def _list(self, owner: str) -> str:
        return self.key("api-keys", owner)
