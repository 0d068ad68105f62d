"""Header lists: what may come once, what is joined, and how `Vary` grows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.headers import SINGLE, Pair, is_field_value, is_token, join_repeated, merge_vary


@pytest.mark.parametrize(
    ("value", "good"),
    [
        pytest.param(b"X-Request-ID", True, id="a header's name"),
        pytest.param(b"!#$%&'*+.^_`|~09azAZ-", True, id="every sign of RFC 9110 section 5.6.2"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"a b", False, id="space"),
        pytest.param(b"a:", False, id="colon"),
        pytest.param(b"a\n", False, id="line feed at the end, which $ would let pass"),
        pytest.param(b"a\r\nb", False, id="line break"),
        pytest.param(b"a\x00", False, id="NUL"),
        pytest.param(b"\xc3\xa4", False, id="UTF-8"),
        pytest.param(b"(a)", False, id="delimiters"),
    ],
)
def test_tokens(value: bytes, *, good: bool) -> None:
    assert is_token(value) is good


@pytest.mark.parametrize(
    ("value", "good"),
    [
        pytest.param(b"a", True, id="one character"),
        pytest.param(b"max-age=31536000; includeSubDomains", True, id="spaces inside"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b" a", False, id="space before"),
        pytest.param(b"a ", False, id="space after"),
        pytest.param(b"a\tb", False, id="tab"),
        pytest.param(b"a\n", False, id="line feed at the end"),
        pytest.param(b"a\r\nSet-Cookie: b=c", False, id="a second header"),
        pytest.param(b"a\x00b", False, id="NUL"),
        pytest.param(b"a\x7fb", False, id="DEL"),
        pytest.param(b"\xe4", False, id="Latin-1"),
    ],
)
def test_field_values(value: bytes, *, good: bool) -> None:
    assert is_field_value(value) is good


@pytest.mark.parametrize("name", sorted(SINGLE))
@pytest.mark.parametrize("second", [pytest.param(b"a", id="the same twice"), pytest.param(b"b", id="another")])
def test_what_may_come_once_only(name: bytes, second: bytes) -> None:
    assert join_repeated([(name, b"a"), (b"accept", b"x"), (name, second)])[1]
    assert not join_repeated([(name, b"a"), (b"accept", b"x")])[1]


@pytest.mark.parametrize(
    ("headers", "joined"),
    [
        pytest.param([], {}, id="none"),
        pytest.param([(b"accept", b"a"), (b"accept", b"b")], {b"accept": b"a, b"}, id="two lines"),
        pytest.param(
            [(b"x-forwarded-for", b"1"), (b"x", b""), (b"x-forwarded-for", b"2"), (b"x-forwarded-for", b"3")],
            {b"x-forwarded-for": b"1, 2, 3", b"x": b""},
            id="three lines in order, never the last one only",
        ),
        pytest.param([(b"cookie", b"a=1"), (b"cookie", b"b=2")], {b"cookie": b"a=1; b=2"}, id="HTTP/2 cookies"),
    ],
)
def test_repeated_lists_are_joined(headers: list[Pair], joined: dict[bytes, bytes]) -> None:
    assert join_repeated(headers) == (joined, False)


@pytest.mark.parametrize(
    ("before", "names", "after"),
    [
        pytest.param([], [b"Origin"], [b"Origin"], id="none yet"),
        pytest.param([b"Accept-Encoding, Cookie"], [b"Origin"], [b"Accept-Encoding, Cookie, Origin"], id="kept"),
        pytest.param([b"Origin"], [b"Origin"], [b"Origin"], id="there already"),
        pytest.param([b"oRIGIN"], [b"Origin"], [b"oRIGIN"], id="there in another case"),
        pytest.param([b"Cookie", b"Accept"], [b"Origin"], [b"Cookie, Accept, Origin"], id="two lines become one"),
        pytest.param([b"*"], [b"Origin"], [b"*"], id="everything"),
        pytest.param([b"Accept, *"], [b"Origin"], [b"*"], id="everything among others"),
        pytest.param([b"Accept"], [b"*"], [b"*"], id="everything added"),
        pytest.param([b" , ,"], [b"Origin"], [b"Origin"], id="empty elements"),
        pytest.param([b"Accept"], [b"Accept, Cookie"], [b"Accept, Cookie"], id="a list added"),
        pytest.param([], [], [], id="nothing to nothing"),
        pytest.param([b""], [], [b""], id="nothing to an empty line"),
    ],
)
def test_vary_is_merged(before: list[bytes], names: list[bytes], after: list[bytes]) -> None:
    headers: list[Pair] = [(b"a", b"1"), *((b"vary", value) for value in before), (b"b", b"2")]
    merge_vary(headers, names)
    assert [value for name, value in headers if name == b"vary"] == after
    assert [pair for pair in headers if pair[0] != b"vary"] == [(b"a", b"1"), (b"b", b"2")]


_names = st.sampled_from([b"Origin", b"origin", b"Accept", b"Cookie", b"*", b"", b"Accept, Cookie", b"x-\xff", b" , "])


@given(st.lists(st.tuples(st.sampled_from([b"vary", b"date"]), _names)), st.lists(_names, max_size=4))
def test_merging_vary_again_changes_nothing(headers: list[Pair], names: list[bytes]) -> None:
    merge_vary(headers, names)
    once = [*headers]
    merge_vary(headers, names)
    assert headers == once
    lines = [value for name, value in headers if name == b"vary"]
    if any(line.strip(b", ") for line in lines):
        listed = [part.lower() for part in lines[0].split(b", ")]
        assert len(lines) == 1
        assert len(listed) == len(set(listed))
        assert b"*" not in listed or listed == [b"*"]
        wanted = {part.strip().lower() for name in names for part in name.split(b",")} - {b""}
        assert listed == [b"*"] or wanted <= set(listed)


@given(st.lists(st.tuples(st.binary(max_size=3), st.binary(max_size=3))))
def test_nothing_is_lost_when_lines_are_joined(headers: list[Pair]) -> None:
    joined, _ = join_repeated(headers)
    assert [*joined] == list(dict.fromkeys(name for name, _ in headers))
    for name, value in joined.items():
        assert value == b", ".join(line for key, line in headers if key == name)


@given(st.binary())
def test_no_bytes_make_the_checks_raise(value: bytes) -> None:
    if is_token(value):
        assert is_field_value(value)
    if is_field_value(value):
        assert value.isascii()
        assert value.decode().isprintable()
