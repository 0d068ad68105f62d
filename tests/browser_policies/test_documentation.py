"""FastAPI's documentation pages under the strict preset: they show what the API can do, and nothing else runs.

The browser is given Swagger UI and ReDoc from the package `fastapi-offline`, under the addresses that FastAPI's pages
name, or from the application itself.
"""

from collections.abc import Iterator
from importlib.resources import files

import pytest
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from asgisec import secure
from asgisec.integrations.fastapi import docs_page
from tests.browser_policies.conftest import Tab
from tests.servers.harness import Servers, running

STATIC = files("fastapi_offline") / "static"
# What FastAPI's pages load, and which file of the package that is.
CDN = "https://cdn.jsdelivr.net/npm/"
HOSTED = {
    f"{CDN}swagger-ui-dist@5/swagger-ui-bundle.js": "swagger-ui-bundle.js",
    f"{CDN}swagger-ui-dist@5/swagger-ui.css": "swagger-ui.css",
    f"{CDN}redoc@2/bundles/redoc.standalone.js": "redoc.standalone.js",
}
INJECTED = """new Promise(done => {
    addEventListener("securitypolicyviolation", stopped => done(`stopped by ${stopped.effectiveDirective}`));
    window.inject = () => done("ran");
    const script = document.createElement("script");
    script.textContent = "inject()";
    document.body.append(script);
})"""


def api(docs_url: str | None = "/docs", redoc_url: str | None = "/redoc") -> FastAPI:
    app = FastAPI(title="Shelf", docs_url=docs_url, redoc_url=redoc_url)

    @app.get("/books/{number}", summary="Read a book from the shelf")
    def book(number: int) -> int:
        return number

    return app


def self_hosted() -> FastAPI:
    app = api(docs_url=None, redoc_url=None)
    app.mount("/ui", StaticFiles(directory=str(STATIC)))
    url = "/openapi.json"

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        page = get_swagger_ui_html(
            openapi_url=url,
            title="Shelf",
            swagger_js_url="/ui/swagger-ui-bundle.js",
            swagger_css_url="/ui/swagger-ui.css",
            swagger_favicon_url="/ui/favicon.png",
        )
        return docs_page(page)

    @app.get("/redoc", include_in_schema=False)
    def redoc() -> HTMLResponse:
        page = get_redoc_html(
            openapi_url=url,
            title="Shelf",
            redoc_js_url="/ui/redoc.standalone.js",
            redoc_favicon_url="/ui/favicon.png",
            with_google_fonts=False,
        )
        return docs_page(page)

    return app


@pytest.fixture(scope="module")
def shelves() -> Iterator[Servers]:
    apps = {"cdn": api(), "self-hosted": self_hosted(), "open": api()}
    for name in ("cdn", "self-hosted"):
        secure(apps[name], hosts=["127.0.0.1"])
    with running("uvicorn-h11", apps) as started:
        yield started


@pytest.fixture
def connected(tab: Tab) -> Iterator[Tab]:
    tab.hosted = {url: (STATIC / name).read_bytes() for url, name in HOSTED.items()}
    yield tab
    tab.hosted = {}


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
@pytest.mark.parametrize("name", ["cdn", "self-hosted"])
def test_the_page_shows_the_operations(connected: Tab, shelves: Servers, name: str, page: str) -> None:
    connected.go(f"http://127.0.0.1:{shelves.ports[name]}{page}")
    connected.wait_for("Read a book from the shelf")
    assert connected.violations == []
    assert connected.evaluate(INJECTED) == "stopped by script-src-elem"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_what_is_injected_runs_in_pages_that_are_not_secured(connected: Tab, shelves: Servers, page: str) -> None:
    connected.go(f"http://127.0.0.1:{shelves.ports['open']}{page}")
    connected.wait_for("Read a book from the shelf")
    assert connected.evaluate(INJECTED) == "ran"
