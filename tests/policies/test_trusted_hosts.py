"""Which hosts are served, and what becomes of all other requests."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import Exchange, TrustedHosts
from asgisec._wire.host import Host, parse_host
from asgisec.middleware import TrustedHostMiddleware
from asgisec.policies import trusted_hosts
from tests.asgi import Recorded, answering, request, websocket
from tests.policies.cost import CountedBytes, CountedText, cost_of, exchange_of

REFUSAL = (400, b"Invalid host header")


def ask(host: str | bytes | None, allowed: list[str], /, **more: Any) -> Recorded:
    headers = [] if host is None else [("host", host)]
    options = {name: more.pop(name) for name in ("www_redirect", "exempt") if name in more}
    recorded = request(TrustedHostMiddleware(answering(), allowed, **options), headers=headers, **more)
    assert recorded.error is None
    return recorded


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        pytest.param("api.example.com", ["api.example.com"], id="exact"),
        # Litestar answers these two with 400.
        pytest.param("example.com:8000", ["example.com"], id="a port, though the entry names none"),
        pytest.param("EXAMPLE.com", ["example.com"], id="capitals"),
        pytest.param("example.com", ["Example.COM"], id="an entry in capitals"),
        pytest.param("example.com.", ["example.com"], id="trailing dot"),
        pytest.param("example.com", ["example.com."], id="an entry with a trailing dot"),
        pytest.param("example.com:8000", ["example.com:8000"], id="the entry's port"),
        pytest.param("EXAMPLE.com.:8000", ["example.com:8000"], id="the entry's port, otherwise written"),
        pytest.param("example.com", ["example.com:443"], id="clients leave out the port of https"),
        pytest.param("Example.com", ["example.com:80"], id="clients leave out the port of http"),
        pytest.param("example.com:", ["example.com"], id="a colon without a port"),
        pytest.param("a.example.com", ["*.example.com"], id="wildcard"),
        pytest.param("a.b.c.Example.com.:1", ["*.EXAMPLE.com"], id="wildcard, several labels, otherwise written"),
        pytest.param("127.0.0.1:8000", ["127.0.0.1"], id="IPv4"),
        pytest.param("[::1]:8000", ["[::1]"], id="IPv6"),
        pytest.param("[0:0:0:0:0:0:0:1]", ["[::1]"], id="IPv6 in long form"),
        pytest.param("[2001:DB8::1]", ["[2001:db8:0::1]"], id="IPv6, the entry in long form"),
        pytest.param("anything.test", ["*"], id="any"),
        pytest.param(None, ["*"], id="any, and no host at all (HTTP/1.0)"),
    ],
)
def test_hosts_that_are_served(host: str | None, allowed: list[str]) -> None:
    assert ask(host, allowed).status == 200


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        pytest.param("evil.test", ["example.com"], id="another"),
        pytest.param(None, ["example.com"], id="none"),
        pytest.param("", ["example.com"], id="empty"),
        pytest.param("example.com.evil.test", ["example.com"], id="begins with an entry"),
        pytest.param("evilexample.com", ["example.com"], id="ends with an entry"),
        pytest.param("evilexample.com", ["*.example.com"], id="ends with a wildcard's name"),
        pytest.param("a.example.com.evil.test", ["*.example.com"], id="contains a wildcard's name"),
        pytest.param("example.com", ["*.example.com"], id="the wildcard's name itself"),
        pytest.param(".example.com", ["*.example.com"], id="an empty label below a wildcard"),
        pytest.param("sub.example.com", ["example.com"], id="below an entry"),
        pytest.param("example.com:8001", ["example.com:8000"], id="another port"),
        pytest.param("example.com", ["example.com:8000"], id="no port where the entry has one"),
        pytest.param("example.com:8000", ["example.com:443"], id="another port than https's"),
        pytest.param("example.com..", ["example.com"], id="two trailing dots"),
        pytest.param("www.[::1]", ["[::1]"], id="no host"),
        pytest.param("[::2]", ["[::1]"], id="another IPv6"),
        pytest.param("[::1", ["[::1]"], id="bracket left open"),
        pytest.param("evil.test@example.com", ["example.com"], id="user information"),
        pytest.param("example.com/evil", ["example.com"], id="path"),
        # What moved the path in URLs that a framework builds from Host, behind checks of `request.url.path`.
        pytest.param("example.com/allowed?", ["*"], id="path and query, though any is allowed"),
        pytest.param("example.com#", ["example.com"], id="fragment"),
        pytest.param("example.com\\.evil.test", ["*"], id="backslash, though any is allowed"),
        pytest.param("example%2ecom", ["example.com"], id="percent-encoding"),
        pytest.param(b"example.com\r\nX: y", ["*"], id="line break"),
        pytest.param(b"example.com\n", ["example.com"], id="line feed at the end"),
        pytest.param(b"example.com\x00", ["example.com"], id="NUL"),
        pytest.param(b"\xff\xfe", ["*"], id="invalid UTF-8"),
        pytest.param("a." * 100_000, ["*.a"], id="huge"),
        pytest.param("example.com, evil.test", ["example.com"], id="two on one line"),
        pytest.param(" example.com", ["example.com"], id="space before"),
    ],
)
def test_hosts_that_are_refused(host: str | bytes | None, allowed: list[str]) -> None:
    recorded = ask(host, allowed)
    assert (recorded.status, recorded.body) == REFUSAL
    assert recorded.values("content-type") == ["text/plain; charset=utf-8"]


@pytest.mark.parametrize("second", ["evil.test", "example.com"])
@pytest.mark.parametrize("allowed", [["example.com"], ["*"]])
def test_a_second_host_header_is_refused(second: str, allowed: list[str]) -> None:
    """Starlette reads the first line only, so that the second host reaches the application."""
    headers = [("host", "example.com"), ("host", second)]
    recorded = request(TrustedHostMiddleware(answering(), allowed), headers=headers)
    assert recorded.status == 400
    assert recorded.values("content-type") == ["application/problem+json"]


@pytest.mark.parametrize("header", ["x-forwarded-host", "forwarded", "x-host", "x-original-host"])
def test_no_other_header_is_believed(header: str) -> None:
    """Litestar read `X-Forwarded-Host` where `Host` was not allowed."""
    headers = [("host", "evil.test"), (header, "example.com")]
    recorded = request(TrustedHostMiddleware(answering(), ["example.com"]), headers=headers)
    assert (recorded.status, recorded.body) == REFUSAL


def test_an_entry_is_no_pattern() -> None:
    """Litestar took entries for regular expressions, whose dots match anything."""
    assert ask("wwwXexample.com", ["www.example.com"], www_redirect=False).status == 400


@pytest.mark.parametrize(
    ("host", "allowed", "more", "location"),
    [
        pytest.param("example.com", ["www.example.com"], {}, "http://www.example.com/", id="plain"),
        pytest.param("Example.com.", ["www.example.com"], {}, "http://www.example.com/", id="otherwise written"),
        pytest.param("example.com:8000", ["www.example.com"], {}, "http://www.example.com:8000/", id="port"),
        pytest.param(
            "example.com:8000", ["www.example.com:8000"], {}, "http://www.example.com:8000/", id="an entry's port"
        ),
        pytest.param(
            "example.com", ["www.example.com:443"], {}, "http://www.example.com/", id="an entry's default port"
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": "/a b/ü", "query_string": b"q=1&r=%20", "scheme": "https"},
            "https://www.example.com/a%20b/%C3%BC?q=1&r=%20",
            id="https, path and query",
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": "//evil.test/"},
            "http://www.example.com//evil.test/",
            id="a path that looks like a host",
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": "/\r\nSet-Cookie: a=b", "query_string": b"\r\nX: y\x00\xff"},
            "http://www.example.com/%0D%0ASet-Cookie:%20a=b?%0D%0AX:%20y%00%FF",
            id="line breaks in path and query",
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": "/\udcff"},
            "http://www.example.com/%ED%B3%BF",
            id="a path that is no UTF-8",
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": "@evil.test"},
            "http://www.example.com/@evil.test",
            id="a path without a slash, which would change the host",
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": ".evil.test"},
            "http://www.example.com/.evil.test",
            id="a path without a slash, which would go on with the host",
        ),
        pytest.param(
            "example.com", ["www.example.com"], {"path": "*"}, "http://www.example.com/*", id="the path of OPTIONS *"
        ),
        pytest.param("example.com", ["www.example.com"], {"path": ""}, "http://www.example.com/", id="no path"),
        pytest.param(
            "example.com", ["www.example.com"], {"path": "/?a#b"}, "http://www.example.com/%3Fa%23b", id="delimiters"
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": "/api/items", "root_path": "/api"},
            "http://www.example.com/api/items",
            id="a path with its root (uvicorn)",
        ),
        pytest.param(
            "example.com",
            ["www.example.com"],
            {"path": "/items", "root_path": "/api"},
            "http://www.example.com/api/items",
            id="a path without its root (hypercorn, granian)",
        ),
    ],
)
def test_what_lacks_only_its_www_is_redirected(host: str, allowed: list[str], more: Any, location: str) -> None:
    recorded = ask(host, allowed, **more)
    assert (recorded.status, recorded.body) == (307, b"")
    assert recorded.values("location") == [location]


@pytest.mark.parametrize(
    ("host", "allowed", "redirect"),
    [
        pytest.param("example.com", ["www.example.com"], False, id="redirects are off"),
        pytest.param("evil.test", ["www.example.com"], True, id="another host"),
        pytest.param("example.com:8001", ["www.example.com:8000"], True, id="another port"),
        pytest.param("a" * 250, ["www.example.com"], True, id="too long with www"),
    ],
)
def test_what_is_not_redirected(host: str, allowed: list[str], *, redirect: bool) -> None:
    recorded = ask(host, allowed, www_redirect=redirect)
    assert (recorded.status, recorded.body) == REFUSAL


def from_monitor(exchange: Exchange) -> bool:
    return exchange.client == "192.0.2.7"


@pytest.mark.parametrize(
    ("exempt", "path", "status"),
    [
        # Load balancers probe by address; without this every probe fails.
        pytest.param(["/health"], "/health", 200, id="the path"),
        pytest.param(["/health"], "/health/", 400, id="with a slash"),
        pytest.param(["/health"], "/health/admin", 400, id="below"),
        pytest.param(["/health"], "/healthy", 400, id="longer"),
        pytest.param(["/health"], "/HEALTH", 400, id="capitals"),
        pytest.param(["/health"], "//health", 400, id="two slashes"),
        pytest.param(["/health"], "/x/../health", 400, id="dots"),
        pytest.param([], "/", 400, id="none"),
        pytest.param(from_monitor, "/any", 200, id="predicate"),
        pytest.param(lambda exchange: False, "/any", 400, id="predicate says no"),
    ],
)
def test_exempt(exempt: Any, path: str, status: int) -> None:
    assert ask("10.0.0.7", ["example.com"], exempt=exempt, path=path).status == status


@pytest.mark.parametrize(
    ("path", "root_path", "status"),
    [
        pytest.param("/api/health", "/api", 200, id="the path contains the root"),
        pytest.param("/health", "/api", 200, id="the path does not contain it"),
        pytest.param("/apihealth", "/api", 400, id="the root is no prefix of text"),
    ],
)
def test_exempt_below_a_root(path: str, root_path: str, status: int) -> None:
    assert ask("10.0.0.7", ["a.example"], exempt=["/health"], path=path, root_path=root_path).status == status


def test_a_host_cannot_make_up_an_exempt_path() -> None:
    """A URL that is rebuilt from the headers, as Starlette's `request.url`, had the path that `Host` brought along."""
    for host in ("evil.test/health?", "evil.test/health#"):
        assert ask(host, ["example.com"], exempt=["/health"], path="/admin").status == 400


