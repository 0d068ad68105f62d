"""Counts of rate limits in memory. A decision waits for nothing, so it is one step to all others in this process."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from asgisec.stores.memory._core import Expiring, Memory
from asgisec.stores.memory._strategies import STRATEGIES
from asgisec.stores.protocols import Bucket, Standing

__all__ = ["RateLimits"]


class RateLimits(Memory):
    """A `RateLimitStore`. Where it is full, the count that would end first makes room."""

    @cached_property
    def _counts(self) -> Expiring[tuple[str, str], Any]:
        return Expiring(self.max_entries, evicts=True)

    def spend(self, identity: str, buckets: Sequence[Bucket], cost: int, strategy: str) -> Sequence[Standing]:
        """Spend of every bucket, or of none; see `RateLimitStore`."""
        look, spend = STRATEGIES[strategy]
        now = self.clock()
        counts = self._counts
        found = []
        late = False
        for bucket in buckets:
            key = (identity, bucket.name)
            entry = counts.find(key, now)
            state, standing = look(None if entry is None else entry.value, bucket, cost, now)
            late = late or standing.retry_after > 0
            found.append((key, entry, bucket, state, standing))
        if late or not cost:
            return [standing for _, _, _, _, standing in found]
        standings = []
        for key, entry, bucket, looked, _ in found:
            state, standing = spend(looked, bucket, cost, now)
            if entry is None:
                counts.put(key, state, now + standing.reset_after, now)
            else:
                entry.value = state
                entry.expires_at = now + standing.reset_after
            standings.append(standing)
        return standings
