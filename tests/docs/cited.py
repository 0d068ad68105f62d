"""Tests that a page names as evidence, in `text` blocks of lines such as `C1  tests/test_x.py::test_y`.

A line without a name in front belongs to the name above. A name is that of a row of a table on the same page. A test
may be named whole, or with the id of one of its cases.
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks, rows, text_of

COLLECTED: pytest.StashKey[frozenset[str]] = pytest.StashKey()
"""The ids of all tests of a run, also of those that its options leave out."""

NAME = re.compile(r"[A-Z]\d+(?:\.\d+)?")
_LINE = re.compile(rf"^(?P<name>{NAME.pattern})? +(?P<test>tests/\S+\.py::.+)$")


def cited(page: Path) -> list[tuple[str, str]]:
    """Return the names and tests of a page's blocks of evidence."""
    found: list[tuple[str, str]] = []
    for block in blocks(page):
        lines = block.text.splitlines()
        if block.language != "text" or "tests/" not in block.text:
            continue
        for line in lines:
            read = _LINE.match(line)
            assert read, f"{page.name}: {line!r} names no test"
            found.append((read["name"] or found[-1][0], read["test"]))
    return found


def named(page: Path) -> list[list[str]]:
    """Return the rows of a page's tables that begin with a name."""
    return [cells for cells in rows(text_of(page)) if NAME.fullmatch(cells[0])]


def missing(tests: Iterable[str], collected: frozenset[str]) -> list[str]:
    """Return what is no test, as pytest collects them.

    What this run did not collect, since it was asked for other files, is collected here.
    """
    wanted = {*tests}
    gone = wanted - _known(collected)
    files = sorted({test.partition("::")[0] for test in gone})
    there = [file for file in files if (ROOT / file).is_file()]
    if there:
        gone -= _known(frozenset(_collect(there)))
    return sorted(gone)


def _known(collected: frozenset[str]) -> set[str]:
    return {*collected, *(test.partition("[")[0] for test in collected)}


def _collect(files: list[str]) -> list[str]:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", *files]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own tests
    assert run.returncode == 0, run.stdout[-2000:]
    return run.stdout.splitlines()
