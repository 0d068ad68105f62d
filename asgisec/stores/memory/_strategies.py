"""How each strategy counts. Of a count, the state is what is kept; `None` is one that nothing was spent of yet.

Each is two functions. `look(state, bucket, cost, now)` returns the state as it is now, and how the bucket stands if
nothing is spent: whether `cost` fits is its `retry_after`. `spend` spends it, and returns how the bucket stands then.

A cost above the amount never fits: it waits for a period, and waits again.

A clock that was set back must not close a bucket for the time that it went back: what lies in the future counts as now.
"""

from collections import deque
from collections.abc import Callable
from math import floor
from typing import Any, TypeAlias

from asgisec.stores.protocols import Bucket, Standing

__all__ = ["STRATEGIES"]

Looked: TypeAlias = tuple[Any, Standing]
Step: TypeAlias = Callable[[Any, Bucket, int, float], Looked]

# Sums of fractions of a second are a little off: this much of a request is no reason to refuse one.
_TOLERANCE = 1e-6


def _fixed_look(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    start, spent = (now, 0) if state is None else state
    if not start <= now:
        start = now
    elif now >= start + bucket.period:
        start, spent = now, 0
    left = bucket.amount - spent
    return (start, spent), Standing(
        left, start + bucket.period - now if spent else 0.0, _wait(bucket, cost, left, start + bucket.period - now)
    )


def _fixed_spend(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    start, spent = state
    spent += cost
    return (start, spent), Standing(bucket.amount - spent, start + bucket.period - now, 0.0)


def _sliding_look(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    window = floor(now / bucket.period)
    at, current, before = (window, 0, 0) if state is None else state
    if at == window - 1:
        current, before = 0, current
    elif at < window:
        current, before = 0, 0
    state = (window, current, before)
    left, reset_after = _sliding(state, bucket, now)
    if cost <= left:
        return state, Standing(left, reset_after, 0.0)
    return state, Standing(left, reset_after, _sliding_wait(state, bucket, cost, now))


def _sliding_spend(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    window, current, before = state
    state = (window, current + cost, before)
    return state, Standing(*_sliding(state, bucket, now), 0.0)


def _sliding(state: Any, bucket: Bucket, now: float) -> tuple[int, float]:
    window, current, before = state
    gone = now - window * bucket.period
    left = bucket.amount - current - before * (1 - gone / bucket.period)
    ends = 2 if current else 1 if before else 0
    return max(0, floor(left + _TOLERANCE)), (ends * bucket.period - gone if ends else 0.0)


def _sliding_wait(state: Any, bucket: Bucket, cost: int, now: float) -> float:
    """Return when what was spent before weighs little enough; in the next window, what is spent now is that."""
    window, current, before = state
    free = bucket.amount - cost
    if free < 0:
        return bucket.period
    gone = now - window * bucket.period
    if current <= free:
        waits = 1 - (free - current) / before
        return max(float(bucket.period * waits - gone), _TOLERANCE)
    return float(bucket.period * (2 - free / current) - gone)


class _Log:
    """What was spent when, the oldest first, and how much that is together."""

    __slots__ = ("entries", "total")

    def __init__(self) -> None:
        self.entries: deque[tuple[float, int]] = deque()
        self.total = 0


def _moving_look(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    log = _Log() if state is None else state
    entries, since = log.entries, now - bucket.period
    if entries and entries[-1][0] > now:
        log.entries = entries = deque((min(at, now), spent) for at, spent in entries)
    while entries and entries[0][0] <= since:
        log.total -= entries.popleft()[1]
    left = bucket.amount - log.total
    reset_after = entries[-1][0] - since if entries else 0.0
    return log, Standing(left, reset_after, 0.0 if cost <= left else _moving_wait(log, bucket, cost, since))


def _moving_wait(log: _Log, bucket: Bucket, cost: int, since: float) -> float:
    free = bucket.amount - log.total
    for at, spent in log.entries:
        free += spent
        if free >= cost:
            return max(at - since, _TOLERANCE)
    return bucket.period  # it never fits


def _moving_spend(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    state.entries.append((now, cost))
    state.total += cost
    return state, Standing(bucket.amount - state.total, bucket.period, 0.0)


def _gcra_look(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    # The theoretical arrival time: when all that was spent is free again.
    free_at = now if state is None else min(max(state, now), now + bucket.period)
    return free_at, _gcra(free_at, bucket, cost, now)


def _gcra_spend(state: Any, bucket: Bucket, cost: int, now: float) -> Looked:
    free_at = state + cost * bucket.period / bucket.amount
    return free_at, _gcra(free_at, bucket, 0, now)


def _gcra(free_at: float, bucket: Bucket, cost: int, now: float) -> Standing:
    each = bucket.period / bucket.amount
    left = floor((bucket.period - (free_at - now)) / each + _TOLERANCE)
    if cost <= left:
        return Standing(max(0, left), free_at - now, 0.0)
    wait = bucket.period if cost > bucket.amount else free_at + cost * each - bucket.period - now
    return Standing(max(0, left), free_at - now, max(wait, _TOLERANCE))


def _wait(bucket: Bucket, cost: int, left: int, until: float) -> float:
    if cost <= left:
        return 0.0
    return bucket.period if cost > bucket.amount else until


STRATEGIES: dict[str, tuple[Step, Step]] = {
    "fixed-window": (_fixed_look, _fixed_spend),
    "sliding-window-counter": (_sliding_look, _sliding_spend),
    "moving-window": (_moving_look, _moving_spend),
    "gcra": (_gcra_look, _gcra_spend),
}
