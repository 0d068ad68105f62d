"""`Authorization: Basic` of OAuth 2 clients: both parts are form-encoded."""

from base64 import b64encode
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.basic import Basic, parse_basic


def header(text: str | bytes) -> bytes:
    return b"Basic " + b64encode(text.encode() if isinstance(text, str) else text)


@pytest.mark.parametrize(
    ("value", "client_id", "secret"),
    [
        pytest.param(b"Basic d2ViOnMzY3JldA==", "web", "s3cret", id="plain"),
        pytest.param(b"bASIC d2ViOnMzY3JldA==", "web", "s3cret", id="case of the scheme"),
        pytest.param(b"Basic   d2ViOnMzY3JldA==", "web", "s3cret", id="spaces (RFC 9110 section 11.4)"),
        pytest.param(b"Basic Og==", "", "", id="nobody, as Swagger UI sends it"),
        pytest.param(header("web:"), "web", "", id="no secret"),
        pytest.param(header(":s"), "", "s", id="no id"),
        pytest.param(header("a%3Ab:c%3Ad"), "a:b", "c:d", id="escaped colons"),
        pytest.param(header("a:b:c"), "a", "b:c", id="the first colon separates"),
        pytest.param(header("a+b:c%20d%2B"), "a b", "c d+", id="spaces and a plus sign"),
        pytest.param(header("6749:hunter-2_.~"), "6749", "hunter-2_.~", id="what has one spelling"),
    ],
)
def test_credentials(value: bytes, client_id: str, secret: str) -> None:
    assert parse_basic(value) == Basic(client_id, secret)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Basic", id="the scheme alone"),
        pytest.param(b"Basic ", id="and a space"),
        pytest.param(b"Bearer d2ViOnMzY3JldA==", id="another scheme"),
        pytest.param(b"BasicOg==", id="no space"),
        pytest.param(b"Basic\tOg==", id="a tab"),
        pytest.param(b"Basic Og", id="padding left out"),
        pytest.param(b"Basic Og==,", id="two, joined"),
        pytest.param(b"Basic Og== Og==", id="two"),
        pytest.param(b"Basic d2Vi", id="no colon"),
        pytest.param(b"Basic d2ViOnMz-3JldA==", id="base64url"),
        pytest.param(b"Basic =Og=", id="padding at the beginning"),
        pytest.param(header("a:%"), id="an escape of nothing"),
        pytest.param(header("a:%zz"), id="an escape of letters"),
        pytest.param(header(b"a:\xff"), id="no UTF-8"),
        pytest.param(header("a:ü"), id="beyond ASCII (RFC 6749 appendix A.2)"),
        pytest.param(header("a:%C3%BC"), id="beyond ASCII, escaped"),
        pytest.param(header("a:b\n"), id="a line feed"),
        pytest.param(header("a%00:b"), id="NUL"),
        pytest.param(header("a:b\tc"), id="a tab inside"),
        pytest.param(b"Basic Og==\n", id="a line feed at the end"),
        pytest.param(b"Basic " + b"A" * 1_000_001, id="a megabyte"),
    ],
)
def test_no_credentials(value: bytes) -> None:
    assert parse_basic(value) is None


visible = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(visible, visible)
def test_what_is_encoded_is_read(client_id: str, secret: str) -> None:
    assert parse_basic(header(f"{quote_plus(client_id)}:{quote_plus(secret)}")) == Basic(client_id, secret)


@given(st.binary(max_size=60).map(b"Basic ".__add__) | st.binary(max_size=60).map(header))
def test_any_bytes_are_visible_credentials_or_none(value: bytes) -> None:
    found = parse_basic(value)
    assert found is None or "".join(found).isprintable()


def test_a_secret_is_not_shown() -> None:
    assert repr(Basic("web", "s3cret")) == "Basic(client_id='web', secret=...)"
