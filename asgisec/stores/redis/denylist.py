"""Revocations on Redis: one key each, which expires by itself; all keys of an owner share a slot."""

import math
import time
from collections.abc import Sequence

from asgisec.stores._names import safe
from asgisec.stores.redis._core import Redis, Script
from asgisec.stores.redis._records import understood

__all__ = ["Denylist"]

_DENY = Script("deny")


class Denylist(Redis):
    """A `DenylistStore`.

    A server that is full and may evict keys (`maxmemory-policy` other than `noeviction`) may drop a revocation.
    """

    async def deny(self, owner: str, key: str, not_before: float, expires_at: float) -> None:
        """Refuse what was issued for `key` before `not_before`; see `DenylistStore`."""
        # As a length of time: where the server's clock is ahead, a moment of ours may be over there already.
        left = math.ceil((expires_at - time.time()) * 1000)
        if left > 0:
            await self.run(_DENY, [self.key("deny", owner, key)], [repr(float(not_before)), left])

    async def denied(self, owner: str, keys: Sequence[str]) -> Sequence[float | None]:
        """Return for each key of an owner its `not_before`; see `DenylistStore`."""
        if not keys:
            return []
        before = self.key("deny", owner)
        found = await self.command("MGET", *[f"{before}:{safe(key)}" for key in keys])
        return [None if value is None else understood(_moment, value) for value in found]


def _moment(value: bytes) -> float:
    moment = float(value)
    # Nothing is before NaN: all that it is about would be good.
    if math.isnan(moment):
        raise ValueError("no moment")
    return moment
