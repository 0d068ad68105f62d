"""Injections against the queries of the example, on real databases, and against their string-built twin beside them."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, MetaData, String, Table, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from examples.guestbook.app import add, by_author, entries, metadata, search
from tests import postgres

DATABASES = ["sqlite", "postgresql"]
secrets = Table("secrets", MetaData(), Column("name", String), Column("value", String))
ROWS: list[dict[str, Any]] = [
    {"id": number, "author": author, "body": body}
    for number, (author, body) in enumerate([("ada", "50% more"), ("bob", "500 more"), ("o'hara", "a\\b_c")], start=1)
]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    if not postgres.AVAILABLE:
        pytest.skip("no PostgreSQL here; name one in ASGISEC_TEST_POSTGRES_URL")
    with postgres.server() as url:
        yield url


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncEngine:
    url = (
        request.getfixturevalue("postgres_url")
        if request.param == "postgresql"
        else f"sqlite+aiosqlite:///{tmp_path}/db"
    )
    return create_async_engine(url, poolclass=NullPool)


async def fill(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for tables in (metadata, secrets.metadata):
            await connection.run_sync(tables.drop_all)
            await connection.run_sync(tables.create_all)
        for row in ROWS:
            await add(connection, row["author"], row["body"])
        await connection.execute(insert(secrets).values(name="token", value="hunter2"))


async def state(connection: AsyncConnection) -> list[Any]:
    rows = [dict(row) for row in (await connection.execute(select(entries).order_by(entries.c.id))).mappings()]
    return [rows, (await connection.execute(select(secrets))).all()]


class Twin:
    """The same three queries, built of strings, as they are often written."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def by_author(self, author: str) -> list[Any]:
        return await self._run(f"SELECT id, author, body FROM entries WHERE author = '{author}'")  # noqa: S608

    async def search(self, text: str, order: str = "id") -> list[Any]:
        return await self._run(f"SELECT id, author, body FROM entries WHERE body LIKE '%{text}%' ORDER BY {order}")  # noqa: S608

    async def add(self, author: str, body: str) -> list[Any]:
        number = "(SELECT max(id) + 1 FROM entries)"
        return await self._run(f"INSERT INTO entries (id, author, body) VALUES ({number}, '{author}', '{body}')")  # noqa: S608

    async def _run(self, statement: str) -> list[Any]:
        driver: Any = (await self._connection.get_raw_connection()).driver_connection
        if self._connection.dialect.name == "postgresql":
            try:
                return list(await driver.fetch(statement))
            except Exception as error:
                if "multiple commands" not in str(error):
                    raise
                await driver.execute(statement)
                return []
        try:
            return list(await driver.execute_fetchall(statement))
        except sqlite3.Error as error:
            if "one statement at a time" not in str(error):
                raise
            await driver.executescript(statement)
            return []


# What is sent, and what becomes of the twin on both databases. "harm": it tells what it should not, or loses
# or gains rows. "fails" is the twin that answers with an error of the database, which tells the attacker where to push.
VALUES = {
    "quote": ("o'hara", "fails"),
    "always true": ("' OR '1'='1", "harm"),
    "always true, commented": ("' OR 1=1 -- ", "harm"),
    "always true, block comment": ("'/**/OR/**/1=1/**/OR/**/'1'='1", "harm"),
    "always true by like": ("' OR author LIKE '%", "harm"),
    "always true by comparison": ("' OR 'a' < 'b", "harm"),
    "always true by null": ("' OR author IS NOT NULL -- ", "harm"),
    "union": ("' UNION SELECT 9, name, value FROM secrets -- ", "harm"),
    "union all in odd case": ("' uNiOn AlL sElEcT 9, name, value fRoM secrets -- ", "harm"),
    "union over lines": ("'\nUNION\nSELECT 9,\tname,\nvalue FROM secrets\n-- ", "harm"),
    "union without spaces": ("'UNION/**/SELECT/**/9,name,value/**/FROM/**/secrets--", "harm"),
    "union in parentheses of the end": ("x' UNION SELECT 9, value, value FROM secrets WHERE '1'='1", "harm"),
    "blind, by a subquery": ("' OR (SELECT length(value) FROM secrets) = 7 -- ", "harm"),
    "blind, by a letter": ("' OR (SELECT substr(value, 1, 1) FROM secrets) = 'h", "harm"),
    "blind, by exists": ("' OR EXISTS (SELECT 1 FROM secrets) -- ", "harm"),
    "drop": ("'; DROP TABLE entries; -- ", "harm"),
    "drop secrets": ("'; DROP TABLE secrets; -- ", "harm"),
    "delete": ("'; DELETE FROM entries; -- ", "harm"),
    "update": ("'; UPDATE entries SET author = 'eve'; -- ", "harm"),
    "insert": ("'; INSERT INTO entries (id, author, body) VALUES (66, 'eve', 'x'); -- ", "harm"),
    "alter": ("'; ALTER TABLE entries RENAME TO gone; -- ", "harm"),
    "stacked over lines": ("';\nDELETE FROM entries;\n-- ", "harm"),
    "unbalanced": ("')", "fails"),
    "only a comment": ("' -- ", "harm"),
    "percent": ("%", "harm"),
    "underscore": ("_", "harm"),
    "underscores": ("5__ more", "harm"),
    "percent inside": ("5%more", "harm"),
    "dollar quotes": ("$$; DROP TABLE entries; $$", "nothing"),
    "parameter": (":author OR 1=1", "nothing"),
    "question mark": ("? OR 1=1", "nothing"),
    "format": ("%s %(author)s {author}", "nothing"),
    "full-width quote": ("＇ OR 1=1 -- ", "nothing"),
    "letter apostrophe": ("ʼ OR 1=1 -- ", "nothing"),
    "escaped unicode": ("\\u0027 OR 1=1 -- ", "nothing"),
    "wide byte": ("\u00bf\u005c' OR 1=1 -- ", "harm"),
    "backslash and quote": ("\\' OR 1=1 -- ", "harm"),
    "very long": ("' OR 1=1 -- " + "x" * 10_000, "harm"),
}

