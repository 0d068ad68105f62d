"""FastAPI's documentation pages under the strict preset, read as a browser reads them.

`loads` lists what a page makes a browser fetch or run, with the directive that governs it (CSP Level 3, section 6.1);
`Csp` decides by the standard's matching rules. What the bundles themselves load is named in `BY_SCRIPT`.
"""

import base64
import hashlib
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.responses import HTMLResponse

from asgisec import CORS, RequestID, SecurityHeaders, SecurityMiddleware, install, secure
from asgisec.integrations.fastapi import docs_page, pages
from tests.asgi import Recorded, request

HERE = "https://testserver/"
STRICT = "default-src 'none'; frame-ancestors 'none'"

# What Swagger UI and ReDoc are known to load once they run.
BY_SCRIPT = {
    "/docs": [("connect-src", "{root}/openapi.json"), ("img-src", "data:"), ("style-src", "inline")],
    "/redoc": [
        ("connect-src", "{root}/openapi.json"),
        ("img-src", "data:"),
        ("img-src", "https://cdn.redoc.ly/redoc/logo-mini.svg"),
        ("worker-src", "blob:"),
        ("font-src", "https://fonts.gstatic.com/s/roboto/v30/a.woff2"),
        ("style-src", "inline"),
    ],
    "/docs/oauth2-redirect": [],
}
STRANGERS = [
    ("script-src", "https://evil.example/x.js"),
    ("script-src", "https://cdn.jsdelivr.net/npm/evil@1/x.js"),
    ("script-src", "http://cdn.jsdelivr.net/npm/swagger-ui-dist@5/swagger-ui-bundle.js"),
    ("script-src", "data:"),
    ("script-src", "blob:"),
    ("script-src", "inline"),
    ("script-src", "'sha256-" + base64.b64encode(hashlib.sha256(b"alert(1)").digest()).decode() + "'"),
    ("style-src", "https://evil.example/x.css"),
    ("connect-src", "https://evil.example/"),
    ("img-src", "https://evil.example/x.png"),
    ("font-src", "https://evil.example/x.woff2"),
    ("frame-src", "https://evil.example/"),
    ("object-src", "https://evil.example/"),
    ("form-action", "https://evil.example/"),
    ("base-uri", "https://evil.example/"),
    ("frame-ancestors", "https://evil.example/"),
]


class Csp:
    """A content security policy, and what it lets a page at `HERE` do."""

    FALLBACKS = {"worker-src": ["script-src"]}  # noqa: RUF012 - a table
    NO_FALLBACK = ("form-action", "base-uri", "frame-ancestors")

    def __init__(self, text: str) -> None:
        self.directives: dict[str, list[str]] = {}
        for part in text.split(";"):
            name, *sources = part.split()
            assert name not in self.directives, f"{name} stands twice: the second one counts for nothing"
            self.directives[name] = sources

    def sources(self, directive: str) -> list[str] | None:
        names = [directive, *self.FALLBACKS.get(directive, [])]
        names += [] if directive in self.NO_FALLBACK else ["default-src"]
        return next((self.directives[name] for name in names if name in self.directives), None)

    def allows(self, directive: str, what: str) -> bool:
        sources = self.sources(directive)
        if sources is None:
            return True
        if what.startswith("'sha256-"):
            return what in sources
        if what == "inline":
            hashed = any(source.startswith(("'sha256-", "'nonce-")) for source in sources)
            return "'unsafe-inline'" in sources and not hashed
        return any(self._matches(source, what) for source in sources)

    @staticmethod
    def _matches(source: str, what: str) -> bool:
        if what in {"data:", "blob:"} or source in {"data:", "blob:"}:
            return source == what
        wanted = urlsplit(urljoin(HERE, what))
        if source == "'self'":
            return (wanted.scheme, wanted.netloc) == ("https", "testserver")
        if source.startswith("'"):
            return False
        allowed = urlsplit(source)
        same_place = (allowed.scheme, allowed.netloc) == (wanted.scheme, wanted.netloc)
        below = wanted.path.startswith(allowed.path) if allowed.path.endswith("/") else wanted.path == allowed.path
        return same_place and (not allowed.path or below)


def loads(page: str) -> list[tuple[str, str]]:
    page = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    found = []
    for attributes, content in re.findall(r"<script\b([^>]*)>(.*?)</script>", page, flags=re.DOTALL):
        address = re.search(r'\bsrc="([^"]*)"', attributes)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        found.append(("script-src", address[1] if address else f"'sha256-{digest}'"))
    for link in re.findall(r"<link\b([^>]*)>", page):
        rel, address = re.search(r'\brel="([^"]*)"', link), re.search(r'\bhref="([^"]*)"', link)
        assert rel is not None
        assert address is not None
        found.append(("style-src" if "stylesheet" in rel[1] else "img-src", address[1]))
    found += [("style-src", "inline") for _ in re.findall(r"<style\b", page)]
    found += [("img-src", address) for address in re.findall(r'<img\b[^>]*\bsrc="([^"]*)"', page)]
    return found


