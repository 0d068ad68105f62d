"""Places on Redis: a sorted set per identity, whose scores say until when each holder has its place."""

import math

from asgisec.stores.protocols import Lease
from asgisec.stores.redis._core import Redis, Script

__all__ = ["Leases"]

_LEASE = Script("lease")


class Leases(Redis):
    """A `LeaseStore`, on the server's clock."""

    async def lease(self, identity: str, name: str, holder: str, places: int, seconds: float) -> Lease:
        """Take a place, or keep it; see `LeaseStore`."""
        key = self.key("lease", identity, name)
        taken, free = await self.run(_LEASE, [key], [holder, places, math.ceil(seconds * 1000)])
        return Lease(bool(taken), int(free))

    async def release(self, identity: str, name: str, holder: str) -> None:
        """Give a place back; see `LeaseStore`."""
        await self.command("ZREM", self.key("lease", identity, name), holder)
