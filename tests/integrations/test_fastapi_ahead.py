"""Who calls is looked for before the framework is entered, where that is known to be quick; the guard decides."""

import logging
from collections.abc import Sequence
from typing import Annotated, Any

import anyio
import pytest
from fastapi import Body, FastAPI, Request, Security

from asgisec import Exchange, Policy, install
from asgisec.auth import Authenticator, BearerAuth, Principal
from asgisec.errors import StoreUnavailable
from asgisec.integrations.fastapi import SecurityGuard
from asgisec.policy import Verdict
from asgisec.stores import MemoryStore
from asgisec.tokens import TokenIssuer
from tests.integrations.fastapi_app import KEYS, get, ws


class Counting(MemoryStore):
    """A store that notes who was asked for, and may be down."""

    asked: list[str]
    down = False

    async def denied(self, owner: str, keys: Sequence[str]) -> Sequence[float | None]:
        self.asked.append("store")
        if self.down:
            raise StoreUnavailable
        return await super().denied(owner, keys)


class Noting(Policy):
    """Stands behind all others, and notes that a request came so far."""

    def __init__(self, asked: list[str]) -> None:
        self.asked = asked

    def on_request(self, exchange: Exchange) -> Verdict:
        self.asked.append("policies")
        return None


class Entered:
    """A middleware of the framework, which notes that it was entered."""

    def __init__(self, app: Any, asked: list[str]) -> None:
        self.app = app
        self.asked = asked

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append("framework")
        await self.app(scope, receive, send)


class Service:
    def __init__(self) -> None:
        self.store = Counting()
        self.asked: list[str] = []
        self.store.asked = self.asked
        issuer = TokenIssuer(KEYS, issuer="https://api.example.com", audience="api", store=self.store)
        self.issuer, self.auth = issuer, BearerAuth(issuer)
        self.token = anyio.run(issuer.issue, "user-1", ["users:read"]).access_token
        self.app = self.made()
        self.asked.clear()

    def made(self) -> FastAPI:
        app = FastAPI()
        guard = SecurityGuard(self.auth, scopes=["users:read"])
        reads = Annotated[Principal, Security(guard, scopes=["users:read"])]

        @app.get("/read")
        async def read(request: Request, caller: reads) -> Any:
            self.asked.append("handler")
            assert request.state.principal is caller
            return caller.subject

        @app.post("/write")
        async def write(caller: reads, said: Annotated[str, Body()]) -> Any:
            return caller.subject

        @app.get("/open")
        async def open_to_all(request: Request) -> bool:
            return hasattr(request.state, "principal")

        app.add_middleware(Entered, asked=self.asked)
        return install(app, Noting(self.asked))

    def get(self, path: str = "/read", **options: Any) -> Any:
        self.asked.clear()
        return get(self.app, path, ("authorization", f"Bearer {self.token}"), **options)


@pytest.fixture
def service() -> Service:
    return Service()


def test_a_token_that_was_good_before_is_looked_at_once_and_first(service: Service) -> None:
    assert service.get().status == 200
    assert service.asked == ["policies", "framework", "store", "handler"]
    for _ in range(2):
        assert service.get().status == 200
        assert service.asked == ["policies", "store", "framework", "handler"]


def test_a_revoked_token_is_refused_by_the_guard(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    assert service.get().status == 200
    anyio.run(service.issuer.revoke, service.token)
    caplog.set_level(logging.INFO, "asgisec.events")
    caplog.clear()
    refused = service.get()
    assert refused.status == 401
    assert 'error="invalid_token"' in refused.values("www-authenticate")[0]
    assert [record.event.reason for record in caplog.records] == ["revoked"]  # type: ignore[attr-defined]


def test_a_route_without_a_guard_is_open_to_a_revoked_token(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    assert service.get().status == 200
    anyio.run(service.issuer.revoke, service.token)
    caplog.clear()
    answered = service.get("/open")
    assert (answered.status, answered.body) == (200, b"false")
    assert not caplog.records


def test_nobody_is_said_to_be_somebody_where_no_guard_asked(service: Service) -> None:
    assert service.get().status == 200
    assert service.get("/open").body == b"false"


def test_a_store_that_is_down_closes_guarded_routes_only(service: Service) -> None:
    assert service.get().status == 200
    service.store.down = True
    assert service.get().status == 503
    assert service.get("/open").status == 200
    service.store.down = False
    assert service.get().status == 200


def test_behind_a_body_the_guard_looks_when_it_was_read(service: Service) -> None:
    assert service.get().status == 200
    service.asked.clear()
    lines = [
        ("authorization", f"Bearer {service.token}"),
        ("content-type", "application/json"),
        ("content-length", "4"),
    ]
    assert get(service.app, "/write", *lines, method="POST", body=[b'"ok"']).status == 200
    assert service.asked == ["policies", "framework", "store"]


def test_nothing_is_looked_for_without_a_token_or_on_a_websocket(service: Service) -> None:
    assert service.get().status == 200
    service.asked.clear()
    assert get(service.app, "/open").status == 200
    ws(service.app, "/nowhere", [("authorization", f"Bearer {service.token}")])
    assert service.asked == ["policies", "framework"] * 2


def test_who_is_not_found_after_all_is_refused_by_the_guard() -> None:
    class Forgetful(Authenticator):
        def remembers(self, exchange: Exchange) -> bool:
            return True

        async def authenticate(self, exchange: Exchange) -> Principal | None:
            return None

    app = FastAPI()

    @app.get("/read")
    async def read(caller: Annotated[Principal, Security(SecurityGuard(Forgetful()))]) -> Any:
        return caller.subject

    assert get(install(app, Noting([])), "/read").status == 401
