"""The database: one engine, and a session per request that is committed when all went well."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Request
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

from examples.reference_api.tables import Base

Sessions: TypeAlias = async_sessionmaker[AsyncSession]


def make_engine(url: str) -> AsyncEngine:
    """Return the engine for SQLite or PostgreSQL."""
    if url.startswith("sqlite"):
        # Opening a file costs less than a pool would save; whoever writes waits for who writes already.
        engine = create_async_engine(url, poolclass=NullPool, connect_args={"timeout": 10})
        event.listen(engine.sync_engine, "connect", _check_references)
        return engine
    return create_async_engine(url, pool_pre_ping=True)


def _check_references(connection: Any, _: object) -> None:
    # SQLite checks foreign keys only where it is told to, on each connection.
    connection.execute("PRAGMA foreign_keys=ON")


async def create_tables(engine: AsyncEngine) -> None:
    """Create the tables that are missing; where a shop lives longer than this example, that is a migration's task."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)


async def _session(request: Request) -> AsyncIterator[AsyncSession]:
    sessions: Sessions = request.app.state.sessions
    async with sessions.begin() as session:
        yield session


# With the scope of the function, the transaction is over before the answer is sent: a 201 means that it is written.
Session = Annotated[AsyncSession, Depends(_session, scope="function")]
