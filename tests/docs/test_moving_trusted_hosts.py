"""What the page on moving from Starlette says of trusted hosts: every row of its table."""

from collections.abc import Callable

import pytest
from starlette.middleware.trustedhost import TrustedHostMiddleware as Theirs

from asgisec.middleware import TrustedHostMiddleware
from tests.asgi import App, Recorded, answering, request, websocket
from tests.docs.differences import EVIL, Difference, compare, get, listed


def host(*names: str) -> Callable[[App], Recorded]:
    return get(*(("host", name) for name in names))


def _without_denial(app: App) -> Recorded:
    return websocket(app, headers=[("host", EVIL)], denial=False)


_TABLE = [
    Difference(
        "two `Host` headers, the first allowed",
        {"allowed_hosts": ["a.example"]},
        host("a.example", "b.example"),
        "",
        200,
        400,
    ),
    Difference("a `Host` that is none, with `*` allowed", {"allowed_hosts": ["*"]}, host("a b"), "", 200, 400),
    Difference(
        "`.example.org`, with `*.example.org` allowed",
        {"allowed_hosts": ["*.example.org"]},
        host(".example.org"),
        "",
        200,
        400,
    ),
    Difference(
        "`%2e.example.org`, `x!.example.org` and other names that are none, likewise",
        {"allowed_hosts": ["*.example.org"]},
        host("%2e.example.org"),
        "",
        200,
        400,
    ),
    Difference(
        "an allowed host with a port above 65535",
        {"allowed_hosts": ["a.example"]},
        host("a.example:65536"),
        "",
        200,
        400,
    ),
    Difference(
        "an allowed host with an empty port, `api.example.com:`",
        {"allowed_hosts": ["a.example"]},
        host("a.example:"),
        "",
        400,
        200,
    ),
    Difference(
        "an allowed host with a trailing dot", {"allowed_hosts": ["a.example"]}, host("a.example."), "", 400, 200
    ),
    Difference("an entry with a port", {"allowed_hosts": ["a.example:8000"]}, host("a.example:8000"), "", 400, 200),
    Difference(
        "an entry with port 80 or 443, which clients leave out",
        {"allowed_hosts": ["a.example:443"]},
        host("a.example"),
        "",
        400,
        200,
    ),
    Difference(
        "an IPv6 address in another spelling", {"allowed_hosts": ["[::1]"]}, host("[0:0:0:0:0:0:0:1]"), "", 400, 200
    ),
    Difference(
        "`example.com`, with `www.example.com:8000` allowed",
        {"allowed_hosts": ["www.example.com:8000"]},
        host("example.com:8000"),
        "",
        400,
        307,
    ),
    Difference(
        "the host in the redirect to `www.`",
        {"allowed_hosts": ["www.a.example"]},
        host("A.example"),
        "location",
        ["http://www.A.example/"],
        ["http://www.a.example/"],
    ),
    Difference(
        "a percent sign in the path of that redirect",
        {"allowed_hosts": ["www.a.example"]},
        lambda app: request(app, path="/100%41", headers=[("host", "a.example")]),
        "location",
        ["http://www.a.example/100%41"],
        ["http://www.a.example/100%2541"],
    ),
    Difference(
        "a query that is no UTF-8, redirected likewise",
        {"allowed_hosts": ["www.a.example"]},
        lambda app: request(app, query_string=b"\xff", headers=[("host", "a.example")]),
        "",
        0,
        307,
    ),
    Difference(
        "a WebSocket, on a server that cannot send a refusal",
        {"allowed_hosts": ["a.example"]},
        _without_denial,
        "",
        400,
        0,
    ),
    Difference(
        "`*example.org` as an entry",
        {"allowed_hosts": ["*example.org"]},
        host("a"),
        "",
        "AssertionError",
        "ConfigError",
    ),
    Difference(
        "an entry that is no host, such as a URL",
        {"allowed_hosts": ["https://a.example"]},
        host("a.example"),
        "",
        400,
        "ConfigError",
    ),
    Difference(
        "a string in place of the list", {"allowed_hosts": "a.example"}, host("a.example"), "", 400, "ConfigError"
    ),
    Difference("an empty list", {"allowed_hosts": []}, host("a.example"), "", 400, "ConfigError"),
]


@pytest.mark.parametrize("difference", [pytest.param(row, id=row.name) for row in _TABLE])
def test_a_difference(difference: Difference) -> None:
    compare(Theirs, TrustedHostMiddleware, difference)


def test_the_page_lists_these() -> None:
    assert listed("moving-from-starlette.md", "Trusted hosts: what behaves differently") == [row.name for row in _TABLE]


@pytest.mark.parametrize("name", ["x!", "x..y", "x~", "*", "x(", "a" * 64])
def test_other_names_that_are_none(name: str) -> None:
    answers = [
        host(f"{name}.example.org")(kind(answering(), ["*.example.org"])) for kind in (Theirs, TrustedHostMiddleware)
    ]
    assert [answer.status for answer in answers] == [200, 400]


@pytest.mark.parametrize(("port", "status"), [("", 400), (":80", 400), (":8000", 307)])
def test_the_redirect_keeps_the_port_of_the_entry(port: str, status: int) -> None:
    app = TrustedHostMiddleware(answering(), ["www.example.com:8000"])
    assert host(f"example.com{port}")(app).status == status
