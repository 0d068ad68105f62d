"""Every page has its place in the navigation of the site and on the front page, and links to what the site has."""

import re
from pathlib import Path

import pytest

from docs.site.hooks import PLACES
from tests.docs.pages import PAGES, ROOT, links, section

_INDEX = ROOT / "docs" / "index.md"
_GROUP = re.compile(r"^  - (.+):\n((?: {6}.+\n)+)", re.MULTILINE)
_NAMED = re.compile(r"^ {6}- (?:.+: )?([\w-]+\.md)$", re.MULTILINE)


def _groups() -> dict[str, list[str]]:
    _, _, navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")
    return {name: _NAMED.findall(pages) for name, pages in _GROUP.findall(navigation)}


@pytest.mark.parametrize("page", [page.name for page in PAGES if page.parent != ROOT])
def test_a_page_is_in_one_group(page: str) -> None:
    groups = [name for name, pages in _groups().items() if page in pages]
    assert len(groups) == 1, f"name {page} in one group of `nav` in mkdocs.yml"
    assert page == "index.md" or f"({page})" in section(_INDEX, groups[0]), (
        f"say what {page} is for in the table below `{groups[0]}` in docs/index.md"
    )


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != ROOT], ids=lambda page: page.name)
def test_a_page_links_to_what_the_site_has(page: Path) -> None:
    targets = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
    outside = {path.relative_to(ROOT).as_posix() for path in targets if not path.is_relative_to(ROOT / "docs")}
    missing = outside - PLACES.keys()
    assert not missing, (
        f"the site has no page for {missing}: name it without a link, or make it one in docs/site/hooks.py"
    )
