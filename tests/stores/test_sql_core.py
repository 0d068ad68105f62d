"""The SQL store: where it connects to, its tables, and databases that fail."""

import asyncio
import sqlite3
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from traceback import walk_tb
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.stores import SQLStore, open_store
from asgisec.stores.protocols import RefreshFamily
from tests.processes import forking
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio


def url_in(directory: Path) -> str:
    return f"sqlite+aiosqlite:///{directory}/store.db"


@pytest.fixture
def prefix() -> str:
    return fresh_prefix().replace("-", "_") + "_"


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="nothing"),
        pytest.param(None, id="no text"),
        pytest.param("keys.db", id="a path"),
        pytest.param("nosuch+driver://ada:s3cret@host/db", id="a dialect that is none"),
        pytest.param("sqlite:///keys.db", id="a driver that blocks"),
        pytest.param("sqlite://", id="a driver that blocks, in memory"),
        pytest.param("postgresql+asyncpg://ada:s3cret@host:port/db", id="a port that is none"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_config_error(url: Any) -> None:
    with pytest.raises(ConfigError, match=r"SQLStore\.from_url\(url\)") as refused:
        SQLStore.from_url(url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.filterwarnings("ignore:Selection of the StaticPool")  # SQLAlchemy will choose another pool one day
def test_a_database_in_memory_that_has_a_name_keeps_the_pool_that_is_chosen_for_it() -> None:
    SQLStore.from_url("sqlite+aiosqlite:///file:shared?mode=memory&cache=shared&uri=true")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"prefix": ""}, "lower-case letters", id="no prefix"),
        pytest.param({"prefix": 'a"; DROP TABLE users; --'}, "lower-case letters", id="a prefix with a statement"),
        pytest.param({"prefix": "Keys_"}, "lower-case letters", id="a prefix in capitals"),
        pytest.param({"prefix": "a-b"}, "lower-case letters", id="a prefix with a dash"),
        pytest.param({"prefix": 5}, "lower-case letters", id="a prefix that is no text"),
        pytest.param({"timeout": 0}, "write seconds", id="no time"),
        pytest.param({"timeout": timedelta(minutes=2)}, "write seconds", id="too long a timedelta"),
        pytest.param({"timeout": True}, "write seconds", id="a time that is none"),
        pytest.param({"nosuch": 1}, "create_async_engine takes", id="an option that nobody knows"),
    ],
)
def test_a_wrong_option_is_a_config_error(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SQLStore.from_url(url_in(tmp_path), **options)


def test_an_engine_that_cannot_be_used_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="write an AsyncEngine"):
        SQLStore("sqlite+aiosqlite:///keys.db")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="use one of postgresql, sqlite"):
        SQLStore.ddl("mysql")


def test_a_driver_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "aiosqlite", None)
    with pytest.raises(ConfigError, match="install aiosqlite, the driver that it names"):
        SQLStore.from_url(url_in(tmp_path))


def test_a_url_that_names_no_driver_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for driver in ("psycopg", "psycopg2"):
        monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(ConfigError, match=r"write a URL such as 'postgresql\+asyncpg://"):
        SQLStore.from_url("postgresql://asgisec@localhost/keys")


def test_a_store_is_opened_by_its_url(tmp_path: Path) -> None:
    assert isinstance(open_store(url_in(tmp_path)), SQLStore)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return url_in(tmp_path)
    found: str = request.getfixturevalue("postgres_url")
    return found


async def test_an_applications_own_engine_stays_its_own(url: str, prefix: str) -> None:
    engine = create_async_engine(url)
    async with SQLStore(engine, prefix=prefix, timeout=30) as store:
        await store.deny("ada", "t:1", 5.0, time.time() + 60)
    async with engine.connect() as connection:
        assert (await connection.execute(text(f"SELECT count(*) FROM {prefix}revocations"))).scalar() == 1  # noqa: S608 - our own
    await engine.dispose()


