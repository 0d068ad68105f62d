"""What preflights are told."""

from typing import Any

import pytest

from asgisec import CORS, Answer, Exchange, Policy, SecurityMiddleware
from asgisec.middleware import CORSMiddleware
from tests.asgi import Headers, Message, Recorded, answering, request
from tests.policies.cors import APP, ONE, cors_of

VARY_PREFLIGHT = (
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
)


def preflight(options: Any, method: str = "GET", origin: str = APP, *more: tuple[str, str | bytes]) -> Recorded:
    headers = [("host", "api.example.com"), ("origin", origin), ("access-control-request-method", method), *more]

    async def unreached(scope: Message, receive: Any, send: Any) -> None:
        raise AssertionError

    recorded = request(CORSMiddleware(unreached, **options), "OPTIONS", headers=headers)
    assert recorded.error is None
    assert recorded.values("vary") == [VARY_PREFLIGHT]
    assert recorded.values("content-type") == ["text/plain; charset=utf-8"]
    return recorded


ASK, NETWORK = "access-control-request-headers", "access-control-request-private-network"
SAFELISTED = "Accept, Accept-Language, Content-Language, Content-Type"


@pytest.mark.parametrize(
    ("options", "method", "more", "sent"),
    [
        pytest.param({}, "GET", [], {}, id="GET"),
        pytest.param({"allow_methods": ["GET", "PUT"]}, "PUT", [], {"allow-methods": "GET, PUT"}, id="listed method"),
        pytest.param(
            {"allow_methods": ["*"]},
            "DELETE",
            [],
            {"allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY"},
            id="any method",
        ),
        pytest.param(
            {"allow_headers": ["X-B", "X-A"]},
            "GET",
            [(ASK, "x-a,X-b , content-type")],
            {"allow-headers": f"{SAFELISTED}, X-A, X-B"},
            id="listed headers",
        ),
        pytest.param({}, "GET", [(ASK, "accept")], {}, id="safelisted header"),
        pytest.param({}, "GET", [(ASK, "")], {}, id="no header"),
        pytest.param(
            {"allow_headers": ["X-A"]},
            "GET",
            [(ASK, ",x-a,,")],
            {"allow-headers": f"{SAFELISTED}, X-A"},
            id="empty elements",
        ),
        pytest.param({"allow_headers": ["*"]}, "GET", [], {"allow-headers": None}, id="any header, none asked for"),
        pytest.param({"allow_headers": ["*"]}, "GET", [(ASK, "")], {"allow-headers": None}, id="any header, empty"),
        pytest.param(
            {"allow_headers": ["*"]},
            "GET",
            [(ASK, "authorization,x-a")],
            {"allow-headers": "authorization,x-a"},
            id="any header, named back: * would not cover authorization",
        ),
        pytest.param(
            {"allow_headers": ["*"]}, "GET", [(ASK, "x-a,\tx-b")], {"allow-headers": "x-a, x-b"}, id="any header, a tab"
        ),
        pytest.param(
            {"allow_headers": ["*"]}, "GET", [(ASK, "x-a"), (ASK, "x-b")], {"allow-headers": "x-a, x-b"}, id="two lines"
        ),
        pytest.param({"max_age": 0}, "GET", [], {"max-age": "0"}, id="not remembered"),
        pytest.param({"allow_credentials": True}, "GET", [], {"allow-credentials": "true"}, id="credentials"),
        pytest.param(
            {"allow_private_network": True}, "GET", [(NETWORK, "true")], {"allow-private-network": "true"}, id="network"
        ),
        pytest.param({"allow_private_network": True}, "GET", [], {}, id="network not asked for"),
        pytest.param({"expose_headers": ["X-A"]}, "GET", [], {}, id="exposed headers are for the response itself"),
    ],
)
def test_preflights_that_are_granted(options: Any, method: str, more: Any, sent: dict[str, str | None]) -> None:
    recorded = preflight(ONE | options, method, APP, *more)
    assert (recorded.status, recorded.body) == (200, b"OK")
    usual = {"allow-origin": APP, "allow-methods": "GET", "allow-headers": SAFELISTED, "max-age": "600"}
    assert cors_of(recorded) == {name: value for name, value in (usual | sent).items() if value is not None}