def csp_of(answer: Recorded) -> str:
    (policy,) = answer.values("content-security-policy")
    return policy


def secured(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/ok")
    def ok() -> str:
        return "ok"

    return secure(app, hosts=["testserver"])


def assert_works_and_no_more(answer: Recorded, kind: str, root: str = "") -> None:
    assert answer.status == 200
    csp = Csp(csp_of(answer))
    wanted = loads(answer.body.decode()) + [(name, what.format(root=root)) for name, what in BY_SCRIPT[kind]]
    assert [item for item in wanted if not csp.allows(*item)] == []
    assert [item for item in STRANGERS if csp.allows(*item)] == []
    assert len(wanted) >= 1
    # Every source that is named is there for something that the page loads.
    spare = {
        (name, source)
        for name, sources in csp.directives.items()
        for source in sources
        if source not in {"'none'", "'self'"}
        and not any(csp.sources(asked) is sources and _used(source, what) for asked, what in wanted)
    }
    assert spare - {("style-src", "'unsafe-inline'")} == set()


def _used(source: str, what: str) -> bool:
    return source == what or (source == "'unsafe-inline'" and what == "inline") or Csp._matches(source, what)


PAGES = ["/docs", "/redoc", "/docs/oauth2-redirect"]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_what_it_needs_and_nothing_else(path: str) -> None:
    assert_works_and_no_more(request(secured(), path=path), path)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "in_path", [pytest.param(False, id="stripped by the proxy"), pytest.param(True, id="left in the path")]
)
def test_under_a_root_path(path: str, in_path: bool) -> None:
    answer = request(secured(), path=f"/api/v1{path}" if in_path else path, root_path="/api/v1")
    assert_works_and_no_more(answer, path, "/api/v1")


def test_under_a_root_path_with_a_slash() -> None:
    assert_works_and_no_more(request(secured(), path="/docs", root_path="/api/"), "/docs", "/api")


CHANGED = {"docs_url": "/help", "redoc_url": "/reference", "swagger_ui_oauth2_redirect_url": "/help/back"}


@pytest.mark.parametrize(("path", "kind"), list(zip(["/help", "/reference", "/help/back"], PAGES, strict=True)))
def test_with_changed_addresses(path: str, kind: str) -> None:
    assert_works_and_no_more(request(secured(**CHANGED), path=path), kind)


def test_with_swagger_options_of_ones_own() -> None:
    hostile = {"name": "</script><script>alert(1)</script>", "a": "</", "b": "<!--"}
    app = secured(swagger_ui_parameters=hostile, swagger_ui_init_oauth={"clientId": "<id> & 'co'"})
    assert_works_and_no_more(request(app, path="/docs"), "/docs")


def test_with_an_end_tag_of_another_element_in_its_script() -> None:
    app = secured(swagger_ui_oauth2_redirect_url="/docs/</b>back")
    assert_works_and_no_more(request(app, path="/docs"), "/docs")


def test_without_a_redirect_page() -> None:
    app = secured(swagger_ui_oauth2_redirect_url=None)
    assert_works_and_no_more(request(app, path="/docs"), "/docs")
    assert csp_of(request(app, path="/docs/oauth2-redirect")) == STRICT


def test_mounted_secured_in_secured() -> None:
    outer = FastAPI()
    outer.mount("/inner", secured())
    secure(outer, hosts=["testserver"])
    for root in ("", "/inner"):
        assert_works_and_no_more(request(outer, path=f"{root}/docs"), "/docs", root)
    assert csp_of(request(outer, path="/inner/ok")) == STRICT


@pytest.mark.parametrize("root", ["", "/api"])
@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("place", ["mounted", "behind middleware", "in a router", "two down"])
def test_those_of_a_mounted_application(place: str, path: str, root: str) -> None:
    inner, outer = FastAPI(title="Inner"), FastAPI(title="Outer")
    prefix = "/v1"
    match place:
        case "mounted":
            outer.mount("/v1", inner)
        case "behind middleware":
            outer.mount("/v1", SecurityMiddleware(inner, RequestID()))
        case "in a router":
            router = APIRouter()
            router.mount("/v1", inner)
            outer.include_router(router)
        case _:
            outer.mount("/v1", between := FastAPI())
            between.mount("/v2", inner)
            prefix = "/v1/v2"
    outer.mount("/itself", outer)
    outer.mount("/of/{tenant}", inner)
    secure(outer, hosts=["testserver"])
    assert_works_and_no_more(request(outer, path=root + prefix + path, root_path=root), path, root + prefix)
    assert_works_and_no_more(request(outer, path=path, root_path=root), path, root)
    assert csp_of(request(outer, path="/of/a/docs")) == STRICT


