"""The example of the OAuth2 endpoints: who gets in, and who does not."""

import pytest
from starlette.testclient import TestClient

from examples.oauth2.app import CLIENTS, app


@pytest.fixture
def client() -> TestClient:
    return TestClient(app, base_url="https://api.example.com")


def test_a_user_logs_in_and_asks(client: TestClient) -> None:
    form = {"grant_type": "password", "username": "ada", "password": "correct horse battery", "scope": "orders:read"}
    token = client.post("/token", data=form).json()
    answer = client.get("/orders", headers={"Authorization": f"Bearer {token['access_token']}"})
    assert answer.json() == {"caller": "user-1"}
    assert client.get("/orders").status_code == 401


@pytest.mark.parametrize("username", ["ada", "nobody"])
def test_a_wrong_password_and_no_user_look_alike(client: TestClient, username: str) -> None:
    answer = client.post("/token", data={"grant_type": "password", "username": username, "password": "wrong"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_program_needs_its_secret(client: TestClient) -> None:
    form = {"grant_type": "client_credentials"}
    assert client.post("/token", data=form, auth=("report", "guessed")).status_code == 401
    assert client.post("/token", data=form, auth=("report", CLIENTS["report"].secret)).json()["scope"] == "orders:read"
    assert client.post("/token", data=form | {"client_id": "phone"}).status_code == 401
