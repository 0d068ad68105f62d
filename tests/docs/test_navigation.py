"""Every page has its place in the navigation of the site, and in the same group on the front page."""

import re

import pytest

from tests.docs.pages import PAGES, ROOT, section

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
