"""The `Host` header, read strictly: what a URL, a cache or a router could read in another way is no host."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.host import Host, parse_host

LABEL = b"a" * 63
LONGEST = b".".join([LABEL, LABEL, LABEL, b"a" * 61])


@pytest.mark.parametrize(
    ("value", "host"),
    [
        pytest.param(b"example.com", Host("example.com", None), id="name"),
        pytest.param(b"EXAMPLE.Com", Host("example.com", None), id="capitals"),
        pytest.param(b"example.com:8000", Host("example.com", 8000), id="port"),
        pytest.param(b"example.com:0", Host("example.com", 0), id="port 0"),
        pytest.param(b"example.com:", Host("example.com", None), id="a colon without a port (RFC 3986 section 3.2.3)"),
        pytest.param(b"example.com.", Host("example.com", None), id="trailing dot"),
        pytest.param(b"example.com.:80", Host("example.com", 80), id="trailing dot before a port"),
        pytest.param(b"my_service-1", Host("my_service-1", None), id="underscore, hyphen, one label"),
        pytest.param(b"xn--bcher-kva.example", Host("xn--bcher-kva.example", None), id="international name"),
        pytest.param(b"127.0.0.1:8000", Host("127.0.0.1", 8000), id="IPv4"),
        pytest.param(b"[::1]", Host("[::1]", None), id="IPv6"),
        pytest.param(b"[::1]:8000", Host("[::1]", 8000), id="IPv6 and port"),
        pytest.param(b"[2001:DB8:0:0:0:0:0:1]", Host("[2001:db8::1]", None), id="IPv6 in long form"),
        pytest.param(b"[::ffff:192.0.2.1]", Host("[::ffff:c000:201]", None), id="IPv4-mapped, dotted"),
        pytest.param(b"[::FFFF:C000:201]", Host("[::ffff:c000:201]", None), id="IPv4-mapped, as browsers write it"),
        pytest.param(b"a:65535", Host("a", 65535), id="highest port"),
        pytest.param(LONGEST, Host(LONGEST.decode(), None), id="253 characters"),
    ],
)
def test_hosts(value: bytes, host: Host) -> None:
    assert parse_host(value) == host


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b".", id="a dot"),
        pytest.param(b".example.com", id="leading dot"),
        pytest.param(b"example..com", id="empty label"),
        pytest.param(b"example.com..", id="two trailing dots"),
        pytest.param(b"-a.example", id="label begins with a hyphen"),
        pytest.param(b"a-.example", id="label ends with a hyphen"),
        pytest.param(b"a" * 64, id="label of 64"),
        pytest.param(LONGEST + b"a", id="254 characters"),
        pytest.param(b"a." * 500_000, id="a megabyte"),
        pytest.param(b":80", id="port alone"),
        pytest.param(b"a:65536", id="port too high"),
        pytest.param(b"a:080000", id="port of six digits"),
        pytest.param(b"a:-1", id="negative port"),
        pytest.param(b"a:80:80", id="two ports"),
        pytest.param(b"a:8o", id="port with a letter"),
        pytest.param("a:٨".encode(), id="port in Arabic digits"),
        pytest.param(b"user@example.com", id="user information"),
        pytest.param(b"evil.test@example.com", id="a host as user information"),
        pytest.param(b"example.com/path", id="path"),
        pytest.param(b"example.com?x", id="query, which moved the path in URLs built from Host"),
        pytest.param(b"example.com#x", id="fragment"),
        pytest.param(b"example.com\\x", id="backslash, which browsers take for a slash"),
        pytest.param(b"example%2ecom", id="percent-encoding"),
        pytest.param(b"https://example.com", id="scheme"),
        pytest.param(b"a, b", id="two, joined"),
        pytest.param(b" example.com", id="space before"),
        pytest.param(b"example.com\n", id="line feed at the end"),
        pytest.param(b"example.com\r\nX: y", id="line break"),
        pytest.param(b"example.com\x00.evil.test", id="NUL"),
        pytest.param("bücher.example".encode(), id="UTF-8"),
        pytest.param(b"\xff\xfe", id="invalid UTF-8"),
        pytest.param(b"::1", id="IPv6 without brackets"),
        pytest.param(b"[::1", id="bracket left open"),
        pytest.param(b"[::1]a", id="text after an address"),
        pytest.param(b"[::1%25eth0]", id="IPv6 zone"),
        pytest.param(b"[v1.a]", id="address of a future version"),
        pytest.param(b"[1.2.3.4]", id="IPv4 in brackets"),
        pytest.param(b"[:::]", id="no address"),
        pytest.param(b"*", id="wildcard"),
        pytest.param(b"*.example.com", id="wildcard label"),
    ],
)
def test_no_hosts(value: bytes) -> None:
    assert parse_host(value) is None


@given(st.binary() | st.text(alphabet="aA1-_.:[]% \n\x00é", max_size=20).map(str.encode))
def test_no_bytes_make_it_raise_and_every_result_is_read_again_as_it_is(value: bytes) -> None:
    host = parse_host(value)
    if host is not None:
        written = host.name if host.port is None else f"{host.name}:{host.port}"
        assert parse_host(written.encode()) == host
        assert written.isascii()
        assert written.isprintable()


@given(
    st.integers(0, 2**128 - 1) | st.integers(0, 2**32 - 1).map(lambda low: (0xFFFF << 32) | low), st.integers(0, 65535)
)
def test_each_way_to_write_an_ipv6_address_is_one_host(address: int, port: int) -> None:
    literal = IPv6Address(address)
    short, long = (f"[{text}]:{port}".encode() for text in (literal.compressed, literal.exploded))
    host = parse_host(short)
    assert host is not None
    assert host == parse_host(long) == parse_host(long.upper())
    assert IPv6Address(host.name[1:-1]) == literal
