"""The SQL store, on SQLAlchemy: for API keys, refresh families and revocations, in PostgreSQL or SQLite."""

import sqlite3
from datetime import timedelta
from functools import partial
from secrets import token_hex
from typing import Any, Self
from weakref import finalize

from asgisec._durations import in_seconds
from asgisec._extras import needs
from asgisec.errors import ConfigError, unless_text

with needs("sqlalchemy", "install asgisec[sqlalchemy]"):
    from sqlalchemy import MetaData, make_url
    from sqlalchemy.exc import SQLAlchemyError
    from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

    from asgisec.stores.sqlalchemy._core import SQL, Engines, dialect_named
    from asgisec.stores.sqlalchemy._tables import Tables, statements
    from asgisec.stores.sqlalchemy.api_keys import APIKeyTable
    from asgisec.stores.sqlalchemy.denylist import Denylist
    from asgisec.stores.sqlalchemy.refresh import RefreshFamilies

__all__ = ["SQLStore"]

_OPTION = "SQLStore.from_url(url)"
_MEND = "write a URL such as 'postgresql+asyncpg://user@host/name' or 'sqlite+aiosqlite:///keys.db'"
_PREFIX = "asgisec_"
# SQLite lets one write at a time, and those who wait for its lock get it by chance: some would wait past the time-out.
# In one process they stand in line, for its one connection.
_IN_LINE = {"pool_size": 1, "max_overflow": 0}
_POOLS = frozenset({*_IN_LINE, "poolclass", "pool"})  # whoever sets one of these knows better
# In memory, each connection would have a database of its own; by this file system, those of one process share it.
_SHARED = {"vfs": "memdb", "uri": "true"}
_TIMEOUT = 2.0  # seconds: a database is asked for more than a counter is


class SQLStore(APIKeyTable, Denylist, RefreshFamilies):
    """Keep API keys, refresh families and revocations in an SQL database.

    Make one with `from_url`, or around an application's own engine.

    Args:
        engine: The application's engine. It stays its own to dispose of.
        prefix: What the names of the tables begin with.
        timeout: The longest that a caller waits, connecting included, in seconds.
        create: Create the tables where they are not there; `False` where migrations do, with `SQLStore.ddl`.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self, engine: AsyncEngine, *, prefix: str = _PREFIX, timeout: float | timedelta = _TIMEOUT, create: bool = True
    ) -> None:
        if not isinstance(engine, AsyncEngine):
            raise ConfigError("SQLStore(engine)", unless_text(engine), "write an AsyncEngine, or use SQLStore.from_url")
        dialect_named(engine.dialect.name)
        super().__init__(Engines(engine), prefix=prefix, timeout=timeout, create=create)

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = _PREFIX,
        timeout: float | timedelta = _TIMEOUT,
        create: bool = True,
        **options: Any,
    ) -> Self:
        """Return the store in the database at a URL. It connects when it is first used.

        Args:
            url: `postgresql+asyncpg://user:password@host/name`, `sqlite+aiosqlite:///file.db`, or `sqlite+aiosqlite://`
                for a database in memory, which is there as long as the store: for tests.
            prefix: What the names of the tables begin with.
            timeout: The longest that a caller waits, connecting included, in seconds.
            create: Create the tables where they are not there.
            options: For `sqlalchemy.ext.asyncio.create_async_engine`: `pool_size`, `connect_args`, ...

        Raises:
            ConfigError: The URL, or an option, cannot be used.
        """
        # The URL is not shown: it may have a password.
        memory = None
        try:
            parsed = make_url(url)
            if parsed.get_backend_name() == "sqlite":
                if parsed.database in {None, "", ":memory:"}:
                    memory = f"file:/asgisec-{token_hex(8)}"
                    parsed = parsed.set(database=memory, query=_SHARED)
                # How long SQLite waits for a lock, in a thread that nobody can interrupt.
                options = {
                    **options,
                    "connect_args": {"timeout": in_seconds(timeout), **options.get("connect_args", {})},
                }
                # With `mode=memory` SQLAlchemy chooses a pool that has one connection anyway, and takes no size.
                if _POOLS.isdisjoint(options) and "mode" not in parsed.query:
                    options |= _IN_LINE
            make = partial(create_async_engine, parsed, **{"pool_pre_ping": True, **options})
            engine = make()
        except ModuleNotFoundError as error:
            # Where a URL names no driver, the missing one is SQLAlchemy's own choice, of which nobody here has heard.
            named = "+" in str(url).partition("://")[0]
            mend = f"install {error.name}, the driver that it names" if named else _MEND
            raise ConfigError(_OPTION, ..., mend) from None
        except (SQLAlchemyError, TypeError, ValueError, AttributeError):
            raise ConfigError(_OPTION, ..., f"{_MEND}, with options that create_async_engine takes") from None
        dialect_named(engine.dialect.name)
        store = cls.__new__(cls)
        SQL.__init__(store, Engines(make), prefix=prefix, timeout=timeout, create=create)
        if memory is not None:
            # SQLite forgets it with its last connection, and those of an event loop end with that.
            finalize(store, sqlite3.connect(f"{memory}?vfs=memdb", uri=True, check_same_thread=False).close)
        return store

    @property
    def metadata(self) -> MetaData:
        """The tables, for tools such as Alembic."""
        return self._tables.metadata

    @staticmethod
    def ddl(dialect: str, *, prefix: str = _PREFIX) -> str:
        """Return the statements that create the tables, for migrations: `postgresql` or `sqlite`."""
        return ";\n\n".join(statements(Tables(prefix), dialect_named(dialect))) + ";\n"
