"""What the page on moving from Starlette says of CORS: every row of its table."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from starlette.middleware.cors import CORSMiddleware as Theirs

from asgisec import CORS
from asgisec.errors import ConfigError
from asgisec.middleware import CORSMiddleware
from tests.asgi import App, Recorded, answering, request, websocket
from tests.docs.differences import APP, EVIL, Difference, compare, get, listed, on_500

ORIGIN = "access-control-allow-origin"
CREDENTIALS = "access-control-allow-credentials"
ASKED = "access-control-allow-headers"
METHODS = "access-control-allow-methods"
EXPOSED = "access-control-expose-headers"

_BAD_HEADERS = ("access-control-request-headers", "x-a, not a name")
_OWN = answering(headers=[(ORIGIN, "https://other.example")])


def preflight(*headers: tuple[str, str], method: str = "GET") -> Callable[[App], Recorded]:
    return lambda app: request(app, "OPTIONS", headers=[("access-control-request-method", method), *headers])


def handshake(*headers: tuple[str, str]) -> Callable[[App], Recorded]:
    return lambda app: websocket(app, headers=[("host", "api.example.com"), *headers])


_TABLE = [
    Difference(
        "`*` origins with credentials",
        {"allow_origins": ["*"], "allow_credentials": True},
        get(("origin", EVIL)),
        ORIGIN,
        [EVIL],
        "ConfigError",
    ),
    Difference(
        "a pattern that matches every site, with credentials",
        {"allow_origin_regex": "https://.*", "allow_credentials": True},
        get(("origin", EVIL)),
        ORIGIN,
        [EVIL],
        "ConfigError",
    ),
    Difference(
        "an origin with a slash, a path, capitals or a default port",
        {"allow_origins": [f"{APP}/", f"{APP}/a", APP.upper(), f"{APP}:443"]},
        get(("origin", APP)),
        ORIGIN,
        [],
        "ConfigError",
    ),
    Difference(
        "`null` among the origins",
        {"allow_origins": ["null"]},
        get(("origin", "null")),
        ORIGIN,
        ["null"],
        "ConfigError",
    ),
    Difference(
        "`Origin: null` and a pattern that matches it",
        {"allow_origin_regex": ".*"},
        get(("origin", "null")),
        ORIGIN,
        ["null"],
        [],
    ),
    Difference(
        "a method in lower case",
        {"allow_origins": [APP], "allow_methods": ["put"]},
        preflight(("origin", APP), method="PUT"),
        "",
        400,
        "ConfigError",
    ),
    Difference(
        "a string in place of a list", {"allow_origins": f"{APP} x"}, get(("origin", APP)), ORIGIN, [APP], "ConfigError"
    ),
    Difference(
        '`expose_headers=["*"]` with credentials',
        {"allow_origins": [APP], "allow_credentials": True, "expose_headers": ["*"]},
        get(("origin", APP)),
        EXPOSED,
        ["*"],
        "ConfigError",
    ),
    Difference(
        '`"false"` in place of `False`',
        {"allow_origins": [APP], "allow_credentials": "false"},
        get(("origin", APP)),
        CREDENTIALS,
        ["true"],
        "ConfigError",
    ),
    Difference(
        "a pattern that does not compile", {"allow_origin_regex": "("}, get(), "", re.error.__name__, "ConfigError"
    ),
    Difference(
        "an origin that is not allowed",
        {"allow_origins": [APP], "allow_credentials": True},
        get(("origin", EVIL)),
        CREDENTIALS,
        ["true"],
        [],
    ),
    Difference(
        "a preflight that is not allowed", {"allow_origins": [APP]}, preflight(("origin", EVIL)), METHODS, ["GET"], []
    ),
    Difference(
        '`allow_headers=["*"]`',
        {"allow_origins": [APP], "allow_headers": ["*"]},
        preflight(("origin", APP), _BAD_HEADERS),
        ASKED,
        [_BAD_HEADERS[1]],
        [],
    ),
    Difference(
        "two `Access-Control-Request-Headers` lines",
        {"allow_origins": [APP], "allow_headers": ["x-a"]},
        preflight(("origin", APP), *(("access-control-request-headers", asked) for asked in ("x-a", "x-b"))),
        "",
        200,
        400,
    ),
    Difference(
        "empty elements in `Access-Control-Request-Headers`",
        {"allow_origins": [APP], "allow_headers": ["x-a"]},
        preflight(("origin", APP), ("access-control-request-headers", "x-a, ,")),
        "",
        400,
        200,
    ),
    Difference("two `Origin` headers", {"allow_origins": [APP]}, get(("origin", APP), ("origin", EVIL)), "", 200, 400),
    Difference(
        "`Vary: Origin` set by the application",
        {"allow_origins": [APP]},
        get(("origin", APP)),
        "vary",
        ["Origin, Origin"],
        ["Origin"],
        app=answering(headers=[("vary", "Origin")]),
    ),
    Difference(
        "`Vary: *` set by the application",
        {"allow_origins": [APP]},
        get(("origin", APP)),
        "vary",
        ["*, Origin"],
        ["*"],
        app=answering(headers=[("vary", "*")]),
    ),
    Difference(
        "the application's own `Access-Control-Allow-Origin`",
        {"allow_origins": [APP]},
        get(("origin", APP)),
        ORIGIN,
        [APP],
        ["https://other.example"],
        app=_OWN,
    ),
    Difference(
        "a WebSocket from another site's page", {"allow_origins": [APP]}, handshake(("origin", EVIL)), "", 101, 403
    ),
]
_ON_500 = "an exception that nothing handles"


@pytest.mark.parametrize("difference", [pytest.param(row, id=row.name) for row in _TABLE])
def test_a_difference(difference: Difference) -> None:
    compare(Theirs, CORSMiddleware, difference)


def test_an_exception_that_nothing_handles() -> None:
    options: dict[str, Any] = {"allow_origins": [APP]}
    on_500(Theirs, options, CORS(**options), ORIGIN, [("origin", APP)])


def test_the_page_lists_these() -> None:
    assert listed("moving-from-starlette.md", "CORS: what behaves differently") == [
        *(row.name for row in _TABLE),
        _ON_500,
    ]


@pytest.mark.parametrize("entry", [f"{APP}/", f"{APP}/a", APP.upper(), f"{APP}:443"])
def test_each_form_of_an_origin_that_never_matches(entry: str) -> None:
    with pytest.raises(ConfigError):
        CORS(allow_origins=[entry])
