from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.forwarded import Hop, address_of, parse_forwarded, parse_forwarded_for


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("192.0.2.7", "192.0.2.7", id="IPv4"),
        pytest.param(" \t192.0.2.7 ", "192.0.2.7", id="white space around it"),
        pytest.param("192.0.2.7:4711", "192.0.2.7", id="IPv4 and port"),
        pytest.param("192.0.2.7:_hidden", "192.0.2.7", id="IPv4 and obfuscated port"),
        pytest.param("2001:db8::7", "2001:db8::7", id="bare IPv6"),
        pytest.param("[2001:DB8:0::7]", "2001:db8::7", id="IPv6 in brackets, not canonical"),
        pytest.param("[2001:db8::7]:4711", "2001:db8::7", id="IPv6 in brackets and port"),
        pytest.param("::ffff:192.0.2.7", "192.0.2.7", id="IPv4 mapped, dotted"),
        pytest.param("[::ffff:c000:207]:80", "192.0.2.7", id="IPv4 mapped, in hexadecimal, with port"),
        pytest.param("::192.0.2.7", "::c000:207", id="IPv4 compatible is no IPv4 address"),
        pytest.param("", None, id="nothing"),
        pytest.param("unknown", None, id="unknown"),
        pytest.param("_gazonk", None, id="obfuscated identifier"),
        pytest.param("_1.2.3.4", None, id="obfuscated identifier that looks like an address"),
        pytest.param("localhost", None, id="a name"),
        pytest.param("192.0.2", None, id="too few numbers"),
        pytest.param("192.0.2.7.9", None, id="too many numbers"),
        pytest.param("192.0.2.256", None, id="number too large"),
        pytest.param("192.0.2.07", None, id="leading zero, octal to some readers"),
        pytest.param("3221225991", None, id="one number"),
        pytest.param("0xC0000207", None, id="hexadecimal"),
        pytest.param("192.0.2.7:", None, id="empty port"),
        pytest.param("192.0.2.7:123456", None, id="port of six digits"),
        pytest.param("192.0.2.7:80:80", None, id="two ports"),
        pytest.param("[2001:db8::7", None, id="bracket left open"),
        pytest.param("2001:db8::7]", None, id="bracket never opened"),
        pytest.param("[192.0.2.7]", None, id="IPv4 in brackets"),
        pytest.param("[2001:db8::7]x", None, id="rest behind the bracket"),
        pytest.param("fe80::1%eth0", None, id="zone"),
        pytest.param("2001:db8:::7", None, id="three colons"),
        pytest.param("192.0.2.7\x85", None, id="white space that is none in HTTP"),
        pytest.param("１９２.0.2.7", None, id="digits that are not ASCII"),  # noqa: RUF001 - the point of it
        pytest.param("192.0.2.7 10.0.0.1", None, id="two addresses"),
        pytest.param("<script>", None, id="markup"),
    ],
)
def test_an_address(text: str, expected: str | None) -> None:
    assert address_of(text) == (None if expected is None else ip_address(expected))


def _hops(*pairs: tuple[str | None, str | None]) -> list[Hop]:
    return [Hop(None if address is None else ip_address(address), scheme) for address, scheme in pairs]


