"""The way to one server, from one event loop: commands of concurrent requests leave in one write.

Whoever has a command hands it in and waits for its reply. What is handed in during one turn of the loop, or while all
connections are busy, leaves together on the next connection that is free. A caller that is cancelled takes nothing with
it, and no request's context gets into another's.

    caller, caller, caller -> [command, command, command] -> one write -> replies in order -> caller, caller, caller

No caller waits longer than the time-out. A connection that failed, or that has replies nobody waits for, is dropped.
What was written is never written again: the server may have done it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context
from typing import Any, TypeAlias

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from asgisec.stores._breaker import Breaker
from asgisec.stores.redis._line import Command, Line, give_up

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
        self._idle: list[Line] = []
        self._busy: set[Line] = set()
        self._pending: list[Command] = []
        self._scheduled = False
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, packed: Sequence[bytes], deadline: float) -> "asyncio.Future[Any]":
        """Send commands that belong together, and return the reply to the last of them; an error reply is returned.

        Awaiting it raises `RedisError` where the server does not answer, `OSError` where it cannot be reached, and
        `TimeoutError` where it did not answer until the deadline, in seconds of the loop's clock.

        Raises:
            CircuitOpenError: The server did not answer lately.
        """
        if not self._breaker.may_ask():
            raise CircuitOpenError("the server did not answer lately, and is not asked for a second")
        reply = self._loop.create_future()
        self._pending.append(Command(packed, reply, deadline))
        if not self._scheduled and self._free:
            self._schedule()
        return reply

    def _schedule(self) -> None:
        self._scheduled = True
        # Behind what is ready to run now: it may have commands, too.
        self._loop.call_soon(self._listen, context=_EMPTY)

    def _listen(self) -> None:
        # And behind what came from the network by now: the end of a connection that nobody used is no error.
        self._loop.call_soon(self._leave, context=_EMPTY)

    def _leave(self) -> None:
        self._scheduled = False
        # Whoever was cancelled by now wants nothing any more.
        batch, self._pending = [command for command in self._pending if not command.reply.done()], []
        if not batch:
            return
        self._free -= 1
        while self._idle:
            line = self._idle.pop()
            if line.usable:
                self._busy.add(line)
                line.send(batch)
                return
            self._drop(line)
        self._run(self._send_anew(batch))

    async def _send_anew(self, batch: Sequence[Command]) -> None:
        try:
            async with asyncio.timeout_at(batch[0].deadline):
                line = Line(await self._connect(), self)
        except (RedisError, OSError) as error:  # TimeoutError is an OSError
            self._breaker.failed()
            give_up(batch, error)
            self._give_up_pending(error)
            self._freed()
        except BaseException:
            give_up(batch, ConnectionError("the event loop ended"))
            raise
        else:
            self._busy.add(line)
            line.send(batch)

    def done(self, line: Line) -> None:
        """Use a connection again whose batch is done."""
        self._breaker.succeeded()
        self._busy.discard(line)
        if line.usable:
            self._idle.append(line)
        else:
            self._drop(line)
        self._freed()

    def failed(self, line: Line, error: Exception) -> None:
        """Drop a connection."""
        self._breaker.failed()
        self._busy.discard(line)
        self._drop(line)
        if isinstance(error, TimeoutError):
            self._give_up_pending(error)
        self._freed()

    def _give_up_pending(self, error: Exception) -> None:
        # Nobody answers: whoever waits for the next turn would wait for the same.
        waiting, self._pending = self._pending, []
        give_up(waiting, error)

    def _freed(self) -> None:
        self._free += 1
        if self._pending and not self._scheduled:
            self._schedule()

    def _drop(self, line: Line) -> None:
        line.abort()
        self._run(line.connection.disconnect(nowait=True))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work, context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def forget_connections(self) -> None:
        """Drop the connections that nobody waits for."""
        unwanted = [*self._idle, *[line for line in self._busy if not line.replies]]
        self._idle.clear()
        for line in unwanted:
            if line in self._busy:
                self._busy.discard(line)
                self._freed()
            line.abort()
            await line.connection.disconnect(nowait=True)

    async def aclose(self) -> None:
        """Wait for what is on its way, and give up the connections."""
        while waited := [
            *self._tasks,
            *[reply for line in self._busy for reply in line.replies],
            *[command.reply for command in self._pending if not command.reply.done()],
        ]:
            await asyncio.wait(waited)
        await self.forget_connections()
