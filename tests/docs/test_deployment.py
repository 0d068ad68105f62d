"""What the page on deployment says of Redis, PostgreSQL and the application's environment."""

import asyncio
import re
import secrets
from typing import Any

import pytest
import redis
from sqlalchemy import inspect, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.testclient import TestClient

from asgisec import RateLimiter
from asgisec.credentials import APIKeys, LoginThrottle
from asgisec.errors import ConfigError, InvalidToken
from asgisec.stores import RedisStore, SQLStore, open_store
from asgisec.tokens import KeySet, TokenIssuer
from tests import postgres, valkey
from tests.docs.differences import programs
from tests.docs.pages import text_of
from tests.docs.write import DOCS

PAGE = DOCS / "deployment.md"
STRATEGIES = ("fixed-window", "sliding-window-counter", "moving-window", "gcra")


async def counts(store: RedisStore) -> None:
    for strategy in STRATEGIES:
        limiter = RateLimiter("2/minute", "5/hour", store=store, strategy=strategy)
        assert [(await limiter.hit("a")).allowed for _ in range(3)] == [True, True, False]
        await limiter.peek("a")
        await limiter.reset("a")
    throttle = LoginThrottle(store)
    await throttle.check("ada", "192.0.2.7")
    await throttle.failed("ada", "192.0.2.7")
    await throttle.succeeded("ada", "192.0.2.7")


async def sessions_and_keys(store: RedisStore | SQLStore) -> None:
    issuer = TokenIssuer(KeySet.generate(), issuer="https://api.example.com", audience="api", store=store)
    first = await issuer.issue("ada")
    second = await issuer.refresh(first.refresh_token or "")
    assert len(await issuer.sessions("ada")) == 1
    await issuer.revoke(second.refresh_token or "")
    await issuer.revoke_subject("ada")
    with pytest.raises(InvalidToken):
        await issuer.verifier().authenticate(second.access_token)
    keys = APIKeys(store, prefix="shop")
    created = await keys.create(owner="robot", scopes=["a"])
    assert (await keys.verify(created.key)).owner == "robot"
    rotated = await keys.rotate(created.record.id)
    assert len(await keys.list("robot")) == 1
    await keys.disable(rotated.record.id)
    await keys.enable(rotated.record.id)
    assert await keys.delete(rotated.record.id)


def test_the_rights_of_the_user_are_enough_and_not_more() -> None:
    found = re.search(r"`(ACL SETUSER shop .+)`", text_of(PAGE))
    assert found is not None
    with valkey.process(tcp=True) as server:
        with redis.from_url(server.url) as admin:
            admin.execute_command(*found[1].split())
        url = server.url.replace("redis://", "redis://shop:password@")

        async def run() -> None:
            async with open_store(url, prefix="shop") as store:
                assert isinstance(store, RedisStore)
                await counts(store)
                await sessions_and_keys(store)

        asyncio.run(run())
        with redis.from_url(url) as user:
            for command in (["GET", "other:key"], ["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"]):
                with pytest.raises(redis.exceptions.NoPermissionError):
                    user.execute_command(*command)


def environ(store_url: str = "memory://") -> dict[str, str]:
    made = programs(PAGE.name, "The application")[1]
    return {
        "STORE_URL": store_url,
        "TOKEN_KEY": made["token_key"],
        "TOKEN_KEY_ID": "2026-10",
        "ISSUER": "https://api.example.com",
        "PEPPER_ID": "2026",
        "PEPPER": made["pepper"],
        "HOSTS": "api.example.com",
        "PROXIES": "10.0.0.0/8",
    }


def application() -> Any:
    return programs(PAGE.name, "The application")[0]["application"]


def test_the_application_starts_and_its_probe_is_answered() -> None:
    app = application()(environ())
    with TestClient(app, base_url="http://10.0.0.9:8000") as probe:
        assert [probe.get("/health").status_code for _ in range(3)] == [200] * 3
        assert probe.get("/orders").status_code == 400
    with TestClient(app, base_url="https://api.example.com") as client:
        assert client.get("/orders").status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOSTS", "*"),
        ("PROXIES", "0.0.0.0/0"),
        ("STORE_URL", "rediss//wrong"),
        ("PEPPER", "short"),
        ("TOKEN_KEY", "no"),
    ],
)
def test_what_is_wrong_stops_the_start(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        application()({**environ(), name: value})
    if name in {"PEPPER", "TOKEN_KEY"}:
        assert value not in str(wrong.value).split()


@pytest.mark.slow
@pytest.mark.skipif(not postgres.AVAILABLE, reason="no PostgreSQL")
def test_the_rights_on_postgresql_are_enough() -> None:
    async def run(url: str) -> None:
        role = f"shop_{secrets.token_hex(4)}"
        engine = create_async_engine(url)
        prefix = f"{role}_"
        async with engine.begin() as admin:
            for statement in SQLStore.ddl("postgresql", prefix=prefix).split(";"):
                if statement.strip():
                    await admin.execute(text(statement))
            await admin.execute(text(f"CREATE ROLE {role} LOGIN PASSWORD '{role}'"))
            tables: list[str] = await admin.run_sync(lambda connection: inspect(connection).get_table_names())
            for table in tables:
                if table.startswith(prefix):
                    await admin.execute(text(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}"))
        await engine.dispose()
        own = make_url(url).set(username=role, password=role).render_as_string(hide_password=False)
        async with SQLStore.from_url(own, prefix=prefix, create=False, timeout=30) as store:
            await sessions_and_keys(store)

    with postgres.server() as url:
        asyncio.run(run(url))