@pytest.mark.parametrize("answer", [1, "yes", object(), None])
def test_only_true_exempts(answer: object) -> None:
    assert ask("10.0.0.7", ["example.com"], exempt=lambda exchange: answer).status == 400


def test_a_websocket_is_refused_by_a_response() -> None:
    recorded = websocket(TrustedHostMiddleware(answering(), ["example.com"]), headers=[("host", "evil.test")])
    assert (recorded.status, recorded.body) == REFUSAL


def test_a_websocket_is_closed_where_the_server_has_no_denial_response() -> None:
    app = TrustedHostMiddleware(answering(), ["example.com"])
    recorded = websocket(app, headers=[("host", "evil.test")], denial=False)
    assert recorded.messages == [{"type": "websocket.close", "code": 1008, "reason": "Invalid host header"}]


def test_a_websocket_of_an_allowed_host_is_accepted() -> None:
    app = TrustedHostMiddleware(answering(), ["example.com"])
    assert websocket(app, headers=[("host", "Example.com:8000")]).status == 101


HOSTS: list[bytes | None] = [
    b"h0.example.com",
    b"H0.example.com:8000",
    b"a.b.w0.example.com",
    b"a.b.c.evil.test",
    b"bare.example.com",
    None,
]


@pytest.mark.parametrize("host", HOSTS)
def test_the_cost_does_not_grow_with_the_number_of_hosts(host: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(number: int) -> int:
        entries = [f"{kind}{n}.example.com" for n in range(number) for kind in ("h", "*.w")]
        policy = TrustedHosts([*entries, "www.bare.example.com"])
        headers: dict[bytes, bytes] = {} if host is None else {b"host": CountedBytes(host)}
        exchange = exchange_of(headers)
        with monkeypatch.context() as patch:
            patch.setattr(trusted_hosts, "parse_host", counted)
            return cost_of(lambda: policy.on_request(exchange))

    assert cost(1) == cost(100) == cost(10_000)
    assert cost(1) > 0


def counted(value: bytes) -> Host | None:
    host = parse_host(value)
    return None if host is None else Host(CountedText(host.name), host.port)


def _hosts() -> Iterator[st.SearchStrategy[bytes]]:
    yield st.binary(max_size=40)
    yield st.text(alphabet="aw.:[]1@/\\% \r\n\x00é", max_size=30).map(str.encode)
    yield st.sampled_from([b"example.com", b"a.example.org", b"example.net", b"www.example.net:80"])


@given(st.lists(st.one_of(*_hosts()), max_size=2), st.text(max_size=10).map("/".__add__), st.binary(max_size=10))
def test_no_request_makes_it_raise_and_no_header_of_its_own_can_be_split(
    hosts: list[bytes], path: str, query: bytes
) -> None:
    app = TrustedHostMiddleware(answering(), ["example.com", "*.example.org", "www.example.net"])
    recorded = request(app, path=path, query_string=query, headers=[("host", host) for host in hosts])
    assert recorded.error is None
    assert recorded.status in {200, 307, 400}
    for _, value in recorded.headers:
        assert value.isascii()
        assert value.isprintable()
