"""Every page has its place in the navigation of the site."""

import re

import pytest

from tests.docs.pages import PAGES, ROOT

_NAMED = re.compile(r"^ {6}- (?:.+: )?([\w-]+\.md)$", re.MULTILINE)


@pytest.mark.parametrize("page", [page.name for page in PAGES if page.parent != ROOT])
def test_a_page_is_in_one_group(page: str) -> None:
    _, _, navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")
    assert _NAMED.findall(navigation).count(page) == 1, f"name {page} in one group of `nav` in mkdocs.yml"
