"""Does memory grow? Samples over time, and a verdict that neither a late garbage collection nor a burst decides.

The slope is Theil's and Sen's: the median of the slopes between all pairs of samples, which a quarter of them may spoil
without moving it. It is taken after the warm-up, while caches fill and the allocator finds its size, and is judged by
what it adds up to over the time that was measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import Any

__all__ = ["SHORTEST", "Sample", "Trend", "slope", "trend"]

SHORTEST = 60.0
"""Seconds after the warm-up, below which nothing is said of memory."""

_LEAST = 2 * 2**20  # bytes that count as nothing: an arena of the allocator is 1 MiB
_PART = 0.03  # of what is held, likewise


@dataclass(frozen=True)
class Sample:
    """What was held at one time: bytes of the server's process, bytes of Valkey's data, and its keys."""

    at: float
    server: int
    valkey: int
    keys: int


@dataclass(frozen=True)
class Trend:
    """How much was held after the warm-up, and how it went on.

    Attributes:
        held: The median, in bytes.
        per_minute: The slope, in bytes.
        grown: What the slope comes to over the time that was measured.
        allowed: How much of that counts as flat.
        judged: Whether it was measured for long enough to tell.
    """

    held: float
    per_minute: float
    grown: float
    allowed: float
    judged: bool

    @property
    def flat(self) -> bool:
        """Whether it did not grow, as far as that can be told."""
        return not self.judged or self.grown <= self.allowed

    def document(self) -> dict[str, Any]:
        """Return the figures, to be kept."""
        return {
            "held_bytes": round(self.held),
            "bytes_per_minute": round(self.per_minute),
            "grown_bytes": round(self.grown),
            "allowed_bytes": round(self.allowed),
            "judged": self.judged,
            "flat": self.flat,
        }


def trend(points: Sequence[tuple[float, float]], warm_up: float, part: float = _PART) -> Trend:
    """Tell how bytes went on over seconds, from when the warm-up was over.

    Args:
        points: Seconds, rising, and bytes.
        warm_up: Until when nothing counts.
        part: Which part of what is held counts as nothing.
    """
    counted = [point for point in points if point[0] >= warm_up]
    if len(counted) < 2:
        held = points[-1][1] if points else 0.0
        return Trend(held, 0.0, 0.0, float(_LEAST), judged=False)
    held = median(value for _, value in counted)
    rise, span = slope(counted), counted[-1][0] - counted[0][0]
    return Trend(held, rise * 60, rise * span, max(_LEAST, part * held), judged=span >= SHORTEST)


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the median of the slopes between all pairs of points."""
    return median((after[1] - before[1]) / (after[0] - before[0]) for before, after in combinations(points, 2))
