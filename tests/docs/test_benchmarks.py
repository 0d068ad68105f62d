"""The page of figures is what the last run of the benchmarks kept, and says why where a goal was missed."""

import json
from pathlib import Path
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

TREND = {"held_bytes": 4 * 2**20, "bytes_per_minute": 2048, "judged": True, "flat": True}
SOAK: dict[str, Any] = {
    "requests": 1000,
    "seconds": 300.2,
    "requests_per_second": 3,
    "load": "wrk",
    "done": dict.fromkeys(("distinct clients", "sessions", "refreshes", "WebSockets", "hang-ups", "uses of a key"), 7),
    "statuses": {"200": 900, "401": 100},
    "events": 100,
    "server": TREND,
    "valkey": {**TREND, "flat": False},
    "before_and_after": {"tasks": [3, 4]},
    "wrong": ["a task is left"],
    "cpu_us_per_request": {"server": 500.0, "valkey": 100.0},
    "samples": [[0, 1, 99_000, 99], [100, 1, 2000, 20], [200, 1, 4000, 40]],
}


@pytest.mark.parametrize("page", [pages.PAGE, pages.SCALING], ids=lambda page: page.name)
def test_a_page_is_of_the_figures_that_are_kept(page: Path) -> None:
    assert pages.written(text_of(page), pages.kept()) == text_of(page), "run python -m tests.docs.write"


def test_every_part_has_its_place() -> None:
    text = text_of(pages.PAGE) + text_of(pages.SCALING)
    measured = [part for part, figures in pages.kept().items() if "groups" in figures]
    for part in [*measured, "soak", "sizing"]:
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
        pytest.param("soak", {}, "It was left out of the last run.", id="no soak"),
        pytest.param(
            "soak", {"soak": SOAK}, "| memory of the server's process | 4.0 MiB, +2 KiB a minute: flat |", id="flat"
        ),
        pytest.param("soak", {"soak": SOAK}, "| data on Valkey | 4.0 MiB, +2 KiB a minute: **grows** |", id="grows"),
        pytest.param("soak", {"soak": SOAK}, "| tasks, before and after | 3, 4 |", id="what is left"),
        pytest.param("soak", {"soak": SOAK}, "| **wrong** | a task is left |", id="what is wrong"),
        pytest.param("sizing", {"soak": SOAK}, "about 10,000 such requests a second, and 5 workers.", id="workers"),
        pytest.param(
            "sizing", {"soak": SOAK}, "At most 40 keys were on Valkey while it ran, of 100 bytes each.", id="keys"
        ),
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
