"""A guest book whose every input comes from strangers: HTML, names, search texts, sort orders, files.

    python -m uvicorn --factory examples.guestbook.app:main

The queries at the top are the pattern for SQL: values travel as parameters, and what a parameter cannot carry is chosen
from a list of our own. They run unchanged on SQLite and on PostgreSQL.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from sqlalchemy import Column, Integer, MetaData, String, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from asgisec.inputs import (
    PlainText,
    SafeDirectory,
    SafeHTML,
    Slug,
    StrictModel,
    Username,
    file_response,
    like_escape,
    sort_key,
)

metadata = MetaData()
entries = Table(
    "entries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("author", String, nullable=False),
    Column("body", String, nullable=False),
)
EVERYTHING = PlainText("")
order_by = sort_key({"id": entries.c.id, "author": entries.c.author})


async def add(connection: AsyncConnection, author: str, body: str) -> None:
    """Write one entry."""
    await connection.execute(insert(entries).values(author=author, body=body))


async def by_author(connection: AsyncConnection, author: str) -> list[dict[str, Any]]:
    """Return what one author wrote."""
    query = select(entries).where(entries.c.author == author)
    return [dict(row) for row in (await connection.execute(query)).mappings()]


async def search(connection: AsyncConnection, text: str, order: str = "id") -> list[dict[str, Any]]:
    """Return the entries that hold `text`, literally, in an order that is in the list; else raise `ValueError`."""
    pattern = f"%{like_escape(text)}%"
    query = select(entries).where(entries.c.body.like(pattern, escape="\\")).order_by(order_by(order))
    return [dict(row) for row in (await connection.execute(query)).mappings()]


class Entry(StrictModel):
    """What a visitor sends: these two fields, of these types, and nothing else."""

    author: Username
    body: SafeHTML


def create_app(database: str, uploads: SafeDirectory) -> FastAPI:
    """Build the application on a database and a directory."""
    engine = create_async_engine(database)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        yield
        await engine.dispose()

    app = FastAPI(lifespan=lifespan)

    @app.post("/entries", status_code=201)
    async def write(entry: Entry) -> Entry:
        async with engine.begin() as connection:
            await add(connection, entry.author, entry.body)
        return entry

    @app.get("/entries")
    async def find(q: PlainText = EVERYTHING, order: str = "id") -> list[dict[str, Any]]:
        async with engine.connect() as connection:
            try:
                return await search(connection, q, order)
            except ValueError:
                raise HTTPException(422, "entries can be sorted by id and author") from None

    @app.put("/files/{name}", status_code=201)
    async def upload(name: Slug, request: Request) -> dict[str, str]:
        try:
            with uploads.open(name, "xb") as kept:
                async for chunk in request.stream():
                    kept.write(chunk)
        except FileExistsError:
            raise HTTPException(409, "there is a file of that name") from None
        return {"name": name}

    @app.get("/files/{path:path}")
    async def download(path: str) -> Response:
        return await file_response(uploads, path)

    return app


def main() -> FastAPI:
    """Build it on a database and a directory that are new at each start."""
    directory = tempfile.mkdtemp(prefix="guestbook-")
    return create_app(f"sqlite+aiosqlite:///{directory}.db", SafeDirectory(directory))
