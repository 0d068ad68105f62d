"""How often each API key is used: gathered in memory, written in batches, and never one write per request.

A batch leaves some seconds after its first use, or when many uses have come. What a store does not take stays, and
leaves with the next batch; so does what is left when the application shuts down (`aclose`). A batch that is on its way
is waited for, never cancelled: nobody could tell whether it was written.

Event loops of several threads may count together: each has a timer and a writer of its own.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from contextvars import Context
from threading import Lock

from asgisec.errors import StoreUnavailable
from asgisec.events import SecurityEvent, emit
from asgisec.stores.protocols import APIKeyStore

__all__ = ["Usage"]

_MOST_KEYS = 100_000  # whose uses are kept for a store that does not answer; an entry has some hundred bytes
_MANY = 1_000  # uses, after which a batch does not wait any longer
_AT_ONCE = 500  # keys of one write: what has gathered for long must not take longer than a store's time-out

_FAILING = ("sys_store_unavailable", "usage_not_written", logging.ERROR)
_WRITING = ("sys_store_available", "usage_written", logging.INFO)


class Usage:
    """Count uses.

    Args:
        store: Where counts are written.
        interval: How many seconds a use waits at most.
        clock: A clock that only goes forward, for where no event loop of asyncio has one.
    """

    def __init__(self, store: APIKeyStore, interval: float, clock: Callable[[], float]) -> None:
        self._store = store
        self._interval = interval
        self._clock = clock
        self._pending: dict[str, tuple[int, float]] = {}
        self._uses = 0
        self._due: float | None = None
        self._lock = Lock()  # of what is pending; nobody waits for anything else while holding it
        self._timers: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}
        self._writers: dict[asyncio.AbstractEventLoop, asyncio.Task[None]] = {}
        self._failing = False

    def pending(self, key_id: str) -> tuple[int, float | None]:
        """Return what was counted of a key, and is not written yet."""
        return self._pending.get(key_id, (0, None))

    async def count(self, key_id: str, now: float) -> None:
        """Count one use; write a batch where that is this caller's turn."""
        with self._lock:
            known = self._pending.get(key_id)
            if known is None and len(self._pending) >= _MOST_KEYS:
                return  # the store has been away for long: memory is bounded, and the request is worth more
            self._pending[key_id] = (1, now) if known is None else (known[0] + 1, max(now, known[1]))
            self._uses += 1
        loop = _running_loop()
        if loop is not None:
            self._write_later(loop)
        elif self._uses >= _MANY:
            await self.flush()
        elif self._due is None:
            self._due = self._clock() + self._interval
        elif self._clock() >= self._due:
            await self.flush()

    async def flush(self) -> None:
        """Write what is pending. What the store does not take stays."""
        self._due = None
        self._uses = 0
        with self._lock:
            key_ids = list(self._pending)
        failed = False
        for begin in range(0, len(key_ids), _AT_ONCE):
            some = key_ids[begin : begin + _AT_ONCE]
            with self._lock:
                batch = {key_id: self._pending.pop(key_id) for key_id in some if key_id in self._pending}
            left = await self._left_of(batch)
            failed = failed or left > 0
            if left and left == len(batch):
                break
        if key_ids and failed is not self._failing:
            self._failing = failed
            self._tell()

    async def aclose(self) -> None:
        """Write what is left, after what is on its way."""
        loop = _running_loop()
        if loop is not None:
            timer, writer = self._timers.pop(loop, None), self._writers.pop(loop, None)
            if timer is not None:
                timer.cancel()
            if writer is not None and not writer.done():
                await asyncio.wait([writer])
        await self.flush()

    def _write_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._uses >= _MANY:
            self._write(loop)
        elif loop not in self._timers:
            for ended in [other for other in [*self._timers, *self._writers] if other.is_closed()]:
                self._timers.pop(ended, None)
                self._writers.pop(ended, None)
            # In a context of its own: no request's id gets into what is done for all of them.
            self._timers[loop] = loop.call_later(self._interval, self._on_time, loop, context=Context())

    def _on_time(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timers.pop(loop, None)
        self._write(loop)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to write in a task of its own: a request that is cancelled cancels no batch."""
        writer = self._writers.get(loop)
        if writer is None or writer.done():
            self._writers[loop] = loop.create_task(self.flush(), context=Context())

    async def _left_of(self, batch: Mapping[str, tuple[int, float]]) -> int:
        """Write a batch, keep what the store did not take, and tell how much that is."""
        left: Collection[str] = batch.keys()
        try:
            left = await self._store.count_api_keys(batch)
        except StoreUnavailable:
            pass
        finally:
            self._keep({key_id: batch[key_id] for key_id in left})
        return len(left)

    def _keep(self, batch: Mapping[str, tuple[int, float]]) -> None:
        with self._lock:
            for key_id, (times, last) in batch.items():
                more, later = self._pending.get(key_id, (0, last))
                self._pending[key_id] = (times + more, max(last, later))

    def _tell(self) -> None:
        name, reason, level = _FAILING if self._failing else _WRITING
        emit(SecurityEvent(name=name, reason=reason, policy="APIKeys", level=level))


def _running_loop() -> "asyncio.AbstractEventLoop | None":
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
