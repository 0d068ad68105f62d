"""A browser, and sites on this machine: one that is secured, the same one as it is, and the pages of two others."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from asgisec import CORS, CrossOriginProtection, RequestID, RequestLimits, SecurityHeaders, TrustedHosts, install
from tests import browser
from tests.browser_policies.site import Site, reflecting
from tests.servers.harness import running

_NOTE_VIOLATIONS = """
    violations = [];
    addEventListener("securitypolicyviolation", stopped => {
        violations.push(`${stopped.effectiveDirective} ${stopped.blockedURI}`);
    });
"""


@dataclass
class Sites:
    """Where everything is. `localhost` and `127.0.0.1` are two sites; two ports of one of them are two origins."""

    ports: dict[str, int]
    secured: Site = field(default_factory=Site)
    open: Site = field(default_factory=Site)
    strict: Site = field(default_factory=Site)

    def origin(self, name: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.ports[name]}"

    @property
    def friend(self) -> str:
        """The origin that is allowed."""
        return self.origin("friend", "localhost")

    @property
    def stranger(self) -> str:
        """An origin that is not."""
        return self.origin("stranger", "localhost")

    def secure(self, site: Site, headers: SecurityHeaders) -> Any:
        return install(
            site,
            RequestID(),
            headers,
            TrustedHosts(["127.0.0.1", "localhost"]),
            CORS(
                allow_origins=[self.friend],
                allow_methods=["GET", "PUT"],
                allow_headers=["X-Own"],
                allow_credentials=True,
            ),
            CrossOriginProtection(trusted_origins=[self.friend]),
            RequestLimits(),
        )


class Tab:
    """A page of the browser, and how to go to places in it.

    `hosted` holds files by URL: what the browser would ask other hosts for, it is given from here.
    """

    def __init__(self, page: browser.Page) -> None:
        self._page = page
        self._receive = page._receive
        self.hosted: dict[str, bytes] = {}
        page._receive = self._attend  # type: ignore[method-assign]  # the driver has no hook
        page.call("Fetch.enable", patterns=[{"urlPattern": "https://*"}])
        page.call("Page.addScriptToEvaluateOnNewDocument", source=_NOTE_VIOLATIONS)

    @property
    def violations(self) -> list[str]:
        """What the content security policy of the page has stopped."""
        found: list[str] = self.evaluate("violations")
        return found

    def go(self, url: str) -> None:
        self._page.go(url)

    def submit(self) -> None:
        """Send the form of the page, and wait for what comes."""
        self._loading(lambda: self._page.evaluate("void document.forms[0].submit()"))

    def evaluate(self, script: str) -> Any:
        return self._page.evaluate(script)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._page.call(method, **params)

    def wait_for(self, text: str) -> None:
        """Wait until the page shows a text."""
        script = """text => new Promise(done => {
            const look = () => document.body.innerText.includes(text) && done();
            new MutationObserver(look).observe(document, {subtree: true, childList: true, characterData: true});
            look();
        })"""
        self.evaluate(f"({script})({json.dumps(text)})")

    def _attend(self) -> dict[str, Any]:
        message = self._receive()
        if message.get("method") == "Fetch.requestPaused":
            paused = message["params"]
            body = self.hosted.get(paused["request"]["url"])
            answer: dict[str, Any] = {"requestId": paused["requestId"], "responseCode": 404 if body is None else 200}
            if body is not None:
                answer["body"] = b64encode(body).decode()
            self._page._send(0, "Fetch.fulfillRequest", answer)
        return message

    def _loading(self, act: Any) -> None:
        seen = self._page._loads
        act()
        while self._page._loads == seen:
            self._page._receive()


@pytest.fixture(scope="session")
def tab() -> Iterator[Tab]:
    with browser.page(browser.found()) as opened:
        yield Tab(opened)


@pytest.fixture(scope="session")
def sites() -> Iterator[Sites]:
    with running("uvicorn-h11", {"friend": Site(), "stranger": Site()}) as others:
        made = Sites(others.ports)
        apps = {
            "secured": made.secure(made.secured, SecurityHeaders.web()),
            "strict": made.secure(made.strict, SecurityHeaders.api()),
            "open": reflecting(made.open),
        }
        with running("uvicorn-h11", apps) as own:
            made.ports = {**others.ports, **own.ports}
            yield made


@pytest.fixture(autouse=True)
def _nothing_written(sites: Sites) -> None:
    for site in (sites.secured, sites.open, sites.strict):
        site.writes.clear()
