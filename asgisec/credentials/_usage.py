"""How often each API key is used: gathered in memory, written in batches, and never one write per request.

A batch leaves some seconds after its first use, or when many uses have come. What a store does not take stays, and
leaves with the next batch; so does what is left when the application shuts down (`aclose`).
"""

import asyncio
import logging
from collections.abc import Callable
from contextvars import Context

from asgisec.errors import StoreUnavailable
from asgisec.events import SecurityEvent, emit
from asgisec.stores.protocols import APIKeyStore

__all__ = ["Usage"]

_MOST_KEYS = 100_000  # whose uses are kept for a store that does not answer; an entry has some hundred bytes
_MANY = 1_000  # uses, after which a batch does not wait any longer


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
        self._flusher: asyncio.Task[None] | None = None
        self._failing = False

    def pending(self, key_id: str) -> tuple[int, float | None]:
        """Return what was counted of a key, and is not written yet."""
        return self._pending.get(key_id, (0, None))

    async def count(self, key_id: str, now: float) -> None:
        """Count one use; write a batch where that is this caller's turn."""
        known = self._pending.get(key_id)
        if known is None and len(self._pending) >= _MOST_KEYS:
            return  # the store has been away for long: memory is bounded, and the request is worth more than its count
        self._pending[key_id] = (1, now) if known is None else (known[0] + 1, max(now, known[1]))
        self._uses += 1
        if self._uses >= _MANY:
            await self.flush()
        elif (loop := _running_loop()) is not None:
            if self._flusher is None or self._flusher.done() or self._flusher.get_loop() is not loop:
                # In a context of its own: no request's id gets into what is done for all of them.
                self._flusher = loop.create_task(self._flush_later(), context=Context())
        elif self._due is None:
            self._due = self._clock() + self._interval
        elif self._clock() >= self._due:
            await self.flush()

    async def flush(self) -> None:
        """Write what is pending. What the store does not take stays."""
        self._due = None
        self._uses = 0
        batch, self._pending = self._pending, {}
        if not batch:
            return
        try:
            await self._store.count_api_keys(batch)
        except StoreUnavailable:
            self._keep(batch)
            if not self._failing:
                self._failing = True
                self._tell("sys_store_unavailable", "usage_not_written", logging.ERROR)
        except BaseException:
            self._keep(batch)
            raise
        else:
            if self._failing:
                self._failing = False
                self._tell("sys_store_available", "usage_written", logging.INFO)

    async def aclose(self) -> None:
        """Write what is left."""
        flusher, self._flusher = self._flusher, None
        if flusher is not None and not flusher.done() and flusher.get_loop() is _running_loop():
            flusher.cancel()
        await self.flush()

    async def _flush_later(self) -> None:
        await asyncio.sleep(self._interval)
        await self.flush()

    def _keep(self, batch: dict[str, tuple[int, float]]) -> None:
        for key_id, (times, last) in batch.items():
            more, later = self._pending.get(key_id, (0, last))
            self._pending[key_id] = (times + more, max(last, later))

    @staticmethod
    def _tell(name: str, reason: str, level: int) -> None:
        emit(SecurityEvent(name=name, reason=reason, policy="APIKeys", level=level))


def _running_loop() -> "asyncio.AbstractEventLoop | None":
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
