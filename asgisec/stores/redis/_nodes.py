"""Where the servers are: one, or the master that Sentinels name. `_cluster` knows the nodes of a cluster.

Each event loop has its own connections: a test client may run every request in a new one. Whether a server answers is
remembered across loops.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any, Generic, Protocol, TypeVar

from redis.exceptions import ReadOnlyError

from asgisec.stores._breaker import Breaker
from asgisec.stores.redis._channel import Channel, Connect

__all__ = ["Nodes", "PerLoop", "Single"]


class Nodes(Protocol):
    """Servers that together hold all keys."""

    async def ask(self, key: str, packed: bytes) -> Any:
        """Send a command to the server that holds `key`, and return its reply; an error reply is returned."""

    async def aclose(self) -> None:
        """Give up this event loop's connections."""


class _AsyncClosable(Protocol):
    async def aclose(self) -> None: ...

    async def forget_connections(self) -> None: ...


C = TypeVar("C", bound=_AsyncClosable)


class PerLoop(Generic[C]):
    """One of something for each event loop, given up with its loop.

    A loop that ends asks its asynchronous generators to end. That is how connections are closed in time, in test
    clients too, which run a loop for each request and tell nobody when it is over.
    """

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, tuple[C, AsyncGenerator[None, None]]] = {}

    async def get(self) -> C:
        """Return what belongs to the running loop."""
        loop = asyncio.get_running_loop()
        known = self._made.get(loop)
        if known is not None:
            return known[0]
        for ended in [other for other in [*self._made] if other.is_closed()]:
            self._made.pop(ended, None)
        made = self._make()
        end = self._until_the_loop_ends(loop, made)
        self._made[loop] = (made, end)
        await anext(end)
        return made

    async def _until_the_loop_ends(self, loop: asyncio.AbstractEventLoop, made: C) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._made.pop(loop, None)
            await made.forget_connections()

    async def aclose(self) -> None:
        """Close what belongs to the running loop."""
        known = self._made.pop(asyncio.get_running_loop(), None)
        if known is not None:
            made, end = known
            await made.aclose()
            await end.aclose()


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
        channel = await self._channels.get()
        deadline = asyncio.get_running_loop().time() + self._timeout
        reply = await channel.ask((packed,), deadline)
        if isinstance(reply, ReadOnlyError):
            # The master has become a replica, and did nothing. A new connection finds the new master.
            await channel.forget_connections()
            reply = await channel.ask((packed,), deadline)
        return reply

    async def aclose(self) -> None:
        """Give up this event loop's connections."""
        await self._channels.aclose()
