"""Which origins' pages may read answers, what preflights are told, and who may open a WebSocket."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import CORS, Answer, Exchange, Policy, SecurityHeaders, SecurityMiddleware
from asgisec.middleware import CORSMiddleware
from tests.asgi import Headers, Message, Recorded, answering, request, websocket
from tests.policies.cost import CountedBytes, cost_of, exchange_of

APP = "https://app.example.com"
VARY_PREFLIGHT = (
    "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network"
)
ONE: dict[str, Any] = {"allow_origins": [APP]}
REGEX: dict[str, Any] = {"allow_origin_regex": r"https://[a-z]+\.example\.com"}
ANY: dict[str, Any] = {"allow_origins": ["*"]}


def cors_of(recorded: Recorded) -> dict[str, str]:
    """The CORS headers of a response, which are no more than one each."""
    pairs = [pair for pair in recorded.headers if pair[0].startswith("access-control-")]
    assert len(dict(pairs)) == len(pairs)
    return {name.removeprefix("access-control-"): value for name, value in pairs}


def get(options: Any, *origins: str | bytes, own: Headers = ()) -> Recorded:
    headers = [("host", "api.example.com"), *(("origin", origin) for origin in origins)]
    recorded = request(CORSMiddleware(answering(headers=own), **options), headers=headers)
    assert recorded.error is None
    return recorded


@pytest.mark.parametrize(
    ("options", "origin", "allowed"),
    [
        pytest.param(ONE, APP, APP, id="listed"),
        pytest.param(ONE | {"allow_credentials": True}, APP, APP, id="listed, with credentials"),
        pytest.param({"allow_origins": ["http://[::1]:3000"]}, "http://[::1]:3000", "http://[::1]:3000", id="IPv6"),
        pytest.param(REGEX, APP, APP, id="regex"),
        pytest.param(REGEX | {"allow_credentials": True}, APP, APP, id="regex, with credentials"),
        pytest.param(REGEX | {"allow_origins": ["http://localhost"]}, APP, APP, id="regex beside a list"),
        pytest.param(ANY, "https://anybody.test", "*", id="any"),
        pytest.param(ANY | ONE, APP, APP, id="the list wins the keyword"),
        pytest.param({"allow_origins": [APP, "*"]}, APP, "*", id="any beside a list"),
        pytest.param(ANY, "null", "*", id="any, and a sandboxed frame"),
    ],
)
def test_origins_that_are_allowed(options: Any, origin: str, allowed: str) -> None:
    sent = cors_of(get(options, origin))
    assert sent.pop("allow-origin") == allowed
    assert sent == ({"allow-credentials": "true"} if options.get("allow_credentials") else {})


STRANGERS = [
    pytest.param("https://evil.test", id="another"),
    pytest.param("null", id="null: a sandboxed frame, a file, a redirect"),
    pytest.param("https://app.example.com.evil.test", id="begins with an allowed one"),
    pytest.param("https://evilapp.example.com", id="its host ends with an allowed one"),
    pytest.param("https://evil.test/https://app.example.com", id="ends with an allowed one"),
    pytest.param("http://app.example.com", id="plain http"),
    pytest.param("https://app.example.com:8443", id="another port"),
    pytest.param("https://app.example.com:443", id="default port, which no browser sends"),
    pytest.param("https://app.example.com/", id="slash"),
    pytest.param("https://app.example.com.", id="trailing dot"),
    pytest.param("https://APP.example.com", id="capitals"),
    pytest.param("https://appXexample.com", id="a dot that is any character"),
    pytest.param("https://app.example.com@evil.test", id="user information"),
    pytest.param("https://app.example.com\\@evil.test", id="backslash"),
    pytest.param("https://app.example.com\n", id="line feed at the end"),
    pytest.param("https://app.example.com\r\nSet-Cookie: a=b", id="line break"),
    pytest.param("https://app.example.com\x00", id="NUL"),
    pytest.param(b"https://app.example.com\xff", id="invalid UTF-8"),
    pytest.param(f"{APP} https://evil.test", id="two on one line"),
    pytest.param(f"{APP}, {APP}", id="the same twice on one line"),
    pytest.param("*", id="wildcard"),
    pytest.param("", id="empty"),
    pytest.param("https://" + "a" * 1_000_000, id="a megabyte"),
]
LISTS = [
    pytest.param({}, id="nothing allowed"),
    pytest.param(ONE | {"allow_credentials": True, "expose_headers": ["X-Total"]}, id="a list"),
    pytest.param({"allow_origin_regex": r"https://app\.example\.com", "allow_credentials": True}, id="a regex"),
]


@pytest.mark.parametrize("options", LISTS)
@pytest.mark.parametrize("origin", STRANGERS)
def test_an_origin_that_is_not_allowed_gets_no_cors_header(options: Any, origin: str | bytes) -> None:
    """Starlette and Litestar send `Access-Control-Allow-Credentials: true` and more to any origin."""
    recorded = get(options, origin)
    assert cors_of(recorded) == {}
    assert recorded.values("vary") == ["Origin"]
    assert recorded.status == 200


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        pytest.param("https://.*", "https://a.test/../", id="a path"),
        pytest.param("(?s).*", "null", id="null"),
        pytest.param("(?s).*", "https://a.test\r\nSet-Cookie: a=b", id="a line break"),
        pytest.param("(?s).*", "https://a.test\x00", id="NUL"),
        pytest.param("(?s).*", "https://ü.test", id="Latin-1"),
        pytest.param("(a+)+b", "https://" + "a" * 1_000_000, id="what a slow pattern would be fed with"),
    ],
)
def test_what_is_no_origin_is_not_given_to_a_pattern(pattern: str, origin: str) -> None:
    assert cors_of(get({"allow_origin_regex": pattern}, origin)) == {}


def test_a_request_without_an_origin_gets_no_cors_header_but_vary() -> None:
    """A cache must not give this answer to a page; Litestar sends no `Vary` here."""
    recorded = get(ONE | {"allow_credentials": True, "expose_headers": ["X-Total"]})
    assert cors_of(recorded) == {}
    assert recorded.values("vary") == ["Origin"]


@pytest.mark.parametrize("origins", [(APP, APP), (APP, "https://evil.test"), ("https://evil.test", APP)])
def test_a_second_origin_header_is_refused(origins: Sequence[str]) -> None:
    recorded = get(ONE, *origins)
    assert recorded.status == 400
    assert cors_of(recorded) == {}


@pytest.mark.parametrize("origin", [(), (APP,), ("https://evil.test",)])
@pytest.mark.parametrize(
    ("own", "vary"),
    [
        # Litestar replaces it by `Origin`: then a cache mixes up what the handler keeps apart.
        pytest.param([("vary", "Accept-Encoding, Cookie")], ["Accept-Encoding, Cookie, Origin"], id="kept"),
        pytest.param([("Vary", "origin")], ["origin"], id="there already"),
        pytest.param([("vary", "Cookie"), ("vary", "Origin")], ["Cookie, Origin"], id="two lines"),
        pytest.param([("vary", "*")], ["*"], id="everything"),
    ],
)
def test_the_vary_of_the_application_is_merged(own: Headers, vary: list[str], origin: Sequence[str]) -> None:
    assert get(ONE, *origin, own=own).values("vary") == vary


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        pytest.param(
            [("access-control-allow-origin", "https://own.test")],
            {"allow-origin": "https://own.test"},
            id="an origin: nothing is added to it",
        ),
        pytest.param(
            [("access-control-expose-headers", "X-Own")],
            {"expose-headers": "X-Own", "allow-origin": APP, "allow-credentials": "true"},
            id="exposed headers",
        ),
    ],
)
def test_cors_headers_of_the_application_stay(own: Headers, sent: dict[str, str]) -> None:
    options = ONE | {"allow_credentials": True, "expose_headers": ["X-Total", "X-Page"]}
    assert cors_of(get(options, APP, own=own)) == sent
    assert cors_of(get(options, APP)) == {
        "allow-origin": APP,
        "allow-credentials": "true",
        "expose-headers": "X-Total, X-Page",
    }


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


def test_an_exception_is_answered_with_cors_headers() -> None:
    """Starlette's 500 has none: the page is told of a CORS error where there was none."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    recorded = request(CORSMiddleware(app, **ONE), headers=[("origin", APP)])
    assert recorded.status == 500
    assert cors_of(recorded) == {"allow-origin": APP}


