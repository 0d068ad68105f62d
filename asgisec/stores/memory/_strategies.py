"""How each strategy counts. Of a count, the state is what is kept; `None` is one that nothing was spent of yet.

Each makes of a bucket a function `take(state, cost, now, status)`, which returns the state as it is then, and writes
into `status` how the bucket stands. Where the cost fits it is spent, and `retry_after` is 0. Where it fits and must
not be spent all the same, since another limit of the decision refuses it, the new state is not kept; the log of
`moving-window`, which is changed in place, has a function that takes the cost back.

A cost above the amount never fits: it waits for a period, and waits again.

A clock that was set back must not close a bucket for the time that it went back: what lies in the future counts as now.
"""

from collections import deque
from collections.abc import Callable
from math import ceil, floor
from typing import Any, TypeAlias

from asgisec.stores.protocols import Bucket, LimitStatus

__all__ = ["LOG_LENGTH", "STRATEGIES", "Take"]

Take: TypeAlias = Callable[[Any, int, float, LimitStatus], Any]

# Sums of fractions of a second are a little off: this much of a request is no reason to refuse one.
_TOLERANCE = 1e-6

# Entries of a log: up to this many the times are exact; of larger limits they are kept in so many parts of the period,
# rounded up, so that what was spent is free at most a thousandth of the period late, and never early.
LOG_LENGTH = 1000


def _fixed(bucket: Bucket) -> Take:
    _, amount, period, limit = bucket

    def take(state: Any, cost: int, now: float, status: LimitStatus) -> Any:
        status.limit = limit
        if state is None:
            start, spent, ends = now, 0, period
        else:
            start, spent = state
            ends = start + period - now
            if ends > period:
                start, ends = now, period
            elif ends <= 0:
                start, spent, ends = now, 0, period
        left = amount - spent
        if cost <= left:
            spent += cost
            status.remaining = left - cost
            status.retry_after = 0.0
        else:
            status.remaining = left
            status.retry_after = period if cost > amount else ends
        status.reset_after = ends if spent else 0.0
        return start, spent

    return take


def _sliding(bucket: Bucket) -> Take:
    _, amount, period, limit = bucket
    both = 2 * period

    def take(state: Any, cost: int, now: float, status: LimitStatus) -> Any:
        status.limit = limit
        if state is None:
            start, current, before, gone = now, 0, 0, 0.0
        else:
            start, current, before = state
            gone = now - start
            if gone >= period:
                # What two windows are over has expired.
                start, current, before, gone = start + period, 0, current, gone - period
            elif gone < 0:
                start, gone = now, 0.0
        left = amount - current
        if before:
            # Of the window before a fraction counts, less than one request of it nothing, as in the limits package:
            # else who may come once a minute would have to wait for two.
            left = max(0, left - int(before * (1 - gone / period) - _TOLERANCE))
        if cost <= left:
            current += cost
            left -= cost
            status.retry_after = 0.0
        else:
            status.retry_after = _sliding_wait(current, before, gone, bucket, cost)
        status.remaining = left
        if current:
            status.reset_after = both - period / current - gone
        elif before:
            status.reset_after = max(period - period / before - gone, 0.0)
        else:
            status.reset_after = 0.0
        return start, current, before

    return take


def _sliding_wait(current: int, before: int, gone: float, bucket: Bucket, cost: int) -> float:
    """Return when what was spent before weighs little enough; in the next window, what is spent now is that."""
    _, amount, period, _ = bucket
    free = amount - cost
    if free < 0:
        return period
    if current <= free:
        return max(period * (1 - (free - current + 1) / before) - gone, _TOLERANCE)
    return period * (2 - (free + 1) / current) - gone


class _Log:
    """What was spent when, the oldest first, and how much that is together."""

    __slots__ = ("entries", "total")

    def __init__(self) -> None:
        self.entries: deque[list[Any]] = deque()
        self.total = 0


def _moving(bucket: Bucket) -> Take:
    _, amount, period, limit = bucket
    part = period / LOG_LENGTH if amount > LOG_LENGTH else 0.0

    def take(state: Any, cost: int, now: float, status: LimitStatus) -> Any:
        log = _Log() if state is None else state
        entries, since = log.entries, now - period
        at = last = now
        if entries:
            last = entries[-1][0]
        if part:
            # Most come within the same part as the one before.
            at = last if last - part < now < last else ceil(now / part) * part
        if last > at:
            last = _set_back(entries, at)
        while entries and entries[0][0] <= since:
            log.total -= entries.popleft()[1]
        left: int = amount - log.total
        status.limit = limit
        if cost > left:
            status.remaining = left
            status.reset_after = last - since if entries else 0.0
            status.retry_after = _moving_wait(log, bucket, cost, since)
            return log
        if cost:
            log.total += cost
            if last == at and entries:
                entries[-1][1] += cost
            else:
                entries.append([at, cost])
                last = at
        status.remaining = left - cost
        status.reset_after = last - since if entries else 0.0
        status.retry_after = 0.0
        return log

    return take


def _set_back(entries: deque[list[Any]], at: float) -> float:
    for entry in entries:
        entry[0] = min(entry[0], at)
    return at


def _moving_wait(log: _Log, bucket: Bucket, cost: int, since: float) -> float:
    free = bucket.amount - log.total
    at: float
    for at, spent in log.entries:
        free += spent
        if free >= cost:
            return at - since
    return bucket.period  # it never fits


def _moving_back(log: _Log, cost: int) -> None:
    log.total -= cost
    last = log.entries[-1]
    last[1] -= cost
    if not last[1]:
        log.entries.pop()


def _gcra(bucket: Bucket) -> Take:
    # As a leaky bucket: how much it has room for, and when that was so. The theoretical arrival time of the algorithm
    # says the same in one number, in which the fractions of a second of large limits are lost.
    _, amount, period, limit = bucket
    rate = amount / period
    each = period / amount
    room = amount + _TOLERANCE

    def take(state: Any, cost: int, now: float, status: LimitStatus) -> Any:
        level = 0.0
        if state is not None:
            at, level = state
            if at < now:
                level -= (now - at) * rate
                level = max(level, 0.0)
        full = level + cost
        status.limit = limit
        if full <= room:
            status.remaining = floor(room - full)
            status.reset_after = full * each
            status.retry_after = 0.0
            return now, full
        status.remaining = floor(room - level)
        status.reset_after = level * each
        status.retry_after = period if cost > amount else max((full - amount) * each, _TOLERANCE)
        return now, level

    return take


STRATEGIES: dict[str, tuple[Callable[[Bucket], Take], Callable[[Any, int], None] | None]] = {
    "fixed-window": (_fixed, None),
    "sliding-window-counter": (_sliding, None),
    "moving-window": (_moving, _moving_back),
    "gcra": (_gcra, None),
}
