"""What `sanitize_html` lets through, in a real browser: no attack runs, and the same attacks uncleaned do."""

import html
import json
from collections.abc import Iterator

import pytest

from asgisec.inputs import HTMLPolicy, sanitize_html
from tests import browser
from tests.inputs.html_vectors import DORMANT, LIVE, POKE

TEXT = "a b blockquote br code div em h1 h2 h3 hr i img li ol p pre s span strong sub sup ul"
TABLES = "table tbody td th thead tr dl dt dd figure figcaption section article"
WIDE = HTMLPolicy(
    tags={*TEXT.split(), *TABLES.split()},
    attributes={"a": {"href", "title"}, "img": {"src", "alt"}, "*": {"class", "lang", "dir"}},
    url_schemes={"https", "http", "mailto"},
    relative_urls=True,
)
POLICIES = {"comment": HTMLPolicy.comment(), "wide": WIDE}


def armed(vectors: dict[str, str]) -> dict[str, str]:
    return {
        name: text.replace("FIRE", f"fired(/{number}/.source)") for number, (name, text) in enumerate(vectors.items())
    }


ATTACKS = armed(LIVE | DORMANT)

# Where an application might put the text: between tags of many kinds, those included that have rules of their own.
PLACES = {
    "paragraph": ("<p>", "</p>"),
    "cell": ("<table><tr><td>", "</table>"),
    "table": ("<table>", "</table>"),
    "list": ("<ul><li>", "</ul>"),
    "link": ("<a href=https://example.com>", "</a>"),
    "heading": ("<h1>", "</h1>"),
    "text area": ("<textarea>", "</textarea>"),
    "title": ("<title>", "</title>"),
    "select": ("<select><option>", "</select>"),
    "noscript": ("<noscript>", "</noscript>"),
    "raw text": ("<xmp>", "</xmp>"),
    "style": ("<style>", "</style>"),
    "template": ("<template>", "</template>"),
    "svg": ("<svg><foreignObject>", "</foreignObject></svg>"),
    "svg text": ("<svg><text>", "</text></svg>"),
    "svg title": ("<svg><title>", "</title></svg>"),
    "math": ("<math><mtext>", "</mtext></math>"),
    "math annotation": ("<math><annotation-xml encoding=text/html>", "</annotation-xml></math>"),
    "comment of a button": ("<button>", "</button>"),
}


@pytest.fixture(scope="module")
def page() -> Iterator[browser.Page]:
    with browser.page(browser.found()) as opened:
        yield opened


def frames(texts: list[str]) -> str:
    return "".join(f'<iframe srcdoc="{html.escape(text)}"></iframe>' for text in texts)


def poked_frames(page: browser.Page, texts: list[str]) -> set[str]:
    """Give each text a page of its own, act as a reader does, and return what ran."""
    page.fired.clear()
    page.show(frames(texts))
    page.evaluate(
        POKE
        + """(async () => {
          await later(300);
          const frames = [...document.querySelectorAll('iframe')];
          await Promise.all(frames.map(frame => frame.contentDocument && poke(frame.contentDocument)));
          await later(500);
        })()"""
    )
    return set(page.fired)


def poked(page: browser.Page, script: str, html_texts: list[str]) -> list[str]:
    page.fired.clear()
    page.show("<!doctype html><body>")
    page.evaluate(
        f"{POKE} (async () => {{ const texts = {json.dumps(html_texts)}; {script};"
        " await poke(document); await later(100) })()"
    )
    return page.fired


