"""How durations are written, in every option: seconds, with fractions, or a `timedelta`."""

from datetime import timedelta
from math import isfinite

__all__ = ["in_seconds"]


def in_seconds(value: object) -> float | None:
    """Return a duration in seconds, as it was written; `None` where it is none."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return value if isfinite(value) else None
    except OverflowError:
        return None  # a whole number that no float holds
