import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from asgisec import (
    CrossOriginProtection,
    Exchange,
    HTTPSOnly,
    Policy,
    SecurityEvent,
    SecurityHeaders,
    SecurityMiddleware,
    TrustedHosts,
    TrustedProxies,
)
from asgisec.errors import ConfigError
from asgisec.middleware import TrustedProxyMiddleware
from tests.asgi import Message, answering, request, websocket

HOST = ("host", "testserver")
PROXY = ("10.0.0.1", 40000)
STRANGER = ("192.0.2.7", 50123)


class Resolved:
    """An application that remembers what it was told of the client."""

    def __init__(self, *policies: Policy) -> None:
        self.events: list[SecurityEvent] = []
        self.scope: Message = {}
        self.app = SecurityMiddleware(self._app, *policies, on_event=self.events.append)

    async def _app(self, scope: Message, receive: Any, send: Any) -> None:
        self.scope = scope
        await answering()(scope, receive, send)

    def get(self, *headers: tuple[str, str | bytes], client: Any, **extra: Any) -> tuple[Any, str]:
        assert request(self.app, "GET", "/", [HOST, *headers], client=client, **extra).status == 200
        return self.scope["client"], self.scope["scheme"]


def resolve(policy: TrustedProxies, headers: list[tuple[str, str | bytes]], client: Any = PROXY, **extra: Any) -> Any:
    return Resolved(policy).get(*headers, client=client, **extra)


_NETWORKS = st.tuples(st.ip_addresses(), st.integers(1, 32)).map(lambda drawn: ip_network(drawn, strict=False))


@given(st.lists(_NETWORKS, min_size=1, max_size=6), st.ip_addresses(), st.data())
def test_whom_it_trusts(networks: list[Any], other: Any, data: st.DataObject) -> None:
    policy = TrustedProxies([str(network) for network in networks])
    inside = data.draw(st.sampled_from(networks).flatmap(lambda network: st.ip_addresses(network=network)))
    assert policy._trusts(inside)
    assert policy._trusts(other) is any(other in network for network in networks)


def test_defaults() -> None:
    policy = TrustedProxies(["10.0.0.1"])
    assert policy.header == "x-forwarded-for"
    assert policy.trusted == ("10.0.0.1",)
    assert policy == TrustedProxies(("10.0.0.1",))
    assert hash(policy) == hash(TrustedProxies(("10.0.0.1",)))
    assert policy != TrustedProxies(["10.0.0.1"], "forwarded")


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        pytest.param("10.0.0.1", "10.0.0.1", id="IPv4 address"),
        pytest.param("10.0.0.0/8", "10.255.0.1", id="IPv4 network"),
        pytest.param("2001:db8::1", "2001:DB8:0::1", id="IPv6 address, written differently"),
        pytest.param("2001:db8::/32", "2001:db8:9::1", id="IPv6 network"),
        pytest.param("10.0.0.1", "::ffff:10.0.0.1", id="peer in IPv4-mapped form, as on a dual-stack socket"),
        pytest.param("unix", "", id="Unix socket: an empty peer, as granian says it"),
        pytest.param("unix", "unix:/run/app.sock", id="Unix socket with its path"),
        pytest.param("unix", "/run/app.sock", id="Unix socket, its path alone"),
    ],
)
def test_what_can_be_trusted(trusted: str, peer: str) -> None:
    assert resolve(TrustedProxies([trusted]), [("x-forwarded-for", "192.0.2.7")], (peer, 1))[0] == ("192.0.2.7", 0)


