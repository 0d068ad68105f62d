"""List the links that lead out of the repository, each with the pages that have it: nothing here fetches them.

python -m tests.docs.external
"""

import sys

from tests.docs.pages import PAGES, ROOT, links

_DOCUMENTS = [*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"))]


def external() -> dict[str, list[str]]:
    """Return every address, and the pages that link to it."""
    found: dict[str, list[str]] = {}
    for page in _DOCUMENTS:
        for link in dict.fromkeys(links(page)):
            if "://" in link:
                found.setdefault(link, []).append(page.relative_to(ROOT).as_posix())
    return found


if __name__ == "__main__":
    sys.stdout.writelines(f"{link}  {', '.join(pages)}\n" for link, pages in sorted(external().items()))
