"""What each strategy of rate limits promises, in the plainest words there are: every hit is kept, and looked at again.

Times are fractions: nothing is rounded, and nothing is forgotten.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor


@dataclass
class Oracle:
    """One limit of one key.

    Attributes:
        amount: How much may be spent.
        period: Within how many seconds.
        hits: What was spent, and when.
    """

    amount: int
    period: int
    hits: list[tuple[Fraction, int]] = field(default_factory=list)

    def left(self, now: Fraction) -> int:
        """Return how much may be spent at once."""
        raise NotImplementedError

    def spend(self, now: Fraction, cost: int) -> None:
        """Spend."""
        self.hits.append((now, cost))


class FixedWindow(Oracle):
    """A window begins with what is spent first after the one before has ended."""

    def left(self, now: Fraction) -> int:
        start = None
        for at, _ in self.hits:
            if start is None or at >= start + self.period:
                start = at
        if start is None or now >= start + self.period:
            return self.amount
        return self.amount - sum(cost for at, cost in self.hits if at >= start)


class SlidingWindowCounter(Oracle):
    """Windows follow on one another; of the one before counts as much as of it is in the last period.

    That is taken to be spent evenly, and rounded down. When nothing counts any more, they begin anew.
    """

    def left(self, now: Fraction) -> int:
        start = None
        for n, (at, _) in enumerate(self.hits):
            if start is None or self._counted(self.hits[:n], start, at) == 0:
                start = at
        return self.amount - (0 if start is None else self._counted(self.hits, start, now))

    def _counted(self, hits: list[tuple[Fraction, int]], start: Fraction, now: Fraction) -> int:
        begins = start + (now - start) // self.period * self.period
        current = sum(cost for at, cost in hits if at >= begins)
        before = sum(cost for at, cost in hits if max(start, begins - self.period) <= at < begins)
        weight = before * (1 - (now - begins) / self.period)
        return current + max(0, ceil(weight) - 1)


class MovingWindow(Oracle):
    """What was spent within the last period counts."""

    def left(self, now: Fraction) -> int:
        return self.amount - sum(cost for at, cost in self.hits if at > now - self.period)


class GCRA(Oracle):
    """What is spent moves the theoretical arrival time on; it may be a period ahead at most (ITU-T I.371)."""

    def left(self, now: Fraction) -> int:
        each = Fraction(self.period, self.amount)
        arrival = Fraction(0)
        for at, cost in self.hits:
            arrival = max(arrival, at) + cost * each
        return floor((self.period - max(arrival - now, Fraction(0))) / each)


ORACLES: dict[str, Callable[[int, int], Oracle]] = {
    "fixed-window": FixedWindow,
    "gcra": GCRA,
    "moving-window": MovingWindow,
    "sliding-window-counter": SlidingWindowCounter,
}
