"""What the page on moving from Starlette says of HTTPS: every row of its table."""

from collections.abc import Callable

import pytest
from starlette.middleware.httpsredirect import HTTPSRedirectMiddleware as Theirs

from asgisec.middleware import HTTPSOnlyMiddleware
from tests.asgi import App, Recorded, answering, request, websocket
from tests.docs.differences import Difference, compare, get, listed


def _handshake(app: App) -> Recorded:
    return websocket(app, headers=[("host", "api.example.com")])


def _host(name: str) -> Callable[[App], Recorded]:
    return get(("host", name))


_TABLE = [
    Difference("a plain handshake of a WebSocket", {}, _handshake, "", 307, 403),
    Difference(
        "a port other than 80, `api.example.com:8000`",
        {},
        _host("api.example.com:8000"),
        "location",
        ["https://api.example.com:8000/"],
        ["https://api.example.com/"],
    ),
    Difference("a `Host` that is none", {}, _host("user@evil.example"), "", 307, 403),
]


@pytest.mark.parametrize("difference", [pytest.param(row, id=row.name) for row in _TABLE])
def test_a_difference(difference: Difference) -> None:
    compare(Theirs, HTTPSOnlyMiddleware, difference)


def test_the_page_lists_these() -> None:
    assert listed("moving-from-starlette.md", "HTTPS: what behaves differently") == [row.name for row in _TABLE]


def test_the_rest_is_the_same() -> None:
    ask = _host("api.example.com")
    answers = [ask(kind(answering(headers=[]))) for kind in (Theirs, HTTPSOnlyMiddleware)]
    assert [(answer.status, answer.values("location")) for answer in answers] == [
        (307, ["https://api.example.com/"])
    ] * 2


def test_the_scheme_of_a_request_over_https_is_let_pass() -> None:
    assert [request(kind(answering()), scheme="https").status for kind in (Theirs, HTTPSOnlyMiddleware)] == [200] * 2
