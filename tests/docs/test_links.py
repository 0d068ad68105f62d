"""Every link inside the repository leads somewhere."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docs.external import external
from tests.docs.pages import PAGES, ROOT, anchors, links

_DOCUMENTS = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]
_INTERNAL = [
    pytest.param(page, link, id=f"{page.name}-{link}")
    for page in _DOCUMENTS
    for link in dict.fromkeys(links(page))
    if "://" not in link
]


@pytest.mark.parametrize(("page", "link"), _INTERNAL)
def test_a_link_leads_to_a_file_and_a_heading(page: Path, link: str) -> None:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    assert target.is_relative_to(ROOT)
    assert target.exists(), link
    if anchor:
        assert anchor in anchors(target), link


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent != ROOT], ids=lambda page: page.name)
def test_every_page_is_reached_from_the_index(page: Path) -> None:
    assert page.name == "index.md" or page.name in links(ROOT / "docs" / "index.md")


@pytest.mark.parametrize("link", sorted(external()))
def test_a_link_elsewhere_is_well_formed(link: str) -> None:
    parts = urlsplit(link)
    assert parts.scheme == "https"
    assert parts.hostname
    assert "." in parts.hostname
