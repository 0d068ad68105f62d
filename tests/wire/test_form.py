"""Forms, read strictly: what two readers could take for two things is none."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.form import BadForm, decode_component, is_form, parse_form


@pytest.mark.parametrize(
    ("data", "fields"),
    [
        pytest.param(b"", {}, id="empty"),
        pytest.param(b"grant_type=password", {"grant_type": "password"}, id="one"),
        pytest.param(b"a=1&b=2", {"a": "1", "b": "2"}, id="two"),
        pytest.param(b"a=1&&b=2&", {"a": "1", "b": "2"}, id="empty parts"),
        pytest.param(b"scope=a+b%20c", {"scope": "a b c"}, id="spaces, in both spellings"),
        pytest.param(b"a=1%2B1", {"a": "1+1"}, id="an escaped plus sign"),
        pytest.param(b"a=b=c%3Dd", {"a": "b=c=d"}, id="equals signs in a value"),
        pytest.param(b"a=%26b%3D2", {"a": "&b=2"}, id="an escaped separator separates nothing"),
        pytest.param(b"password=%c3%BC", {"password": "ü"}, id="UTF-8, in either case"),
        pytest.param("password=ü".encode(), {"password": "ü"}, id="UTF-8 as it is"),
        pytest.param(b"password=%F0%9F%94%91", {"password": "🔑"}, id="four bytes"),
        pytest.param(b"password=a%09b", {"password": "a\tb"}, id="a tab"),
        pytest.param(b"scope=", {}, id="an empty value is absent (RFC 6749 section 3.2)"),
        pytest.param(b"scope", {}, id="so is a name alone"),
        pytest.param(b"=x", {"": "x"}, id="no name"),
        pytest.param(b"a;b=1", {"a;b": "1"}, id="a semicolon separates nothing"),
        pytest.param(b"&".join(b"f%d=1" % n for n in range(32)), {f"f{n}": "1" for n in range(32)}, id="32 fields"),
    ],
)
def test_forms(data: bytes, fields: dict[str, str]) -> None:
    assert parse_form(data) == fields


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        pytest.param(b"a=1&a=2", "form_repeated", id="twice"),
        pytest.param(b"a=1&a=1", "form_repeated", id="twice the same"),
        pytest.param(b"a=&a=1", "form_repeated", id="once empty"),
        pytest.param(b"username=a&user%6eame=b", "form_repeated", id="twice, once escaped"),
        pytest.param(b"a=%", "form_malformed", id="an escape of nothing"),
        pytest.param(b"a=%4", "form_malformed", id="half an escape"),
        pytest.param(b"a=%zz", "form_malformed", id="an escape of letters"),
        pytest.param(b"a=%u00e9", "form_malformed", id="an escape of browsers of old"),
        pytest.param(b"%=1", "form_malformed", id="in a name"),
        pytest.param(b"a=\xff", "form_malformed", id="no UTF-8"),
        pytest.param(b"a=%ff", "form_malformed", id="no UTF-8, escaped"),
        pytest.param(b"a=%c0%80", "form_malformed", id="an overlong NUL"),
        pytest.param(b"a=%ed%a0%80", "form_malformed", id="a lone surrogate"),
        pytest.param(b"a=%f4%90%80%80", "form_malformed", id="beyond Unicode"),
        pytest.param(b"a=\x00", "form_malformed", id="NUL"),
        pytest.param(b"a=%00", "form_malformed", id="NUL, escaped"),
        pytest.param(b"a=1%0d%0ab", "form_malformed", id="CR and LF"),
        pytest.param(b"a=1\n", "form_malformed", id="a line feed at the end"),
        pytest.param(b"a=%1b[31m", "form_malformed", id="an escape sequence of terminals"),
        pytest.param(b"a=%7f", "form_malformed", id="DEL"),
        pytest.param(b"a=%ef%bf%bf", "form_malformed", id="U+FFFF"),
        pytest.param(b"&" * 32, "form_too_many", id="33 fields, of nothing"),
        pytest.param(b"&".join(b"f%d=1" % n for n in range(33)), "form_too_many", id="33 fields"),
    ],
)
def test_no_forms(data: bytes, fault: str) -> None:
    with pytest.raises(BadForm) as refusal:
        parse_form(data)
    assert refusal.value.fault == fault


@pytest.mark.parametrize(
    ("content_type", "announces"),
    [
        pytest.param(b"application/x-www-form-urlencoded", True, id="plain"),
        pytest.param(b"Application/X-WWW-Form-URLencoded", True, id="case"),
        pytest.param(b"application/x-www-form-urlencoded;charset=UTF-8", True, id="charset"),
        pytest.param(b"application/x-www-form-urlencoded ; charset=utf-8", True, id="spaces"),
        pytest.param(b'application/x-www-form-urlencoded; charset="UTF-8"', True, id="quoted"),
        pytest.param(b"application/x-www-form-urlencoded;", True, id="a semicolon at the end"),
        pytest.param(b"", False, id="empty"),
        pytest.param(b"application/json", False, id="JSON"),
        pytest.param(b"multipart/form-data; boundary=x", False, id="multipart"),
        pytest.param(b"text/plain", False, id="text, which a page of another site may send"),
        pytest.param(b"application/x-www-form-urlencoded; charset=utf-7", False, id="another charset"),
        pytest.param(b'application/x-www-form-urlencoded; charset="utf-8', False, id="a quote left open"),
        pytest.param(b"application/x-www-form-urlencoded, application/json", False, id="two, joined"),
        pytest.param(b"application/x-www-form-urlencodedx", False, id="a longer name"),
        pytest.param(b"application/x-www-form-urlencoded\n", False, id="a line feed at the end"),
    ],
)
def test_content_types(content_type: bytes, announces: bool) -> None:
    assert is_form(content_type) is announces


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff"), max_size=9)


@given(st.dictionaries(words, words, max_size=9))
def test_what_is_encoded_is_read(fields: dict[str, str]) -> None:
    assert parse_form(urlencode(fields).encode()) == {name: value for name, value in fields.items() if value}


@given(st.binary(max_size=80) | st.text("ab=&%+;1fF", max_size=60).map(str.encode))
def test_any_bytes_are_a_form_as_others_read_it_or_none(data: bytes) -> None:
    try:
        found = parse_form(data)
    except BadForm:
        return
    assert list(found.items()) == parse_qsl(data.decode(), strict_parsing=False)


@given(st.binary(max_size=40))
def test_a_component_is_text_without_controls_or_nothing(data: bytes) -> None:
    try:
        text = decode_component(data)
    except ValueError:
        return
    assert not set(text) & set(map(chr, [*range(9), *range(10, 32), 127]))
