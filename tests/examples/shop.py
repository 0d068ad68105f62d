"""The reference API on a database of its own, and each kind of caller."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
from fastapi import FastAPI
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.testclient import TestClient

from examples.reference_api.application import create_app
from examples.reference_api.demo import USERS, Demo
from examples.reference_api.settings import Settings
from examples.reference_api.tables import Comment, Order, Product, User
from tests import postgres

PASSWORDS = {name: password for name, _, password in USERS}
SECRET = "a secret of tests that is long enough"  # noqa: S105


@dataclass
class Shop:
    """The application, and who calls it."""

    app: FastAPI
    client: TestClient
    headers: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def demo(self) -> Demo:
        found: Demo = self.app.state.demo
        return found

    def log_in(self, name: str, password: str | None = None, **more: str) -> httpx2.Response:
        form = {"grant_type": "password", "username": name, "password": password or PASSWORDS[name], **more}
        return self.client.post("/auth/token", data=form)

    def pair(self, name: str, **more: str) -> dict[str, str]:
        answer = self.log_in(name, **more)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    def bearer(self, name: str, **more: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.pair(name, **more)['access_token']}"}

    def caller(self, kind: str) -> dict[str, str]:
        """Return the headers of a kind of caller."""
        if kind == "anonymous":
            return {}
        if kind not in self.headers:
            name = {"viewer": "vera", "editor": "eddie", "admin": "ada"}.get(kind)
            self.headers[kind] = self.bearer(name) if name else {"X-API-Key": self.demo.keys[kind]}
        return self.headers[kind]

    def ask(self, caller: str, method: str, path: str, body: object = None) -> httpx2.Response:
        return self.client.request(method, path, headers=self.caller(caller), json=body)

    def add(self, kind: str) -> int | str:
        """Put something new into the database, and return its id."""
        return self.client.portal.call(self._add, kind)  # type: ignore[union-attr]  # it is open

    async def _add(self, kind: str) -> int | str:
        ids = self.demo.users
        rows: dict[str, Any] = {
            "product": Product(name="Cup", price_cents=500, stock=50),
            "user": User(username=f"u{uuid.uuid4().hex[:12]}", email="u@example.com", password_hash="-"),  # noqa: S106
            "order": Order(owner_id=ids["vera"], product_id=1, quantity=1, total_cents=2900),
            "foreign_order": Order(owner_id=ids["otto"], product_id=1, quantity=1, total_cents=2900),
            "comment": Comment(product_id=1, author_id=ids["vera"], body="Mine."),
        }
        async with self.app.state.sessions.begin() as session:
            session.add(rows[kind])
            await session.flush()
            number: int = rows[kind].id
            return number


@contextmanager
def opened(database_url: str, **options: Any) -> Iterator[Shop]:
    """Start the application."""
    given: dict[str, Any] = {"secret": SECRET, "hosts": ("testserver",), "requests": "9999/hour", "logins": "9999/hour"}
    app = create_app(Settings(database_url=database_url, **given, **options))
    with TestClient(app) as client:
        yield Shop(app, client)


@contextmanager
def database(kind: str, directory: Path) -> Iterator[str]:
    """Give the URL of a database that is new."""
    if kind == "sqlite":
        yield f"sqlite+aiosqlite:///{directory}/shop.db"
        return
    with postgres.server() as server:
        name = f"shop_{uuid.uuid4().hex}"

        async def run(statement: str) -> None:
            engine = create_async_engine(server, isolation_level="AUTOCOMMIT")
            async with engine.connect() as connection:
                await connection.execute(text(statement))
            await engine.dispose()

        anyio.run(run, f"CREATE DATABASE {name}")
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
        anyio.run(run, f"DROP DATABASE {name}")
