"""How many messages a WebSocket's peer may send: counted per connection, in the process that holds it.

A connection lives in one process, so no store is asked. What a client could gain by opening several is held back by the
limits on handshakes, and by `max_concurrent`.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from asgisec.errors import ConfigError, RateLimitExceeded
from asgisec.policies.rate_limit.amounts import items

if TYPE_CHECKING:
    from limits import RateLimitItem

    from asgisec.policy import Exchange, Policy, Receive

__all__ = ["Messages", "message_limits"]

_MOST = 10_000  # times, of 32 bytes each, that a connection may make us keep


class Messages:
    """The messages of one connection, read by the application through `read`.

    Args:
        limits: What is allowed.
        clock: Returns seconds.
        policy: Who refuses.
        exchange: The handshake.
        receive: What messages come from.
    """

    __slots__ = ("_clock", "_exchange", "_policy", "_receive", "_refusal", "_said", "_windows")

    def __init__(
        self,
        limits: "Sequence[RateLimitItem]",
        clock: Callable[[], float],
        policy: "Policy",
        exchange: "Exchange",
        receive: "Receive",
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._exchange = exchange
        self._receive = receive
        self._windows = [_Window(item.amount, item.get_expiry()) for item in limits]
        self._refusal: RateLimitExceeded | None = None
        self._said = False

    async def read(self) -> Any:
        """Receive the next message."""
        if self._refusal is not None:
            # Who swallowed the refusal and reads on gets no more; of its traceback nothing is kept.
            raise self._refusal.with_traceback(None)
        message = await self._receive()
        if message["type"] == "websocket.receive":
            now = self._clock()
            # All are asked before one counts: what is refused spends nothing.
            if all(window.admits(now) for window in self._windows):
                for window in self._windows:
                    window.add(now)
            else:
                self._refuse()
        return message

    def _refuse(self) -> None:
        error = RateLimitExceeded("Too many messages.", reason="message_rate")
        if not self._policy.dry_run:
            self._refusal = error
            raise self._exchange.refuse(error, by=self._policy)
        if not self._said:
            self._said = True
            self._exchange.report(error.event, error.reason, policy=self._policy, rehearsed=True)


class _Window:
    """The times of the last messages, as many as are allowed: one more has to wait until the first of them is past.

    Exact, since the answer is final: whoever keeps to the limit must not be cut off by an estimate.
    """

    __slots__ = ("_length", "_times")

    def __init__(self, amount: int, length: int) -> None:
        self._times: deque[float] = deque(maxlen=amount)
        self._length = length

    def admits(self, now: float) -> bool:
        """Tell whether one more fits."""
        times = self._times
        return len(times) != times.maxlen or now - times[0] >= self._length

    def add(self, now: float) -> None:
        """Count one more."""
        self._times.append(now)


def message_limits(option: str, written: object) -> "tuple[RateLimitItem, ...]":
    """Read the limits of messages.

    Raises:
        ConfigError: They are none, or allow so many that the times of all would be too much to keep.
    """
    limits = items(option, written)
    for limit in limits:
        if limit.amount > _MOST:
            raise ConfigError(option, written, f"allow at most {_MOST} messages, in a shorter time: '100/second'")
    return limits