ORDERS = {
    "blind": "(CASE WHEN (SELECT substr(value, 1, 1) FROM secrets) = 'h' THEN -id ELSE id END)",
    "another column": "author",
    "by number": "3 DESC",
    "union": "1) UNION SELECT 9, name, value FROM secrets --",
    "stacked": "id; DELETE FROM entries",
    "stacked and commented": "id; DROP TABLE secrets; -- ",
    "limit": "id LIMIT 1",
    "comment": "id --",
    "direction": "id DESC",
    "quoted": '"id"',
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", VALUES)
async def test_values(engine: AsyncEngine, name: str) -> None:
    text, kind = VALUES[name]
    await fill(engine)
    async with engine.connect() as connection:
        before = await state(connection)
        right = ([row for row in ROWS if row["author"] == text], [row for row in ROWS if text in row["body"]])
        assert await by_author(connection, text) == right[0]
        assert await search(connection, text) == right[1]
        assert await state(connection) == before
        await add(connection, text, text)
        added = {"id": 4, "author": text, "body": text}
        assert await by_author(connection, text) == [*right[0], added]
        assert await search(connection, text) == [*right[1], added]
        await connection.rollback()
        assert await state(connection) == before

    methods = zip(("by_author", "search"), right, strict=True)
    outcomes = {await outcome(engine, method, text, len(expected)) for method, expected in methods}
    assert {"harm": "harm" in outcomes, "fails": "fails" in outcomes, "nothing": "harm" not in outcomes}[kind]
    await engine.dispose()


async def outcome(engine: AsyncEngine, method: str, text: str, expected: int) -> str:
    """Return what the twin does with the text, and mend the tables."""
    async with engine.connect() as connection:
        try:
            rows = await getattr(Twin(connection), method)(text)
        except Exception:  # noqa: BLE001 - whatever the driver raises
            rows = None
    async with engine.connect() as connection:
        try:
            harmed = await state(connection) != [ROWS, [("token", "hunter2")]]
        except SQLAlchemyError:
            harmed = True
    if harmed:
        await fill(engine)
        return "harm"
    if rows is None:
        return "fails"
    return "harm" if len(rows) != expected else "nothing"


@pytest.mark.anyio
@pytest.mark.parametrize("name", ORDERS)
async def test_orders(engine: AsyncEngine, name: str) -> None:
    order = ORDERS[name]
    await fill(engine)
    async with engine.connect() as connection:
        if name != "another column":
            with pytest.raises(ValueError, match=r"^this is not a name to sort by$"):
                await search(connection, "", order)
        assert [row["id"] for row in await search(connection, "", "-id")] == [3, 2, 1]
        assert await state(connection) == [ROWS, [("token", "hunter2")]]
    await engine.dispose()


@pytest.mark.anyio
async def test_the_twin_sorts_as_the_attacker_likes(engine: AsyncEngine) -> None:
    await fill(engine)
    async with engine.connect() as connection:
        twin = Twin(connection)
        assert [row[0] for row in await twin.search("", ORDERS["blind"])] == [3, 2, 1]
        assert [row[0] for row in await twin.search("", ORDERS["limit"])] == [1]
    assert await outcome(engine, "search", "' ; DELETE FROM entries; -- ", 0) == "harm"
    await engine.dispose()
