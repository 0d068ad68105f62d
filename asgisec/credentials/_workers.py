"""Work that takes a core and memory for a while, in threads: a few at a time, and a bounded queue before them.

The event loop goes on meanwhile. Memory is bounded by the number of threads. A caller that is cancelled while it waits
leaves the queue; one whose thread runs waits for it, as the memory is in use for as long.
"""

import secrets
from collections.abc import Callable
from typing import Generic, TypeVar

from anyio import CapacityLimiter, create_task_group, to_thread
from anyio.lowlevel import RunVar

from asgisec.errors import Overloaded

__all__ = ["Workers"]

T = TypeVar("T")


class Workers:
    """Threads for one kind of work.

    Args:
        at_once: How many run at the same time, per event loop.
        queued: How many may wait.
    """

    def __init__(self, at_once: int, queued: int) -> None:
        self._at_once = at_once
        self._queued = queued
        # A limiter belongs to the event loop that it was made in; a test client has a new one for each request. The
        # name is random because anyio tells such variables apart by their names up to 4.9.
        self._lines: RunVar[_Line] = RunVar(f"asgisec.workers.{secrets.token_hex(8)}")

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in a thread, and return what it returns.

        Raises:
            Overloaded: Too many wait already.
        """
        line = self._lines.get(None)
        if line is None:
            line = _Line(CapacityLimiter(self._at_once))
            self._lines.set(line)
        # Counted before anything is awaited: of callers that come in the same turn of the loop each is seen.
        if line.callers >= self._at_once + self._queued:
            raise Overloaded
        line.callers += 1
        try:
            call = _Call(work, line.limiter)
            # A thread cannot be stopped. asyncio cancels whoever awaits one, and would give its place to another; a
            # group waits for its tasks.
            async with create_task_group() as group:
                group.start_soon(call.run)
        finally:
            line.callers -= 1
        return call.outcome()


class _Line:
    """Who works and who waits, in one event loop."""

    __slots__ = ("callers", "limiter")

    def __init__(self, limiter: CapacityLimiter) -> None:
        self.callers = 0
        self.limiter = limiter


class _Call(Generic[T]):
    """One piece of work, and what became of it."""

    __slots__ = ("_error", "_limiter", "_returned", "_work")

    _returned: T

    def __init__(self, work: Callable[[], T], limiter: CapacityLimiter) -> None:
        self._work = work
        self._limiter = limiter
        self._error: Exception | None = None

    async def run(self) -> None:
        try:
            self._returned = await to_thread.run_sync(self._work, limiter=self._limiter)
        except Exception as error:  # noqa: BLE001 - raised by whoever asked, out of the group
            self._error = error

    def outcome(self) -> T:
        if self._error is not None:
            raise self._error
        return self._returned