HOST = "api.example.com"


@pytest.mark.parametrize("denial", [True, False])
@pytest.mark.parametrize(
    ("options", "headers", "scheme", "accepted"),
    [
        pytest.param(ONE, [("host", HOST), ("origin", APP)], "wss", True, id="allowed"),
        pytest.param(REGEX, [("host", HOST), ("origin", APP)], "wss", True, id="allowed by a regex"),
        pytest.param(ANY, [("host", HOST), ("origin", "https://evil.test")], "wss", True, id="any"),
        pytest.param(ONE, [("host", HOST)], "wss", True, id="no origin: not a browser"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}")], "wss", True, id="own"),
        pytest.param({}, [("host", "API.example.com:443"), ("origin", f"https://{HOST}")], "wss", True, id="own, port"),
        pytest.param({}, [("host", f"{HOST}:80"), ("origin", f"http://{HOST}")], "ws", True, id="own, port of http"),
        pytest.param({}, [("host", "[::1]:8000"), ("origin", "http://[::1]:8000")], "ws", True, id="own, IPv6"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}")], "ws", True, id="own, TLS ends at a proxy"),
        pytest.param({}, [("host", "x"), ("origin", "app://x")], "ws", True, id="own, of an application's scheme"),
        # Neither CORS of a peer nor any browser stops these.
        pytest.param(ONE, [("host", HOST), ("origin", "https://evil.test")], "wss", False, id="another"),
        pytest.param({}, [("host", HOST), ("origin", "null")], "wss", False, id="null"),
        pytest.param({}, [("host", "null"), ("origin", "null")], "wss", False, id="null, and a host of that name"),
        pytest.param({}, [("host", HOST), ("origin", "")], "wss", False, id="empty"),
        pytest.param({}, [("origin", "https://")], "wss", False, id="empty, and no host"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}.evil.test")], "wss", False, id="begins as own"),
        pytest.param({}, [("host", HOST), ("origin", f"https://evil{HOST}")], "wss", False, id="ends as own"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}:8443")], "wss", False, id="own, another port"),
        pytest.param({}, [("host", HOST), ("origin", f"http://{HOST}")], "wss", False, id="own in plain http, to wss"),
        pytest.param({}, [("host", f"{HOST}:80"), ("origin", f"https://{HOST}")], "ws", False, id="http's port"),
        pytest.param({}, [("host", HOST), ("origin", f"https://{HOST}\r\n")], "wss", False, id="line break"),
    ],
)
def test_websockets(options: Any, headers: Headers, scheme: str, *, accepted: bool, denial: bool) -> None:
    recorded = websocket(CORSMiddleware(answering(), **options), headers=headers, scheme=scheme, denial=denial)
    assert recorded.error is None
    first = recorded.messages[0]
    if accepted:
        assert first["type"] == "websocket.accept"
    elif denial:
        assert recorded.status == 403
        assert recorded.values("content-type") == ["application/problem+json"]
        assert b"evil" not in recorded.body
    else:
        reason = "Connections from this origin are not allowed."
        assert recorded.messages == [{"type": "websocket.close", "code": 1008, "reason": reason}]


