"""Families of refresh tokens in memory. None is dropped before it expires: a full store refuses new ones."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from asgisec.stores.memory._core import Expiring, Memory
from asgisec.stores.protocols import RefreshFamily, Rotation

__all__ = ["RefreshFamilies"]

_FEW = 16  # ids that are looked at anew for nothing


class _Owned:
    """The families of one owner: their ids, and with how many of them it is worth looking for those that are over."""

    __slots__ = ("ids", "looked_at")

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.looked_at = _FEW


class RefreshFamilies(Memory):
    """A `RefreshStore`. No method waits, so each is one step to all others of its event loop."""

    @cached_property
    def _families(self) -> Expiring[str, RefreshFamily]:
        return Expiring(self.max_entries, evicts=False)

    @cached_property
    def _owned(self) -> Expiring[str, _Owned]:
        return Expiring(self.max_entries, evicts=False)

    async def add_family(self, family: RefreshFamily) -> None:
        """Keep a new family; see `RefreshStore`."""
        now = self.clock()
        entry = self._owned.find(family.owner, now)
        owned = _Owned() if entry is None else entry.value
        until = family.expires_at if entry is None else max(entry.expires_at, family.expires_at)
        self._families.put(family.id, family, family.expires_at, now)
        if len(owned.ids) >= owned.looked_at:
            # Once for as many new ones as there were: a login costs the same however many the owner has.
            owned.ids = self._live(owned.ids, now)
            owned.looked_at = max(_FEW, 2 * len(owned.ids))
        owned.ids.add(family.id)
        self._owned.put(family.owner, owned, until, now)

    async def find_family(self, family_id: str) -> RefreshFamily | None:
        """Return a family; see `RefreshStore`."""
        entry = self._families.find(family_id, self.clock())
        return None if entry is None else entry.value

    async def rotate(self, family_id: str, presented: str, successor: str, sealed: str, grace: float) -> Rotation:
        """Make a successor the current token; see `RefreshStore`."""
        now = self.clock()
        entry = self._families.find(family_id, now)
        if entry is None or entry.value.ended:
            return Rotation("gone")
        family = entry.value
        if presented == family.current:
            entry.value = replace(family, current=successor, previous=presented, sealed=sealed, refreshed_at=now)
            return Rotation("rotated")
        since = family.refreshed_at
        if presented == family.previous and since is not None and now < since + grace:
            return Rotation("repeated", family.sealed)
        entry.value = replace(family, ended=True)
        return Rotation("reused")

    async def end_family(self, family_id: str) -> None:
        """End a family; see `RefreshStore`."""
        entry = self._families.find(family_id, self.clock())
        if entry is not None:
            entry.value = replace(entry.value, ended=True)

    async def families_of(self, owner: str) -> Sequence[RefreshFamily]:
        """Return the families of an owner; see `RefreshStore`."""
        now = self.clock()
        owned = self._owned.find(owner, now)
        found = [] if owned is None else [self._families.find(family_id, now) for family_id in owned.value.ids]
        families = [entry.value for entry in found if entry is not None and not entry.value.ended]
        return sorted(families, key=lambda family: (family.created_at, family.id))

    def _live(self, ids: set[str], now: float) -> set[str]:
        """Return those of some families that are worth listing, so that the list of a busy owner stays short."""
        found = ((family_id, self._families.find(family_id, now)) for family_id in ids)
        return {family_id for family_id, entry in found if entry is not None and not entry.value.ended}