def test_a_planted_payload_runs_uncleaned(page: browser.Page) -> None:
    ran = poked_frames(page, [ATTACKS[name] for name in LIVE])
    assert [name for number, name in enumerate(LIVE) if str(number) not in ran] == []


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
class TestNothingRuns:
    def test_as_inner_html(self, page: browser.Page, policy: HTMLPolicy) -> None:
        script = """
          for (const text of texts) {
            const place = document.body.appendChild(document.createElement('div'));
            place.innerHTML = text;
          }"""
        assert poked(page, script, [policy.clean(text) for text in ATTACKS.values()]) == []

    def test_after_the_browser_wrote_it_again(self, page: browser.Page, policy: HTMLPolicy) -> None:
        script = """
          for (const text of texts) {
            const place = document.body.appendChild(document.createElement('div'));
            place.innerHTML = text;
            for (let turn = 0; turn < 3; turn++) place.innerHTML = place.innerHTML;
          }"""
        assert poked(page, script, [policy.clean(text) for text in ATTACKS.values()]) == []

    def test_in_places_with_rules_of_their_own(self, page: browser.Page, policy: HTMLPolicy) -> None:
        cleaned = [policy.clean(text) for text in ATTACKS.values()]
        texts = [before + text + after for before, after in PLACES.values() for text in cleaned]
        script = """
          for (const text of texts) {
            document.body.insertAdjacentHTML('beforeend', text);
            for (const template of document.querySelectorAll('template')) template.replaceWith(template.content);
          }"""
        assert poked(page, script, texts) == []


def test_nothing_runs_in_a_page_of_its_own(page: browser.Page) -> None:
    cleaned = [WIDE.clean(text) for text in ATTACKS.values()]
    assert poked_frames(page, ["<hr>".join(cleaned[start::8]) for start in range(8)]) == set()


def test_a_page_with_all_asks_the_network_for_nothing(page: browser.Page) -> None:
    page.fired.clear()
    page.requests.clear()
    cleaned = "".join(f"<div>{sanitize_html(text)}</div>" for text in ATTACKS.values())
    page.show(f"<!doctype html><title>x</title>{cleaned}")
    page.evaluate(f"{POKE} poke(document).then(() => later(100))")
    assert page.fired == []
    assert [url for url in page.requests if not url.startswith("data:text/html;charset=utf-8;base64,")] == []


def test_only_what_the_policy_lists_is_left_in_the_tree(page: browser.Page) -> None:
    page.show("<!doctype html><body>")
    found = page.evaluate(
        f"""(() => {{
          const seen = [];
          for (const text of {json.dumps([sanitize_html(text) for text in ATTACKS.values()])}) {{
            const place = document.createElement('div');
            place.innerHTML = text;
            for (const element of place.querySelectorAll('*'))
              seen.push([element.localName, element.namespaceURI,
                [...element.attributes].map(a => a.name), element.protocol]);
          }}
          return seen;
        }})()"""
    )
    assert {name for name, *_ in found} <= {"a", "b", "br", "em", "i", "li", "ol", "p", "strong", "ul"}
    assert {namespace for _, namespace, *_ in found} == {"http://www.w3.org/1999/xhtml"}
    assert {name for _, _, names, _ in found for name in names} <= {"href", "rel"}
    assert {protocol for name, _, names, protocol in found if "href" in names} == {"https:"}


def test_legal_markup_survives(page: browser.Page) -> None:
    text = (
        "<p>One <b>b</b> <i>i</i> <em>em</em> <strong>strong</strong><br>two, "
        '<a href="https://example.com/?a=1&amp;b=2">link</a> &amp; '
        "1 &lt; 2 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f680</p><ul><li>u</li></ul><ol><li>o</li></ol>"
    )
    page.show(f"<!doctype html><title>x</title><body>{sanitize_html(text)}")
    assert page.evaluate("document.body.innerText") == (
        "One b i em strong\ntwo, link & 1 < 2 \u05e9\u05dc\u05d5\u05dd \U0001f469\u200d\U0001f680\n\nu\no"
    )
    assert page.evaluate("document.querySelector('a').href") == "https://example.com/?a=1&b=2"
    assert page.evaluate("[...document.body.querySelectorAll('*')].map(e => e.localName).join(' ')") == (
        "p b i em strong br a ul li ol li"
    )
