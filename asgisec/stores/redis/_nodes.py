"""Where the servers are: one, or the master that Sentinels name. `_cluster` knows the nodes of a cluster.

Each event loop has its own connections: a test client may run every request in a new one. Whether a server answers is
remembered across loops.
"""

import asyncio
import time
from typing import Any, Protocol

from redis.exceptions import ReadOnlyError

from asgisec.stores._breaker import Breaker
from asgisec.stores._loops import PerLoop
from asgisec.stores.redis._channel import Channel, Connect

__all__ = ["Nodes", "Single"]


class Nodes(Protocol):
    """Servers that together hold all keys."""

    async def ask(self, key: str, packed: bytes) -> Any:
        """Send a command to the server that holds `key`, and return its reply; an error reply is returned."""

    async def aclose(self) -> None:
        """Give up this event loop's connections."""


class Single:
    """One server, or the master of a set of servers: whatever `connect` connects to.

    Args:
        connect: Makes a connection, connected.
        timeout: The longest that a caller waits, in seconds.
        connections: How many connections there are at most, per event loop.
    """

    def __init__(self, connect: Connect, *, timeout: float, connections: int) -> None:
        self._timeout = timeout
        breaker = Breaker(time.monotonic, "RedisStore")
        self._channels = PerLoop(lambda: Channel(connect, breaker, connections))

    async def ask(self, key: str, packed: bytes) -> Any:
        """Send a command."""
        loop = asyncio.get_running_loop()
        channel = self._channels.known(loop) or await self._channels.get()
        deadline = loop.time() + self._timeout
        reply = await channel.ask((packed,), deadline)
        if isinstance(reply, ReadOnlyError):
            # The master has become a replica, and did nothing. A new connection finds the new master.
            await channel.forget_connections()
            reply = await channel.ask((packed,), deadline)
        return reply

    async def aclose(self) -> None:
        """Give up this event loop's connections."""
        await self._channels.aclose()
