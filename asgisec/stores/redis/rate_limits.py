"""Counts of rate limits on Redis: one script, on the server's clock, however many limits are decided together."""

from collections.abc import Sequence

from asgisec.stores.protocols import Bucket, Standing
from asgisec.stores.redis._core import Redis, Script, Word

__all__ = ["RateLimits"]

_SPEND = Script("spend")


class RateLimits(Redis):
    """A `RateLimitStore`. The keys of one identity share a slot; those of many spread over a cluster."""

    async def spend(self, identity: str, buckets: Sequence[Bucket], cost: int, strategy: str) -> Sequence[Standing]:
        """Spend of every bucket, or of none; see `RateLimitStore`."""
        keys = [self.key("rate", identity, bucket.name) for bucket in buckets]
        args: list[Word] = [strategy, cost]
        for bucket in buckets:
            args += [bucket.amount, bucket.period]
        reply = await self.run(_SPEND, identity, keys, args)
        return [Standing(int(reply[at]), float(reply[at + 1]), float(reply[at + 2])) for at in range(0, len(reply), 3)]
