"""Request ids: UUIDv7 (RFC 9562 section 5.7) in 32 lower-case hexadecimal digits, rising within a process.

They sort by time, which keeps log searches and database indexes local, and are a valid W3C trace id as they are.

An id is the milliseconds since the epoch, then a tail: version, a counter of 8 bits, 66 random bits, variant. Tails are
made in blocks, one turn of the counter each. A new block begins in a millisecond of its own, and a clock that was set
back is not followed, so ids rise (section 6.2, method 1). Ids that threads make at the same time are in no order.
"""

import os
import time
from collections.abc import Callable
from threading import RLock

__all__ = ["UUID7"]

# One call to the system per block. No process makes this many ids in a millisecond, so the time stays the clock's.
_BLOCK = 256
_TAIL = 10  # bytes: 4 bits of version, the counter, 4 random bits, 2 of variant, 62 random bits
_SIZE = _TAIL * _BLOCK
# The last of a block stands first in it: tails are taken from the end.
_FIXED = int.from_bytes(b"".join((0x700080 | count << 12).to_bytes(3) + bytes(7) for count in reversed(range(_BLOCK))))
_RANDOM = int.from_bytes((b"\x00\x0f\x3f" + b"\xff" * 7) * _BLOCK)

_MS = 1_000_000  # nanoseconds


class UUID7:
    """Make ids. One instance may serve several threads.

    Args:
        clock: Returns nanoseconds since the epoch.
        entropy: Returns that many random bytes.
    """

    __slots__ = ("_clock", "_entropy", "_now", "_refilling", "_tails")

    def __init__(self, clock: Callable[[], int] = time.time_ns, entropy: Callable[[int], bytes] = os.urandom) -> None:
        self._clock = clock
        self._entropy = entropy
        self._now = (0, f"{0:012x}")  # until which nanosecond which digits stand
        self._start_anew()
        # A forked worker must not hand out what its parent holds in store, nor wait for a thread that it lacks.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._start_anew)

    def __call__(self) -> str:
        """Make an id, greater than all before."""
        try:
            tail = self._tails.pop()  # atomic: no two threads get the same
        except IndexError:
            tail = self._refill()
        until, digits = self._now
        if (now := self._clock()) >= until:
            digits = self._advance(now // _MS)
        return digits + tail

    def _advance(self, now: int) -> str:
        digits = f"{now:012x}"
        self._now = (now + 1) * _MS, digits  # in one step: no thread sees one without the other
        return digits

    def _start_anew(self) -> None:
        self._tails: list[str] = []
        self._refilling = RLock()

    def _refill(self) -> str:
        with self._refilling:
            # Two blocks at a time would take turns, and ids would fall.
            return self._tails.pop() if self._tails else self._next_block()

    def _next_block(self) -> str:
        bits = int.from_bytes(self._entropy(_SIZE)) & _RANDOM | _FIXED
        tails = bits.to_bytes(_SIZE).hex(" ", _TAIL).split()
        first = tails.pop()
        self._advance(self._now[0] // _MS)
        self._tails.extend(tails)
        return first