def test_a_unix_socket_without_a_peer_is_trusted() -> None:
    """uvicorn and hypercorn name no client there."""
    assert resolve(TrustedProxies(["unix"]), [("x-forwarded-for", "192.0.2.7")], None)[0] == ("192.0.2.7", 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"trusted": "10.0.0.1"}, "write a list: ['10.0.0.1']", id="a string"),
        pytest.param(
            {"trusted": []}, "name your proxies, such as ['10.0.0.0/8'], or leave the policy out", id="nobody"
        ),
        pytest.param({"trusted": None}, "write a list of strings", id="nothing"),
        pytest.param({"trusted": [b"10.0.0.1"]}, "write a list of strings", id="bytes"),
        pytest.param({"trusted": [10]}, "write a list of strings", id="a number"),
        pytest.param({"trusted": ["*"]}, "got '*': write an address, a network such as", id="a star"),
        pytest.param({"trusted": ["proxy.internal"]}, "got 'proxy.internal': write an address", id="a name"),
        pytest.param({"trusted": ["10.0.0.1/8"]}, "no bits set behind its length", id="host bits"),
        pytest.param({"trusted": ["10.0.0.1:80"]}, "write an address", id="a port"),
        pytest.param({"trusted": ["[::1]"]}, "write an address", id="brackets"),
        pytest.param({"trusted": [""]}, "got '': write an address", id="an empty entry"),
        pytest.param({"trusted": ["UNIX"]}, "or 'unix'", id="unix in capitals"),
        pytest.param(
            {"trusted": ["0.0.0.0/0"]}, "with everybody trusted, every client names its own", id="all of IPv4"
        ),
        pytest.param({"trusted": ["10.0.0.1", "::/0"]}, "got '::/0': name your proxies", id="all of IPv6"),
        pytest.param({"trusted": ["::ffff:10.0.0.0/104"]}, "write the IPv4 address or network", id="mapped network"),
        pytest.param({"trusted": ["::ffff:0:0/96"]}, "write the IPv4 address or network", id="all of IPv4, mapped"),
        pytest.param({"header": "x-real-ip"}, "write one of 'x-forwarded-for', 'forwarded'", id="another header"),
        pytest.param({"header": "X_FORWARDED_FOR"}, "write one of 'x-forwarded-for'", id="as an environment names it"),
        pytest.param({"header": None}, "TrustedProxies(header=) got None", id="no header"),
    ],
)
def test_invalid_options(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrustedProxies(**{"trusted": ["10.0.0.1"], **arguments})
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"TrustedProxies({next(iter(arguments))}=) got ")


TRUSTED = ["10.0.0.0/8", "2001:db8:1::/48"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", id="one hop"),
        pytest.param("6.6.6.6, 192.0.2.7", "192.0.2.7", id="attack: an address to the left"),
        pytest.param("10.0.0.9, 192.0.2.7", "192.0.2.7", id="attack: a proxy's address to the left"),
        pytest.param("127.0.0.1,10.0.0.9,192.0.2.7", "192.0.2.7", id="attack: two addresses to the left"),
        pytest.param("x" * 9000 + ", 192.0.2.7", "192.0.2.7", id="attack: a long left end"),
        pytest.param("192.0.2.7, 10.0.0.2", "192.0.2.7", id="two trusted hops"),
        pytest.param("6.6.6.6, 192.0.2.7, 10.0.0.2, 2001:db8:1::2", "192.0.2.7", id="three trusted hops"),
        pytest.param("6.6.6.6, 192.0.2.7, 203.0.113.9", "203.0.113.9", id="an unknown hop ends it"),
        pytest.param("10.0.0.3, 10.0.0.2", "10.0.0.3", id="all trusted: the first is the client"),
        pytest.param("192.0.2.7:4711, 10.0.0.2:80", "192.0.2.7", id="ports"),
        pytest.param("[2001:db8:9::7]:4711", "2001:db8:9::7", id="IPv6 in brackets with a port"),
        pytest.param("2001:DB8:9:0::7", "2001:db8:9::7", id="IPv6 made canonical"),
        pytest.param("192.0.2.7, ::ffff:10.0.0.2", "192.0.2.7", id="mapped hop"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7", id="mapped client"),
        pytest.param("192.0.2.7, unknown, 10.0.0.2", "10.0.0.2", id="unknown hop: the last known proxy"),
        pytest.param("192.0.2.7, _secret", None, id="obfuscated hop: the peer"),
        pytest.param("192.0.2.7, garbage, 10.0.0.2", "10.0.0.2", id="garbage ends the walk"),
        pytest.param("192.0.2.7,, 10.0.0.2", "10.0.0.2", id="an empty entry ends the walk"),
        pytest.param("", None, id="an empty header"),
        pytest.param("\xff\x80", None, id="bytes that are no text"),
        pytest.param("<script>", None, id="markup"),
    ],
)
@pytest.mark.parametrize(
    "peer", [pytest.param("10.0.0.1", id="IPv4 peer"), pytest.param("2001:db8:1::1", id="IPv6 peer")]
)
def test_x_forwarded_for(value: str, expected: str | None, peer: str) -> None:
    client, scheme = resolve(TrustedProxies(TRUSTED), [("x-forwarded-for", value)], (peer, 1))
    assert client == ((peer, 1) if expected is None else (expected, 0))
    assert scheme == "http"


