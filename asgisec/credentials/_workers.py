"""Work that takes a core and memory for a while, in threads: a few at a time, and a bounded queue before them.

The event loop goes on meanwhile. Memory is bounded by the number of threads, which a caller that is cancelled does not
free before its thread has ended: it waits for it, as the memory is in use for as long.
"""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
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
        # A limiter belongs to the event loop that it was made in; a test client has a new one for each request.
        self._limiters: RunVar[CapacityLimiter] = RunVar("asgisec.credentials.workers")

    async def run(self, work: Callable[[], T]) -> T:
        """Run a function in a thread, and return what it returns.

        Raises:
            Overloaded: Too many wait already.
        """
        limiter = self._limiters.get(None)
        if limiter is None:
            limiter = CapacityLimiter(self._at_once)
            self._limiters.set(limiter)
        if limiter.statistics().tasks_waiting >= self._queued:
            raise Overloaded
        return await to_thread.run_sync(work, limiter=limiter)