@pytest.mark.parametrize("kind", ["serializable", "another schema", "autocommit", "a BEGIN of its own"])
async def test_an_applications_own_engine_may_be_set_as_it_likes(
    request: pytest.FixtureRequest, tmp_path: Path, prefix: str, kind: str
) -> None:
    """Writers that come together neither fail nor wait in vain."""
    schema = f"{prefix}s"
    options: dict[str, dict[str, Any]] = {
        "serializable": {"isolation_level": "SERIALIZABLE"},
        "another schema": {"execution_options": {"schema_translate_map": {None: schema}}},
        "autocommit": {"isolation_level": "AUTOCOMMIT"},
    }
    if kind == "a BEGIN of its own":
        engine = create_async_engine(url_in(tmp_path))
        event.listen(engine.sync_engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        event.listen(engine.sync_engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    else:
        engine = create_async_engine(request.getfixturevalue("postgres_url"), **options[kind])
        await _run(engine, f"CREATE SCHEMA {schema}")
    now = time.time()
    async with SQLStore(engine, prefix=prefix, timeout=30) as store:
        await asyncio.gather(*(store.deny("ada", f"t:{number}", 5.0, now + 60) for number in range(8)))
        assert list(await store.denied("ada", [f"t:{number}" for number in range(8)])) == [5.0] * 8
        await store.add_family(
            RefreshFamily(
                id="f1", owner="ada", grant="{}", proof="p", current="c0", created_at=now, expires_at=now + 60
            )
        )
        rotations = await asyncio.gather(*(store.rotate("f1", "c0", f"c{n}", f"sealed-{n}", 60) for n in range(1, 9)))
        assert sorted(rotation.outcome for rotation in rotations) == ["repeated"] * 7 + ["rotated"]
        assert len({rotation.sealed for rotation in rotations} - {None}) == 1
    if kind == "another schema":
        async with engine.connect() as connection:
            await connection.execute(text(f"SELECT * FROM {schema}.{prefix}revocations"))  # noqa: S608 - our own
    await engine.dispose()


async def test_migrations_may_create_the_tables(url: str, prefix: str) -> None:
    async with SQLStore.from_url(url, prefix=prefix, create=False, timeout=30) as store:
        with pytest.raises(StoreUnavailable):
            await store.denied("ada", ["t:1"])
        ddl = SQLStore.ddl(url.partition("+")[0], prefix=prefix)
        await _run(create_async_engine(url), ddl)
        await store.deny("ada", "t:1", 5.0, time.time() + 60)
        assert await store.denied("ada", ["t:1"]) == [5.0]
    assert sorted(store.metadata.tables) == [
        f"{prefix}{name}" for name in ("api_keys", "refresh_families", "revocations")
    ]


async def _run(engine: AsyncEngine, script: str) -> None:
    async with engine.begin() as connection:
        for statement in script.split(";\n"):
            if statement.strip():
                await connection.execute(text(statement))
    await engine.dispose()


def test_every_event_loop_has_connections_of_its_own(url: str, prefix: str) -> None:
    store = SQLStore.from_url(url, prefix=prefix, timeout=30)

    async def step(number: int) -> list[float | None]:
        await store.deny("ada", f"t:{number}", float(number), time.time() + 60)
        return list(await store.denied("ada", ["t:0", "t:1", "t:2"]))

    assert asyncio.run(step(0)) == [0.0, None, None]
    assert asyncio.run(step(1)) == [0.0, 1.0, None]

    async def end() -> list[float | None]:
        found = await step(2)
        await store.aclose()
        await store.aclose()
        return found

    assert asyncio.run(end()) == [0.0, 1.0, 2.0]


async def test_what_is_over_is_removed_by_what_is_new(url: str, prefix: str) -> None:
    engine = create_async_engine(url)
    async with SQLStore.from_url(url, prefix=prefix, timeout=30) as store:
        for number in range(50):
            await store.deny("ada", f"t:{number}", 5.0, time.time() - 1)
        await store.deny("ada", "t:last", 5.0, time.time() + 60)
        async with engine.connect() as connection:
            left = (await connection.execute(text(f"SELECT count(*) FROM {prefix}revocations"))).scalar()  # noqa: S608 - our own
    await engine.dispose()
    assert left == 1


async def test_what_is_over_is_found_by_an_index(url: str, prefix: str) -> None:
    """Otherwise each login would read the whole table, and the more there are, the longer each takes."""
    engine, asked = create_async_engine(url), []

    def note(*event_of: Any) -> None:
        if event_of[2].startswith("SELECT"):
            asked.append(event_of[2:4])

    async with SQLStore(engine, prefix=prefix, timeout=30) as store:
        await store.denied("ada", [])
        event.listen(engine.sync_engine, "before_cursor_execute", note)
        now = time.time()
        await store.deny("ada", "t:1", 5.0, now + 60)
        await store.add_family(
            RefreshFamily(id="f1", owner="ada", grant="{}", proof="p", current="c", created_at=now, expires_at=now + 60)
        )
    event.remove(engine.sync_engine, "before_cursor_execute", note)
    explain = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    found = []
    async with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(text("SET enable_seqscan = off"))  # there are few rows
        for statement, given in asked:
            if "expires_at" in statement:
                plan = await connection.exec_driver_sql(f"{explain} {statement}", given)
                found.append(" ".join(str(row) for row in plan))
    await engine.dispose()
    assert len(found) == 2
    for plan_of_one, table in zip(found, ("revocations", "refresh_families"), strict=True):
        assert f"ix_{prefix}{table}_expires_at" in plan_of_one
        assert "Index Cond: (expires_at <=" in plan_of_one or "(expires_at<?)" in plan_of_one


def _first(url: str, prefix: str, number: int) -> None:
    async def run() -> None:
        async with SQLStore.from_url(url, prefix=prefix, timeout=30) as store:
            await store.deny("ada", f"t:{number}", 5.0, time.time() + 60)

    asyncio.run(run())


@pytest.mark.slow
def test_processes_that_start_together_create_the_tables_once(url: str, prefix: str) -> None:
    context = forking()
    processes = [context.Process(target=_first, args=(url, prefix, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 4


async def test_a_server_that_nobody_runs_is_unavailable(tmp_path: Path) -> None:
    async with SQLStore.from_url(f"postgresql+asyncpg://ada:s3cret@/db?host={tmp_path}") as store:
        with pytest.raises(StoreUnavailable) as refused:
            await store.find_family("f1")
    assert refused.value.__cause__ is not None
    assert "s3cret" not in str(refused.value)


async def test_a_database_that_is_locked_is_unavailable_in_time(tmp_path: Path) -> None:
    async with SQLStore.from_url(url_in(tmp_path), timeout=30) as store:
        await store.deny("ada", "t:1", 5.0, time.time() + 60)
    with sqlite3.connect(tmp_path / "store.db") as other:
        other.execute("BEGIN EXCLUSIVE")
        async with SQLStore.from_url(url_in(tmp_path), timeout=0.05, create=False) as store:
            begin = time.monotonic()
            with pytest.raises(StoreUnavailable):
                await store.deny("ada", "t:2", 5.0, time.time() + 60)
            assert time.monotonic() - begin < 4, "SQLite's own time-out is 5 seconds"
        other.rollback()
    other.close()


async def test_nobody_waits_for_the_farewell_of_a_connection(
    postgres_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer does not answer to that either; SQLAlchemy would wait for it for two seconds."""

    async def no_answer(*_: object, **__: object) -> None:
        waited.set()
        await asyncio.Event().wait()

    waited, engine = asyncio.Event(), create_async_engine(postgres_url)
    async with SQLStore(engine, prefix=prefix, timeout=30) as store:
        await store.deny("ada", "t:1", 5.0, time.time() + 60)
    locked = text(f"SELECT * FROM {prefix}revocations FOR UPDATE")  # noqa: S608 - our own
    async with engine.connect() as other:
        await other.execute(locked)
        with monkeypatch.context() as patched:
            patched.setattr("asyncpg.connection.Connection.close", no_answer)
            async with asyncio.timeout(30), SQLStore(engine, prefix=prefix, timeout=0.5, create=False) as store:
                with pytest.raises(StoreUnavailable):
                    await store.deny("ada", "t:1", 6.0, time.time() + 60)
    await engine.dispose()
    assert waited.is_set()


@pytest.mark.parametrize(
    ("options", "most"),
    [
        pytest.param({}, 1, id="in line"),
        pytest.param({"pool_size": 3, "max_overflow": 0}, 3, id="as the application says"),
        pytest.param({"poolclass": NullPool}, 11, id="without a pool"),
    ],
)
async def test_writers_to_sqlite_stand_in_line(tmp_path: Path, options: dict[str, Any], most: int) -> None:
    """They would wait for its lock otherwise, which is given by chance: some would not get it in time."""
    store = SQLStore.from_url(url_in(tmp_path), timeout=30, **options)
    async with store:
        await store.denied("ada", ["t:0"])
        engine = await store._engines.get()
        used = set()
        event.listen(
            engine.sync_engine, "begin", lambda connection: used.add(id(connection.connection.dbapi_connection))
        )
        now = time.time()
        await asyncio.gather(*(store.deny("ada", f"t:{number}", 5.0, now + 60) for number in range(10)))
        assert await store.denied("ada", ["t:0", "t:9"]) == [5.0, 5.0]
    assert 0 < len(used) <= most
    assert most == 1 or len(used) > 1


async def test_a_caller_that_is_cancelled_harms_no_other(postgres_url: str, prefix: str) -> None:
    # On SQLite it is the driver's thread that connects; where nobody waits for that, it is left to the collector.
    async with SQLStore.from_url(postgres_url, prefix=prefix, timeout=30) as store:
        await store.deny("ada", "t:0", 0.0, time.time() + 60)
        tasks = [asyncio.create_task(store.deny("ada", f"t:{n}", float(n), time.time() + 60)) for n in range(1, 7)]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert [outcome for outcome in outcomes[1::2] if outcome is not None] == []
        assert list(await store.denied("ada", ["t:2", "t:4", "t:6"])) == [2.0, 4.0, 6.0]


async def test_a_caller_that_is_cancelled_does_not_keep_sqlite_locked(tmp_path: Path) -> None:
    """Not even where somebody keeps what was raised: its frames had the cursor, and with it SQLite keeps its lock."""
    async with SQLStore.from_url(url_in(tmp_path), timeout=30) as store:
        await store.deny("ada", "t:1", 5.0, time.time() + 60)
        engine = (await store._engines.get()).sync_engine
        task = asyncio.create_task(store.denied("ada", ["t:1"]))
        # It is sent by then, and is answered while nobody listens any more.
        event.listen(engine, "before_cursor_execute", lambda *_: task.cancel(), once=True)
        [kept] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(kept, asyncio.CancelledError)
        with closing(sqlite3.connect(tmp_path / "store.db", timeout=0)) as other:
            other.execute("BEGIN EXCLUSIVE")
            other.rollback()
        await store.deny("ada", "t:2", 5.0, time.time() + 60)


async def test_what_was_raised_before_is_left_as_it_was(tmp_path: Path) -> None:
    found: dict[str, object] = {}
    async with SQLStore.from_url(url_in(tmp_path), timeout=30) as store:
        try:
            _raising("kept")
        except ValueError as error:
            with pytest.raises(StoreUnavailable):
                await store.deny(5, "t:1", 5.0, 5.0)  # type: ignore[arg-type]  # wrong, while that is handled
            found = {name: value for frame, _ in walk_tb(error.__traceback__) for name, value in frame.f_locals.items()}
    assert found["local"] == "kept"


def _raising(local: str) -> None:
    raise ValueError


@pytest.mark.parametrize("url", ["sqlite+aiosqlite://", "sqlite+aiosqlite:///", "sqlite+aiosqlite:///:memory:"])
def test_a_database_in_memory_is_one_as_long_as_its_store(url: str) -> None:
    """Whatever event loop asks, as test clients have one for each request; and no other store sees it."""
    store, other, end = open_store(url), SQLStore.from_url(url), time.time() + 60
    assert isinstance(store, SQLStore)

    async def deny() -> None:
        await asyncio.gather(*(store.deny("ada", f"t:{number}", 5.0, end) for number in range(8)))

    async def denied(asked: SQLStore) -> list[float | None]:
        found = [*await asked.denied("ada", [f"t:{number}" for number in range(8)])]
        await asked.aclose()
        return found

    asyncio.run(deny())
    assert asyncio.run(denied(store)) == [5.0] * 8
    assert asyncio.run(denied(store)) == [5.0] * 8
    assert asyncio.run(denied(other)) == [None] * 8
