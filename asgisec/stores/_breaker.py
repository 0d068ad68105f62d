"""A circuit breaker: a store that is down is asked by one request now and then, and the others do not wait for it.

Closed: everybody asks. After a few failures in a row it opens: nobody asks, everybody is told at once. After a pause
one may ask; the others still are told at once. If that one gets an answer the breaker closes, else it stays open for
another pause.
"""

import logging
from collections.abc import Callable

from asgisec.context import request_id
from asgisec.events import SecurityEvent, emit

__all__ = ["Breaker"]

_FAILURES = 3  # in a row; one lost connection is a restart, and no reason to stop asking
_PAUSE = 1.0  # seconds: an outage costs one request in a second its time-out


class Breaker:
    """One breaker for one server.

    Args:
        clock: A clock that only goes forward, in seconds.
        store: Who speaks in the events.
    """

    __slots__ = ("_clock", "_failures", "_probing_until", "_retry_at", "_store")

    def __init__(self, clock: Callable[[], float], store: str) -> None:
        self._clock = clock
        self._store = store
        self._failures = 0
        self._retry_at: float | None = None  # not None: it is open
        self._probing_until = 0.0

    def may_ask(self) -> bool:
        """Tell whether to ask the server. Whoever is told yes says how it went."""
        if self._retry_at is None:
            return True
        now = self._clock()
        # Whoever was let through may never tell, as when its loop is gone: after a pause it is another's turn.
        if now < self._retry_at or now < self._probing_until:
            return False
        self._probing_until = now + _PAUSE
        return True

    def succeeded(self) -> None:
        """The server answered."""
        self._failures = 0
        if self._retry_at is not None:
            self._retry_at = None
            self._tell("sys_store_available", "circuit_closed", logging.INFO)

    def failed(self) -> None:
        """The server did not answer, or not in time."""
        self._failures += 1
        opens = self._retry_at is None and self._failures >= _FAILURES
        if opens or self._retry_at is not None:
            self._retry_at = self._clock() + _PAUSE
            self._probing_until = 0.0
        if opens:
            self._tell("sys_store_unavailable", "circuit_opened", logging.ERROR)

    def _tell(self, name: str, reason: str, level: int) -> None:
        emit(SecurityEvent(name=name, reason=reason, policy=self._store, request_id=request_id(), level=level))
