"""The types of text as plain callables."""

import copy
import pickle
import sys
import unicodedata
from collections.abc import Callable
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec.errors import ConfigError
from asgisec.inputs import Email, HTMLPolicy, PlainText, SafeHTML, Slug, Username, ValidatedText

TYPES = (Username, Slug, Email, PlainText, SafeHTML)


class Title(PlainText, min_length=2, max_length=5):
    """A short line."""


class Folded(PlainText, normalize="NFKC"):
    """Text without look-alike forms."""


class Raw(PlainText, normalize=None):
    """Text as it came."""


class Note(PlainText, multiline=True):
    """Text of several lines."""


class LongNote(Note, max_length=20_000):
    """Keeps what its base allows."""


class Article(SafeHTML, policy=HTMLPolicy(tags={"h2"})):
    """HTML by a policy of its own."""


class Headline(Article):
    """Keeps the policy of its base."""


@pytest.mark.parametrize(
    ("kind", "value", "made"),
    [
        pytest.param(Username, "ada", ..., id="username: shortest"),
        pytest.param(Username, "A_d-4" * 6, ..., id="username: longest"),
        pytest.param(Username, "--_", ..., id="username: only marks"),
        pytest.param(Slug, "a", ..., id="slug: shortest"),
        pytest.param(Slug, "a1-b2-c3", ..., id="slug: words"),
        pytest.param(Slug, "x" * 100, ..., id="slug: longest"),
        pytest.param(Email, "ada@example.com", ..., id="email"),
        pytest.param(Email, "Ada.L+x@EXAMPLE.Com", "Ada.L+x@example.com", id="email: domain in lower case"),
        pytest.param(Email, "a" * 242 + "@example.com", ..., id="email: longest"),
        pytest.param(Email, "ada@xn--bcher-kva.example.com", "ada@bücher.example.com", id="email: domain in letters"),
        pytest.param(Email, "dörte@example.com", ..., id="email: international local part"),
        pytest.param(PlainText, "", ..., id="text: empty"),
        pytest.param(PlainText, "O'Brien; 1 < 2 & 3 -- or 1=1", ..., id="text: honest punctuation"),
        pytest.param(
            PlainText,
            "\u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u200f\u05e2\u05d1\u05e8\u05d9\u05ea\u200e",
            ...,
            id="text: written from the right, with marks",
        ),
        pytest.param(
            PlainText,
            "\U0001f469\u200d\U0001f680 \u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            ...,
            id="text: joiners",
        ),
        pytest.param(PlainText, "e\u0301", "\u00e9", id="text: composed"),
        pytest.param(PlainText, "\uff21", ..., id="text: full-width letter kept"),
        pytest.param(PlainText, "x" * 10_000, ..., id="text: longest"),
        pytest.param(PlainText, "o\u0308" * 10_000, "\u00f6" * 10_000, id="text: longest once composed"),
        pytest.param(PlainText, "a" + "\u0301" * 30, ..., id="text: as many marks as any language piles"),
        pytest.param(Title, "ab", ..., id="own bounds: shortest"),
        pytest.param(Title, "\U0001f600" * 5, ..., id="own bounds: code points are counted, not bytes"),
        pytest.param(Folded, "\uff21\ufb01", "Afi", id="folded: look-alike forms"),
        pytest.param(Raw, "e\u0301", ..., id="raw: as it came"),
        pytest.param(Note, "a\tb\r\nc\nd", "a\tb\nc\nd", id="lines: CR LF becomes LF"),
        pytest.param(LongNote, "a\n" * 10_000, ..., id="lines: inherited"),
        pytest.param(SafeHTML, "<b onclick=x>y</b>", "<b>y</b>", id="html"),
        pytest.param(Article, "<h2>a</h2><b>c</b>", "<h2>a</h2>c", id="html: own policy"),
        pytest.param(Headline, "<h2>a</h2><b>c</b>", "<h2>a</h2>c", id="html: inherited policy"),
    ],
)
def test_what_is_taken(kind: type[ValidatedText], value: str, made: Any) -> None:
    result = kind(value)
    if kind is PlainText and "\u0301\u0301" in value:
        made = unicodedata.normalize("NFC", value)
    assert result == (value if made is ... else made)
    assert type(result) is kind
    assert kind(result) == result


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        pytest.param(Username, "ab", id="username: too short"),
        pytest.param(Username, "a" * 31, id="username: too long"),
        pytest.param(Username, "ada\n", id="username: line break at the end"),
        pytest.param(Username, "ada lovelace", id="username: space"),
        pytest.param(Username, "\u0430da", id="username: Cyrillic a"),
        pytest.param(Username, "ad\u0661", id="username: Arabic digit"),
        pytest.param(Username, "a\u200bda", id="username: zero width"),
        pytest.param(Username, "<b>", id="username: markup"),
        pytest.param(Username, "../..", id="username: path"),
        pytest.param(Username, "a' OR 1=1", id="username: SQL"),
        pytest.param(Slug, "", id="slug: empty"),
        pytest.param(Slug, "A", id="slug: capital"),
        pytest.param(Slug, "-a", id="slug: hyphen first"),
        pytest.param(Slug, "a-", id="slug: hyphen last"),
        pytest.param(Slug, "a--b", id="slug: two hyphens"),
        pytest.param(Slug, "a\n", id="slug: line break at the end"),
        pytest.param(Slug, "a/../b", id="slug: path"),
        pytest.param(Slug, "x" * 101, id="slug: too long"),
        pytest.param(Slug, "a" * 50_000 + "-", id="slug: very long"),
        pytest.param(Email, "", id="email: empty"),
        pytest.param(Email, "ada", id="email: no domain"),
        pytest.param(Email, "ada@example.com\n", id="email: line break at the end"),
        pytest.param(Email, "Ada <ada@example.com>", id="email: display name"),
        pytest.param(Email, '"ada lovelace"@example.com', id="email: quoted part"),
        pytest.param(Email, "ada@[127.0.0.1]", id="email: address literal"),
        pytest.param(Email, "ada@localhost", id="email: no public domain"),
        pytest.param(Email, "ada@example.com,eve@example.org", id="email: two"),
        pytest.param(Email, "ada@example.com\r\nBcc: eve@example.org", id="email: header"),
        pytest.param(Email, "ada@example.com%00", id="email: escaped NUL"),
        pytest.param(Email, "ada@exa\u202emple.com", id="email: override"),
        pytest.param(Email, "a" * 243 + "@example.com", id="email: one too long"),
        pytest.param(Email, "a@" + "b." * 200 + "com", id="email: long domain"),
        pytest.param(Email, "a" * 1_000_000, id="email: very long"),
        pytest.param(PlainText, "a\x00b", id="text: NUL"),
        pytest.param(PlainText, "a\nb", id="text: line break"),
        pytest.param(PlainText, "a\tb", id="text: tab"),
        pytest.param(PlainText, "a\x1b[2Jb", id="text: terminal escape"),
        pytest.param(PlainText, "a\x7fb", id="text: delete"),
        pytest.param(PlainText, "a\x9bb", id="text: C1 control"),
        pytest.param(PlainText, "a\u2028b", id="text: line separator"),
        pytest.param(PlainText, "a\u202eb", id="text: override"),
        pytest.param(PlainText, "a\u202ab", id="text: embedding"),
        pytest.param(PlainText, "a\u2066b", id="text: isolate"),
        pytest.param(PlainText, "a\ud800b", id="text: lone surrogate"),
        pytest.param(PlainText, "x" * 10_001, id="text: too long"),
        pytest.param(PlainText, "x" * 40_001, id="text: far too long"),
        pytest.param(PlainText, "a" + "\u0301" * 31, id="text: piled marks"),
        pytest.param(PlainText, "a" + "\u0301\u0316" * 15_000, id="text: piled marks that are slow to sort"),
        pytest.param(Folded, "\ufdfa" * 10_000, id="text: too long once folded"),
        pytest.param(Title, "a", id="own bounds: too short"),
        pytest.param(Title, "abcdef", id="own bounds: too long"),
        pytest.param(Title, "e\u0301", id="own bounds: too short once composed"),
        pytest.param(Note, "a\x00b", id="lines: NUL"),
        pytest.param(Note, "a\rb", id="lines: lone carriage return"),
        pytest.param(Note, "a\u202eb", id="lines: override"),
        pytest.param(SafeHTML, "x" * 50_001, id="html: too long"),
    ],
)
def test_what_is_refused(kind: type[ValidatedText], value: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is checked below
        kind(value)
    assert len(value) < 3 or value not in str(caught.value)
    assert not isinstance(caught.value, UnicodeError)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "value", [b"ada", None, 1, ["ada"], {"a": 1}], ids=["bytes", "nothing", "number", "list", "dict"]
)
def test_only_text_is_text(kind: type[ValidatedText], value: str) -> None:
    with pytest.raises(ValueError, match=r"^text is needed here$"):
        kind(value)


