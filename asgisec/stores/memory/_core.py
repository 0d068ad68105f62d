"""What all needs of the memory store share: a bounded mapping whose entries expire, and the clock.

No task runs in the background. Every entry that is put pays for the removal of a few that have expired, so the cost of
one stays the same however many there are, and no request pays for the expiry of all.
"""

import time
from collections.abc import Callable, Hashable, Iterator
from heapq import heappop, heappush
from math import nextafter
from typing import Generic, Self, TypeVar

from asgisec.errors import ConfigError, StoreUnavailable

__all__ = ["Entry", "Expiring", "Memory"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# How many entries that are due each new one removes. One would keep pace; two catch up with a pause.
_REMOVED_AT_ONCE = 2
# How many entries that were moved to a later time one request notes anew, in a full store; of these the first goes.
_MOVED_AT_ONCE = 16


class Entry(Generic[V]):
    """What is kept for a key.

    Attributes:
        value: Whatever the need keeps; it may be changed in place.
        expires_at: When the entry is as if it had never been there; it may be moved, later or earlier.
    """

    __slots__ = ("_due", "expires_at", "value")

    def __init__(self, value: V, expires_at: float, due: int) -> None:
        self.value = value
        self.expires_at = expires_at
        self._due = due


class Expiring(Generic[K, V]):
    """A mapping whose entries expire.

    Entries that expire within one second stand in one list, and a heap names these seconds: to note an entry takes the
    same time however many there are. What has expired is not found, and makes room when its second is over. An entry
    that was moved to a later time is noted again when its second comes.

    Args:
        capacity: The number of entries at most.
        evicts: What happens to one more: the entry that expires first goes, or, where an entry must never be lost,
            the new one is refused.

    Attributes:
        get: Returns the entry of a key, `None` where there is none; whether it has expired is the caller's to see.
    """

    __slots__ = ("_capacity", "_due", "_entries", "_evicts", "_second", "_seconds", "_waiting", "get")

    def __init__(self, capacity: int, *, evicts: bool) -> None:
        self._capacity = capacity
        self._evicts = evicts
        self._entries: dict[K, Entry[V]] = {}
        self.get: Callable[[K], Entry[V] | None] = self._entries.get
        self._due: dict[int, list[K]] = {}
        self._seconds: list[int] = []
        self._waiting: list[K] = []  # keys whose second has come, to be looked at
        self._second = 0

    def __len__(self) -> int:
        """Return the number of entries, those that have expired and were not removed yet included."""
        return len(self._entries)

    def find(self, key: K, now: float) -> Entry[V] | None:
        """Return the entry of a key; `None` where there is none, or it has expired."""
        entry = self._entries.get(key)
        return None if entry is None or entry.expires_at <= now else entry

    def put(self, key: K, value: V, expires_at: float, now: float) -> Entry[V]:
        """Keep a value for a key, in place of what was there, and remove some of what has expired.

        Raises:
            StoreUnavailable: The store is full, and may not drop anything.
        """
        self._remove(now, _REMOVED_AT_ONCE)
        known = self._entries.get(key)
        if known is not None:
            known.value = value
            if int(expires_at) + 1 < known._due:  # noqa: SLF001 - our own
                self._note(key, known, expires_at)
            known.expires_at = expires_at
            return known
        if len(self._entries) >= self._capacity:
            self._make_room(now)
        entry = self._entries[key] = Entry(value, expires_at, 0)
        self._note(key, entry, expires_at)
        return entry

    def discard(self, key: K) -> None:
        """Forget a key."""
        self._entries.pop(key, None)  # what is noted of it is found to be gone when its second comes

    def items(self, now: float) -> Iterator[tuple[K, V]]:
        """Return what has not expired: all of it, so not for the request path."""
        return iter([(key, entry.value) for key, entry in self._entries.items() if entry.expires_at > now])

    def _note(self, key: K, entry: Entry[V], expires_at: float) -> None:
        second = entry._due = int(expires_at) + 1  # noqa: SLF001 - our own
        noted = self._due.get(second)
        if noted is None:
            self._due[second] = [key]
            heappush(self._seconds, second)
        else:
            noted.append(key)

    def _remove(self, now: float, count: int) -> None:
        for _ in range(count):
            if not self._waiting and not self._is_due(now):
                return
            self._look_at_due(now)

    def _is_due(self, now: float) -> bool:
        return bool(self._seconds) and self._seconds[0] <= now

    def _look_at_due(self, now: float) -> K | None:
        if not self._waiting:
            self._second = heappop(self._seconds)
            self._waiting = self._due.pop(self._second)
        return self._look_at(self._waiting.pop(), self._second, now)

    def _look_at_first(self) -> K | None:
        second = self._seconds[0]
        noted = self._due[second]
        key = noted.pop()
        if not noted:
            del self._due[heappop(self._seconds)]
        return self._look_at(key, second, nextafter(second, 0))

    def _look_at(self, key: K, second: int, end: float) -> K | None:
        """Remove an entry that expires by `end`; note one that was moved to a later time anew, and return its key."""
        entry = self._entries.get(key)
        if entry is None or entry._due != second:  # noqa: SLF001 - our own
            return None  # gone, or noted elsewhere since
        if entry.expires_at <= end:
            del self._entries[key]
            return None
        self._note(key, entry, entry.expires_at)
        return key

    def _make_room(self, now: float) -> None:
        """Make room for one entry, by what has expired, then by what expires first."""
        moved: list[K] = []
        while len(self._entries) >= self._capacity:
            if self._waiting or self._is_due(now):
                found = self._look_at_due(now)
            elif self._evicts:
                found = self._look_at_first()
            else:
                raise StoreUnavailable from _Full(f"the memory store holds {self._capacity} entries, and may drop none")
            if found is not None and self._evicts:
                moved.append(found)
                if len(moved) == _MOVED_AT_ONCE:
                    # All may have been moved, and no request shall note all of them anew.
                    del self._entries[min(moved, key=lambda key: self._entries[key].expires_at)]


class _Full(Exception):
    """Why the store refused: for the log, never for the peer."""


class Memory:
    """The base of each need's part of the memory store.

    Attributes:
        clock: The time, in seconds since the epoch.
        max_entries: How many entries each need may hold.
    """

    def __init__(self, *, max_entries: int = 100_000, clock: Callable[[], float] = time.time) -> None:
        if not isinstance(max_entries, int) or isinstance(max_entries, bool) or max_entries < 1:
            raise ConfigError("MemoryStore(max_entries=)", max_entries, "write a whole number of 1 or more")
        self.clock = clock
        self.max_entries = max_entries

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Do nothing: what is in memory stays as long as the store does."""
