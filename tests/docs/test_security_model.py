"""Every threat on the security pages has tests that show the answer, and every test that is named there is one."""

import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.cited import COLLECTED, NAME, cited, missing, named
from tests.docs.pages import ROOT, rows, section

MODEL = ROOT / "docs" / "security-model.md"
STRIDE = {*"STRIDE"}

_MENTIONED = re.compile(r"\b[CAKSIPOL]\d+\b")


def names_of(page: Path) -> list[str]:
    return [cells[0] for cells in named(page)]


def test_every_test_that_is_named_is_one(pytestconfig: pytest.Config) -> None:
    tests = [test for _, test in cited(MODEL)]
    assert missing(tests, pytestconfig.stash[COLLECTED]) == []


def test_what_is_gone_is_missed_and_what_was_not_asked_for_is_found() -> None:
    there = "tests/wire/test_basic.py::test_credentials"
    gone = ["tests/test_no_such_file.py::test_x", f"{there}[no such case]", f"{there}_and_more"]
    assert missing([there, *gone], frozenset()) == gone


def test_every_row_has_its_tests() -> None:
    shown = cited(MODEL)
    assert [name for name, times in Counter(shown).items() if times > 1] == [], "named twice in one row"
    # In the order of the rows, so that both are read side by side.
    assert list(dict.fromkeys(name for name, _ in shown)) == names_of(MODEL)


def test_every_threat_is_of_a_kind() -> None:
    kinds = {cells[0]: cells[1] for cells in named(MODEL) if cells[0][0] in "CAKSIPOL"}
    assert {*kinds.values()} == STRIDE
    assert all(kind in STRIDE for kind in kinds.values())


def test_the_top_ten_name_rows_that_there_are() -> None:
    table = rows(section(MODEL, "OWASP API Security Top 10 (2023)"))
    assert [cells[0].split()[0] for cells in table] == [f"API{number}" for number in range(1, 11)]
    mentioned = {name for cells in table for name in _MENTIONED.findall(cells[1])}
    assert mentioned <= {*names_of(MODEL)}
    assert all(NAME.fullmatch(name) for name in mentioned)
