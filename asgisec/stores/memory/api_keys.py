"""API keys in memory: for tests, and for keys that are made when the process starts. A full store refuses new ones."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from asgisec.errors import StoreUnavailable
from asgisec.stores.memory._core import Memory
from asgisec.stores.protocols import StoredAPIKey

__all__ = ["APIKeyTable"]


class APIKeyTable(Memory):
    """An `APIKeyStore`."""

    @cached_property
    def _api_keys(self) -> dict[str, StoredAPIKey]:
        return {}

    async def add_api_key(self, key: StoredAPIKey) -> None:
        """Keep a new key; see `APIKeyStore`."""
        if len(self._api_keys) >= self.max_entries:
            raise StoreUnavailable
        self._api_keys[key.id] = key

    async def find_api_key(self, key_id: str) -> StoredAPIKey | None:
        """Return a key; see `APIKeyStore`."""
        return self._api_keys.get(key_id)

    async def api_keys_of(self, owner: str) -> Sequence[StoredAPIKey]:
        """Return the keys of an owner; see `APIKeyStore`."""
        found = [key for key in self._api_keys.values() if key.owner == owner]
        return sorted(found, key=lambda key: (key.created_at, key.id))

    async def change_api_key(
        self, key_id: str, changes: Mapping[str, object], *, digest: str | None = None
    ) -> StoredAPIKey | None:
        """Set attributes of a key; see `APIKeyStore`."""
        known = self._api_keys.get(key_id)
        if known is None or digest not in {None, known.digest}:
            return None
        given: dict[str, Any] = dict(changes)
        changed = self._api_keys[key_id] = replace(known, **given)
        return changed

    async def delete_api_key(self, key_id: str) -> bool:
        """Delete a key; see `APIKeyStore`."""
        return self._api_keys.pop(key_id, None) is not None

    async def count_api_keys(self, used: Mapping[str, tuple[int, float]]) -> Collection[str]:
        """Add to counts; see `APIKeyStore`."""
        for key_id, (times, last) in used.items():
            known = self._api_keys.get(key_id)
            if known is not None:
                self._api_keys[key_id] = replace(
                    known,
                    request_count=known.request_count + times,
                    last_used_at=last if known.last_used_at is None else max(last, known.last_used_at),
                )
        return ()
