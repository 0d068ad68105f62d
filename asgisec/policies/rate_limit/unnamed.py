"""Tells that all behind a proxy share one limit, since nobody named the proxy.

It is looked for where a limit refuses a client by its address: that is when it harms, and costs nothing before. Nobody
from outside has a private address, or none. Whoever has one, and forwards for another, is a proxy.
"""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgisec._wire.forwarded import address_of
from asgisec.errors import RateLimitExceeded
from asgisec.policies.rate_limit.keys import AFTER_AUTHENTICATION, by_client

if TYPE_CHECKING:
    from asgisec.errors import SecurityError
    from asgisec.policy import Exchange

__all__ = ["UnnamedProxy"]

_AGAIN = 3600.0  # seconds: often enough to be found in a log, too seldom to fill one
_LONGEST = 64  # characters of an address


class UnnamedProxy:
    """Says so in an event, once an hour.

    Args:
        key: Whose requests count together.
        clock: Returns seconds, rising.
    """

    __slots__ = ("_clock", "_key", "_said_at")

    def __init__(self, key: Callable[["Exchange"], Any], clock: Callable[[], float] = time.monotonic) -> None:
        self._key = key if key in (by_client, *AFTER_AUTHENTICATION) else None
        self._clock = clock
        self._said_at: float | None = None

    def look(self, exchange: "Exchange", refusal: "SecurityError", policy: object) -> None:
        """Look at a request that was refused."""
        if self._key is None or not isinstance(refusal, RateLimitExceeded) or not _forwards(exchange):
            return
        now = self._clock()
        if self._said_at is not None and now - self._said_at < _AGAIN:
            return
        if self._key(exchange) == by_client(exchange):
            self._said_at = now
            exchange.report("sys_monitor_disabled", "proxy_not_named", policy=policy, level=logging.ERROR)


def _forwards(exchange: "Exchange") -> bool:
    """Tell whether what counts as the client is a proxy: it is not from outside, and asks for another address."""
    chain = exchange.headers.get(b"x-forwarded-for")
    if chain is None:
        return False
    # The left end is who asked first, as far as anybody says: a client behind proxies that are named is that itself.
    first = address_of(chain.partition(b",")[0][:_LONGEST].decode("latin-1"))
    client = address_of((exchange.client or "")[:_LONGEST])
    return first is not None and first != client and (client is None or not client.is_global)
