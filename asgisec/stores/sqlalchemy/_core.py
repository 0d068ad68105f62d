"""What all needs of the SQL store share: the engine, the tables, transactions, and what becomes of errors.

- Each event loop has an engine of its own, as connections belong to a loop. An application's own engine stays what it
  is: it is neither copied nor disposed of.
- The tables are created when they are first needed, by one process at a time; or by the application's migrations.
- Nobody waits longer than the time-out. Whatever goes wrong is `StoreUnavailable`, with the library's error as its
  cause.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from traceback import clear_frames
from typing import Any, Self

from sqlalchemy import ColumnElement, Double, Table, cast, delete, extract, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from asgisec._durations import in_seconds
from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.stores._loops import PerLoop
from asgisec.stores._names import is_harmless
from asgisec.stores.sqlalchemy._tables import DIALECTS, Tables, creating

__all__ = ["SQL", "Engines"]

_LONGEST = 60  # seconds, as for Redis: whoever waits longer has gone
# Seconds for a connection that was given up to say so to its server. SQLAlchemy waits two seconds for that: where the
# server does not answer, whoever has waited for it would wait for its farewell, too.
_FAREWELL = 0.1
_LOCK = 0x61736769736563  # of PostgreSQL's advisory locks: the name of the package
_REMOVED_AT_ONCE = 20  # rows that are over, by each new one: more than one, so that it catches up


class Engines:
    """Where a store gets its engine from: one per event loop, or an application's own."""

    def __init__(self, source: AsyncEngine | Callable[[], AsyncEngine]) -> None:
        self._source = _committed(source) if isinstance(source, AsyncEngine) else PerLoop(lambda: _Disposed(source()))

    async def get(self) -> AsyncEngine:
        """Return the engine for the running loop."""
        return self._source if isinstance(self._source, AsyncEngine) else (await self._source.get()).engine

    async def aclose(self) -> None:
        """Give up the running loop's engine; an application's own is its own to dispose of."""
        if not isinstance(self._source, AsyncEngine):
            await self._source.aclose()


class _Disposed:
    """An engine that is disposed of with its loop."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._made = engine
        self.engine = _committed(engine)

    async def aclose(self) -> None:
        await self._made.dispose()

    async def forget_connections(self) -> None:
        await self._made.dispose()


def _committed(engine: AsyncEngine) -> AsyncEngine:
    """Return an engine whose transactions see what others have committed: the statements here are written for that.

    An application's own engine, or its database, may be stricter: then of two that write at once one would fail.
    """
    on = engine.dialect.name
    return engine.execution_options(isolation_level="READ COMMITTED") if on == "postgresql" else engine


class SQL:
    """The base of each need's part of the SQL store.

    Args:
        engines: Where connections come from.
        prefix: What the names of the tables begin with.
        timeout: The longest that a caller waits, in seconds.
        create: Create the tables where they are not there.
    """

    def __init__(self, engines: Engines, *, prefix: str, timeout: float | timedelta, create: bool) -> None:
        name = prefix if isinstance(prefix, str) else ""
        if not name or not is_harmless(name) or not name.replace("_", "").isalnum() or name != name.lower():
            raise ConfigError("SQLStore(prefix=)", prefix, "write lower-case letters, digits and _, such as 'asgisec_'")
        patience = in_seconds(timeout)
        if patience is None or not 0 < patience <= _LONGEST:
            raise ConfigError("SQLStore(timeout=)", timeout, "write seconds, such as 2, or a timedelta")
        self._engines = engines
        self._tables = Tables(name)
        self._timeout = patience
        self._created = not create

    async def aclose(self) -> None:
        """Give up this event loop's connections; the next call opens new ones."""
        await self._engines.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    @asynccontextmanager
    async def _transaction(self) -> AsyncGenerator[AsyncConnection, None]:
        """Begin a transaction, which is committed at the end, or rolled back."""
        before = sys.exc_info()[1]
        try:
            async with asyncio.timeout(self._timeout + _FAREWELL), asyncio.timeout(self._timeout):
                engine = await self._engines.get()
                if not self._created:
                    await self._create(engine)
                async with engine.begin() as connection:
                    yield connection
        except BaseException as error:
            _let_go(error, before)
            if not isinstance(error, Exception):
                raise
            # Not SQLAlchemy's alone: drivers raise their own, and the operating system's.
            raise StoreUnavailable from error

    async def _create(self, engine: AsyncEngine) -> None:
        async with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # `IF NOT EXISTS` does not keep two processes from creating one table at the same time.
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            for statement in creating(self._tables):
                await connection.execute(statement)
        self._created = True

    @staticmethod
    def _now(connection: AsyncConnection, *, begun: bool = False) -> ColumnElement[float]:
        """Return the time by the server's clock, in seconds since the epoch: now, or when the statement began."""
        if connection.dialect.name == "postgresql":
            clock = func.statement_timestamp() if begun else func.clock_timestamp()
            return cast(extract("epoch", clock), Double)
        # SQLite runs in the process that asks. Its Julian days are good for milliseconds.
        return literal_column("((julianday('now') - 2440587.5) * 86400.0)", Double)

    async def _remove_expired(self, connection: AsyncConnection, table: Table) -> None:
        """Remove some of what is over: each new row pays for a few, and none for all."""
        columns = list(table.primary_key.columns)
        # A time that stands still: with one that goes on, PostgreSQL reads the whole table instead of the index.
        now = self._now(connection, begun=True)
        over = select(*columns).where(table.c.expires_at <= now).order_by(table.c.expires_at).limit(_REMOVED_AT_ONCE)
        if connection.dialect.name == "postgresql":
            over = over.with_for_update(skip_locked=True)
        rows = (await connection.execute(over)).all()
        for row in rows:
            same = [column == value for column, value in zip(columns, row, strict=True)]
            await connection.execute(delete(table).where(*same, table.c.expires_at <= now))


def _let_go(error: BaseException, before: BaseException | None) -> None:
    """Let go of what the frames of an error hold, back to the one that was handled before.

    Among that are cursors. As long as there is one, SQLite keeps its lock, though the connection was closed: whoever
    keeps the error, as the task of a cancelled request does, would lock out everybody.
    """
    seen: list[BaseException | None] = [before, None]
    waiting = [error.__cause__, error.__context__, error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in seen:
            seen.append(one)
            clear_frames(one.__traceback__)
            waiting += [one.__cause__, one.__context__]


def dialect_named(name: str) -> Any:
    """Return a dialect that the tables are written for.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in DIALECTS:
        raise ConfigError("SQLStore", name, f"use one of {', '.join(sorted(DIALECTS))}")
    return DIALECTS[name]()
