"""The endpoints of a login, as a router: what each takes, and what it refuses."""

import json
import logging
from typing import Annotated, Any
from urllib.parse import urlencode

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.testclient import TestClient

from asgisec import RequestID, install
from asgisec.credentials import LoginThrottle
from asgisec.errors import ConfigError, RateLimitExceeded
from asgisec.integrations.fastapi import SecurityGuard, auth_router
from asgisec.oauth2 import TokenEndpoint
from asgisec.stores import MemoryStore
from asgisec.tokens import TokenIssuer
from tests.asgi import Recorded, request
from tests.integrations.fastapi_app import HOST, KEYS, Callers, User

NAME = {"username": "ada", "password": "correct horse"}
ADA = User("user-1", ("users:read", "orders:*"))
JSON = ("content-type", "application/json")
FORM = ("content-type", "application/x-www-form-urlencoded")


def login(username: str, password: str) -> User | None:
    return ADA if (username, password) == ("ada", "correct horse") else None


class Site:
    """An application with the router."""

    def __init__(self, **options: Any) -> None:
        self.callers = Callers()
        self.issuer = TokenIssuer(
            KEYS, issuer="https://api.example.com", audience="api", store=self.callers.store, refresh_grace=0
        )
        self.app = FastAPI()
        self.app.include_router(auth_router(self.issuer, **{"login": login, **options}))

    def post(self, path: str, body: object, *headers: tuple[str, str]) -> Recorded:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return request(self.app, "POST", path, [HOST, *headers], body=[sent], patient=True)

    def json(self, path: str, body: object) -> Recorded:
        return self.post(path, body, JSON)

    def form(self, path: str, **fields: str) -> Recorded:
        return self.post(path, urlencode(fields).encode(), FORM)

    def pair(self) -> dict[str, str]:
        return said(self.json("/auth/login", NAME))

    def is_active(self, token: str) -> bool:
        return anyio.run(self.issuer.inspect, token) is not None


def said(answer: Recorded) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer.body)
    return found


@pytest.fixture
def site() -> Site:
    return Site()


def test_the_token_endpoint(site: Site) -> None:
    answer = site.form("/auth/token", grant_type="password", scope="users:read", **NAME)
    assert answer.status == 200
    assert answer.values("cache-control") == ["no-store"]
    assert {**said(answer), "access_token": "", "refresh_token": ""} == {
        "access_token": "",
        "refresh_token": "",
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "users:read",
    }


LOGINS = [
    pytest.param({}, "orders:* users:read", id="no scope: all"),
    pytest.param({"scope": "users:read"}, "users:read", id="scope"),
    pytest.param({"scope": "orders:read admin"}, "orders:read", id="some of it"),
    pytest.param({"scopes": ["users:read", "orders:read"]}, "orders:read users:read", id="a list"),
    pytest.param({"scopes": []}, "orders:* users:read", id="an empty list"),
    pytest.param({"scope": None}, "orders:* users:read", id="null"),
]


@pytest.mark.parametrize(("more", "scope"), LOGINS)
def test_a_login_with_json(site: Site, more: dict[str, Any], scope: str) -> None:
    answer = site.json("/auth/login", {**NAME, **more})
    assert (answer.status, said(answer)["scope"]) == (200, scope)
    assert site.is_active(said(answer)["access_token"])


