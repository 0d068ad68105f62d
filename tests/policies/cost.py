"""Measure work without a clock: calls, and how often a value is hashed and compared.

A search through a list is one call, or none; what gives it away is how often the value it looks for is compared.
"""

import sys
from collections.abc import Callable

from asgisec import Exchange


class Looks:
    """How often counted values were hashed or compared."""

    count = 0


class CountedBytes(bytes):
    """Bytes that count when they are hashed or compared."""

    __slots__ = ()

    def __hash__(self) -> int:
        Looks.count += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        Looks.count += 1
        return super().__eq__(other)


class CountedText(str):
    """Text that counts when it, or a part of it, is hashed or compared."""

    __slots__ = ()

    def __hash__(self) -> int:
        Looks.count += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        Looks.count += 1
        return super().__eq__(other)

    def partition(self, separator: str) -> tuple[str, str, str]:
        before, found, after = super().partition(separator)
        return CountedText(before), found, CountedText(after)


async def _nothing_to_read() -> None: ...


def exchange_of(headers: dict[bytes, bytes]) -> Exchange:
    """Make an exchange whose headers are these very objects."""
    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    return Exchange(scope, headers, _nothing_to_read)


def cost_of(work: Callable[[], object]) -> int:
    """Count the calls that `work` makes, into Python and into C, and its looks at counted values."""
    calls = 0

    def profile(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before, Looks.count = Looks.count, 0
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    cost, Looks.count = calls + Looks.count, before
    return cost