@pytest.mark.parametrize(
    ("value", "schemes", "expected"),
    [
        pytest.param(b"192.0.2.7", b"", [("192.0.2.7", None)], id="one"),
        pytest.param(
            b"a, 192.0.2.7,10.0.0.1", b"", [("10.0.0.1", None), ("192.0.2.7", None), (None, None)], id="nearest first"
        ),
        pytest.param(b"", b"", [(None, None)], id="nothing"),
        pytest.param(b"", b"https", [(None, "https")], id="a scheme alone"),
        pytest.param(b"1.1.1.1,", b"", [(None, None), ("1.1.1.1", None)], id="empty entry"),
        pytest.param(
            b"1.1.1.1, 10.0.0.1", b"HTTPS ", [("10.0.0.1", "https"), ("1.1.1.1", "https")], id="one scheme for all"
        ),
        pytest.param(
            b"1.1.1.1, 10.0.0.1", b"https, http", [("10.0.0.1", "http"), ("1.1.1.1", "https")], id="one scheme each"
        ),
        pytest.param(b"1.1.1.1, 10.0.0.1", b"https,", [("10.0.0.1", None), ("1.1.1.1", "https")], id="an empty scheme"),
        pytest.param(
            b"6.6.6.6, 1.1.1.1, 10.0.0.1",
            b"http, https",
            [("10.0.0.1", "https"), ("1.1.1.1", "http"), ("6.6.6.6", "http")],
            id="fewer schemes: a made-up address does not shift them",
        ),
        pytest.param(
            b"1.1.1.1, 10.0.0.1",
            b"https, http, https",
            [("10.0.0.1", "https"), ("1.1.1.1", "http")],
            id="more schemes: a made-up scheme does not shift them",
        ),
        pytest.param(b"1.1.1.1\xff", b"\xff", [(None, "ÿ")], id="bytes that are not ASCII"),
    ],
)
def test_x_forwarded_for(value: bytes, schemes: bytes, expected: list[tuple[str | None, str | None]]) -> None:
    assert list(parse_forwarded_for(value, schemes)) == _hops(*expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(b"for=192.0.2.7", [("192.0.2.7", None)], id="one"),
        pytest.param(b'For="[2001:db8:cafe::17]:4711"', [("2001:db8:cafe::17", None)], id="quoted IPv6 and port"),
        pytest.param(b"FOR=192.0.2.7;Proto=HTTPS", [("192.0.2.7", "https")], id="names and schemes in any case"),
        pytest.param(
            b"proto=http;by=203.0.113.43;for=192.0.2.7", [("192.0.2.7", "http")], id="any order, other parameters"
        ),
        pytest.param(b"for=192.0.2.7, for=10.0.0.1", [("10.0.0.1", None), ("192.0.2.7", None)], id="nearest first"),
        pytest.param(b'for="_gazonk"', [(None, None)], id="obfuscated identifier"),
        pytest.param(b"for=unknown;proto=https", [(None, "https")], id="unknown, with a scheme"),
        pytest.param(b"proto=https", [(None, "https")], id="no address"),
        pytest.param(b'for="192\\.0.2.7"', [("192.0.2.7", None)], id="escape inside of quotes"),
        pytest.param(b'host="a,b";for=192.0.2.7', [("192.0.2.7", None)], id="comma inside of quotes"),
        pytest.param(
            b'host="a\\"=,b";for=192.0.2.7', [("192.0.2.7", None)], id="quote, equals and comma inside of quotes"
        ),
        pytest.param(b'host="a\\\\";for=192.0.2.7', [("192.0.2.7", None)], id="backslash inside of quotes"),
        pytest.param(b"", [(None, None)], id="nothing"),
        pytest.param(b"for=192.0.2.7,", [(None, None), ("192.0.2.7", None)], id="empty element"),
        pytest.param(b"for=192.0.2.7;", [(None, None)], id="empty pair"),
        pytest.param(b"for=192.0.2.7;for=10.0.0.1", [(None, None)], id="address twice"),
        pytest.param(b"for=192.0.2.7;proto=http;Proto=https", [(None, None)], id="scheme twice"),
        pytest.param(b"for = 192.0.2.7", [(None, None)], id="white space around the sign"),
        pytest.param(b"for=192.0.2.7:80", [(None, None)], id="port without quotes"),
        pytest.param(b"for=[2001:db8::7]", [(None, None)], id="brackets without quotes"),
        pytest.param(b'for="192.0.2.7', [(None, None)], id="quote left open"),
        pytest.param(b'for=192.0.2.7"', [(None, None)], id="quote never opened"),
        pytest.param(b"192.0.2.7", [(None, None)], id="no pair"),
        pytest.param(b"for=192.0.2.7 for=10.0.0.1", [(None, None)], id="two pairs without a sign between"),
        pytest.param(b'"', [(None, None)], id="one quote"),
        pytest.param(b'x="evil, for=192.0.2.7', [("192.0.2.7", None), (None, None)], id="an open quote hides nothing"),
        pytest.param(
            b'for=6.6.6.6;x="a, for="192.0.2.7:80"',
            [("192.0.2.7", None), (None, None)],
            id="an open quote does not swallow a quoted entry",
        ),
        pytest.param(b"garbage, for=192.0.2.7", [("192.0.2.7", None), (None, None)], id="garbage to the left"),
    ],
)
def test_forwarded(value: bytes, expected: list[tuple[str | None, str | None]]) -> None:
    assert list(parse_forwarded(value)) == _hops(*expected)


ADDRESSES = st.ip_addresses().map(str)
SIGNS = st.text(alphabet='for=12.:;,"\\[]_ \tprotohttps\x00\xff', max_size=60).map(lambda text: text.encode("latin-1"))
ANYTHING = st.one_of(st.binary(max_size=200), SIGNS)


@given(ANYTHING, ANYTHING)
def test_nothing_makes_the_parsers_raise(value: bytes, schemes: bytes) -> None:
    assert len(list(parse_forwarded_for(value, schemes))) == value.count(b",") + 1
    assert 1 <= len(list(parse_forwarded(value))) <= value.count(b",") + 1


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(
    st.lists(ADDRESSES, min_size=1, max_size=4),
    st.lists(st.text(alphabet='ab=",;\\ ', max_size=8), min_size=4, max_size=4),
    ANYTHING,
)
def test_what_a_client_writes_changes_no_entry_of_a_proxy(hops: list[str], hosts: list[str], written: bytes) -> None:
    """The host is the client's word, too, and a proxy may copy it."""
    appended = [f'for="[{hop}]"' if ":" in hop else f"for={hop}" for hop in hops]
    elements = ", ".join(
        f"{node};host={_quoted(host)};proto=https" for node, host in zip(appended, hosts, strict=False)
    )
    found = list(parse_forwarded(written + b", " + elements.encode()))
    assert found[: len(hops)] == list(parse_forwarded(elements.encode()))
    assert [hop.scheme for hop in found[: len(hops)]] == ["https"] * len(hops)


@given(st.lists(ADDRESSES, min_size=1, max_size=4), ANYTHING, ANYTHING)
def test_what_a_client_writes_changes_no_entry_of_an_appending_proxy(
    hops: list[str], written: bytes, scheme: bytes
) -> None:
    appended = ", ".join(hops).encode()
    schemes = b", ".join([b"https"] * len(hops))
    found = list(parse_forwarded_for(written + b", " + appended, scheme + b", " + schemes))
    assert found[: len(hops)] == [Hop(address_of(hop), "https") for hop in reversed(hops)]


def test_only_what_is_asked_for_is_read() -> None:
    """A header of a megabyte costs what its last entry costs."""
    long = b"x," * 500_000
    assert next(parse_forwarded_for(long + b"192.0.2.7")).address == ip_address("192.0.2.7")
    assert next(parse_forwarded(long + b"for=192.0.2.7")).address == ip_address("192.0.2.7")