@pytest.mark.parametrize("kind", [*TYPES, Folded, Raw, Note])
@given(value=st.text(alphabet=st.characters(codec=None)) | st.emails() | st.text(alphabet="ab-@.\u0301", max_size=40))
def test_anything_is_taken_or_refused_and_taking_is_final(kind: type[ValidatedText], value: str) -> None:
    try:
        made = kind(value)
    except ValueError as error:
        assert type(error).__module__ in {"builtins", "asgisec.errors"}  # noqa: PT017
        assert not isinstance(error, UnicodeError)  # noqa: PT017
    else:
        assert kind(made) == made
        made.encode()


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])  # noqa: S301
def test_copies_are_of_the_same_kind(duplicate: Callable[[Username], Username]) -> None:
    made = duplicate(Username("ada"))
    assert made == "ada"
    assert type(made) is Username


def test_what_is_made_from_safe_html_is_plain_text() -> None:
    comment = SafeHTML("<b>x</b>")
    assert comment.__html__() == "<b>x</b>"
    assert type(comment.__html__()) is str
    assert type(comment + "<script>") is str


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"min_length": -1}, "give 0 <= min_length <= max_length", id="below nothing"),
        pytest.param({"min_length": 3, "max_length": 2}, "got (3, 2)", id="bounds crossed"),
        pytest.param({"max_length": 0}, "got (0, 0)", id="room for nothing"),
        pytest.param({"normalize": "nfc"}, 'write "NFC", "NFKC" or None', id="form in lower case"),
    ],
)
def test_wrong_options(options: dict[str, Literal["NFC"]], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        type("Broken", (PlainText,), {}, **options)
    assert message in str(caught.value)
    assert "Broken(" in str(caught.value)


def test_email_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "email_validator", None)
    with pytest.raises(ImportError, match=r"install asgisec\[email\]"):
        Email("ada@example.com")


def test_a_kind_of_ones_own_must_say_what_it_takes() -> None:
    class Nothing(ValidatedText):
        pass

    with pytest.raises(NotImplementedError):
        Nothing("x")
    with pytest.raises(NotImplementedError):
        Nothing.json_schema()
