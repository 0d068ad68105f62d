"""The Authorize button of FastAPI's documentation page: a login with chosen scopes, and what they allow.

The page is Swagger UI's, unmodified, under the strict preset.
"""

import json
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import FastAPI, Security

from asgisec import secure
from asgisec.auth import BearerAuth, Principal
from asgisec.integrations.fastapi import SecurityGuard, auth_router
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer
from tests.browser_policies.conftest import Tab
from tests.browser_policies.test_documentation import HOSTED, STATIC
from tests.servers.harness import Servers, running

SCOPES = {"users:read": "See who is there", "users:write": "Change who is there"}


class Ada:
    subject = "user-1"
    scopes = ("users:read", "users:write")


def login(username: str, password: str) -> Ada | None:
    return Ada() if (username, password) == ("ada", "correct horse") else None


def api() -> FastAPI:
    issuer = TokenIssuer(
        KeySet.generate("EdDSA"), issuer="https://api.example.com", audience="api", store=MemoryStore()
    )
    guard = SecurityGuard(BearerAuth(issuer), token_url="/auth/token", scopes=SCOPES)  # noqa: S106 - a path
    app = FastAPI(title="People")
    app.include_router(auth_router(issuer, login=login))

    @app.get("/users", summary="List the people")
    def users(caller: Annotated[Principal, Security(guard, scopes=["users:read"])]) -> dict[str, str]:
        return {"seen by": caller.subject}

    @app.delete("/users", summary="Remove the people")
    def remove(caller: Annotated[Principal, Security(guard, scopes=["users:write"])]) -> dict[str, str]:
        return {"removed by": caller.subject}

    return secure(app, hosts=["127.0.0.1"])


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with running("uvicorn-h11", {"api": api()}) as started:
        yield started


# React listens to the setter of the element's class, not to its value.
_HELPERS = """
    const appears = (selector, text = "") => new Promise(done => {
        const look = () => {
            const found = [...document.querySelectorAll(selector)].find(one => one.innerText.includes(text));
            if (found) { watcher.disconnect(); done(found); }
        };
        const watcher = new MutationObserver(look);
        watcher.observe(document, {subtree: true, childList: true, characterData: true, attributes: true});
        look();
    });
    const type = (element, value) => {
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(element, value);
        element.dispatchEvent(new Event("input", {bubbles: true}));
    };
"""


class SwaggerUI:
    """The page, as a user handles it."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab

    def _do(self, script: str) -> Any:
        return self._tab.evaluate(f"(async () => {{ {_HELPERS} {script} }})()")

    def log_in(self, password: str, scopes: list[str]) -> str:
        """Fill in the dialog, and return what it says then."""
        return str(
            self._do(f"""
                (await appears(".auth-wrapper .authorize")).click();
                type(await appears("#oauth_username"), "ada");
                type(await appears("#oauth_password"), {json.dumps(password)});
                for (const scope of {json.dumps(scopes)}) {{
                    [...document.querySelectorAll(".scopes input")].find(one => one.id.startsWith(scope)).click();
                }}
                (await appears(".auth-btn-wrapper .modal-btn.authorize")).click();
                await appears(".auth-btn-wrapper button", "Logout");
                const shown = "logged in";
                (await appears(".auth-btn-wrapper .btn-done")).click();
                return shown;
            """)
        )

    def refused(self, password: str) -> str:
        return str(
            self._do(f"""
                (await appears(".auth-wrapper .authorize")).click();
                type(await appears("#oauth_username"), "ada");
                type(await appears("#oauth_password"), {json.dumps(password)});
                (await appears(".auth-btn-wrapper .modal-btn.authorize")).click();
                const shown = (await appears(".auth-container .errors")).innerText;
                (await appears(".auth-btn-wrapper .btn-done")).click();
                return shown;
            """)
        )

    def execute(self, summary: str) -> tuple[int, str]:
        """Try an operation out, and return the status and the body that the page shows."""
        status, body = self._do(f"""
            const block = (await appears(".opblock", {json.dumps(summary)}));
            block.querySelector(".opblock-summary-control").click();
            await new Promise(done => {{
                const look = () => block.querySelector(".try-out__btn") && done();
                new MutationObserver(look).observe(block, {{subtree: true, childList: true}});
                look();
            }});
            block.querySelector(".try-out__btn").click();
            await new Promise(done => {{
                const look = () => block.querySelector(".execute") && done();
                new MutationObserver(look).observe(block, {{subtree: true, childList: true}});
                look();
            }});
            block.querySelector(".execute").click();
            await new Promise(done => {{
                const look = () => block.querySelector(".live-responses-table .response-col_status") && done();
                new MutationObserver(look).observe(block, {{subtree: true, childList: true}});
                look();
            }});
            const shown = block.querySelector(".live-responses-table");
            return [parseInt(shown.querySelector("tbody .response-col_status").innerText), shown.innerText];
        """)
        return int(status), str(body)


@pytest.fixture
def page(tab: Tab, servers: Servers) -> Iterator[SwaggerUI]:
    tab.hosted = {url: (STATIC / name).read_bytes() for url, name in HOSTED.items()}
    tab.go(f"http://127.0.0.1:{servers.ports['api']}/docs")
    yield SwaggerUI(tab)
    assert tab.violations == []
    tab.hosted = {}


def test_nobody_is_refused_before_the_login(page: SwaggerUI) -> None:
    status, body = page.execute("List the people")
    assert (status, "Authentication is required." in body) == (401, True)


def test_what_is_beyond_the_scopes_is_refused_with_the_reason(page: SwaggerUI) -> None:
    assert page.log_in("correct horse", ["users:read"]) == "logged in"
    status, body = page.execute("List the people")
    assert (status, '"seen by": "user-1"' in body) == (200, True)
    status, body = page.execute("Remove the people")
    assert status == 403
    assert "The credential does not allow this." in body
    assert 'scope="users:write"' in body


def test_a_wrong_password_is_refused_with_the_reason(page: SwaggerUI) -> None:
    assert "The username or the password is not right." in page.refused("guess").replace("+", " ")
