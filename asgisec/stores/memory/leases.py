"""Places in memory: what is under way in this process. Nothing expires, since what holds a place ends with it."""

from functools import cached_property

from asgisec.stores.memory._core import Memory
from asgisec.stores.protocols import Lease

__all__ = ["Leases"]


class Leases(Memory):
    """A `LeaseStore`."""

    @cached_property
    def _held(self) -> dict[tuple[str, str], set[str]]:
        return {}

    def lease(self, identity: str, name: str, holder: str, places: int, seconds: float) -> Lease:
        """Take a place, or keep it; see `LeaseStore`."""
        key = (identity, name)
        holders = self._held.get(key)
        if holders is None:
            self._held[key] = {holder}
            return Lease(True, places - 1)
        if holder not in holders:
            if len(holders) >= places:
                return Lease(False, 0)
            holders.add(holder)
        return Lease(True, max(0, places - len(holders)))

    def release(self, identity: str, name: str, holder: str) -> None:
        """Give a place back; see `LeaseStore`."""
        key = (identity, name)
        holders = self._held.get(key)
        if holders is not None:
            holders.discard(holder)
            if not holders:
                del self._held[key]
