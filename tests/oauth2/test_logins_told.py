"""What is told of a login behind a throttle: one event each, with the request and the account."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI

from asgisec import RequestID, SecurityEvent, SecurityMiddleware
from asgisec.credentials import LoginThrottle
from asgisec.errors import StoreUnavailable
from asgisec.integrations.fastapi import auth_router
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import Pace
from tests.asgi import App, Recorded, request
from tests.oauth2.people import HOST, endpoint, events, issuer, login, password, post, said, watched


def throttle(store: Any = None, **options: Any) -> LoginThrottle:
    return LoginThrottle(store or MemoryStore(clock=lambda: 1000.0), **options)


class Down(MemoryStore):
    """A store that does not answer."""

    async def attempt_login(self, identity: str, paces: Sequence[tuple[str, Pace, str | None]]) -> float:
        raise StoreUnavailable

    async def settle_login(self, identity: str, **how: Any) -> None:
        raise StoreUnavailable


FAILED = ("authn_login_fail", "bad_credentials", "ada")


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a pass"])
@pytest.mark.parametrize(
    ("tries", "options", "told"),
    [
        pytest.param([password(given="x")], {}, [FAILED], id="wrong"),
        pytest.param(
            [password(given="x")] * 2,
            {"per_pair": 1},
            [FAILED, ("authn_login_lock", "login_held_back", "ada")],
            id="too soon",
        ),
        pytest.param([password()], {}, [("authn_login_success", "password", "user-1")], id="right"),
        pytest.param(
            [password(scope="admin")],
            {},
            [("authz_fail", "invalid_scope", None)],
            id="right, and a scope that is not",
        ),
        pytest.param(
            [password()],
            {"store": Down()},
            [("sys_store_unavailable", "store_unavailable", "ada")],
            id="nobody can count",
        ),
        pytest.param(
            [password(given="x")],
            {"store": Down(), "on_store_error": "allow"},
            [("sys_store_unavailable", "login_unchecked", "ada"), FAILED],
            id="nobody counts",
        ),
        pytest.param(
            [password("hunter-22", "hunter-22")],
            {},
            [("authn_login_fail", "bad_credentials", None)],
            id="the password in both fields",
        ),
        pytest.param(
            [password("ada" + "x" * 1000)],
            {},
            [("authn_login_fail", "bad_credentials", "ada" + "x" * 253)],
            id="a name without end",
        ),
    ],
)
def test_each_login_is_told_once(
    tries: list[dict[str, str]],
    options: dict[str, Any],
    told: list[tuple[str, str, str | None]],
    wrapped: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[SecurityEvent] = []
    app: App = endpoint(throttle=throttle(**options))
    if wrapped:
        app = SecurityMiddleware(app, RequestID(), on_event=heard.append)
    watched(caplog)
    for form in tries:
        post(app, form)
    found = [event for event in events(caplog) if event.reason != "issued"]
    assert [(event.name, event.reason, event.principal) for event in found] == told
    assert all((event.client, event.method, event.path) == ("192.0.2.7", "POST", "/token") for event in found)
    if wrapped:
        assert [event for event in heard if event.reason != "issued"] == found
        assert all(event.request_id for event in found)


def test_a_login_of_ones_own_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    tokens = endpoint(throttle=throttle(per_pair=1))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await tokens.log_in(scope, "ada", "wrong")

    heard: list[SecurityEvent] = []
    around = SecurityMiddleware(app, RequestID(), on_event=heard.append)
    assert [request(around, "POST", "/login", [HOST]).status for _ in range(2)] == [400, 429]
    assert [(event.name, event.principal) for event in heard] == [
        ("authn_login_fail", "ada"),
        ("authn_login_lock", "ada"),
    ]
    assert events(caplog) == heard


def test_a_login_with_json_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    app.include_router(auth_router(issuer(), login=login, throttle=throttle()))
    lines = [HOST, ("content-type", "application/json")]
    answer: Recorded = request(
        app, "POST", "/auth/login", lines, body=[b'{"username":"ada","password":"x"}'], patient=True
    )
    assert said(answer)["error"] == "invalid_grant"
    (event,) = events(caplog)
    assert (event.policy, event.principal, event.level) == ("LoginEndpoint", "ada", logging.WARNING)


def test_without_a_throttle_no_account_is_told(caplog: pytest.LogCaptureFixture) -> None:
    post(endpoint(), password(given="x"))
    (event,) = events(caplog)
    assert (event.reason, event.principal) == ("bad_credentials", None)
