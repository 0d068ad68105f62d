"""The Starlette API, walked through by each kind of caller."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient, WebSocketDenialResponse

from examples import starlette_api as api
from examples.starlette_api import app


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    assert Path("examples").is_dir(), "run from the root, as its head says"
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        yield opened


@pytest.fixture(scope="module")
def callers(client: TestClient) -> dict[str, dict[str, str]]:
    assert client.portal is not None

    async def key(**options: Any) -> dict[str, str]:
        return {"X-API-Key": (await api.api_keys.create("vera", ["orders:read"], **options)).key}

    async def expired() -> dict[str, str]:
        return await key(expires_at=1.0)

    found = {"nobody": {}, "key": client.portal.call(key), "expired": client.portal.call(expired)}
    for name, password in (("ada", "ada keeps the keys"), ("vera", "vera views the goods")):
        pair = client.post("/auth/token", data={"grant_type": "password", "username": name, "password": password})
        found[name] = {"Authorization": f"Bearer {pair.json()['access_token']}"}
    return found


CALLERS = ("nobody", "vera", "ada", "key", "expired")
ROUTES = [
    ("GET", "/me", "401 200 200 200 401"),
    ("GET", "/users", "401 403 200 403 401"),
    ("DELETE", "/users/unknown", "403 403 404 403 401"),
    ("GET", "/orders/1", "401 404 200 404 401"),
    ("GET", "/orders/2", "401 200 200 200 401"),
    ("GET", "/orders/3", "401 404 404 404 401"),
    ("GET", "/reports/prices.json", "401 403 200 403 401"),
    ("POST", "/auth/token", "400 400 400 400 400"),
    ("POST", "/auth/revoke", "400 400 400 400 400"),
]


@pytest.mark.parametrize(("method", "path", "statuses"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES])
def test_each_caller(
    client: TestClient, callers: dict[str, dict[str, str]], method: str, path: str, statuses: str
) -> None:
    got = [client.request(method, path, headers=callers[name]) for name in CALLERS]
    assert " ".join(str(answer.status_code) for answer in got) == statuses
    for answer in got:
        assert answer.status_code != 401 or "www-authenticate" in answer.headers


def test_there_is_no_other_route() -> None:
    walked = {re.sub(r"/(\d|unknown)$", "/*", path) for _, path, _ in ROUTES} - {"/reports/prices.json"}
    assert walked == {re.sub(r"\{.*\}", "*", route.path) for route in app.routes if isinstance(route, Route)}


def test_websockets(client: TestClient, callers: dict[str, dict[str, str]]) -> None:
    url = "ws://127.0.0.1/live"
    with client.websocket_connect(url, headers=callers["vera"]) as socket:
        assert socket.receive_json() == {"hello": "vera"}
    for name in ("nobody", "expired"):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect(url, headers=callers[name]),
        ):
            pass
        assert refused.value.status_code == 401


def test_who_is_removed_is_out(client: TestClient, callers: dict[str, dict[str, str]]) -> None:
    api.USERS["temp"] = api.User("temp", "viewer", api.USERS["vera"].password_hash)
    form = {"grant_type": "password", "username": "temp", "password": "vera views the goods"}
    pair = client.post("/auth/token", data=form).json()
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert client.get("/me", headers=headers).status_code == 200
    assert client.delete("/users/temp", headers=callers["ada"]).status_code == 204
    assert client.get("/me", headers=headers).status_code == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    assert client.post("/auth/token", data=refresh).status_code == 400
