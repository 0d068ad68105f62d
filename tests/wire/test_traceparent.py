"""The `traceparent` header, after W3C Trace Context (Recommendation of 23 November 2021, section 3.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.traceparent import TraceParent, parse_traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
READ = TraceParent(TRACE, SPAN, 1)


@pytest.mark.parametrize(
    ("value", "parent"),
    [
        pytest.param(f"00-{TRACE}-{SPAN}-01", READ, id="sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-00", TraceParent(TRACE, SPAN, 0), id="not sampled"),
        pytest.param(f"00-{TRACE}-{SPAN}-ff", TraceParent(TRACE, SPAN, 255), id="flags yet to be defined"),
        pytest.param(f"01-{TRACE}-{SPAN}-01", READ, id="higher version, same fields"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01-what-the-future-holds", READ, id="higher version, more fields"),
        pytest.param(f"fe-{TRACE}-{SPAN}-01-", READ, id="higher version, an empty field"),
    ],
)
def test_valid(value: str, parent: TraceParent) -> None:
    assert parse_traceparent(value.encode()) == parent


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param(f"ff-{TRACE}-{SPAN}-01", id="version ff"),
        pytest.param(f"FF-{TRACE}-{SPAN}-01", id="version in capitals"),
        pytest.param(f"0-{TRACE}-{SPAN}-01", id="version of one digit"),
        pytest.param(f"000-{TRACE}-{SPAN}-01", id="version of three digits"),
        pytest.param(f"00-{'0' * 32}-{SPAN}-01", id="trace id of zeros"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="parent id of zeros"),
        pytest.param(f"00-{TRACE.upper()}-{SPAN}-01", id="trace id in capitals"),
        pytest.param(f"00-{TRACE}-{SPAN.upper()}-01", id="parent id in capitals"),
        pytest.param(f"00-{TRACE[1:]}-{SPAN}-01", id="trace id of 31 digits"),
        pytest.param(f"00-{TRACE}0-{SPAN}-01", id="trace id of 33 digits"),
        pytest.param(f"00-{TRACE}-{SPAN}0-01", id="parent id of 17 digits"),
        pytest.param(f"00-{TRACE}-{SPAN}", id="no flags"),
        pytest.param(f"00-{TRACE}-{SPAN}-1", id="flags of one digit"),
        pytest.param(f"00-{TRACE}-{SPAN}-0G", id="flags that are no digits"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-more", id="version 00 with more fields"),
        pytest.param(f"00-{TRACE}-{SPAN}-01-", id="version 00 with a hyphen at the end"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01.more", id="higher version, more fields not set off"),
        pytest.param(f"cc-{TRACE}-{SPAN}-01-a b", id="higher version, a space"),
        pytest.param(f" 00-{TRACE}-{SPAN}-01", id="space before"),
        pytest.param(f"00-{TRACE}-{SPAN}-01\n", id="line feed at the end"),
        pytest.param(f"00-{TRACE}-{SPAN}-01\r\nX: y", id="line break"),
        pytest.param(f"00-{TRACE}-{SPAN}-01\x00", id="NUL"),
        pytest.param(f"00_{TRACE}_{SPAN}_01", id="other separators"),
        pytest.param(f"00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01", id="two, joined"),
        pytest.param("ff" * 500_000, id="a megabyte"),
    ],
)
def test_invalid(value: str) -> None:
    assert parse_traceparent(value.encode()) is None


@given(st.binary() | st.from_regex(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.{0,20})?"))
def test_no_bytes_make_it_raise(value: bytes) -> None:
    parent = parse_traceparent(value)
    if parent is not None:
        assert value[3:55] == f"{parent.trace_id}-{parent.parent_id}-{parent.flags:02x}".encode()


_hex = st.integers(1, 2**128 - 1)


@given(_hex, st.integers(1, 2**64 - 1), st.integers(0, 255))
def test_what_is_written_is_read_as_it_was(trace: int, span: int, flags: int) -> None:
    parent = TraceParent(f"{trace:032x}", f"{span:016x}", flags)
    assert parse_traceparent(f"00-{trace:032x}-{span:016x}-{flags:02x}".encode()) == parent
