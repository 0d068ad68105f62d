"""What runs in a site's own pages: what has the nonce of the request, and nothing else that stands in the page."""

from tests.browser_policies.conftest import Sites, Tab

MARKS = "document.readyState === 'complete' && window.marks"


def test_inline_scripts(tab: Tab, sites: Sites) -> None:
    tab.go(sites.origin("open") + "/page")
    assert tab.evaluate(MARKS) == ["nonce", "another nonce", "no nonce", "attribute"]
    tab.go(sites.origin("secured") + "/page")
    assert tab.evaluate(MARKS) == ["nonce"]


def test_inline_styles(tab: Tab, sites: Sites) -> None:
    colour = "getComputedStyle(document.querySelector('p')).color"
    tab.go(sites.origin("open") + "/page")
    assert tab.evaluate(colour) == "rgb(1, 2, 3)"
    tab.go(sites.origin("secured") + "/page")
    assert tab.evaluate(colour) == "rgb(0, 0, 0)"


def test_nothing_of_an_answer_that_is_data_runs(tab: Tab, sites: Sites) -> None:
    tab.go(sites.origin("strict") + "/page")
    assert tab.evaluate("window.marks ?? []") == []


def test_a_nonce_is_of_one_answer(tab: Tab, sites: Sites) -> None:
    # What injects a script with the nonce of an answer seen before gets nothing from it.
    nonces = []
    for _ in range(2):
        tab.go(sites.origin("secured") + "/page")
        nonces.append(tab.evaluate("document.scripts[1].nonce"))
    assert len({*nonces, ""}) == 3
    script = """nonce => {
        const script = document.createElement("script");
        script.nonce = nonce;
        script.textContent = "marks.push('injected')";
        document.body.append(script);
        return marks;
    }"""
    assert tab.evaluate(f"({script})('{nonces[0]}')") == ["nonce"]
    assert tab.evaluate(f"({script})('{nonces[1]}')") == ["nonce", "injected"]
