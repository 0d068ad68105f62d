"""The page of figures is what the last run of the benchmarks kept, and says why where a goal was missed."""

import json
from typing import Any

import pytest

from bench import charts, pages
from tests.docs.pages import ROOT, text_of

GROUP: dict[str, Any] = {
    "name": "A group",
    "unit": "µs per call",
    "us": [
        {"variant": "ours", "case": "one", "median": 1.234, "quartiles": [1, 2]},
        {"variant": "theirs", "case": "one", "median": 12345.6, "quartiles": [1, 2]},
    ],
    "ratios": [
        {"of": "ours", "to": "theirs", "case": "one", "ratio": 0.5, "at_most": 0.25, "met": False},
        {"of": "ours", "to": "nobody", "case": "one", "ratio": 2.0, "at_most": None, "met": None},
    ],
}
MACHINE = {"processor": "P", "cores": 2, "system": "S", "python": "CPython 3", "versions": {"asgisec": "1"}}


def test_the_page_is_of_the_figures_that_are_kept() -> None:
    assert pages.written(text_of(pages.PAGE), pages.kept()) == text_of(pages.PAGE), "run python -m tests.docs.write"


def test_every_part_has_its_place() -> None:
    text = text_of(pages.PAGE)
    for part in pages.kept():
        assert f"<!-- figures: {part} -->" in text


def test_a_group_is_a_table() -> None:
    page = "before\n<!-- figures: part -->\nold\n<!-- end of figures -->\nafter"
    assert pages.written(page, {"part": {"groups": [GROUP]}}).splitlines() == [
        "before",
        "<!-- figures: part -->",
        "",
        "**A group**",
        "",
        "| µs per call | one |",
        "| --- | ---: |",
        "| ours | 1.23 |",
        "| theirs | 12,346 |",
        "| *part of theirs, at most 0.25* | *0.5, missed* |",
        "| *part of nobody* | *2* |",
        "",
        "<!-- end of figures -->",
        "after",
    ]


@pytest.mark.parametrize(
    ("part", "results", "said"),
    [
        pytest.param("whole", {}, "It was left out of the last run.", id="left out"),
        pytest.param("machine", {"a": {"machine": MACHINE, "groups": []}}, "- P, 2 cores, S, CPython 3", id="machine"),
        pytest.param("missed", {"a": {"groups": []}}, "None.", id="nothing missed"),
        pytest.param("missed", {"a": {"groups": [GROUP]}}, "| A group: one | theirs | 0.5 | 0.25 |", id="missed"),
        pytest.param("missed", {"a": {"groups": [GROUP]}}, "- `a`: It was not missed before", id="for the first time"),
        pytest.param("missed", {"one_pass": {"groups": [GROUP]}}, "- `one_pass`: A policy alone", id="with a reason"),
    ],
)
def test_what_stands_in_a_place(part: str, results: dict[str, Any], said: str) -> None:
    page = f"<!-- figures: {part} -->\n<!-- end of figures -->"
    assert said in pages.written(page, results)


def test_charts_are_drawn_of_what_was_measured() -> None:
    for name, (part, chart) in charts.CHARTS.items():
        path = ROOT / "bench" / "results" / f"{part}.json"
        drawn = chart(json.loads(path.read_text("utf-8")))
        assert all(panel.bars for panel in drawn.panels)
        assert f"images/{name}-light.svg" in text_of(pages.PAGE)
