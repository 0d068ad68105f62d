"""One connection, once it is made: commands leave in one write, and each reply that comes is handed to its caller.

redis-py makes connections: it knows addresses, TLS, passwords and databases. From then on replies are read here, as
they come, with no task and no stream in between: under load that is most of what a command costs.

- A line carries one batch at a time. Its replies come in the order of its commands.
- What fails a connection fails its whole batch, and the line is closed: too late, ended by the server, no reply of
  Redis, or one that nobody waits for.
- A server that has become a replica says so to each command; its connection is closed when the batch is done.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from typing import Any, Protocol, cast

import hiredis
from redis._parsers import BaseParser
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import InvalidResponse, ReadOnlyError

__all__ = ["Command", "Line", "Lines", "give_up"]

_EMPTY = Context()
_NOT_YET = object()
# The name of an error decides how it is answered, and redis-py knows them all.
_ERROR = cast("Any", BaseParser).parse_error


class Command:
    """Commands that leave together, and who waits for the last one's reply."""

    __slots__ = ("deadline", "missing", "packed", "reply")

    def __init__(self, packed: Sequence[bytes], reply: "asyncio.Future[Any]", deadline: float) -> None:
        self.packed = packed
        self.reply = reply
        self.deadline = deadline
        self.missing = len(packed)


class Lines(Protocol):
    """Who is told how a batch went."""

    def done(self, line: "Line") -> None:
        """All replies came."""

    def failed(self, line: "Line", error: Exception) -> None:
        """The rest of the batch gets no replies."""


class Line(asyncio.Protocol):
    """A connection.

    Args:
        connection: What redis-py made, connected.
        lines: Who is told.
    """

    def __init__(self, connection: AbstractConnection, lines: Lines) -> None:
        self.connection = connection
        self.usable = True
        self._lines = lines
        self._loop = asyncio.get_running_loop()
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=_ERROR, notEnoughData=_NOT_YET)
        self._waiting: deque[Command] = deque()
        self._timer: asyncio.TimerHandle | None = None
        writer = cast("asyncio.StreamWriter", connection._writer)  # noqa: SLF001 - the only way to its transport
        self._transport = cast("asyncio.Transport", writer.transport)
        self._stream = self._transport.get_protocol()
        self._transport.set_protocol(self)

    @property
    def replies(self) -> "list[asyncio.Future[Any]]":
        """What callers still wait for."""
        return [command.reply for command in self._waiting if not command.reply.done()]

    def send(self, batch: Sequence[Command]) -> None:
        """Send commands; the first of them waited longest."""
        self._waiting.extend(batch)
        self._timer = self._loop.call_at(batch[0].deadline, self._late, context=_EMPTY)
        self._transport.write(b"".join([part for command in batch for part in command.packed]))

    def data_received(self, data: bytes) -> None:
        """Hand each caller its reply."""
        reader, waiting = self._reader, self._waiting
        try:
            reader.feed(data)
            while (reply := reader.gets()) is not _NOT_YET:
                if not waiting or isinstance(reply, LostError):  # it is loading, or takes no more connections
                    raise reply if isinstance(reply, LostError) else InvalidResponse("nobody waits for a reply")
                command = waiting[0]
                command.missing -= 1
                if isinstance(reply, ReadOnlyError):
                    # It is a replica now. A new connection asks who the master is.
                    self.usable = False
                if not command.missing:
                    waiting.popleft()
                    if not command.reply.done():  # its caller was cancelled
                        command.reply.set_result(reply)
        except (LostError, InvalidResponse) as error:
            self._fail(error)
            return
        if not waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._lines.done(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits; redis-py's stream, too, as it may be asked whether it is closed."""
        self._stream.connection_lost(exc)
        self._fail(LostError("the server ended the connection") if exc is None else exc)

    def abort(self) -> None:
        """Close it at once; who waits is told nothing more."""
        self.usable = False
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transport.abort()

    def _late(self) -> None:
        self._fail(TimeoutError())

    def _fail(self, error: Exception) -> None:
        batch, busy = [*self._waiting], self._timer is not None
        self.abort()
        give_up(batch, error)
        if busy:
            self._lines.failed(self, error)


def give_up(batch: Sequence[Command], error: Exception) -> None:
    """Tell who waits that no reply will come."""
    for command in batch:
        if not command.reply.done():
            command.reply.set_exception(error)
