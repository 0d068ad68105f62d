"""Revocations in memory. None is ever dropped before it expires: a full store refuses to revoke, and says so."""

from collections.abc import Sequence
from functools import cached_property

from asgisec.stores.memory._core import Expiring, Memory

__all__ = ["Denylist"]


class Denylist(Memory):
    """A `DenylistStore`."""

    @cached_property
    def _denied(self) -> Expiring[tuple[str, str], float]:
        return Expiring(self.max_entries, evicts=False)

    async def deny(self, owner: str, key: str, not_before: float, expires_at: float) -> None:
        """Refuse what was issued for `key` before `not_before`; see `DenylistStore`."""
        now = self.clock()
        if expires_at <= now:
            return
        known = self._denied.find((owner, key), now)
        if known is not None:
            not_before, expires_at = max(not_before, known.value), max(expires_at, known.expires_at)
        self._denied.put((owner, key), not_before, expires_at, now)

    async def denied(self, owner: str, keys: Sequence[str]) -> Sequence[float | None]:
        """Return for each key of an owner its `not_before`; see `DenylistStore`."""
        now = self.clock()
        found = (self._denied.find((owner, key), now) for key in keys)
        return [None if entry is None else entry.value for entry in found]
