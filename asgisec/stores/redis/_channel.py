"""The way to one server, from one event loop: commands of concurrent requests leave in one write.

Whoever has a command hands it in and waits for its reply. What is handed in during one turn of the loop, or while all
connections are busy, leaves together on the next connection that is free. It leaves in a task of its own: a caller that
is cancelled takes nothing with it, and no request's context gets into another's.

    caller, caller, caller -> [command, command, command] -> one write -> replies in order -> caller, caller, caller

No caller waits longer than the time-out. A connection that failed, or that has replies nobody waits for, is dropped.
What was written is never written again: the server may have done it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from asgisec.stores._breaker import Breaker

__all__ = ["Channel", "CircuitOpenError", "Connect"]

Connect: TypeAlias = Callable[[], Awaitable[AbstractConnection]]

_EMPTY = Context()


class CircuitOpenError(Exception):
    """The server did not answer lately, and is not asked now."""


class Channel:
    """Connections to one server, for one event loop.

    Args:
        connect: Makes a connection, connected.
        breaker: Who knows whether the server answers.
        connections: How many connections there are at most.
    """

    def __init__(self, connect: Connect, breaker: Breaker, connections: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._connect = connect
        self._breaker = breaker
        self._free = connections
        self._idle: list[AbstractConnection] = []
        self._pending: list[_Command] = []
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(self, packed: Sequence[bytes], deadline: float) -> Any:
        """Send commands that belong together, and return the reply to the last of them; an error reply is returned.

        Raises:
            CircuitOpenError: The server did not answer lately.
            RedisError: It does not answer now.
            OSError: It cannot be reached.
            TimeoutError: It did not answer until the deadline, in seconds of the loop's clock.
        """
        if not self._breaker.may_ask():
            raise CircuitOpenError("the server did not answer lately, and is not asked for a second")
        command = _Command(packed, self._loop.create_future(), deadline)
        self._pending.append(command)
        if not self._scheduled and self._free:
            self._schedule()
        return await command.reply

    def _schedule(self) -> None:
        self._scheduled = True
        # Behind what is ready to run now: it may have commands, too.
        self._loop.call_soon(self._leave, context=_EMPTY)

    def _leave(self) -> None:
        self._scheduled = False
        # Whoever was cancelled by now wants nothing any more.
        batch, self._pending = [command for command in self._pending if not command.reply.done()], []
        if not batch:
            return
        self._free -= 1
        task = self._loop.create_task(self._exchange(batch), context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._free += 1
        if self._pending and not self._scheduled:
            self._schedule()

    async def _exchange(self, batch: "list[_Command]") -> None:
        connection: AbstractConnection | None = None
        usable = False
        try:
            # The first of the batch waited longest.
            async with asyncio.timeout_at(batch[0].deadline):
                connection = await self._connected()
                await connection.send_packed_command([part for command in batch for part in command.packed], False)
                usable = await _replies(connection, batch)
        except (RedisError, OSError) as error:
            self._breaker.failed()
            _give_up(batch, error)
            if connection is None or isinstance(error, TimeoutError):
                # Nobody answers: whoever waits for the next turn would wait for the same.
                waiting, self._pending = self._pending, []
                _give_up(waiting, error)
        else:
            self._breaker.succeeded()
        finally:
            _give_up(batch, ConnectionError("the event loop ended"))  # who has a reply by now is not concerned
            if usable and connection is not None:
                self._idle.append(connection)
            elif connection is not None:
                await connection.disconnect(nowait=True)

    async def _connected(self) -> AbstractConnection:
        while self._idle:
            connection = self._idle.pop()
            if not await connection.can_read():
                return connection
            # The server closed it while nobody used it. Nothing was sent yet, so nothing is lost.
            await connection.disconnect(nowait=True)
        return await self._connect()

    async def forget_connections(self) -> None:
        """Drop the connections that are not in use."""
        while self._idle:
            await self._idle.pop().disconnect(nowait=True)

    async def aclose(self) -> None:
        """Wait for what is on its way, and give up the connections."""
        while self._tasks or self._pending:
            if self._tasks:
                await asyncio.wait([*self._tasks])
            await asyncio.sleep(0)  # what is pending leaves when a task's end was told
        await self.forget_connections()


class _Command:
    """Commands that leave together, and who waits for the last one's reply."""

    __slots__ = ("deadline", "packed", "reply")

    def __init__(self, packed: Sequence[bytes], reply: "asyncio.Future[Any]", deadline: float) -> None:
        self.packed = packed
        self.reply = reply
        self.deadline = deadline


async def _replies(connection: AbstractConnection, batch: Sequence[_Command]) -> bool:
    """Hand each caller its reply; tell whether the connection is good for more."""
    usable = True
    for command in batch:
        reply: Any = None
        for _ in command.packed:
            try:
                reply = await connection.read_response()
            except ReadOnlyError as error:
                # It is a replica now. A new connection asks who the master is.
                usable, reply = False, error
            except ResponseError as error:
                reply = error
        if not command.reply.done():  # its caller was cancelled
            command.reply.set_result(reply)
    return usable


def _give_up(batch: Sequence[_Command], error: Exception) -> None:
    for command in batch:
        if not command.reply.done():
            command.reply.set_exception(error)
