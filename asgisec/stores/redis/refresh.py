"""Families of refresh tokens on Redis: one hash each, and for each owner a list of ids by the time that they end.

A family and its owner's list are in different slots of a cluster. The list is written first: a family that is in no
list could not be revoked by its owner; an id in a list that has no family is passed over.
"""

import math
import time
from collections.abc import Sequence

from asgisec.stores.protocols import RefreshFamily, Rotation
from asgisec.stores.redis._core import Redis, Script, Word
from asgisec.stores.redis._records import changed, read, written

__all__ = ["RefreshFamilies"]

_PUT, _ROTATE, _CHANGE, _ENLIST = Script("put"), Script("rotate"), Script("change"), Script("enlist")


class RefreshFamilies(Redis):
    """A `RefreshStore`."""

    async def add_family(self, family: RefreshFamily) -> None:
        """Keep a new family; see `RefreshStore`."""
        end = math.ceil(family.expires_at * 1000)
        await self.run(_ENLIST, [self._list_of(family.owner)], [family.id, end])
        await self.run(_PUT, [self._family(family.id)], [end, *written(family)])

    async def find_family(self, family_id: str) -> RefreshFamily | None:
        """Return a family; see `RefreshStore`."""
        return read(RefreshFamily, await self.command("HGETALL", self._family(family_id)))

    async def rotate(self, family_id: str, presented: str, successor: str, sealed: str, grace: float) -> Rotation:
        """Make a successor the current token; see `RefreshStore`."""
        args: list[Word] = [presented, successor, sealed, grace]
        outcome, *more = await self.run(_ROTATE, [self._family(family_id)], args)
        return Rotation(outcome.decode(), more[0].decode() if more else None)

    async def end_family(self, family_id: str) -> None:
        """End a family; see `RefreshStore`."""
        await self.run(_CHANGE, [self._family(family_id)], changed({"ended": True}))

    async def families_of(self, owner: str) -> Sequence[RefreshFamily]:
        """Return the families of an owner; see `RefreshStore`."""
        now = math.floor(time.time() * 1000)
        ids = await self.command("ZRANGE", self._list_of(owner), f"({now}", "+inf", "BYSCORE")
        families = [family for family in await self.each(self.find_family, ids) if not family.ended]
        return sorted(families, key=lambda family: (family.created_at, family.id))

    def _family(self, family_id: str) -> str:
        return self.key("refresh", family_id)

    def _list_of(self, owner: str) -> str:
        return self.key("sessions", owner)
