"""The small APIs on Litestar, on Quart and without a framework: one table of callers walks through each."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketDenialResponse

from examples import bare_asgi_api, litestar_api, quart_api
from tests.examples.test_examples import started
from tests.servers.harness import Peer, get

APIS = [bare_asgi_api, litestar_api, quart_api]
PASSWORDS = {"ada": "ada keeps the keys", "vera": "vera views the goods"}


@pytest.fixture(scope="module", params=APIS, ids=[api.__name__.partition(".")[2] for api in APIS])
def api(request: pytest.FixtureRequest) -> ModuleType:
    found: ModuleType = request.param
    return found


@pytest.fixture(scope="module")
def client(api: ModuleType) -> Iterator[TestClient]:
    with TestClient(api.app, base_url="http://127.0.0.1") as opened:
        yield opened


def logged_in(client: TestClient, name: str) -> dict[str, str]:
    form = {"grant_type": "password", "username": name, "password": PASSWORDS[name]}
    return {"Authorization": f"Bearer {client.post('/auth/token', data=form).json()['access_token']}"}


@pytest.fixture(scope="module")
def callers(client: TestClient) -> dict[str, dict[str, str]]:
    forged = {"Authorization": "Bearer " + "e30." * 2 + "e30"}
    return {"nobody": {}, "forged": forged, **{name: logged_in(client, name) for name in PASSWORDS}}


CALLERS = ("nobody", "forged", "vera", "ada")
ROUTES = [
    ("GET", "/me", "401 401 200 200"),
    ("GET", "/orders/1", "401 401 404 200"),
    ("GET", "/orders/2", "401 401 200 200"),
    ("GET", "/orders/3", "401 401 404 404"),
    ("DELETE", "/orders/3", "401 401 403 404"),
    ("POST", "/auth/token", "400 400 400 400"),
    ("GET", "/nowhere", "404 401 404 404"),
]


@pytest.mark.parametrize(("method", "path", "statuses"), ROUTES, ids=[f"{m} {p}" for m, p, _ in ROUTES])
def test_each_caller(
    client: TestClient, callers: dict[str, dict[str, str]], method: str, path: str, statuses: str
) -> None:
    got = [client.request(method, path, headers=callers[name]) for name in CALLERS]
    assert " ".join(str(answer.status_code) for answer in got) == statuses
    for answer in got:
        assert answer.headers["x-request-id"]
        assert answer.status_code != 401 or "www-authenticate" in answer.headers


def test_who_it_is(client: TestClient, callers: dict[str, dict[str, str]]) -> None:
    assert client.get("/me", headers=callers["vera"]).json() == {"subject": "vera", "scopes": ["orders:read"]}


def test_a_wrong_password(client: TestClient) -> None:
    form = {"grant_type": "password", "username": "ada", "password": PASSWORDS["vera"]}
    assert client.post("/auth/token", data=form).json()["error"] == "invalid_grant"


def test_an_order_is_removed_by_who_may(api: Any, client: TestClient, callers: dict[str, dict[str, str]]) -> None:
    number = next(kind(7) for kind in (int, str) if isinstance(next(iter(api.ORDERS)), kind))
    api.ORDERS[number] = {"owner": "ada", "item": "cup"}
    assert client.delete("/orders/7", headers=callers["vera"]).status_code == 403
    assert client.delete("/orders/7", headers=callers["ada"]).status_code in {200, 204}
    assert client.get("/orders/7", headers=callers["ada"]).status_code == 404


def test_websockets(client: TestClient, callers: dict[str, dict[str, str]]) -> None:
    with client.websocket_connect("ws://127.0.0.1/live", headers=callers["vera"]) as socket:
        assert socket.receive_json() == {"hello": "vera"}
    for name in ("nobody", "forged"):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            client.websocket_connect("ws://127.0.0.1/live", headers=callers[name]),
        ):
            pass
        assert refused.value.status_code == 401


def test_the_document_says_what_litestar_asks_for() -> None:
    app: Any = litestar_api.app  # Litestar has messages of types of its own
    with TestClient(app, base_url="http://127.0.0.1") as client:
        paths = client.get("/schema/openapi.json").json()["paths"]
    assert paths["/orders/{number}"]["delete"]["security"] == [{"bearer": ["orders:write"]}]


def test_starts_as_its_head_says(api: ModuleType) -> None:
    with started(api.__name__.partition(".")[2]) as port, Peer(port) as peer:
        answer = peer.ask(get("/me", host="127.0.0.1"))
        assert (answer.status, answer.values("www-authenticate")) == (401, ["Bearer"])
        assert json.loads(answer.body)["status"] == 401
