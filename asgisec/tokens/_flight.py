"""Work that runs once for all who wait for it, whichever event loop they wait in.

It runs in a thread of its own, so nothing of it belongs to a loop: a caller that is cancelled takes nobody with it, a
loop that ends leaves nothing behind, and asyncio and trio may wait for the same flight.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock, Thread
from typing import Any

import anyio

__all__ = ["Flights", "landed"]


class Flights:
    """At most one call of a function at a time.

    Args:
        work: The function.
        failed: Told why, where it could not be called at all.
    """

    def __init__(self, work: Callable[[], None], failed: Callable[[Exception], None]) -> None:
        self._work = work
        self._failed = failed
        self._lock = Lock()
        self._flight: Future[None] | None = None

    def begin(self) -> "Future[None]":
        """Start the work, or join it where it is under way."""
        with self._lock:
            flight = self._flight
            if flight is None or flight.done():
                flight = Future()
                try:
                    Thread(target=self._run, args=(flight,), name="asgisec-keys", daemon=True).start()
                except RuntimeError as error:  # there is no thread to be had now; the next caller may get one
                    self._failed(error)
                    flight.set_result(None)
                self._flight = flight
            return flight

    def under_way(self) -> "Future[None] | None":
        """Return the flight that has not ended yet."""
        flight = self._flight
        return None if flight is None or flight.done() else flight

    def _run(self, flight: "Future[None]") -> None:
        try:
            self._work()
        finally:
            flight.set_result(None)


async def landed(flight: "Future[None]", patience: float) -> None:
    """Wait until a flight has ended, but not for ever."""
    event = anyio.Event()
    wake = _waker()

    def done(_: object) -> None:
        with suppress(RuntimeError):  # who waited has gone, and the loop with him
            wake(event.set)

    flight.add_done_callback(done)
    with anyio.move_on_after(patience):
        await event.wait()


def _waker() -> Callable[[Callable[[], None]], Any]:
    """Return how a thread calls into the loop that runs here."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        call: Callable[[Callable[[], None]], Any] = trio.lowlevel.current_trio_token().run_sync_soon
        return call
    return asyncio.get_running_loop().call_soon_threadsafe
