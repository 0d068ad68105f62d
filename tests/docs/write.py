"""Write into the pages what the code does now: the answers shown, and the tables that follow from the code.

python -m tests.docs.write
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench import pages as figures
from tests.docs import tables
from tests.docs.pages import PAGES, ROOT, rows, section, shown_answer, stories, tell, text_of

DOCS = ROOT / "docs"


def write_answers(page: Path) -> None:
    text = text_of(page)
    told = [
        (block, answer)
        for story in stories(page)
        if any(block.language == "http" for block in story.blocks)
        for block, answer in tell(story)
    ]
    for block, answer in reversed(told):
        if answer != shown_answer(block):
            request = block.text.partition("\n\n")[0]
            text = f"{text[: block.start]}{request}\n\n{answer}{text[block.start + len(block.text) :]}"
    page.write_text(text, "utf-8")


def write_table(page: Path, first: list[str], wanted: Iterable[list[str]]) -> None:
    """Put rows in the place of the table whose first row begins with these cells."""
    lines = page.read_text("utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(f"| {first[0]} |"))
    end = next(n for n in range(start, len(lines)) if not lines[n].startswith("|"))
    lines[start:end] = [_row(cells) for cells in wanted]
    page.write_text("\n".join(lines) + "\n", "utf-8")


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def write_pages() -> None:
    """Write the answers into all pages; one that configures its process gets a process."""
    for page in PAGES:
        if any(story.alone for story in stories(page)):
            run = [sys.executable, "-m", "tests.docs.write", page.name]
            subprocess.run(run, check=True, cwd=ROOT)  # noqa: S603 - this very module
        else:
            write_answers(page)


if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent))
    if sys.argv[1:]:
        os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
        write_answers(DOCS / sys.argv[1])
        sys.exit()
    write_pages()
    text_of.cache_clear()
    wrong = rows(section(DOCS / "errors.md", "Wrong configuration"))
    kinds = rows(section(DOCS / "errors.md", "Refusals"))
    write_table(DOCS / "errors.md", wrong[0], [tables.message(code) for code, _ in wrong])
    write_table(DOCS / "errors.md", kinds[0], tables.refusals())
    write_table(DOCS / "order.md", rows(section(DOCS / "order.md", "The order of policies"))[0], tables.order())
    noticed = rows(section(DOCS / "security-model.md", "Whether the tests notice"))
    write_table(DOCS / "security-model.md", noticed[0], tables.mutants())
    figures.write()
