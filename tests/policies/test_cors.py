"""Which origins' pages may read answers, and that no cache gives one page's answer to another."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import CORS, Exchange, SecurityHeaders, SecurityMiddleware
from asgisec.middleware import CORSMiddleware
from tests.asgi import Headers, Message, Recorded, answering, request
from tests.policies.cors import ANY, APP, ONE, REGEX, cors_of
from tests.policies.cost import CountedBytes, cost_of, exchange_of


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


def test_an_exception_is_answered_with_cors_headers() -> None:
    """Starlette's 500 has none: the page is told of a CORS error where there was none."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    recorded = request(CORSMiddleware(app, **ONE), headers=[("origin", APP)])
    assert recorded.status == 500
    assert cors_of(recorded) == {"allow-origin": APP}


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
_named = st.sampled_from(
    [
        b"origin",
        b"access-control-request-method",
        b"access-control-request-headers",
        b"access-control-request-private-network",
        b"vary",
    ]
)
_options = st.sampled_from([{}, ONE, ANY, REGEX, ANY | {"allow_headers": ["*"], "allow_private_network": True}])


@given(_options, st.sampled_from(["GET", "OPTIONS"]), st.lists(st.tuples(_named, _bytes), max_size=5))
def test_no_request_makes_it_raise_and_no_header_can_be_split(options: Any, method: str, headers: Any) -> None:
    recorded = request(SecurityMiddleware(answering(), SecurityHeaders(), CORS(**options)), method, headers=headers)
    assert recorded.error is None
    for _, value in recorded.headers:
        assert value.isascii()
        assert value.isprintable()
