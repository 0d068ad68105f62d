"""The nodes of a cluster: which holds what, and what becomes of a command that was sent to another.

Every node has a channel of its own, so the commands for one node leave together. A node that says that a slot moved is
believed at once, and all nodes are learned anew behind the caller's back; so they are when a node does not answer.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, TypeAlias

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisError, ResponseError

from asgisec.stores._breaker import Breaker
from asgisec.stores._loops import PerLoop
from asgisec.stores.redis._channel import Channel, CircuitOpenError, Connect

__all__ = ["Cluster"]

Address: TypeAlias = tuple[str, int]

_SLOTS = 16384
_REDIRECTS = 5  # as other clients follow; a cluster that sends in circles is broken
_ASKED_AT_ONCE = 3  # nodes that are asked who holds what; the first answer counts
_PAUSE = 0.2  # seconds between two askings: a failover takes longer

_ASKING = b"*1\r\n$6\r\nASKING\r\n"
_CLUSTER_SLOTS = b"*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"


class Cluster:
    """A cluster.

    Args:
        known: The nodes to begin with.
        node_at: Returns what connects to a node.
        timeout: The longest that a caller waits, in seconds.
        connections: How many connections there are at most, per event loop and node.
    """

    def __init__(
        self, known: Sequence[Address], node_at: Callable[[str, int], Connect], *, timeout: float, connections: int
    ) -> None:
        self._known = list(known)
        self._node_at = node_at
        self._timeout = timeout
        self._connections = connections
        self._breakers: dict[Address, Breaker] = {}
        self._holders: list[Address | None] = [None] * _SLOTS
        self._ways = PerLoop(lambda: _Ways(self._channel))
        self._first = 0

    def _channel(self, address: Address) -> Channel:
        breaker = self._breakers.get(address)
        if breaker is None:
            breaker = self._breakers[address] = Breaker(time.monotonic, "RedisStore")
        return Channel(self._node_at(*address), breaker, self._connections)

    async def ask(self, key: str, packed: bytes) -> Any:
        """Send a command to the node that holds a key."""
        loop = asyncio.get_running_loop()
        ways = self._ways.known(loop) or await self._ways.get()
        deadline = loop.time() + self._timeout
        slot = key_slot(key.encode())
        address = self._holders[slot]
        if address is None:
            await asyncio.shield(self._learning(ways))
            address = self._holders[slot]
            if address is None:
                raise ResponseError(f"no node is known that holds slot {slot}") from ways.refused
        reply: Any = None
        commands: tuple[bytes, ...] = (packed,)
        for _ in range(_REDIRECTS):
            try:
                reply = await ways.to(address).ask(commands, deadline)
            except (CircuitOpenError, RedisError, OSError):
                self._learning(ways)  # perhaps another holds the slot by now; the next caller profits
                raise
            if not isinstance(reply, AskError):  # of which MovedError is one
                return reply
            address = (reply.host or address[0], reply.port)
            if isinstance(reply, MovedError):
                self._holders[slot] = address
                self._learning(ways)
                commands = (packed,)
            else:
                commands = (_ASKING, packed)  # the slot is on its way; for this once
        return reply

    def _learning(self, ways: "_Ways") -> "asyncio.Task[None]":
        """Begin to learn anew who holds what, unless that is under way, or was done just now."""
        loop = asyncio.get_running_loop()
        if ways.learning is None or (ways.learning.done() and loop.time() >= ways.learned_at + _PAUSE):
            ways.learned_at = loop.time()
            ways.learning = loop.create_task(self._learn(ways), context=Context())
        return ways.learning

    async def _learn(self, ways: "_Ways") -> None:
        holders = {address for address in self._holders if address is not None}
        listed = [*dict.fromkeys([*holders, *self._known])]
        self._first += 1
        turn = self._first % len(listed)
        asked = (listed[turn:] + listed[:turn])[:_ASKED_AT_ONCE]
        deadline = asyncio.get_running_loop().time() + self._timeout
        tasks = [asyncio.create_task(_slots(ways.to(address), address, deadline)) for address in asked]
        try:
            for answered in asyncio.as_completed(tasks):
                try:
                    found = await answered
                except (CircuitOpenError, RedisError, OSError) as error:
                    ways.refused = error
                    continue
                self._holders = found
                await ways.keep({address for address in found if address is not None})
                return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def aclose(self) -> None:
        """Give up this event loop's connections."""
        await self._ways.aclose()


class _Ways:
    """The channels of one event loop, and its asking who holds what."""

    def __init__(self, channel: Callable[[Address], Channel]) -> None:
        self._channel = channel
        self._channels: dict[Address, Channel] = {}
        self.learning: asyncio.Task[None] | None = None
        self.learned_at = 0.0
        self.refused: Exception | None = None  # why a node did not tell

    def to(self, address: Address) -> Channel:
        channel = self._channels.get(address)
        if channel is None:
            channel = self._channels[address] = self._channel(address)
        return channel

    async def keep(self, addresses: set[Address]) -> None:
        """Give up the connections to nodes that left."""
        for address in [other for other in self._channels if other not in addresses]:
            await self._channels[address].forget_connections()

    async def forget_connections(self) -> None:
        for channel in self._channels.values():
            await channel.forget_connections()

    async def aclose(self) -> None:
        if self.learning is not None:
            await self.learning
        for channel in self._channels.values():
            await channel.aclose()


async def _slots(channel: Channel, asked: Address, deadline: float) -> list[Address | None]:
    reply = await channel.ask((_CLUSTER_SLOTS,), deadline)
    if isinstance(reply, ResponseError):
        raise reply
    found: list[Address | None] = [None] * _SLOTS
    for first, last, (host, port, *_), *_ in reply:
        # A node that does not know its own address leaves it out: it is the one that was asked.
        address = ((host or b"").decode() or asked[0], port)
        found[first : last + 1] = [address] * (last + 1 - first)
    return found
