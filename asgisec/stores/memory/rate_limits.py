"""Counts of rate limits in memory. A decision waits for nothing, so it is one step to all others in this process."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from asgisec.stores.memory._core import Expiring, Memory
from asgisec.stores.memory._strategies import STRATEGIES, Take
from asgisec.stores.protocols import Bucket, Decision, LimitStatus

__all__ = ["RateLimits"]


class RateLimits(Memory):
    """A `RateLimitStore`. Where it is full, the count that would end first makes room."""

    @cached_property
    def _counts(self) -> Expiring[tuple[str, str], Any]:
        return Expiring(self.max_entries, evicts=True)

    def spending(self, buckets: Sequence[Bucket], strategy: str) -> Callable[[str, int], Decision]:
        """Return what spends of every bucket, or of none; see `RateLimitStore`."""
        if len(buckets) == 1:
            return _one(self._counts, self.clock, buckets[0].name, STRATEGIES[strategy][0](buckets[0]))
        return _Several(self._counts, self.clock, strategy, buckets).spend

    def forget(self, identity: str, buckets: Sequence[Bucket], strategy: str) -> None:
        """Make buckets as if nothing had been spent of them; see `RateLimitStore`."""
        for bucket in buckets:
            self._counts.discard((identity, bucket.name))


def _one(
    counts: Expiring[tuple[str, str], Any], clock: Callable[[], float], name: str, take: Take
) -> Callable[[str, int], Decision]:
    """Decide on one limit, as most decisions do."""
    find = counts.get

    def spend(identity: str, cost: int) -> Decision:
        now = clock()
        status = LimitStatus()
        entry = find((identity, name))
        if entry is not None and entry.expires_at > now:
            entry.value = take(entry.value, cost, now, status)
            entry.expires_at = now + status.reset_after
        else:
            state = take(None, cost, now, status)
            if cost and not status.retry_after:
                counts.put((identity, name), state, now + status.reset_after, now)
        decision = Decision()
        decision.retry_after = status.retry_after
        decision.allowed = not status.retry_after
        decision.limits = [status]
        return decision

    return spend


class _Several:
    """Decide on several limits: all are looked at before anything is kept."""

    def __init__(
        self,
        counts: Expiring[tuple[str, str], Any],
        clock: Callable[[], float],
        strategy: str,
        buckets: Sequence[Bucket],
    ) -> None:
        make, self._take_back = STRATEGIES[strategy]
        self._takes = [(bucket.name, make(bucket)) for bucket in buckets]
        self._counts = counts
        self._clock = clock

    def spend(self, identity: str, cost: int) -> Decision:
        find = self._counts.get
        now = self._clock()
        found = []
        statuses = []
        refused = False
        for name, take in self._takes:
            key = (identity, name)
            entry = find(key)
            if entry is not None and entry.expires_at <= now:
                entry = None
            status = LimitStatus()
            statuses.append(status)
            state = take(None if entry is None else entry.value, cost, now, status)
            if status.retry_after:
                refused = True
            found.append((key, entry, state))
        if refused:
            self._keep_all(found, statuses, cost, now)
            return Decision.of(statuses)
        for (key, entry, state), status in zip(found, statuses):  # noqa: B905 - made side by side
            if entry is not None:
                entry.value = state
                entry.expires_at = now + status.reset_after
            elif cost:
                self._counts.put(key, state, now + status.reset_after, now)
        decision = Decision()
        decision.allowed = True
        decision.retry_after = 0.0
        decision.limits = statuses
        return decision

    def _keep_all(self, found: Sequence[Any], statuses: Sequence[LimitStatus], cost: int, now: float) -> None:
        """Spend nothing, where a limit refused, and say how those stand that would have let it pass."""
        for (_, entry, state), status, (_, take) in zip(found, statuses, self._takes, strict=True):
            if not status.retry_after:
                if self._take_back is not None and cost:
                    self._take_back(state, cost)
                state = take(None if entry is None else entry.value, 0, now, status)  # noqa: PLW2901 - not the spent one
            if entry is not None:
                entry.value = state
                entry.expires_at = now + status.reset_after