@pytest.mark.parametrize(
    ("options", "method", "origin", "more", "failures"),
    [
        pytest.param({}, "GET", "https://evil.test", [], "origin", id="origin"),
        pytest.param({}, "GET", "null", [], "origin", id="null"),
        pytest.param({}, "PUT", APP, [], "method", id="method"),
        pytest.param({}, "get", APP, [], "method", id="methods are case-sensitive"),
        pytest.param({"allow_methods": ["*"]}, "TRACE", APP, [], "method", id="method that * does not mean"),
        pytest.param({}, "", APP, [], "method", id="no method"),
        pytest.param({}, "GET\r\nX: y", APP, [], "method", id="line break in the method"),
        pytest.param({}, "GET", APP, [(ASK, "x-a")], "headers", id="header"),
        pytest.param({"allow_headers": ["X-A"]}, "GET", APP, [(ASK, "x-a, x-b")], "headers", id="one of two headers"),
        pytest.param(
            {"allow_headers": ["X-A"]}, "GET", APP, [(ASK, "x-a"), (ASK, "x-b")], "headers", id="one on a second line"
        ),
        pytest.param({"allow_headers": ["*"]}, "GET", APP, [(ASK, "x a")], "headers", id="no header's name"),
        pytest.param(
            {"allow_headers": ["*"]}, "GET", APP, [(ASK, b"x-a\r\nSet-Cookie: a=b")], "headers", id="a line break"
        ),
        pytest.param(
            {"allow_headers": ["*"]}, "GET", APP, [(ASK, b"x-a,\nx-b")], "headers", id="a line feed around one"
        ),
        pytest.param({"allow_headers": ["*"]}, "GET", APP, [(ASK, b"x\x00")], "headers", id="NUL"),
        pytest.param({"allow_headers": ["*"]}, "GET", APP, [(ASK, b"\xff")], "headers", id="invalid UTF-8"),
        pytest.param({}, "GET", APP, [(NETWORK, "true")], "private-network", id="private network"),
        pytest.param(
            {},
            "PUT",
            "https://evil.test",
            [(ASK, "x-a"), (NETWORK, "true")],
            "origin, method, headers, private-network",
            id="all at once",
        ),
    ],
)
def test_preflights_that_are_refused(options: Any, method: str, origin: str, more: Any, failures: str) -> None:
    recorded = preflight(ONE | options, method, origin, *more)
    assert (recorded.status, recorded.body) == (400, f"Disallowed CORS {failures}".encode())
    if "origin" in failures:
        assert cors_of(recorded) == {}
    assert "allow-private-network" not in cors_of(recorded)


def test_a_stranger_learns_nothing_from_a_preflight() -> None:
    options = ONE | {"allow_credentials": True, "allow_headers": ["*"], "allow_private_network": True}
    assert cors_of(preflight(options, "GET", "https://evil.test", (ASK, "x-a"), (NETWORK, "true"))) == {}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        pytest.param("OPTIONS", [("origin", APP)], id="no method asked for"),
        pytest.param("OPTIONS", [("access-control-request-method", "GET")], id="no origin"),
        pytest.param("GET", [("origin", APP), ("access-control-request-method", "GET")], id="not OPTIONS"),
    ],
)
def test_what_is_no_preflight_reaches_the_application(method: str, headers: Headers) -> None:
    assert request(CORSMiddleware(answering(), **ONE), method, headers=headers).body == b"hello"


class _NobodyGetsIn(Policy):
    """Stands for authentication, or a limit, inside of CORS."""

    def on_request(self, exchange: Exchange) -> Answer:
        return Answer.plain(401, "No.")


def test_preflights_meet_no_authentication() -> None:
    """Browsers send no credentials with a preflight; Litestar answered with 401."""
    app = SecurityMiddleware(answering(), CORS(**ONE), _NobodyGetsIn())
    headers = [("origin", APP), ("access-control-request-method", "GET")]
    assert request(app, "OPTIONS", headers=headers).status == 200
    refused = request(app, headers=[("origin", APP)])
    assert refused.status == 401
    assert cors_of(refused) == {"allow-origin": APP}
