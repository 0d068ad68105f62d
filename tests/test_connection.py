"""What guards take: a connection of any framework, or a bare scope; anything else is the developer's mistake."""

from collections.abc import Callable
from inspect import signature
from typing import Any

import pytest
from litestar.connection import ASGIConnection
from quart import Quart
from quart.wrappers import Request as QuartRequest
from quart.wrappers import Websocket
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket
from werkzeug.datastructures import Headers

from asgisec import RequestID, SecurityEvent, SecurityMiddleware
from asgisec._connection import exchange_of, report, scope_of
from tests.asgi import request
from tests.asgi import scope_of as made


async def _nothing(*_: Any) -> Any:
    """Stand in for `receive` and `send`, which nobody calls."""


def _quart(scope: Any) -> object:
    if scope["type"] == "http":
        return QuartRequest("GET", "http", "/", b"", Headers(), "", "1.1", scope, send_push_promise=_nothing)
    calls = [name for name in signature(Websocket).parameters if name in {"receive", "send", "accept", "close"}]
    # Newer ones take no `receive`.
    make: Any = Websocket
    return make("/", b"", "ws", Headers(), "", "1.1", [], *[_nothing for _ in calls], scope)


@pytest.mark.parametrize(
    ("kind", "wrap"),
    [
        pytest.param("http", lambda scope: scope, id="scope of a request"),
        pytest.param("websocket", lambda scope: scope, id="scope of a WebSocket"),
        pytest.param("http", Request, id="starlette request"),
        pytest.param("http", HTTPConnection, id="starlette connection"),
        pytest.param("websocket", lambda scope: WebSocket(scope, _nothing, _nothing), id="starlette WebSocket"),
        pytest.param("http", ASGIConnection, id="litestar"),
        pytest.param("http", _quart, id="quart request"),
        pytest.param("websocket", _quart, id="quart WebSocket"),
    ],
)
def test_a_connection_gives_its_own_scope(kind: str, wrap: Callable[[Any], object]) -> None:
    scope = made(kind)
    assert scope_of(wrap(scope)) is scope


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="None"),
        pytest.param("Bearer x", id="text"),
        pytest.param({"type": "lifespan"}, id="a scope without a caller"),
        pytest.param({}, id="an empty dict"),
        pytest.param({"authorization": "Bearer x"}, id="headers"),
        pytest.param(Quart(__name__), id="an application"),
    ],
)
def test_what_is_no_connection_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match=f"ASGI scope of type http or websocket, not {type(value).__name__}$"):
        scope_of(value)


class _Speaker:
    """Who speaks."""


async def _reports(scope: Any, receive: Any, send: Any) -> None:
    report(scope, "authn_login_fail", "no_credential", policy=_Speaker())
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def test_an_event_from_inside_a_pass_is_told_to_whom_the_pass_tells_its_own() -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(_reports, RequestID(), on_event=events.append)
    answer = request(app, "GET", "/who", [("x-request-id", "of-this-one")])
    (event,) = events
    assert answer.status == 204
    assert (event.name, event.reason, event.policy) == ("authn_login_fail", "no_credential", "_Speaker")
    assert (event.request_id, event.path) == ("of-this-one", "/who")


def test_an_event_without_a_pass_goes_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    scope = made(path="/who")
    assert exchange_of(scope) is None
    report(scope, "authn_login_fail", "no_credential", policy=_Speaker())
    (record,) = caplog.records
    assert record.getMessage().startswith("authn_login_fail reason=no_credential policy=_Speaker client=")
    assert record.getMessage().endswith("method=GET path=/who")
