"""The fields of rate limits, read by a parser that is not ours, and merged until each stands once."""

from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.headers import Pair
from asgisec._wire.rate_limit import is_limit_name, merge_limits, policy_item, state_item

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\,'), min_size=1)


def read(value: bytes) -> list[tuple[Any, dict[str, Any]]]:
    """Read a list of structured fields (RFC 9651)."""
    return http_sf.parse(value, tltype="list")  # type: ignore[return-value]  # which of its types tltype says


@pytest.mark.parametrize(
    ("name", "good"),
    [
        pytest.param("100/minute", True, id="as limits are written"),
        pytest.param("/auth/token 5/2 minute", True, id="with a path"),
        pytest.param("a %d", True, id="a percent sign"),
        pytest.param("", False, id="empty"),
        pytest.param('a"', False, id="a quote"),
        pytest.param("a\\", False, id="a backslash"),
        pytest.param("a, b", False, id="a comma"),
        pytest.param("a\n", False, id="a line feed"),
        pytest.param("a\r\nset-cookie: b=c", False, id="another header"),
        pytest.param("ä", False, id="another script"),
        pytest.param("a" * 129, False, id="too long"),
    ],
)
def test_names(name: str, *, good: bool) -> None:
    assert is_limit_name(name) is good


@given(NAMES, st.integers(1, 10**12), st.integers(1, 10**9))
def test_another_parser_reads_what_is_written(name: str, quota: int, window: int) -> None:
    assert read(policy_item(name, quota, window)) == [(name, {"q": quota, "w": window})]
    assert read(state_item(name) % (quota, window)) == [(name, {"r": quota, "t": window})]


def test_what_has_a_unit_and_no_window() -> None:
    item = policy_item("concurrent", 10, None, "concurrent-requests")
    assert read(item) == [("concurrent", {"q": 10, "qu": "concurrent-requests"})]
    assert read(state_item("concurrent", window=False) % 3) == [("concurrent", {"r": 3})]


def merged(there: list[Pair], *pairs: Pair) -> list[Pair]:
    headers = [*there]
    merge_limits(headers, pairs)
    return headers


def legacy(remaining: int, limit: int, reset: int) -> list[Pair]:
    values = {"remaining": remaining, "limit": limit, "reset": reset}
    return [(b"x-ratelimit-" + name.encode(), b"%d" % value) for name, value in values.items()]


def test_what_is_not_there_is_added() -> None:
    there = [(b"content-type", b"text/plain")]
    assert merged(there, (b"ratelimit", b'"a";r=1;t=2')) == [*there, (b"ratelimit", b'"a";r=1;t=2')]
    assert merged(there) == there


@pytest.mark.parametrize(
    ("there", "more", "expected"),
    [
        pytest.param(b'"a";r=1;t=2', b'"b";r=3;t=4', b'"a";r=1;t=2, "b";r=3;t=4', id="another limit"),
        pytest.param(b'"a";r=3;t=2', b'"a";r=1;t=4', b'"a";r=1;t=4', id="the same limit, of which less is left"),
        pytest.param(b'"a";r=1;t=2', b'"a";r=3;t=4', b'"a";r=1;t=2', id="the same limit, of which more is left"),
        pytest.param(b'"a, b";r=9 , "c";r=2', b'"c";r=1', b'"a, b";r=9, "c";r=1', id="a name that has a comma in it"),
        pytest.param(b'"a\\", b";r=9', b'"c";r=1', b'"a\\", b";r=9, "c";r=1', id="a name that has a quote in it"),
        pytest.param(b'"a;r=1', b'"b";r=1', b'"a;r=1, "b";r=1', id="a list of the application's that is none"),
        pytest.param(b"", b'"b";r=1', b'"b";r=1', id="an empty one"),
    ],
)
def test_lists_are_joined(there: bytes, more: bytes, expected: bytes) -> None:
    assert merged([(b"ratelimit", there)], (b"ratelimit", more)) == [(b"ratelimit", expected)]


def test_policies_are_joined() -> None:
    more = (b"ratelimit-policy", b'"a";q=1;w=2, "b";q=3;w=4')
    assert merged([(b"ratelimit-policy", b'"a";q=1;w=2')], more) == [more]


@pytest.mark.parametrize(
    ("there", "more", "expected"),
    [
        pytest.param(legacy(5, 9, 60), legacy(4, 7, 30), legacy(4, 7, 30), id="the second is tighter"),
        pytest.param(legacy(4, 9, 60), legacy(5, 7, 30), legacy(4, 9, 60), id="the first is"),
        pytest.param(legacy(4, 9, 60), legacy(4, 7, 30), legacy(4, 9, 60), id="neither"),
        pytest.param([(b"x-ratelimit-remaining", b"lots")], legacy(4, 7, 30), legacy(4, 7, 30), id="not a number"),
        pytest.param([(b"x-ratelimit-limit", b"9")], legacy(4, 7, 30), None, id="a part only"),
    ],
)
def test_of_the_older_ones_the_tightest_stays(there: list[Pair], more: list[Pair], expected: list[Pair] | None) -> None:
    assert sorted(merged(there, *more)) == sorted(legacy(4, 7, 30) if expected is None else expected)


def test_of_three_the_tightest_stays() -> None:
    assert merged([], *legacy(5, 9, 60), *legacy(2, 3, 10), *legacy(4, 7, 30)) == legacy(2, 3, 10)


_LINES = st.sampled_from([b'"a";r=1;t=2', b'"b";r=3;t=4', b'"a";r=0;t=9', b"1", b"7"])


@given(
    st.lists(st.tuples(st.sampled_from([b"ratelimit", b"ratelimit-policy"]), _LINES)),
    st.lists(st.tuples(st.sampled_from([b"ratelimit", b"ratelimit-policy"]), _LINES)),
)
def test_each_stands_once(first: list[Pair], second: list[Pair]) -> None:
    headers: list[Pair] = []
    merge_limits(headers, first)
    merge_limits(headers, second)
    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert set(names) == {name for name, _ in (*first, *second)}
