"""What pages of other origins can make a browser do to a site: read it, write to it, open a WebSocket, frame it.

Each request is made to the secured site and to the same one as it is, which answers all: what the browser stops at the
first it does at the second.
"""

import json
from collections.abc import Mapping

import pytest

from tests.browser_policies.conftest import Sites, Tab

READ = "read with no cookie"
READ_AS_USER = "read with session=s3"

FETCHES = [
    pytest.param("friend", "/read", {}, READ, True, id="a simple request, allowed"),
    pytest.param("stranger", "/read", {}, READ, False, id="a simple request"),
    pytest.param("friend", "/read", {"credentials": "include"}, READ_AS_USER, True, id="with credentials, allowed"),
    pytest.param("stranger", "/read", {"credentials": "include"}, READ_AS_USER, False, id="with credentials"),
    pytest.param(
        "friend", "/write", {"method": "PUT", "headers": {"X-Own": "a"}}, "written", True, id="preflighted, allowed"
    ),
    pytest.param(
        "stranger", "/write", {"method": "PUT", "headers": {"X-Own": "a"}}, "written", False, id="preflighted"
    ),
    pytest.param("friend", "/write", {"method": "DELETE"}, "written", False, id="preflighted, method not allowed"),
    pytest.param(
        "friend", "/write", {"method": "PUT", "headers": {"X-Other": "a"}}, "written", False, id="header not allowed"
    ),
    pytest.param(
        "friend",
        "/write",
        {"method": "PUT", "credentials": "include", "headers": {"X-Own": "a"}},
        "written",
        True,
        id="preflighted with credentials, allowed",
    ),
    pytest.param(
        "stranger",
        "/write",
        {"method": "PUT", "credentials": "include", "headers": {"X-Own": "a"}},
        "written",
        False,
        id="preflighted with credentials",
    ),
    pytest.param("friend", "/write", {"method": "POST", "body": "a"}, "written", True, id="a simple post, allowed"),
    pytest.param("stranger", "/write", {"method": "POST", "body": "a"}, "written", False, id="a simple post"),
]


@pytest.mark.parametrize(("page", "path", "options", "answer", "allowed"), FETCHES)
def test_fetch(
    tab: Tab, sites: Sites, page: str, path: str, options: dict[str, object], answer: str, allowed: bool
) -> None:
    # Two ports of one host: another origin on the same site, so that a browser sends the cookies.
    tab.call("Network.setCookie", name="session", value="s3", url=sites.origin("secured", "localhost"))
    tab.go(sites.origin(page, "localhost") + "/form")
    assert _fetch(tab, sites.origin("open", "localhost") + path, options) == answer
    assert _fetch(tab, sites.origin("secured", "localhost") + path, options) == (answer if allowed else "stopped")
    written = [(options.get("method", "GET"), sites.origin(page, "localhost"))] if path == "/write" else []
    assert sites.open.writes == written
    assert sites.secured.writes == (written if allowed else [])


@pytest.mark.parametrize(
    "host", [pytest.param("localhost", id="same site"), pytest.param("127.0.0.1", id="cross-site")]
)
def test_a_request_whose_answer_nobody_asks_to_read(tab: Tab, sites: Sites, host: str) -> None:
    tab.go(sites.stranger + "/form")
    options = {"method": "POST", "mode": "no-cors", "body": "a"}
    for name in ("open", "secured"):
        _fetch(tab, sites.origin(name, host) + "/write", options)
    assert sites.open.writes == [("POST", sites.stranger)]
    assert sites.secured.writes == []


def _fetch(tab: Tab, url: str, options: Mapping[str, object]) -> object:
    script = f"fetch({json.dumps(url)}, {json.dumps(options)}).then(a => a.text()).catch(() => 'stopped')"
    return tab.evaluate(script)


@pytest.mark.parametrize(
    "host", [pytest.param("localhost", id="same site"), pytest.param("127.0.0.1", id="cross-site")]
)
@pytest.mark.parametrize(
    ("page", "allowed"), [pytest.param("stranger", False, id="not trusted"), pytest.param("friend", True, id="trusted")]
)
def test_a_form_of_another_origin(tab: Tab, sites: Sites, host: str, page: str, *, allowed: bool) -> None:
    origin = sites.origin(page, "localhost")
    for name in ("open", "secured"):
        tab.go(f"{origin}/form?{sites.origin(name, host)}/write")
        tab.submit()
    assert sites.open.writes == [("POST", origin)]
    assert sites.secured.writes == (sites.open.writes if allowed else [])


# Under `no-referrer` browsers say `null` with a site's own form (Fetch, "append a request `Origin` header"); that it
# passes all the same is owed to `Sec-Fetch-Site`, which older browsers do not send.
@pytest.mark.parametrize(
    ("name", "says"), [pytest.param("secured", "its origin", id="web"), pytest.param("strict", "null", id="api")]
)
def test_a_site_s_own_form(tab: Tab, sites: Sites, name: str, says: str) -> None:
    site = sites.secured if name == "secured" else sites.strict
    origin = sites.origin(name)
    tab.go(f"{origin}/form?/write")
    if name == "strict":  # whose content security policy stops forms: the browser must be asked to look away
        tab.call("Page.setBypassCSP", enabled=True)
        tab.go(f"{origin}/form?/write")
    tab.submit()
    tab.call("Page.setBypassCSP", enabled=False)
    assert site.writes == [("POST", origin if says == "its origin" else says)]


@pytest.mark.parametrize(
    ("page", "host", "said"),
    [
        pytest.param("stranger", "127.0.0.1", "stopped", id="cross-site"),
        pytest.param("stranger", "localhost", "stopped", id="same site, another origin"),
        pytest.param("friend", "127.0.0.1", "hello", id="cross-site, trusted"),
        pytest.param("secured", "localhost", "hello", id="its own"),
    ],
)
def test_websocket(tab: Tab, sites: Sites, page: str, host: str, said: str) -> None:
    tab.go(sites.origin(page, "localhost") + "/form")
    for name, expected in {"open": "hello", "secured": said}.items():
        if page == "secured" and name == "open":
            continue  # its content security policy lets its pages talk to nobody else
        address = sites.origin(name, host).replace("http", "ws") + "/ws"
        script = f"""new Promise(tell => {{
            const socket = new WebSocket({json.dumps(address)});
            socket.onmessage = event => {{ socket.close(); tell(event.data) }};
            socket.onerror = () => tell("stopped");
        }})"""
        assert tab.evaluate(script) == expected, name


def test_a_frame_of_another_site(tab: Tab, sites: Sites) -> None:
    tab.go(sites.stranger + "/form")
    # The secured one first: when the other has spoken, it has had all the time.
    script = """async (...addresses) => {
        const spoke = [];
        let heard;
        addEventListener("message", event => { spoke.push(event.data); heard() });
        const last = new Promise(resolve => heard = resolve);
        for (const address of addresses) {
            const frame = document.createElement("iframe");
            const loaded = new Promise(resolve => frame.onload = resolve);
            frame.src = address;
            document.body.append(frame);
            await loaded;
        }
        await last;
        return spoke;
    }"""
    addresses = ", ".join(json.dumps(sites.origin(name) + "/page") for name in ("secured", "open"))
    assert tab.evaluate(f"({script})({addresses})") == [sites.origin("open")]
