"""The page on the verification standard has every section, names requirements rightly, and shows what is done."""

import re

import pytest

from tests.docs.asvs import SECTIONS, level
from tests.docs.cited import COLLECTED, cited, missing, named
from tests.docs.pages import ROOT

ASVS = ROOT / "docs" / "asvs.md"

_REQUIREMENT = re.compile(r"\b(\d+\.\d+\.\d+) \(L(\d)\)")
_VERDICT = re.compile(r"(covered|partly|left): ")


def verdict(cells: list[str]) -> str:
    said = _VERDICT.match(cells[2])
    assert said, f"{cells[0]}: begin with covered, partly or left"
    return said[1]


def test_every_section_is_there_once() -> None:
    assert [cells[0] for cells in named(ASVS)] == [*SECTIONS]


@pytest.mark.parametrize("cells", named(ASVS), ids=lambda cells: cells[0])
def test_requirements_are_those_of_the_section(cells: list[str]) -> None:
    found = _REQUIREMENT.findall(cells[2])
    assert len(found) == len(re.findall(r"\d+\.\d+\.\d+", cells[2])), "name each with its level"
    assert all(number.startswith(f"{cells[0][1:]}.") for number, _ in found)
    assert [(number, int(said)) for number, said in found] == [(number, level(number)) for number, _ in found]
    if verdict(cells) == "covered":
        assert len(found) == len(SECTIONS[cells[0]]), "what is covered is named whole"


def test_what_is_done_is_shown_and_what_is_left_is_not() -> None:
    done = [cells[0] for cells in named(ASVS) if verdict(cells) != "left"]
    assert list(dict.fromkeys(name for name, _ in cited(ASVS))) == done
    assert all(_REQUIREMENT.search(cells[2]) for cells in named(ASVS) if verdict(cells) != "left")


def test_every_test_that_is_named_is_one(pytestconfig: pytest.Config) -> None:
    assert missing([test for _, test in cited(ASVS)], pytestconfig.stash[COLLECTED]) == []
