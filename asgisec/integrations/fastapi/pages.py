"""FastAPI's documentation pages, which keep working under a strict content security policy."""

from base64 import b64encode
from collections.abc import Iterator
from functools import cached_property, lru_cache
from hashlib import sha256
from html.parser import HTMLParser
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html, get_swagger_ui_oauth2_redirect_html
from fastapi.responses import HTMLResponse
from starlette.routing import Mount

from asgisec._exempt import path_below_root
from asgisec._wire.headers import Pair
from asgisec.integrations._check import around, routes_of
from asgisec.policy import Exchange, Policy

__all__ = ["DocsPages", "docs_page"]

_CSP = b"content-security-policy"


class DocsPages(Policy):
    """Give FastAPI's own documentation pages a content security policy that names exactly what they load.

    Scripts are named by address or by hash, so nothing else runs. Styles may be inline: Swagger UI and ReDoc write
    them. A page that the application serves in their place sets its own header, which wins: see `docs_page`.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        # What the pages contain depends on the path under which the application is mounted, and on nothing a client
        # sends. An application is reached under few.
        self._policy_of = lru_cache(maxsize=64)(_policy_at)

    @cached_property
    def _pages(self) -> dict[str, tuple[FastAPI, str, str]]:
        """The pages, those of mounted applications too, by path: whose, where that is mounted, its path there."""
        return {prefix + page: (app, prefix, page) for app, prefix in _mounted(self._app) for page in _pages_of(app)}

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        """Name what the page loads, if this is one and it does not say so itself."""
        if _CSP in exchange.names or exchange.status != 200:  # noqa: PLR2004
            return
        found = self._pages.get(path_below_root(exchange.scope))
        if found is not None:
            app, prefix, page = found
            root_path = exchange.scope.get("root_path", "").rstrip("/") + prefix
            headers.append((_CSP, self._policy_of(app, page, root_path)))


def _mounted(app: FastAPI) -> Iterator[tuple[FastAPI, str]]:
    """Yield an application and those mounted in it, each with its prefix; not those whose prefix varies."""
    found: set[int] = set()
    waiting: list[tuple[object, str]] = [(app, "")]
    while waiting:
        one, prefix = waiting.pop()
        if id(one) in found:
            continue
        found.add(id(one))
        if isinstance(one, FastAPI):
            yield one, prefix
        mounts = [route for route in routes_of(one) if isinstance(route, Mount) and "{" not in route.path]
        waiting += [(inside, prefix + mount.path) for mount in mounts for inside in around(mount.app)]


def _pages_of(app: FastAPI) -> list[str]:
    pages = (app.docs_url, app.docs_url and app.swagger_ui_oauth2_redirect_url, app.redoc_url)
    # Without a description FastAPI has no such pages, whatever their addresses are.
    return [page for page in pages if page and app.openapi_url]


def _policy_at(app: FastAPI, path: str, root_path: str) -> bytes:
    openapi_url = f"{root_path}{app.openapi_url}"
    redirect_url = app.swagger_ui_oauth2_redirect_url
    if path == app.docs_url:
        page = get_swagger_ui_html(
            openapi_url=openapi_url,
            title=f"{app.title} - Swagger UI",
            oauth2_redirect_url=root_path + redirect_url if redirect_url else None,
            init_oauth=app.swagger_ui_init_oauth,
            swagger_ui_parameters=app.swagger_ui_parameters,
        )
        return _policy_of(page)
    if path == app.redoc_url:
        return _policy_of(get_redoc_html(openapi_url=openapi_url, title=f"{app.title} - ReDoc"))
    return _policy_of(get_swagger_ui_oauth2_redirect_html())


def docs_page(page: HTMLResponse) -> HTMLResponse:
    """Give a documentation page of the application's own the content security policy it needs, and return it.

    For pages that load Swagger UI or ReDoc from the application itself:

        @app.get("/docs", include_in_schema=False)
        def docs() -> HTMLResponse:
            return docs_page(get_swagger_ui_html(openapi_url="/openapi.json", title="API", swagger_js_url="/ui.js"))
    """
    page.headers[_CSP.decode()] = _policy_of(page).decode()
    return page


def _policy_of(page: HTMLResponse) -> bytes:
    html = bytes(page.body).decode()
    loads = _Loads()
    loads.feed(html)
    loads.close()
    more: dict[str, list[str]] = {}
    if "SwaggerUIBundle" in html:
        more = {"img-src": ["data:"]}
    elif "<redoc" in html:
        more = {"img-src": ["data:", "https://cdn.redoc.ly"], "worker-src": ["blob:"]}
    if "https://fonts.googleapis.com/" in html:
        more["font-src"] = ["https://fonts.gstatic.com"]
    return loads.policy(more)


class _Loads(HTMLParser):
    """Reads from a page what it loads and which scripts stand in it."""

    def __init__(self) -> None:
        super().__init__()
        self._sources: dict[str, list[str]] = {"script-src": [], "style-src": ["'unsafe-inline'"], "img-src": []}
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self._in_script = tag == "script" and "src" not in values
        if tag == "script" and "src" in values:
            self._add("script-src", values["src"])
        elif tag == "link" and "stylesheet" in values.get("rel", ""):
            self._add("style-src", values["href"])
        elif tag == "link" and "icon" in values.get("rel", ""):
            self._add("img-src", values["href"])

    def handle_data(self, data: str) -> None:
        if self._in_script:
            digest = b64encode(sha256(data.encode()).digest()).decode()
            self._sources["script-src"].append(f"'sha256-{digest}'")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def _add(self, directive: str, url: str) -> None:
        parts = urlsplit(url)
        source = f"{parts.scheme or 'https'}://{parts.netloc}{parts.path}" if parts.netloc else "'self'"
        self._sources[directive].append(source.replace(";", "%3B").replace(",", "%2C"))

    def policy(self, more: dict[str, list[str]]) -> bytes:
        sources = {"default-src": ["'none'"], **self._sources, "connect-src": ["'self'"], "form-action": ["'self'"]}
        for directive, extra in more.items():
            sources[directive] = [*sources.get(directive, []), *extra]
        sources |= {"base-uri": ["'none'"], "frame-ancestors": ["'none'"]}
        nothing = ["'none'"]
        return "; ".join(
            " ".join([name, *(dict.fromkeys(listed) or nothing)]) for name, listed in sources.items()
        ).encode()
