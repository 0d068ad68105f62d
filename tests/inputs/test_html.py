"""`sanitize_html`, `strip_html` and `HTMLPolicy`, without a browser."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asgisec.errors import ConfigError, ContentTooLarge, SecurityError
from asgisec.inputs import HTMLPolicy, _html_names, html, sanitize_html, strip_html
from tests.inputs.html_vectors import DORMANT, LIVE

# Not what the types allow, which is what the tests of wrong options are about.
NO_NAME: Any = 1
NO_SET: Any = "lang"
UNKNOWN: Any = "commment"

REL = 'rel="noopener noreferrer nofollow ugc"'


@pytest.mark.parametrize(
    ("given_text", "cleaned"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("1 < 2 & 3", "1 &lt; 2 &amp; 3", id="text with special characters"),
        pytest.param("<p>a<br>b</p>", "<p>a<br>b</p>", id="paragraph"),
        pytest.param("<b>a</b><i>b</i><em>c</em><strong>d</strong>", ..., id="emphasis"),
        pytest.param("<ul><li>a</li></ul><ol><li>b</li></ol>", ..., id="lists"),
        pytest.param(
            '<a href="https://a.example/?x=1&amp;y=2">l</a>',
            f'<a href="https://a.example/?x=1&amp;y=2" {REL}>l</a>',
            id="https link",
        ),
        pytest.param(
            '<a href="https://a.example" rel="opener">l</a>',
            f'<a href="https://a.example" {REL}>l</a>',
            id="rel of the author's",
        ),
        pytest.param('<a href="http://a.example">l</a>', f"<a {REL}>l</a>", id="http link"),
        pytest.param('<a href="//a.example">l</a>', f"<a {REL}>l</a>", id="link without a scheme"),
        pytest.param('<a href="/logout">l</a>', f"<a {REL}>l</a>", id="relative link"),
        pytest.param('<a href="mailto:a@b.example">l</a>', f"<a {REL}>l</a>", id="mail link"),
        pytest.param('<a href="https:evil">l</a>', f'<a href="https:evil" {REL}>l</a>', id="https link in odd writing"),
        pytest.param(
            '<a target="_blank" href="https://a.example">l</a>', f'<a href="https://a.example" {REL}>l</a>', id="target"
        ),
        pytest.param('<p title="t" lang="en" class="c" id="i">x</p>', "<p>x</p>", id="attributes that are not listed"),
        pytest.param("<div><h1>x</h1></div>", "x", id="elements that are not listed"),
        pytest.param("a<script>b</script>c<style>d</style>e", "ace", id="elements that go with their content"),
        pytest.param("a<!-- b -->c", "ac", id="comment"),
        pytest.param("<p>open <b>both", "<p>open <b>both</b></p>", id="open elements"),
        pytest.param("</p></div>x", "<p></p>x", id="end tags only"),
        pytest.param("<p><table><td><p>x", "<p></p><p>x</p>", id="nesting that no parser builds"),
        pytest.param("&lt;script&gt;", "&lt;script&gt;", id="escaped markup stays escaped"),
        pytest.param("\ud83d\ude00 \ud83d", "\U0001f600 \ufffd", id="surrogates: a pair and a half"),
        pytest.param("x\x00y", "xy", id="NUL"),
    ],
)
def test_comment(given_text: str, cleaned: Any) -> None:
    assert sanitize_html(given_text) == (given_text if cleaned is ... else cleaned)


@pytest.mark.parametrize(
    ("given_text", "text"),
    [
        pytest.param("<p>a <b>b</b></p>", "a b", id="markup"),
        pytest.param("1 < 2", "1 &lt; 2", id="bracket"),
        pytest.param("&lt;script&gt;x&lt;/script&gt;", "&lt;script&gt;x&lt;/script&gt;", id="escaped markup"),
        pytest.param("a<script>b</script>", "a", id="script"),
    ],
)
def test_text_only(given_text: str, text: str) -> None:
    assert strip_html(given_text) == sanitize_html(given_text, "none") == text


@pytest.mark.parametrize("name", LIVE | DORMANT)
def test_no_attack_leaves_markup_in_text_only(name: str) -> None:
    assert "<" not in strip_html((LIVE | DORMANT)[name])


def test_a_policy_of_ones_own() -> None:
    policy = HTMLPolicy(
        tags={"p", "h2", "img", "a"},
        attributes={"img": {"src", "alt"}, "a": {"href"}, "*": {"lang"}},
        url_schemes={"https", "mailto"},
        relative_urls=True,
        link_rel=None,
    )
    text = '<h2 lang="de">x</h2><img src="/a.png" alt="a" onerror="x()"><a href="mailto:a@b.example">m</a>'
    assert sanitize_html(text, policy) == text.replace(' onerror="x()"', "")


def test_rel_may_be_allowed_where_none_is_set() -> None:
    policy = HTMLPolicy(tags={"a"}, attributes={"a": {"rel"}}, link_rel=None)
    assert policy.clean('<a rel="me">x</a>') == '<a rel="me">x</a>'


def test_policies_are_values() -> None:
    assert HTMLPolicy.comment() == HTMLPolicy.comment()
    assert len({HTMLPolicy.comment(), HTMLPolicy.comment(), HTMLPolicy.none()}) == 2


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: HTMLPolicy(tags="pre"), "HTMLPolicy(tags=) got 'pre': give a set", id="tags as text"),  # type: ignore[arg-type]
        pytest.param(
            lambda: HTMLPolicy(url_schemes="https"),  # type: ignore[arg-type]
            "HTMLPolicy(url_schemes=) got 'https': give a set",
            id="schemes as text",
        ),
        pytest.param(lambda: HTMLPolicy(tags={"P"}), "HTMLPolicy(tags=) got 'P'", id="tag in capitals"),
        pytest.param(lambda: HTMLPolicy(tags={"<p>"}), "HTMLPolicy(tags=) got '<p>'", id="tag with brackets"),
        pytest.param(lambda: HTMLPolicy(tags={NO_NAME}), "HTMLPolicy(tags=) got 1", id="tag that is no text"),
        pytest.param(lambda: HTMLPolicy(tags={"script"}), "it runs, loads or hides", id="script"),
        pytest.param(lambda: HTMLPolicy(tags={"svg"}), "it runs, loads or hides", id="svg"),
        pytest.param(lambda: HTMLPolicy(tags={"style"}), "it runs, loads or hides", id="style"),
        pytest.param(lambda: HTMLPolicy(tags={"noscript"}), "it runs, loads or hides", id="noscript"),
        pytest.param(
            lambda: HTMLPolicy(attributes={"p": {"lang"}}), "list the element in tags too", id="attributes of no tag"
        ),
        pytest.param(
            lambda: HTMLPolicy(tags={"p"}, attributes={"p": NO_SET}),
            "give a set of names",
            id="attributes as text",
        ),
        pytest.param(
            lambda: HTMLPolicy(tags={"p"}, attributes={"p": {"Lang"}}), "in lower case", id="attribute in capitals"
        ),
        pytest.param(lambda: HTMLPolicy(tags={"p"}, attributes={"p": {"onclick"}}), "got 'onclick'", id="handler"),
        pytest.param(lambda: HTMLPolicy(tags={"p"}, attributes={"*": {"style"}}), "got 'style'", id="style attribute"),
        pytest.param(lambda: HTMLPolicy(tags={"p"}, attributes={"p": {"id"}}), "got 'id'", id="id"),
        pytest.param(lambda: HTMLPolicy(tags={"img"}, attributes={"img": {"srcset"}}), "got 'srcset'", id="srcset"),
        pytest.param(
            lambda: HTMLPolicy(tags={"a"}, attributes={"a": {"rel"}}), "set link_rel=None", id="rel beside link_rel"
        ),
        pytest.param(lambda: HTMLPolicy(url_schemes={"HTTPS"}), "in lower case", id="scheme in capitals"),
        pytest.param(lambda: HTMLPolicy(url_schemes={"https:"}), "such as 'https'", id="scheme with a colon"),
        pytest.param(lambda: HTMLPolicy(url_schemes={"javascript"}), "got 'javascript'", id="javascript"),
        pytest.param(lambda: HTMLPolicy(url_schemes={"data"}), "got 'data'", id="data"),
        pytest.param(lambda: HTMLPolicy(max_length=0), "HTMLPolicy(max_length=) got 0", id="no length"),
        pytest.param(
            lambda: HTMLPolicy(max_length=True), "HTMLPolicy(max_length=) got True", id="length that is no number"
        ),
        pytest.param(
            lambda: sanitize_html("", UNKNOWN),
            "sanitize_html(policy=) got 'commment'",
            id="unknown policy",
        ),
    ],
)
def test_wrong_options(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)


def test_too_long_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = HTMLPolicy.comment(max_length=5)
    assert policy.clean("<b>x<") == "<b>x&lt;</b>"
    with pytest.raises(ContentTooLarge) as caught:
        policy.clean("SECRET")
    assert isinstance(caught.value, SecurityError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.status_code == 413
    assert str(caught.value) == "This content is too large."


@pytest.mark.parametrize("value", [b"<b>", None, 1, ["<b>"]], ids=["bytes", "nothing", "number", "list"])
def test_what_is_no_text(value: str) -> None:
    with pytest.raises(ValueError, match=r"^HTML must be text$"):
        sanitize_html(value)


def test_text_that_never_settles_is_left_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "_MAX_PASSES", 0)
    assert sanitize_html("<p><table><td><p><b>x & y</b>") == "x &amp; y"


NAMES = sorted(
    _html_names.RESTLESS
    | _html_names.UNSETTLING
    | _html_names.ACTIVE_ELEMENTS
    | {"a", "b", "br", "em", "font", "i", "mi", "mglyph", "mtext", "annotation-xml", "foreignObject", "desc", "x-y"}
)
WIDE = HTMLPolicy(
    tags={
        "a",
        "b",
        "blockquote",
        "code",
        "div",
        "h1",
        "h2",
        "i",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "span",
        "table",
        "tbody",
        "td",
        "th",
        "tr",
        "ul",
    }
)
ODD = HTMLPolicy(tags={"a", "b", "h1", "li", "td"})

tags = st.sampled_from(NAMES) | st.sampled_from(["p", "li", "ul", "a", "b", "i"])
pieces = st.one_of(
    tags.map("<{}>".format),
    tags.map("</{}>".format),
    st.sampled_from(
        ["<a href='https://x'>", "<b onclick=x>", "<!--", "-->", "<![CDATA[", "]]>", "&", "&lt;", "<", ">", "\n", "\r"]
    ),
    st.text(max_size=3),
)


@pytest.mark.parametrize(
    "policy",
    [HTMLPolicy.comment(), HTMLPolicy.none(), WIDE, ODD],
    ids=["comment", "none", "wide", "odd"],
)
@settings(max_examples=300, deadline=None)
@given(soup=st.lists(pieces, max_size=12).map("".join))
@example(soup="<p><table><td><p>")
@example(soup="<li><section><li>")
@example(soup="<h1><i><h2>")
@example(soup="<a><table><a>")
@example(soup="<pre>\n\n\nx</pre>")
def test_cleaning_again_changes_nothing(policy: HTMLPolicy, soup: str) -> None:
    cleaned = policy.clean(soup)
    assert policy.clean(cleaned) == cleaned


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet=st.characters(codec=None)) | st.binary())
def test_nothing_but_a_refusal_is_raised(text: str) -> None:
    try:
        cleaned = sanitize_html(text)
    except ValueError:
        assert isinstance(text, bytes)
    else:
        cleaned.encode()


def piled(tag: str, between: str) -> str:
    return (
        "<p>" + "".join(tag.format(number) for number in range(50_000))[:25_000].rpartition("<")[0] + "</p>" + between
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(piled("<b a={}>", "<p>x</p>" * 3_000), id="formatting opened anew in each paragraph"),
        pytest.param(piled("<B\na={}>", "<p>x</p>" * 3_000), id="formatting opened anew, in capitals and over lines"),
        pytest.param(piled("<b/a={}>", "<p>x</p>" * 3_000), id="formatting opened anew, without spaces"),
        pytest.param(piled("<tt a='>{}'>", "<p>x</p>" * 3_000), id="formatting opened anew, with brackets in quotes"),
        pytest.param(piled("<b a={}<", "<p>x</p>" * 3_000), id="formatting opened anew, with open ends"),
        pytest.param(piled("<a b={}>", "<p>x</p>" * 3_000), id="links opened anew"),
        pytest.param(
            "<p>" + "<b><i><em><u><s><tt><big><font><code>" * 3 + "</p>" + "<p>x" * 12_000,
            id="formatting of many names",
        ),
        pytest.param("<b>" * 16_000, id="nested formatting"),
        pytest.param("<b>" * 3_000 + "<div>" * 5_000 + "</b>" * 3_000, id="formatting that is adopted"),
        pytest.param("<p><table><td>" * 3_500, id="nested tables"),
        pytest.param("<ul><li>" * 3_000 + "<li>" * 6_000, id="nested lists"),
        pytest.param("<x-y>" * 5_000 + "</z>" * 6_000, id="end tags that close nothing"),
        pytest.param("<svg><desc>" * 4_500, id="nested foreign content"),
        pytest.param("<" * 50_000, id="brackets"),
        pytest.param("<b " * 16_000, id="formatting that never ends"),
        pytest.param("<!--" * 12_000, id="comments"),
        pytest.param("&amp" * 12_000, id="entities"),
        pytest.param("<b " + " ".join(map(str, range(8_000))) + ">", id="attributes"),
    ],
)
def test_the_longest_attacks_stay_small(text: str) -> None:
    assert len(sanitize_html(text)) < 5_000_000


def test_formatting_keeps_its_attributes_in_long_honest_text() -> None:
    policy = HTMLPolicy(tags={"p", "code"}, attributes={"code": {"class"}})
    text = '<p><code class="c">x</code></p>' * 350
    assert policy.clean(text) == text
