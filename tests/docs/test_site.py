"""The documentation site: built without a warning, whole in its reference, and looked at in a browser.

It is served from below a path, as a site among others is, and opened from the disk.
"""

import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from docs.site.hooks import REFERENCE
from tests import browser
from tests.docs.pages import PAGES, ROOT, blocks
from tests.servers.harness import running

pytestmark = pytest.mark.site

_DESKTOP, _PHONE = 1280, 390
_IMPORT = re.compile(r"^from (asgisec[\w.]*) import (?:\(([^)]+)\)|(.+))$", re.MULTILINE)
_PREPARED = """
    addEventListener("error", event => fired(`error: ${event.message || event.target.src}`), true);
    addEventListener("unhandledrejection", event => fired(`rejected: ${event.reason}`));
    console.error = (...words) => fired(`console: ${words.join(" ")}`);
    addEventListener("DOMContentLoaded", () => {  // what is measured does not move
        document.head.insertAdjacentHTML("beforeend", "<style>* { transition: none !important }</style>");
    });
"""
_WIDER = """
    [...document.querySelectorAll("body *")]
        .filter(it => it.getBoundingClientRect().right > innerWidth + 1 && !it.closest(
            ".highlight, .md-typeset__scrollwrap, .md-sidebar, .md-search, .md-header, .md-top, .doc-signature"
        ))
        .slice(0, 3).map(it => it.outerHTML.slice(0, 90))
"""
_CHARTS = """
    [...document.querySelectorAll("article img")]
        .filter(it => getComputedStyle(it).display !== "none")
        .map(it => new URL(it.src).pathname)
"""
_SEARCH = """
    new Promise((found, lost) => {
        const field = document.querySelector("[data-md-component=search-query]");
        const results = document.querySelector("[data-md-component=search-result]");
        new MutationObserver(() => {
            const links = [...results.querySelectorAll("a")].map(link => new URL(link.href).pathname);
            if (links.length) found(links);
        }).observe(results, { childList: true, subtree: true });
        document.querySelector("[data-md-toggle=search]").click();
        field.focus();
        field.value = "slowapi";
        field.dispatchEvent(new Event("keyup"));
        field.dispatchEvent(new Event("input"));
    })
"""


def _build(tree: Path, place: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(place)]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)  # noqa: S603 - our own


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("site")
    done = _build(ROOT, place)
    assert done.returncode == 0, done.stdout + done.stderr
    return place


@pytest.fixture(scope="module")
def documented(built: Path) -> set[str]:
    """What the reference has an anchor for."""
    packed = (built / "objects.inv").read_bytes().split(b"\n", 4)[4]
    return {line.split(" ", 1)[0] for line in zlib.decompress(packed).decode().splitlines()}


@dataclass
class Visitor:
    """Somebody with a browser."""

    page: browser.Page
    origin: str

    def open(self, file: Path) -> None:
        """Open a page from the disk."""
        self.page.requests.clear()
        self.page.go(file.as_uri())

    def go_to(self, path: str) -> None:
        self.page.fired.clear()
        self.page.requests.clear()
        self.page.go(f"{self.origin}/asgisec/{path}")

    def foreign(self) -> list[str]:
        """What was asked of anybody else."""
        return [url for url in self.page.requests if not url.startswith((f"{self.origin}/", "data:"))]

    def complaints(self, path: str, width: int) -> list[str]:
        """What is wrong with the page that is open, on a screen of that width."""
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.page.call("Emulation.setDeviceMetricsOverride", **screen)
        self.page.evaluate("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        wrong = [*self.page.fired, *(f"asks {url}" for url in self.foreign())]
        wrong += [f"reaches out of the screen: {text}" for text in self.page.evaluate(_WIDER)]
        if self.page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append("scrolls sideways")
        if self.page.evaluate("document.querySelectorAll('article h1').length") != 1:
            wrong.append("has not one h1")
        return [f"{path} at {width}: {text}" for text in wrong]


@pytest.fixture(scope="module")
def visitor(built: Path) -> Iterator[Visitor]:
    site = Starlette(routes=[Mount("/asgisec", StaticFiles(directory=built, html=True))])
    with running("uvicorn-h11", {"site": site}) as servers, browser.page(browser.found()) as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=_PREPARED)
        yield Visitor(page, f"http://127.0.0.1:{servers.ports['site']}")


def test_what_leads_nowhere_stops_the_build(tmp_path: Path) -> None:
    broken = ("nowhere.md", "cors.md#nowhere", "#nowhere", "images/nowhere.svg", "../examples/nowhere.py")
    tree = tmp_path / "tree"
    for name in ("asgisec", "docs", "examples"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        shutil.copy(ROOT / name, tree)
    with (tree / "docs" / "https-only.md").open("a") as page:
        page.writelines(f"\n![broken]({link})\n" for link in broken)
    (tree / "docs" / "lost.md").write_text("# A page in no group\n")
    done = _build(tree, tmp_path / "site")
    said = done.stdout + done.stderr
    assert done.returncode == 1
    assert [link for link in broken if f"'{link.removeprefix('../')}'" not in said] == []
    assert "lost.md" in said
    assert f"Aborted with {len(broken) + 1} warnings in strict mode!" in said


@pytest.mark.parametrize("module", [name for name in REFERENCE if name != "asgisec.policies"])
def test_every_public_name_is_in_the_reference(module: str, documented: set[str]) -> None:
    assert {f"{module}.{name}" for name in import_module(module).__all__} <= documented


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_imports_is_in_the_reference(page: Path, documented: set[str]) -> None:
    imported = {
        f"{module}.{name.strip().partition(' ')[0]}"
        for block in blocks(page)
        for module, several, some in _IMPORT.findall(block.text)
        for name in (several or some).split(",")
        if name.strip()
    }
    assert imported <= documented


def test_every_page_is_sound_on_a_desk_and_on_a_phone(built: Path, visitor: Visitor) -> None:
    # What is shown for a page that is not there has no place below a path.
    paths = sorted({path.relative_to(built).as_posix() for path in built.rglob("*.html")} - {"404.html"})
    complaints = []
    for path in paths:
        visitor.go_to(path)
        complaints += [complaint for width in (_DESKTOP, _PHONE) for complaint in visitor.complaints(path, width)]
    assert len(paths) > len(PAGES)
    assert complaints == []


def test_the_search_needs_nobody_else(visitor: Visitor) -> None:
    visitor.go_to("index.html")
    assert "/asgisec/moving-from-slowapi.html" in visitor.page.evaluate(_SEARCH)
    assert visitor.foreign() == []


def test_the_search_works_from_a_disk(built: Path, visitor: Visitor) -> None:
    visitor.open(built / "reference" / "asgisec.html")
    assert (built / "moving-from-slowapi.html").as_uri().removeprefix("file://") in visitor.page.evaluate(_SEARCH)
    assert [url for url in visitor.page.requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_charts_have_the_colours_of_the_theme(scheme: str, built: Path, visitor: Visitor) -> None:
    visitor.page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    with_charts = [path for path in sorted(built.glob("*.html")) if "#only-dark" in path.read_text("utf-8")]
    assert with_charts
    for path in with_charts:
        visitor.go_to(path.name)
        shown = visitor.page.evaluate(_CHARTS)
        assert shown
        assert {name.rpartition("-")[2] for name in shown} == {f"{scheme}.svg"}
