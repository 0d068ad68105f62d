from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import HTTPSOnly, RequestID, SecurityEvent, SecurityHeaders, SecurityMiddleware, TrustedHosts
from asgisec._wire.host import parse_host
from asgisec.errors import ConfigError
from asgisec.middleware import HTTPSOnlyMiddleware
from asgisec.policy import Exchange
from tests.asgi import Recorded, answering, request, websocket

HOST = ("host", "api.example.com")


def get(policy: HTTPSOnly, path: str = "/", *, host: str | bytes | None = "api.example.com", **extra: Any) -> Recorded:
    headers = [] if host is None else [("host", host)]
    return request(SecurityMiddleware(answering(), policy), extra.pop("method", "GET"), path, headers, **extra)


def test_defaults() -> None:
    policy = HTTPSOnly()
    assert (policy.mode, policy.exempt, policy.dry_run) == ("redirect", (), False)
    assert policy == HTTPSOnly("redirect", [])
    assert hash(policy) == hash(HTTPSOnly("redirect", []))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"mode": "deny"}, "HTTPSOnly(mode=) got 'deny': write 'redirect' or 'reject'", id="another mode"),
        pytest.param({"mode": None}, "HTTPSOnly(mode=) got None", id="no mode"),
        pytest.param({"mode": True}, "HTTPSOnly(mode=) got True", id="a bool as mode"),
        pytest.param(
            {"exempt": "/health"}, "HTTPSOnly(exempt=) got '/health': write a list: ['/health']", id="a string"
        ),
        pytest.param({"exempt": ["health"]}, "got 'health': write an exact path", id="a path without a slash"),
        pytest.param({"exempt": ["/public/*"]}, "got '/public/*': write an exact path", id="a pattern"),
        pytest.param({"exempt": ["/a?b"]}, "got '/a?b': write an exact path", id="a query"),
        pytest.param({"exempt": [b"/a"]}, "got b'/a': write an exact path", id="bytes"),
        pytest.param(
            {"dry_run": "false"}, "HTTPSOnly(dry_run=) got 'false': write True or False", id="a string for a bool"
        ),
        pytest.param({"dry_run": 1}, "HTTPSOnly(dry_run=) got 1", id="a number for a bool"),
    ],
)
def test_invalid_options(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HTTPSOnly(**arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("mode", ["redirect", "reject"])
def test_https_passes(mode: Any) -> None:
    assert get(HTTPSOnly(mode), scheme="https").status == 200
    assert websocket(SecurityMiddleware(answering(), HTTPSOnly(mode)), scheme="wss").status == 101


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
def test_browsers_are_redirected_with_their_method(method: str) -> None:
    answer = get(HTTPSOnly(), "/items/42", method=method, query_string=b"a=1&b=%20")
    assert answer.status == 307
    assert answer.values("location") == ["https://api.example.com/items/42?a=1&b=%20"]
    assert answer.body == b""


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_programs_are_refused(method: str) -> None:
    answer = get(HTTPSOnly("reject"), method=method)
    assert answer.status == 403
    assert answer.values("content-type") == ["application/problem+json"]
    assert answer.values("location") == []
    assert (b'"detail":"Use HTTPS."' in answer.body) == (method != "HEAD")


@pytest.mark.parametrize("mode", ["redirect", "reject"])
@pytest.mark.parametrize("denial", [pytest.param(True, id="denial response"), pytest.param(False, id="close")])
def test_a_plain_handshake_is_refused(mode: Any, denial: bool) -> None:
    answer = websocket(SecurityMiddleware(answering(), HTTPSOnly(mode)), headers=[HOST], denial=denial)
    if denial:
        assert answer.status == 403
        assert answer.values("location") == []
    else:
        assert answer.messages == [{"type": "websocket.close", "code": 1008, "reason": "Use HTTPS."}]


def test_a_scope_without_a_scheme_is_plain() -> None:
    """It is optional in ASGI, and means `http`."""
    app = SecurityMiddleware(answering(), HTTPSOnly("reject"))
    scopes: list[dict[str, Any]] = []

    async def without(scope: Any, receive: Any, send: Any) -> None:
        scopes.append({key: value for key, value in scope.items() if key != "scheme"})
        await app(scopes[0], receive, send)

    assert request(without).status == 403


@pytest.mark.parametrize(
    ("exempt", "extra", "status"),
    [
        pytest.param(["/health"], {"path": "/health"}, 200, id="the path"),
        pytest.param(["/health"], {"path": "/api/health", "root_path": "/api"}, 200, id="the path below root_path"),
        pytest.param(["/health"], {"path": "/health/"}, 307, id="one slash more"),
        pytest.param(["/health"], {"path": "/health/../admin"}, 307, id="attack: a path that begins so"),
        pytest.param(["/health"], {"path": "//health"}, 307, id="attack: two slashes"),
        pytest.param(["/health"], {"path": "/Health"}, 307, id="another case"),
        pytest.param(["/health"], {"path": "/", "query_string": b"/health"}, 307, id="attack: the path in the query"),
        pytest.param(lambda exchange: exchange.client == "192.0.2.7", {"path": "/any"}, 200, id="a predicate says yes"),
        pytest.param(lambda exchange: False, {"path": "/any"}, 307, id="a predicate says no"),
    ],
)
def test_exempt(exempt: Any, extra: dict[str, Any], status: int) -> None:
    assert get(HTTPSOnly(exempt=exempt), **extra).status == status


def test_exempt_handshakes() -> None:
    app = SecurityMiddleware(answering(), HTTPSOnly(exempt=["/live"]))
    assert websocket(app, "/live", [HOST]).status == 101
    assert websocket(app, "/other", [HOST]).status == 403


@pytest.mark.parametrize(
    ("host", "path", "query", "location"),
    [
        pytest.param("API.Example.com", "/", b"", "https://api.example.com/", id="host in capitals"),
        pytest.param("api.example.com:8080", "/", b"", "https://api.example.com/", id="the port is that of plain http"),
        pytest.param("[2001:db8::1]:80", "/", b"", "https://[2001:db8::1]/", id="IPv6 host"),
        pytest.param("api.example.com", "/a b/ü", b"", "https://api.example.com/a%20b/%C3%BC", id="space and umlaut"),
        pytest.param("api.example.com", "/100%", b"", "https://api.example.com/100%25", id="percent sign"),
        pytest.param(
            "api.example.com", "/a?b#c", b"", "https://api.example.com/a%3Fb%23c", id="decoded question mark and hash"
        ),
        pytest.param(
            "api.example.com", "/", b"next=//evil.example", "https://api.example.com/?next=//evil.example", id="query"
        ),
        pytest.param("api.example.com", "/", b"a#b", "https://api.example.com/?a%23b", id="hash in the query"),
        pytest.param(
            "api.example.com", "//evil.example/x", b"", "https://api.example.com//evil.example/x", id="attack: //"
        ),
        pytest.param(
            "api.example.com", "/\\evil.example", b"", "https://api.example.com/%5Cevil.example", id="attack: backslash"
        ),
        pytest.param(
            "api.example.com", "/@evil.example", b"", "https://api.example.com/@evil.example", id="attack: at sign"
        ),
        pytest.param(
            "api.example.com",
            "/\r\nSet-Cookie: a=b",
            b"",
            "https://api.example.com/%0D%0ASet-Cookie:%20a=b",
            id="attack: CRLF path",
        ),
        pytest.param(
            "api.example.com", "/", b"a=\r\nX: y", "https://api.example.com/?a=%0D%0AX:%20y", id="attack: CRLF query"
        ),
        pytest.param(
            "api.example.com", "/", b"\xff\x00", "https://api.example.com/?%FF%00", id="attack: bytes in the query"
        ),
        pytest.param(
            "api.example.com", "/\udc80", b"", "https://api.example.com/%ED%B2%80", id="attack: a path that is no text"
        ),
        pytest.param("api.example.com", "/\x00", b"", "https://api.example.com/%00", id="attack: NUL"),
        pytest.param("api.example.com", "", b"", None, id="attack: no path"),
        pytest.param("api.example.com", ".evil.example", b"", None, id="attack: path continues the host"),
        pytest.param("api.example.com", "@evil.example/", b"", None, id="attack: path makes the host a user"),
        pytest.param(
            "api.example.com", ":443@evil.example/", b"", None, id="attack: path makes the host user and password"
        ),
        pytest.param("api.example.com", "*", b"", None, id="OPTIONS *"),
        pytest.param("evil.example/", "/", b"", None, id="attack: slash in the host"),
        pytest.param("user@evil.example", "/", b"", None, id="attack: user in the host"),
        pytest.param("api.example.com\r\nX: y", "/", b"", None, id="attack: CRLF in the host"),
        pytest.param("api.example.com#", "/", b"", None, id="attack: hash in the host"),
        pytest.param("", "/", b"", None, id="empty host"),
        pytest.param(None, "/", b"", None, id="no host"),
    ],
)
def test_the_location(host: str | None, path: str, query: bytes, location: str | None) -> None:
    answer = get(HTTPSOnly(), path, host=host, query_string=query, raw_path=b"/")
    assert answer.status == (403 if location is None else 307)
    assert answer.values("location") == ([] if location is None else [location])


@pytest.mark.parametrize(
    ("path", "root_path", "location"),
    [
        pytest.param("/api/items", "/api", "/api/items", id="path with it (uvicorn)"),
        pytest.param("/items", "/api", "/api/items", id="path without it (hypercorn, granian)"),
        pytest.param("/api", "/api", "/api", id="nothing below it"),
        pytest.param("/apis", "/api", "/api/apis", id="a path that only begins alike"),
        pytest.param("/items", "/", "/items", id="a slash alone"),
        pytest.param("/api/items", "/api/", "/api/items", id="with a slash at its end"),
        pytest.param("@evil.example", "/api", "/api@evil.example", id="attack: below it, a path stays a path"),
    ],
)
def test_the_location_has_the_root_path_once(path: str, root_path: str, location: str) -> None:
    answer = get(HTTPSOnly(), path, root_path=root_path, raw_path=b"/")
    assert answer.values("location") == [f"https://api.example.com{location}"]


@given(
    st.one_of(st.text(alphabet="api.exmplcov:@/\\#?[]% \r\n", max_size=20), st.just("api.example.com")),
    st.one_of(st.text(max_size=20), st.text(alphabet="/\\@.:?#%\r\n\t evil", max_size=20)),
    st.binary(max_size=20),
    st.sampled_from(["", "/", "/api", "api"]),
)
def test_no_request_is_sent_to_another_host(host: str, path: str, query: bytes, root_path: str) -> None:
    scope = {"type": "http", "scheme": "http", "path": path, "query_string": query, "root_path": root_path}
    answer = HTTPSOnly().on_request(Exchange(scope, {b"host": host.encode("latin-1", "replace")}, _never))
    for name, value in getattr(answer, "headers", None) or ():
        if name == b"location":
            location = urlsplit(value.decode("ascii"))
            assert not set(value) & set(b"\r\n\t \0\\#")
            assert location.scheme == "https"
            assert location.username is None
            asked = parse_host(host.encode("latin-1", "replace"))
            assert asked is not None
            assert location.netloc == asked.name
            assert unquote_to_bytes(location.path).startswith(b"/")


async def _never() -> None:
    raise AssertionError


def test_the_redirect_ends() -> None:
    """What it leads to is answered; it is no loop."""
    answer = get(HTTPSOnly(), "/items", query_string=b"a=1")
    target = urlsplit(answer.values("location")[0])
    followed = get(
        HTTPSOnly(), target.path, host=target.netloc, scheme=target.scheme, query_string=target.query.encode()
    )
    assert followed.status == 200


def test_refusals_are_dressed_by_the_policies_outside() -> None:
    app = SecurityMiddleware(
        answering(), RequestID(), SecurityHeaders(), TrustedHosts(["api.example.com"]), HTTPSOnly()
    )
    answer = request(app, headers=[HOST])
    assert answer.status == 307
    assert len(answer.values("x-request-id")) == 1
    assert answer.values("x-content-type-options") == ["nosniff"]
    # RFC 6797 section 7.2: never over plain HTTP.
    assert answer.values("strict-transport-security") == []


def test_a_host_that_is_not_served_is_not_redirected_to() -> None:
    app = SecurityMiddleware(answering(), TrustedHosts(["api.example.com"]), HTTPSOnly())
    assert request(app, headers=[("host", "evil.example")]).status == 400


@pytest.mark.parametrize("mode", ["redirect", "reject"])
def test_a_rehearsal_lets_through_and_says_so(mode: Any) -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), HTTPSOnly(mode, dry_run=True), on_event=events.append)
    assert request(app, headers=[HOST]).status == 200
    assert websocket(app, headers=[HOST]).status == 101
    assert request(app, headers=[HOST], scheme="https").status == 200
    assert [(event.reason, event.policy, event.rehearsed) for event in events] == [
        ("insecure_transport", "HTTPSOnly", True)
    ] * 2


def test_the_middleware_takes_the_policys_options() -> None:
    middleware = HTTPSOnlyMiddleware(answering(), "reject", exempt=["/health"])
    assert middleware.policies == (HTTPSOnly("reject", exempt=("/health",)),)