REFUSED = [
    pytest.param({**NAME, "password": "wrong"}, "invalid_grant", id="wrong password"),
    pytest.param({**NAME, "username": "eve"}, "invalid_grant", id="unknown"),
    pytest.param({"username": "ada"}, "invalid_request", id="no password"),
    pytest.param({**NAME, "scope": "admin"}, "invalid_scope", id="nothing of it"),
    pytest.param({**NAME, "scopes": ["a b"]}, "invalid_request", id="two scopes in one"),
    pytest.param({**NAME, "scopes": ["a"], "scope": "a"}, "invalid_request", id="both"),
    pytest.param({**NAME, "scopes": "a"}, "invalid_scope", id="scopes as a text: nothing of it"),
    pytest.param({**NAME, "scopes": [1]}, "invalid_request", id="a number among the scopes"),
    pytest.param({**NAME, "password": 7}, "invalid_request", id="a number"),
    pytest.param({**NAME, "password": {"$ne": ""}}, "invalid_request", id="an operator"),
    pytest.param({**NAME, "username": "ada\0"}, "invalid_request", id="NUL"),
    pytest.param({str(n): "" for n in range(40)}, "invalid_request", id="many members"),
    pytest.param([NAME], "invalid_request", id="a list"),
    pytest.param(b'{"username": "eve", "username": "ada"}', "invalid_request", id="a member twice"),
    pytest.param(b'{"username": "\\ud800"}', "invalid_request", id="half a character"),
    pytest.param(b"\xff", "invalid_request", id="no UTF-8"),
    pytest.param(b"[" * 9000, "invalid_request", id="deep"),
    pytest.param(b"", "invalid_request", id="nothing"),
]


@pytest.mark.parametrize(("body", "error"), REFUSED)
def test_a_login_that_is_refused(site: Site, body: object, error: str) -> None:
    answer = site.json("/auth/login", body)
    assert (answer.status, said(answer)["error"]) == (400, error)
    assert answer.values("cache-control") == ["no-store"]
    assert answer.error is None


TYPES = [
    pytest.param("application/json; charset=utf-8", 200, id="charset"),
    pytest.param("Application/JSON", 200, id="case"),
    pytest.param("text/plain", 400, id="a page of another site"),
    pytest.param("application/x-www-form-urlencoded", 400, id="its form"),
    pytest.param("application/json; charset=utf-16", 400, id="another charset"),
    pytest.param("application/jsonp", 400, id="another type"),
]


@pytest.mark.parametrize(("content_type", "status"), TYPES)
def test_the_type_of_a_login(site: Site, content_type: str, status: int) -> None:
    assert site.post("/auth/login", NAME, ("content-type", content_type)).status == status


def test_a_type_that_comes_twice_or_not_at_all(site: Site) -> None:
    assert site.post("/auth/login", NAME, JSON, JSON).status == 400
    assert site.post("/auth/login", NAME).status == 400


@pytest.mark.parametrize("credential", ["Bearer x.y.z", "bearer over", "Basic Og=="])
def test_a_page_may_send_its_old_token_along(site: Site, credential: str) -> None:
    header = ("authorization", credential)
    pair = said(site.post("/auth/login", NAME, JSON, header))
    assert site.post("/auth/refresh", {"refresh_token": pair["refresh_token"]}, JSON, header).status == 200
    # As a client that proves who it is, nobody is known here.
    assert site.post("/auth/login", NAME, JSON, ("authorization", "Digest x")).status == 401


