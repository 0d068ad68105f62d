"""The `Origin` header: one way to write each origin, the way browsers do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.origin import DEFAULT_PORTS, MAX_ORIGIN, Origin, parse_origin


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        pytest.param(b"https://app.example.com", Origin("https", "app.example.com", 443), id="https"),
        pytest.param(b"http://app.example.com", Origin("http", "app.example.com", 80), id="http"),
        pytest.param(b"https://app.example.com:8443", Origin("https", "app.example.com", 8443), id="port"),
        pytest.param(b"https://app.example.com:80", Origin("https", "app.example.com", 80), id="http's port on https"),
        pytest.param(b"https://app.example.com:0", Origin("https", "app.example.com", 0), id="port 0 is no default"),
        pytest.param(b"http://localhost:3000", Origin("http", "localhost", 3000), id="localhost"),
        pytest.param(b"http://[::1]:3000", Origin("http", "[::1]", 3000), id="IPv6"),
        pytest.param(b"https://[::ffff:c000:201]", Origin("https", "[::ffff:c000:201]", 443), id="IPv4-mapped"),
        pytest.param(
            b"chrome-extension://abcdefghijklmnop", Origin("chrome-extension", "abcdefghijklmnop", None), id="extension"
        ),
        pytest.param(b"wss://app.example.com", Origin("wss", "app.example.com", 443), id="wss"),
    ],
)
def test_origins(value: bytes, origin: Origin) -> None:
    assert parse_origin(value) == origin


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"null", id="null: a sandboxed frame, a file, a redirect"),
        pytest.param(b"*", id="wildcard"),
        pytest.param(b"https://", id="no host"),
        pytest.param(b"//app.example.com", id="no scheme"),
        pytest.param(b"app.example.com", id="host alone"),
        pytest.param(b"https:app.example.com", id="no slashes"),
        pytest.param(b"https://app.example.com/", id="trailing slash"),
        pytest.param(b"https://app.example.com/a", id="path"),
        pytest.param(b"https://app.example.com?a", id="query"),
        pytest.param(b"https://app.example.com#a", id="fragment"),
        pytest.param(b"HTTPS://app.example.com", id="scheme in capitals"),
        pytest.param(b"https://APP.example.com", id="host in capitals"),
        pytest.param(b"https://app.example.com:443", id="default port of https"),
        pytest.param(b"http://app.example.com:80", id="default port of http"),
        pytest.param(b"https://app.example.com:0443", id="port with a zero before it"),
        pytest.param(b"https://app.example.com:", id="colon without a port"),
        pytest.param(b"https://app.example.com:65536", id="port too high"),
        pytest.param(b"https://app.example.com.", id="trailing dot"),
        pytest.param(b"https://user@app.example.com", id="user information"),
        pytest.param(b"https://app.example.com\\@evil.test", id="backslash"),
        pytest.param(b"https://app.example.com https://evil.test", id="two, as RFC 6454 allowed"),
        pytest.param(b"https://app.example.com, https://evil.test", id="two, joined"),
        pytest.param(b"https://app.example.com\n", id="line feed at the end"),
        pytest.param(b"https://app.example.com\r\nSet-Cookie: a=b", id="line break"),
        pytest.param(b"https://app.example.com\x00", id="NUL"),
        pytest.param(b"https://\xff.example.com", id="invalid UTF-8"),
        pytest.param("https://bücher.example".encode(), id="not in Punycode"),
        pytest.param(b"https://[::1", id="bracket left open"),
        pytest.param(b"https://[0:0:0:0:0:0:0:1]", id="IPv6 in long form"),
        pytest.param(b"https://[::ffff:192.0.2.1]", id="IPv4-mapped, dotted"),
        pytest.param(b"https://" + b"a." * 500_000 + b"com", id="a megabyte"),
        pytest.param(b"1https://app.example.com", id="scheme begins with a digit"),
    ],
)
def test_no_origins(value: bytes) -> None:
    assert parse_origin(value) is None


def _written(origin: Origin) -> bytes:
    default = origin.port == DEFAULT_PORTS.get(origin.scheme)
    return f"{origin.scheme}://{origin.host}{'' if default else f':{origin.port}'}".encode()


_hosts = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,8}){0,3}", fullmatch=True)


@given(st.builds(Origin, st.sampled_from(["http", "https", "ws", "wss"]), _hosts, st.integers(0, 65535)))
def test_what_is_written_is_read_as_it_was(origin: Origin) -> None:
    assert parse_origin(_written(origin)) == origin


@given(st.binary() | st.from_regex(rb"[a-zA-Z]{1,6}://[a-zA-Z0-9.:\[\]-]{0,20}"))
def test_no_bytes_make_it_raise_and_only_one_way_to_write_it_is_read(value: bytes) -> None:
    origin = parse_origin(value)
    if origin is not None:
        assert _written(origin) == value
        assert len(value) <= MAX_ORIGIN
