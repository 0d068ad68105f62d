"""Clients that others wrote, unmodified, over a socket: Authlib's, requests-oauthlib's, and oauthlib's with httpx."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]  # it has no types
from joserfc import jwt
from joserfc.jwk import ECKey
from oauthlib.oauth2 import (  # type: ignore[import-untyped]  # likewise
    BackendApplicationClient,
    InvalidClientError,
    InvalidGrantError,
    LegacyApplicationClient,
)
from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]  # likewise

from examples.oauth2.app import CLIENTS, app
from tests.servers.harness import running

PASSWORD = "correct horse battery"  # noqa: S105 - the example's
SECRET = CLIENTS["report"].secret


@pytest.fixture(scope="module", params=["uvicorn-h11", "uvicorn-httptools"])
def base(request: pytest.FixtureRequest) -> Iterator[str]:
    with running(request.param, {"app": app}) as servers:
        yield f"http://127.0.0.1:{servers.ports['app']}"


@pytest.fixture(autouse=True)
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the libraries talk to this machine in clear; they refuse it otherwise."""
    for name in ("AUTHLIB_INSECURE_TRANSPORT", "OAUTHLIB_INSECURE_TRANSPORT"):
        monkeypatch.setenv(name, "1")


def test_authlib_logs_a_user_in_refreshes_and_revokes(base: str) -> None:
    with OAuth2Client("phone", token_endpoint_auth_method="none", scope="orders:read") as client:  # noqa: S106 - a method
        token = client.fetch_token(f"{base}/token", username="ada", password=PASSWORD)
        assert (token["token_type"], token["scope"], token["expires_in"]) == ("Bearer", "orders:read", 900)
        assert client.get(f"{base}/orders").json() == {"caller": "user-1"}
        first = dict(token)
        fresh = client.refresh_token(f"{base}/token", refresh_token=token["refresh_token"])
        assert fresh["refresh_token"] != first["refresh_token"]
        assert client.get(f"{base}/orders").status_code == 200
        assert client.revoke_token(f"{base}/revoke", fresh["refresh_token"]).status_code == 200
        refused = client.get(f"{base}/orders")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_lets_a_program_in_and_asks_about_its_token(base: str, method: str) -> None:
    with OAuth2Client("report", SECRET, token_endpoint_auth_method=method) as client:
        token = client.fetch_token(f"{base}/token", grant_type="client_credentials", scope="orders:read")
        assert "refresh_token" not in token
        assert client.get(f"{base}/orders").json() == {"caller": "client-report"}
        said = client.introspect_token(f"{base}/introspect", token["access_token"]).json()
        assert (said["active"], said["sub"], said["client_id"], said["scope"]) == (
            True,
            "client-report",
            "report",
            "orders:read",
        )
        client.revoke_token(f"{base}/revoke", token["access_token"])
        assert client.introspect_token(f"{base}/introspect", token["access_token"]).json() == {"active": False}


def _post(base: str, path: str, body: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    return httpx2.post(f"{base}{path}", content=body, headers=form | (headers or {}))


def test_oauthlib_logs_a_user_in_refreshes_and_revokes(base: str) -> None:
    client = LegacyApplicationClient(None)
    body = client.prepare_request_body("ada", PASSWORD, scope=["orders:read", "orders:write"], include_client_id=False)
    token: Any = client.parse_request_body_response(_post(base, "/token", body).text)
    assert sorted(token.scopes) == ["orders:read", "orders:write"]
    fresh: Any = client.parse_request_body_response(
        _post(base, "/token", client.prepare_refresh_body(refresh_token=token["refresh_token"], client_id=None)).text
    )
    url, headers, body = client.prepare_token_revocation_request(
        f"{base}/revoke", fresh["refresh_token"], "refresh_token"
    )
    assert _post("", url, body, headers).status_code == 200
    over = _post(base, "/token", urlencode({"grant_type": "refresh_token", "refresh_token": fresh["refresh_token"]}))
    assert over.status_code == 400
    with pytest.raises(InvalidGrantError):
        client.parse_request_body_response(over.text)


def test_oauthlib_lets_a_program_in(base: str) -> None:
    client = BackendApplicationClient("report", scope=["orders:read"])
    body = client.prepare_request_body(include_client_id=True, client_secret=SECRET)
    token: Any = client.parse_request_body_response(_post(base, "/token", body).text)
    uri, headers, _ = client.add_token(f"{base}/orders")
    assert httpx2.get(uri, headers=headers).json() == {"caller": "client-report"}
    assert "refresh_token" not in token


def test_what_is_published_verifies_what_is_issued(base: str) -> None:
    found = httpx2.get(f"{base}/.well-known/oauth-authorization-server").json()
    assert found["issuer"] == "https://api.example.com"
    assert found["grant_types_supported"] == ["client_credentials", "password", "refresh_token"]
    [key] = httpx2.get(f"{base}/jwks").json()["keys"]
    assert "d" not in key
    token = _post(base, "/token", urlencode({"grant_type": "password", "username": "ada", "password": PASSWORD})).json()
    claims = jwt.decode(token["access_token"], ECKey.import_key(key), algorithms=["ES256"]).claims
    assert claims["sub"] == "user-1"


def test_requests_oauthlib_logs_a_user_in_and_refreshes(base: str) -> None:
    # By itself it presents its id by Basic, with an empty secret, and in the body, too.
    with OAuth2Session(client=LegacyApplicationClient("phone")) as session:
        token = session.fetch_token(f"{base}/token", username="ada", password=PASSWORD, scope=["orders:read"])
        assert token["scope"] == ["orders:read"]
        assert session.get(f"{base}/orders").json() == {"caller": "user-1"}
        fresh = session.refresh_token(f"{base}/token", client_id="phone")
        assert fresh["refresh_token"] != token["refresh_token"]
        with pytest.raises(InvalidGrantError):
            session.fetch_token(f"{base}/token", username="ada", password="guessed")  # noqa: S106 - a wrong one


@pytest.mark.parametrize("in_the_body", [False, True])
def test_requests_oauthlib_lets_a_program_in(base: str, in_the_body: bool) -> None:
    with OAuth2Session(client=BackendApplicationClient("report")) as session:
        token = session.fetch_token(f"{base}/token", client_secret=SECRET, include_client_id=in_the_body)
        assert token["scope"] == ["orders:read"]
        assert session.get(f"{base}/orders").json() == {"caller": "client-report"}
        with pytest.raises(InvalidClientError):
            session.fetch_token(f"{base}/token", client_secret="guessed", include_client_id=in_the_body)  # noqa: S106