def test_lines_of_a_repeated_header_are_one_chain() -> None:
    """A proxy may append a line of its own instead of to the client's."""
    lines: list[tuple[str, str | bytes]] = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.7")]
    assert resolve(TrustedProxies(TRUSTED), lines)[0] == ("192.0.2.7", 0)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        pytest.param(STRANGER, STRANGER, id="a stranger"),
        pytest.param(("::ffff:192.0.2.7", 9), ("192.0.2.7", 9), id="a stranger on a dual-stack socket"),
        pytest.param(("11.0.0.1", 9), ("11.0.0.1", 9), id="one network further"),
        pytest.param(("unix:/x", 0), ("unix:/x", 0), id="a Unix socket that is not trusted"),
        pytest.param(("", 0), ("", 0), id="an empty peer that is not trusted"),
        pytest.param(None, None, id="no peer, and Unix sockets not trusted"),
        pytest.param(("testclient", 50000), ("testclient", 50000), id="a test client's name"),
        pytest.param(("unixoid.example", 1), ("unixoid.example", 1), id="a name that begins with unix"),
        pytest.param(("10.0.0.1" + " " * 200, 1), ("10.0.0.1" + " " * 200, 1), id="a long name"),
    ],
)
def test_whoever_is_no_proxy_is_not_believed(client: Any, expected: Any) -> None:
    headers: list[tuple[str, str | bytes]] = [
        ("x-forwarded-for", "10.0.0.9"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=10.0.0.9;proto=https"),
    ]
    assert resolve(TrustedProxies(TRUSTED), headers, client) == (expected, "http")
    assert resolve(TrustedProxies(TRUSTED, "forwarded"), headers, client) == (expected, "http")


@pytest.mark.parametrize(
    ("headers", "http", "ws"),
    [
        pytest.param({"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}, "https", "wss", id="https"),
        pytest.param({"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "http"}, "http", "ws", id="http"),
        pytest.param(
            {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "wss"}, "https", "wss", id="wss, as Traefik has it"
        ),
        pytest.param({"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "ws"}, "http", "ws", id="ws"),
        pytest.param(
            {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": " HTTPS "}, "https", "wss", id="in capitals"
        ),
        pytest.param({"x-forwarded-proto": "https"}, "https", "wss", id="a proxy that names the scheme only"),
        pytest.param(
            {"x-forwarded-for": "unknown", "x-forwarded-proto": "https"}, "https", "wss", id="a hidden client"
        ),
        pytest.param(
            {"x-forwarded-for": "192.0.2.7, 10.0.0.2", "x-forwarded-proto": "https"},
            "https",
            "wss",
            id="one for two hops",
        ),
        pytest.param(
            {"x-forwarded-for": "192.0.2.7, 10.0.0.2", "x-forwarded-proto": "https, http"},
            "https",
            "wss",
            id="one for each hop: the client's",
        ),
        pytest.param(
            {"x-forwarded-for": "6.6.6.6, 192.0.2.7", "x-forwarded-proto": "https, http"},
            "http",
            "ws",
            id="attack: a scheme to the left",
        ),
        pytest.param(
            {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https, http"},
            "http",
            "ws",
            id="attack: one more scheme",
        ),
        pytest.param(
            {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "javascript"}, "http", "ws", id="another scheme"
        ),
        pytest.param({"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": ""}, "http", "ws", id="an empty scheme"),
        pytest.param({"x-forwarded-for": "192.0.2.7"}, "http", "ws", id="no scheme"),
        pytest.param({}, "http", "ws", id="no header at all"),
    ],
)
def test_the_scheme(headers: dict[str, str], http: str, ws: str) -> None:
    resolved = Resolved(TrustedProxies(TRUSTED))
    assert resolved.get(*headers.items(), client=PROXY)[1] == http
    websocket(resolved.app, headers=[HOST, *headers.items()], client=PROXY)
    assert resolved.scope["scheme"] == ws


def test_a_proxy_that_speaks_https_to_us_may_have_spoken_http_to_the_client() -> None:
    headers: list[tuple[str, str | bytes]] = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "http")]
    assert resolve(TrustedProxies(TRUSTED), headers, scheme="https") == (("192.0.2.7", 0), "http")


@pytest.mark.parametrize(
    ("value", "client", "scheme"),
    [
        pytest.param('for="[2001:db8:cafe::17]:4711";proto=https', "2001:db8:cafe::17", "https", id="quoted IPv6"),
        pytest.param("FOR=192.0.2.7;PROTO=HTTPS", "192.0.2.7", "https", id="capitals"),
        pytest.param(
            "for=6.6.6.6;proto=https, for=192.0.2.7;proto=http",
            "192.0.2.7",
            "http",
            id="attack: an element to the left",
        ),
        pytest.param('x="a, for=192.0.2.7;proto=http', "192.0.2.7", "http", id="attack: an open quote to the left"),
        pytest.param("for=192.0.2.7;proto=https, for=10.0.0.2;proto=http", "192.0.2.7", "https", id="two trusted hops"),
        pytest.param(
            "for=192.0.2.7, for=10.0.0.2;proto=https",
            "192.0.2.7",
            "http",
            id="the next hop's scheme is not the client's",
        ),
        pytest.param("for=unknown;proto=https, for=10.0.0.2", "10.0.0.2", "https", id="a hidden client over https"),
        pytest.param("for=6.6.6.6, for=_hidden", None, "http", id="obfuscated hop"),
        pytest.param("for=192.0.2.7;for=10.0.0.2", None, "http", id="a parameter twice"),
        pytest.param("192.0.2.7", None, "http", id="broken grammar"),
        pytest.param("", None, "http", id="empty"),
    ],
)
def test_forwarded(value: str, client: str | None, scheme: str) -> None:
    found = resolve(TrustedProxies(TRUSTED, header="forwarded"), [("forwarded", value)])
    assert found == (PROXY if client is None else (client, 0), scheme)


def test_only_the_configured_header_counts() -> None:
    """RFC 7239 section 8.1: the one that the proxy does not set is the client's."""
    headers: list[tuple[str, str | bytes]] = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=192.0.2.7;proto=http"),
    ]
    assert resolve(TrustedProxies(TRUSTED), headers) == (("6.6.6.6", 0), "https")
    assert resolve(TrustedProxies(TRUSTED, header="forwarded"), headers) == (("192.0.2.7", 0), "http")


def test_a_proxy_that_asks_for_itself_is_the_client() -> None:
    assert resolve(TrustedProxies(TRUSTED), [], ("::ffff:10.0.0.1", 9)) == (("10.0.0.1", 9), "http")


@given(
    st.lists(st.integers(1, 254).map("10.0.0.{}".format), max_size=3),
    st.binary(max_size=80).filter(lambda written: not set(written) & {0, 10, 13}),
    st.sampled_from(["x-forwarded-for", "forwarded"]),
)
def test_no_prefix_that_a_client_writes_changes_the_result(hops: list[str], written: bytes, header: Any) -> None:
    nodes = ["192.0.2.7", *hops]
    chain = ", ".join(nodes if header == "x-forwarded-for" else (f"for={node};proto=https" for node in nodes)).encode()
    schemes: list[tuple[str, str | bytes]] = [("x-forwarded-proto", ", ".join(["https"] * len(nodes)))]
    found = resolve(TrustedProxies(TRUSTED, header), [(header, written + b", " + chain), *schemes])
    assert found == (("192.0.2.7", 0), "https")


@given(
    st.sampled_from(["x-forwarded-for", "forwarded", "x-forwarded-proto"]),
    st.binary(max_size=80),
    st.sampled_from(["x-forwarded-for", "forwarded"]),
    st.one_of(st.none(), st.tuples(st.text(max_size=140), st.integers(0, 65535))),
)
def test_nothing_makes_it_raise(name: str, value: bytes, header: Any, client: Any) -> None:
    exchange = Exchange(
        {"type": "http", "path": "/", "scheme": "http", "client": client}, {name.encode(): value}, _never
    )
    TrustedProxies([*TRUSTED, "unix"], header).on_request(exchange)
    exchange.scope["client"] = PROXY
    TrustedProxies(TRUSTED, header).on_request(exchange)


async def _never() -> None:
    raise AssertionError


class Seen(Policy):
    """A policy inside, as limits and logs are."""

    def __init__(self) -> None:
        self.client: str | None = None

    def on_request(self, exchange: Exchange) -> None:
        self.client = exchange.client


FORWARDED: list[tuple[str, str | bytes]] = [
    HOST,
    ("x-forwarded-for", "6.6.6.6, 192.0.2.7"),
    ("x-forwarded-proto", "https"),
]


def test_the_policies_inside_see_the_client() -> None:
    seen = Seen()
    assert (
        request(SecurityMiddleware(answering(), TrustedProxies(TRUSTED), seen), headers=FORWARDED, client=PROXY).status
        == 200
    )
    assert seen.client == "192.0.2.7"


def test_hsts_follows_the_resolved_scheme() -> None:
    app = SecurityMiddleware(answering(), TrustedProxies(TRUSTED), SecurityHeaders())
    assert request(app, headers=FORWARDED, client=PROXY).values("strict-transport-security") != []
    assert request(app, headers=FORWARDED, client=STRANGER).values("strict-transport-security") == []


def test_https_only_follows_the_resolved_scheme() -> None:
    app = SecurityMiddleware(answering(), TrustedProxies(TRUSTED), HTTPSOnly("reject"))
    assert request(app, headers=FORWARDED, client=PROXY).status == 200
    assert request(app, headers=FORWARDED, client=STRANGER).status == 403
    assert websocket(app, headers=FORWARDED, client=PROXY).status == 101
    assert websocket(app, headers=FORWARDED, client=STRANGER).status == 403


def test_events_name_the_resolved_client() -> None:
    resolved = Resolved(TrustedProxies(TRUSTED), CrossOriginProtection(), TrustedHosts(["testserver"]))
    answer = request(resolved.app, "POST", "/", [*FORWARDED, ("sec-fetch-site", "cross-site")], client=PROXY)
    assert answer.status == 403
    assert [event.client for event in resolved.events] == ["192.0.2.7"]


def test_the_middleware_takes_the_policys_options() -> None:
    middleware = TrustedProxyMiddleware(answering(), TRUSTED, header="forwarded")
    assert middleware.policies == (TrustedProxies(TRUSTED, "forwarded"),)


def _rewritten(
    policy: TrustedProxies, client: Any, forwarded_for: str = "6.6.6.6, 192.0.2.9", times: int = 2
) -> list[tuple[str, str, int]]:
    resolved = Resolved(policy)
    for _ in range(times):
        resolved.get(("x-forwarded-for", forwarded_for), client=client)
    return [(event.name, event.reason, event.level) for event in resolved.events]


SAID = [("sys_monitor_disabled", "server_rewrote_client", logging.ERROR)]


@pytest.mark.parametrize(
    ("header", "client", "value", "said"),
    [
        pytest.param("x-forwarded-for", ("6.6.6.6", 0), "6.6.6.6, 192.0.2.9", SAID, id="the left-most address taken"),
        pytest.param(
            "x-forwarded-for", ("6.6.6.6", 99), "6.6.6.6:99, 192.0.2.9", SAID, id="with the port written there"
        ),
        pytest.param(
            "x-forwarded-for", ("2001:db8::6", 0), "[2001:db8::6], 192.0.2.9", SAID, id="without the brackets"
        ),
        pytest.param(
            "x-forwarded-for", ("2001:db8::6", 9), "[2001:db8::6]:9, 192.0.2.9", SAID, id="IPv6 with its port"
        ),
        pytest.param("x-forwarded-for", ("me", 0), "me, 192.0.2.9", SAID, id="something that is no address taken"),
        pytest.param("x-forwarded-for", ("x" * 200, 0), "x" * 200 + ", 192.0.2.9", SAID, id="something long taken"),
        pytest.param("x-forwarded-for", ("6.6.6.6", 0), "6.6.6.6, 10.0.0.2", [], id="a server that walks past proxies"),
        pytest.param("x-forwarded-for", ("6.6.6.6", 0), "6.6.6.6", [], id="one hop: right, however it was found"),
        pytest.param(
            "x-forwarded-for", ("6.6.6.6", 50123), "6.6.6.6, 192.0.2.9", [], id="a client that connects itself"
        ),
        pytest.param("x-forwarded-for", ("192.0.2.9", 0), "6.6.6.6, 192.0.2.9", [], id="the right-most address taken"),
        pytest.param("x-forwarded-for", ("", 0), "", [], id="no peer, empty header"),
        pytest.param("forwarded", ("6.6.6.6", 0), "6.6.6.6", SAID, id="a header that no proxy sets believed"),
    ],
)
def test_a_server_that_rewrote_the_client_is_noticed_once(
    header: Any, client: Any, value: str, said: list[Any]
) -> None:
    assert _rewritten(TrustedProxies(TRUSTED, header), client, value) == said


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@contextmanager
def _served(app: Any, **options: Any) -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = _Server(uvicorn.Config(app, log_config=None, lifespan="off", **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert server.ready.wait(timeout=20)
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def _ask(port: int, forwarded_for: str) -> None:
    lines = ["GET / HTTP/1.1", "Host: testserver", f"X-Forwarded-For: {forwarded_for}", "Connection: close", "", ""]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert b"".join(iter(lambda: connection.recv(65536), b"")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("options", "client", "said"),
    [
        pytest.param({"proxy_headers": False}, "192.0.2.9", [], id="as documented: --no-proxy-headers"),
        pytest.param({}, "192.0.2.9", [], id="as uvicorn starts: it walks the same way"),
        pytest.param(
            {"forwarded_allow_ips": "*"}, "6.6.6.6", SAID, id="--forwarded-allow-ips='*': the client's own word"
        ),
    ],
)
def test_beside_uvicorn(options: dict[str, Any], client: str, said: list[Any]) -> None:
    resolved = Resolved(TrustedProxies(["127.0.0.1"]))
    with _served(resolved.app, **options) as port:
        for _ in range(2):
            _ask(port, "6.6.6.6, 192.0.2.9")
    assert resolved.scope["client"][0] == client
    assert [(event.name, event.reason, event.level) for event in resolved.events] == said


def test_a_header_s_name_has_no_case() -> None:
    for written in ("Forwarded", "X-Forwarded-For"):
        policy = TrustedProxies(["10.0.0.1"], written)  # type: ignore[arg-type]  # types name one spelling
        assert policy == TrustedProxies(["10.0.0.1"], policy.header)
        assert policy.header == written.lower()