def test_secured_twice() -> None:
    app = secure(secured(), hosts=["testserver"])
    assert_works_and_no_more(request(app, path="/docs"), "/docs")


STRICT_CASES = [
    pytest.param({}, "/ok", 200, id="another route"),
    pytest.param({}, "/openapi.json", 200, id="the description"),
    pytest.param({}, "/docs/none", 404, id="not found below"),
    pytest.param({}, "/redoc/none", 404, id="not found below the other"),
    pytest.param({}, "/docs/oauth2-redirect/none", 404, id="not found below the redirect page"),
    pytest.param({}, "/DOCS", 404, id="in capitals"),
    pytest.param({}, "//docs", 404, id="with two slashes"),
    pytest.param({}, "/docs%2f", 404, id="with an encoded slash"),
    pytest.param({"docs_url": None}, "/docs", 404, id="switched off"),
    pytest.param({"docs_url": None}, "/docs/oauth2-redirect", 404, id="the redirect page, switched off"),
    pytest.param({"redoc_url": None}, "/redoc", 404, id="the other, switched off"),
    pytest.param({"openapi_url": None}, "/docs", 404, id="no description"),
    pytest.param({"docs_url": "/help"}, "/docs", 404, id="moved away"),
]


@pytest.mark.parametrize(("options", "path", "status"), STRICT_CASES)
def test_all_else_keeps_the_strict_policy(options: dict[str, Any], path: str, status: int) -> None:
    answer = request(secured(**options), path=path)
    assert (answer.status, csp_of(answer)) == (status, STRICT)


def test_a_refusal_in_the_place_of_a_page_keeps_it() -> None:
    answer = request(secured(), path="/docs", headers=[("host", "evil.example")])
    assert (answer.status, csp_of(answer)) == (400, STRICT)
    assert csp_of(request(secured(), "POST", "/docs")) == STRICT


def test_a_page_that_stands_where_there_is_no_description_keeps_it() -> None:
    app = FastAPI(openapi_url=None)

    @app.get("/docs")
    def docs() -> HTMLResponse:
        return HTMLResponse("<h1>ours</h1>")

    assert csp_of(request(secure(app, hosts=["testserver"]), path="/docs")) == STRICT


def test_a_page_with_a_policy_of_its_own() -> None:
    app = FastAPI(docs_url=None)

    @app.get("/docs")
    def docs() -> HTMLResponse:
        page = get_swagger_ui_html(openapi_url="/openapi.json", title="", swagger_js_url="/static/swagger.js")
        page.headers["content-security-policy"] = "script-src 'self'"
        return page

    assert csp_of(request(secure(app, hosts=["testserver"]), path="/docs")) == "script-src 'self'"


def test_pages_under_the_preset_for_pages() -> None:
    app = secure(FastAPI(), hosts=["testserver"], headers=SecurityHeaders.web())
    assert_works_and_no_more(request(app, path="/docs"), "/docs")


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param([RequestID(), CORS()], id="no headers"),
        pytest.param([SecurityHeaders.api(content_security_policy=None)], id="no content security policy"),
    ],
)
def test_without_a_policy_none_is_added(policies: list[Any]) -> None:
    app = install(FastAPI(), *policies)
    assert request(app, path="/docs").values("content-security-policy") == []


def test_pages_are_rendered_once_however_many_paths_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rendered: list[str] = []
    render = pages._policy_at

    def counted(app: FastAPI, path: str, root_path: str) -> bytes:
        rendered.append(path)
        return render(app, path, root_path)

    monkeypatch.setattr(pages, "_policy_at", counted)
    app = FastAPI()

    @app.get("/items/{number}")
    def item(number: int) -> int:
        return number

    secure(app, hosts=["testserver"])
    for number in range(20):
        assert request(app, path=f"/items/{number}").status == 200
        assert request(app, path="/docs").status == 200
    assert rendered == ["/docs"]


@pytest.mark.parametrize("kind", ["/docs", "/redoc"])
def test_a_self_hosted_page_says_what_it_loads(kind: str) -> None:
    app = FastAPI(docs_url=None, redoc_url=None)
    pages = {
        "/docs": get_swagger_ui_html(
            openapi_url="/openapi.json", title="own", swagger_js_url="/ui.js", swagger_css_url="/ui.css"
        ),
        "/redoc": get_redoc_html(
            openapi_url="/openapi.json", title="own", redoc_js_url="/redoc.js", with_google_fonts=False
        ),
    }
    app.add_api_route(kind, lambda: docs_page(pages[kind]), response_class=HTMLResponse)
    answer = request(secure(app, hosts=["testserver"]), path=kind)
    csp = Csp(csp_of(answer))
    assert [item for item in loads(answer.body.decode()) if not csp.allows(*item)] == []
    assert [item for item in STRANGERS if csp.allows(*item)] == []
    assert "jsdelivr" not in csp_of(answer)
    assert "googleapis" not in csp_of(answer)