def test_a_refresh(site: Site) -> None:
    first = site.pair()
    second = said(site.json("/auth/refresh", {"refresh_token": first["refresh_token"], "scopes": ["users:read"]}))
    assert second["scope"] == "users:read"
    third = site.form("/auth/refresh", refresh_token=second["refresh_token"])
    assert (third.status, said(third)["scope"]) == (200, "orders:* users:read")
    # A refresh token that was used ends its session, wherever it is presented.
    reused = site.form("/auth/token", grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert (reused.status, said(reused)["error"]) == (400, "invalid_grant")
    assert not site.is_active(said(third)["access_token"])


def test_a_refresh_beyond_what_was_granted(site: Site) -> None:
    answer = site.json("/auth/refresh", {"refresh_token": site.pair()["refresh_token"], "scope": "admin"})
    assert (answer.status, said(answer)["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("name", "member"),
    [("refresh_token", "refresh_token"), ("refresh_token", "token"), ("access_token", "token")],
)
@pytest.mark.parametrize("way", ["json", "form"])
def test_a_logout_ends_the_session(site: Site, name: str, member: str, way: str) -> None:
    pair, other = site.pair(), site.pair()
    body = {member: pair[name]}
    answer = site.json("/auth/logout", body) if way == "json" else site.form("/auth/logout", **body)
    assert (answer.status, answer.body) == (200, b"")
    assert not site.is_active(pair["access_token"])
    assert not site.is_active(pair["refresh_token"])
    assert site.is_active(other["access_token"])


def test_a_logout_with_a_bearer_token_alone(site: Site) -> None:
    pair = site.pair()
    assert site.post("/auth/logout", b"", ("authorization", f"Bearer {pair['access_token']}")).status == 200
    assert not site.is_active(pair["refresh_token"])


def test_a_logout_of_a_token_without_a_session(site: Site) -> None:
    async def issue() -> str:
        return (await site.issuer.issue("user-1", ["users:read"], refresh=False)).access_token

    token = anyio.run(issue)
    assert site.json("/auth/logout", {"token": token}).status == 200
    assert not site.is_active(token)


LOGOUTS = [
    pytest.param(b"", [], 400, id="nothing"),
    pytest.param(b"{}", [JSON], 400, id="an empty object"),
    pytest.param(b"", [("authorization", "Basic YTpi")], 400, id="no bearer token"),
    pytest.param(b"", [("authorization", "Bearer a b")], 400, id="malformed"),
    pytest.param(b"", [("authorization", "Bearer a"), ("authorization", "Bearer b")], 400, id="two"),
    pytest.param(b'{"token": "unknown"}', [JSON], 200, id="unknown: not a word"),
    pytest.param(b'{"token": "x.y.z"}', [JSON], 200, id="no token: not a word"),
    pytest.param(b"token=x", [("content-type", "text/plain")], 400, id="another type"),
]


@pytest.mark.parametrize(("body", "headers", "status"), LOGOUTS)
def test_other_logouts(site: Site, body: bytes, headers: list[tuple[str, str]], status: int) -> None:
    assert site.post("/auth/logout", body, *headers).status == status


class Held:
    async def check(self, account: str, client: str | None) -> None:
        raise RateLimitExceeded(headers={"Retry-After": "7"})

    async def failed(self, account: str, client: str | None) -> None: ...

    async def succeeded(self, account: str, client: str | None) -> None: ...


def test_the_throttle_holds_back_both_logins() -> None:
    site = Site(throttle=Held())
    for answer in (site.json("/auth/login", NAME), site.form("/auth/token", grant_type="password", **NAME)):
        assert (answer.status, answer.values("retry-after")) == (429, ["7"])


def test_clients_may_log_in_with_json() -> None:
    site = Site(clients=lambda client_id, secret: User(client_id) if (client_id, secret) == ("web", "s3cret") else None)
    pair = said(site.json("/auth/login", {**NAME, "client_id": "web", "client_secret": "s3cret"}))
    assert site.json("/auth/refresh", {"refresh_token": pair["refresh_token"]}).status == 400
    assert site.json("/auth/login", {**NAME, "client_id": "web", "client_secret": "wrong"}).status == 401


def test_what_is_allowed_may_be_said_apart() -> None:
    site = Site(allowed_scopes=lambda user: ["reports:read"])
    assert site.pair()["scope"] == "reports:read"


def test_a_refusal_is_one_event_of_the_endpoint(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    site.json("/auth/login", {**NAME, "password": "wrong"})
    assert [(r.event.name, r.event.policy) for r in caplog.records] == [("authn_login_fail", "LoginEndpoint")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("prefix", ["", "/v1/session"])
def test_the_prefix(prefix: str) -> None:
    app = FastAPI()
    app.include_router(auth_router(Callers().issuer, login=login, prefix=prefix))
    answer = request(app, "POST", f"{prefix}/login", [HOST, JSON], body=[json.dumps(NAME).encode()], patient=True)
    assert answer.status == 200


def test_it_stands_behind_the_dependencies_of_its_place() -> None:
    callers = Callers()
    app, guard = FastAPI(), SecurityGuard(callers.bearer)
    outer = APIRouter(prefix="/partner")
    outer.include_router(auth_router(callers.issuer, login=login))
    app.include_router(outer, dependencies=[Depends(guard)])
    body = [json.dumps(NAME).encode()]
    assert request(app, "POST", "/partner/auth/login", [HOST, JSON], body=body, patient=True).status == 401


INVALID = [
    pytest.param({"login": None}, r"auth_router\(login=\) got None: write a function", id="login"),
    pytest.param({"login": "ada"}, r"TokenEndpoint\(login=\) got 'ada': write a function", id="no function"),
    pytest.param({"prefix": "auth"}, r"auth_router\(prefix=\) got 'auth': write a path", id="prefix"),
    pytest.param({"prefix": "/auth/"}, r"auth_router\(prefix=\) got '/auth/': write a path", id="trailing slash"),
    pytest.param({"prefix": None}, r"auth_router\(prefix=\) got None: write a path", id="no prefix"),
    pytest.param({"issuer": None}, r"TokenEndpoint\(issuer=\) got None: write a TokenIssuer", id="issuer"),
]


@pytest.mark.parametrize(("options", "said"), INVALID)
def test_wrong_options(options: dict[str, Any], said: str) -> None:
    given = {"issuer": Callers().issuer, "login": login, **options}
    with pytest.raises(ConfigError, match=said):
        auth_router(given.pop("issuer"), **given)


class Closable:
    def __init__(self) -> None:
        self.closed = 0

    async def aclose(self) -> None:
        self.closed += 1


def test_what_guards_and_endpoints_use_is_closed_at_the_end() -> None:
    site = Site()
    counted = [Closable(), Closable()]
    guard = SecurityGuard(site.callers.either)
    site.callers.either.closes = (counted[0],)
    plain = site.callers.bearer.require()
    site.callers.bearer.closes = (counted[1], counted[0])

    @site.app.get("/")
    async def index(one: Annotated[Any, Depends(guard)], other: Annotated[Any, Depends(plain)]) -> None: ...

    store_closes: list[str] = []

    async def closed() -> None:
        store_closes.append("store")

    site.callers.store.aclose = closed  # type: ignore[method-assign]
    install(site.app, RequestID())
    with TestClient(site.app):
        assert not counted[0].closed
    assert ([one.closed for one in counted], store_closes) == ([1, 1], ["store"])


class Counting(MemoryStore):
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


def test_what_counts_logins_is_closed_at_the_end_each_once() -> None:
    store, tokens = Counting(), TokenIssuer(KEYS, issuer="https://api.example.com", audience="api", store=Counting())
    app = FastAPI()
    app.include_router(auth_router(tokens, login=login, throttle=LoginThrottle(store)))
    install(app, RequestID())
    with TestClient(app):
        assert store.closed == 0
    assert store.closed == 1
    assert TokenEndpoint(tokens, login=login, throttle=LoginThrottle(tokens.closes[0])).closes == tokens.closes  # type: ignore[arg-type]  # the store


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b'{"username":', "json_malformed", id="cut off"),
        pytest.param({f"member-{number}": "" for number in range(100)}, "json_too_many", id="many members"),
        pytest.param({**NAME, "username": 5}, "json_member", id="a member that is no text"),
        pytest.param({**NAME, "scope": "a", "scopes": ["a"]}, "json_member", id="scopes in two ways"),
        pytest.param({**NAME, "scope": 'a"'}, "scope_malformed", id="a scope that is none"),
    ],
)
def test_why_a_body_is_refused_is_in_the_log(
    site: Site, body: object, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert site.json("/auth/login", body).status == 400
    assert [record.event.reason for record in caplog.records] == [reason]  # type: ignore[attr-defined]