@pytest.mark.parametrize("origin", ["https://h0.example.com", "https://evil.test"])
def test_the_cost_does_not_grow_with_the_number_of_origins(origin: str) -> None:
    def cost(number: int) -> int:
        policy = CORS([f"https://h{n}.example.com" for n in range(number)])
        exchange = exchange_of({b"origin": CountedBytes(origin.encode())})
        exchange.names = set()
        asking, answered = cost_of(lambda: policy.on_request(exchange)), cost_of(lambda: on_response(policy, exchange))
        return asking + answered

    def on_response(policy: CORS, exchange: Exchange) -> None:
        policy.on_response(exchange, [])

    assert cost(1) == cost(100) == cost(10_000)
    assert cost(1) > 0


_bytes = st.binary(max_size=20) | st.sampled_from([b"https://app.example.com", b"GET", b"x-a, x-b", b"null", b"\r\nx"])
_named = st.sampled_from([b"origin", b"access-control-request-method", ASK.encode(), NETWORK.encode(), b"vary"])
_options = st.sampled_from([{}, ONE, ANY, REGEX, ANY | {"allow_headers": ["*"], "allow_private_network": True}])


@given(_options, st.sampled_from(["GET", "OPTIONS"]), st.lists(st.tuples(_named, _bytes), max_size=5))
def test_no_request_makes_it_raise_and_no_header_can_be_split(options: Any, method: str, headers: Any) -> None:
    recorded = request(SecurityMiddleware(answering(), SecurityHeaders(), CORS(**options)), method, headers=headers)
    assert recorded.error is None
    for _, value in recorded.headers:
        assert value.isascii()
        assert value.isprintable()
