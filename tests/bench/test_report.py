"""Tables, JSON and charts of a run, from figures that are made up."""

import json
from xml.etree import ElementTree as ET

import pytest

from bench.calls import Against, CallFigure, CallGroup, CallOutcome, CallRatio
from bench.chart import DARK, LIGHT, Bar, Chart, Panel, Theme, draw
from bench.harness import Figure, Goal, Group, Outcome, Ratio, Request, Variant
from bench.imports import ImportTime, time_imports
from bench.report import as_json, calls_as_json, calls_table, imports_line, table
from tests.asgi import answering, scope_of

GOALS = [Goal("ours", "theirs", 0.5), Goal("ours", "theirs", 0.1)]
GROUP = Group(
    "A group",
    answering(),
    [Request("plain", scope_of())],
    [Variant("ours", answering()), Variant("theirs", answering())],
    GOALS,
)
OUTCOME = Outcome(
    GROUP,
    10,
    {"plain": 0.5},
    [Figure("ours", "plain", 1.25, 1.2, 1.3), Figure("theirs", "plain", 5.0, 4.9, 5.1)],
    [Ratio(goal, "plain", 0.25) for goal in GOALS],
)


def test_table() -> None:
    assert [line.split() for line in table(OUTCOME).splitlines() if line] == [
        ["A", "group"],
        ["added", "µs", "per", "request", "plain"],
        ["bare", "application,", "not", "added", "0.50"],
        ["ours", "1.25"],
        ["theirs", "5.00"],
        ["ratio", "to", "theirs,", "at", "most", "0.5", "0.25", "met"],
        ["ratio", "to", "theirs,", "at", "most", "0.1", "0.25", "MISSED"],
    ]


def test_json() -> None:
    document = json.loads(as_json([OUTCOME], ImportTime(13.0, 10.0, 5)))
    assert {"processor", "cores", "system", "python", "versions"} == set(document["machine"])
    (group,) = document["groups"]
    assert group["added_us"][0] == {"variant": "ours", "request": "plain", "median": 1.25, "quartiles": [1.2, 1.3]}
    assert [goal["met"] for goal in group["goals"]] == [True, False]
    assert document["imports"]["ratio"] == 1.3


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [pytest.param(13.0, "met", id="just-met"), pytest.param(13.1, "MISSED", id="missed")],
)
def test_imports_line(ours: float, verdict: str) -> None:
    assert imports_line(ImportTime(ours, 10.0, 5)).endswith(verdict)


def test_imports_are_timed_in_fresh_interpreters() -> None:
    imports = time_imports(1)
    assert imports.asgisec > 0
    assert imports.starlette > 0


CHART = Chart(
    "Title & more",
    "subtitle",
    [Panel("panel <1>", [Bar("ours", 2.0, ours=True), Bar("theirs", 4.0), Bar("far away", 400.0)], cut=4.0)],
    "foot",
)


@pytest.mark.parametrize("theme", [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")])
def test_chart(theme: Theme) -> None:
    root = ET.fromstring(draw(CHART, theme))  # noqa: S314 - our own
    svg = "{http://www.w3.org/2000/svg}"
    texts = [text.text for text in root.iter(f"{svg}text")]
    assert texts[0] == "Title & more"
    assert {"panel <1>", "2.0 µs", "4.0 µs", "400 µs", "foot"} <= {*texts}
    background, *bars = root.iter(f"{svg}rect")
    assert background.get("fill") == theme.background
    assert [bar.get("fill") for bar in bars] == [theme.ours, theme.other, theme.other]
    ours, theirs, cut = (float(bar.get("width", "0")) for bar in bars)
    assert theirs == pytest.approx(2 * ours, rel=0.01)
    assert cut > theirs
    assert ours + theirs + cut < 3 * float(root.get("width", "0"))


@pytest.mark.parametrize("theme", [pytest.param(LIGHT, id="light"), pytest.param(DARK, id="dark")])
def test_text_can_be_read_on_the_background(theme: Theme) -> None:
    assert min(_contrast(colour, theme.background) for colour in (theme.text, theme.muted)) >= 4.5
    assert _contrast(theme.ours, theme.background) >= 3


def _contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio" and "relative luminance"."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


CALLS = CallGroup("Calls", {"short": {"ours": str, "theirs": str}}, [Against("theirs", 1.1), Against("theirs")])


def made_up(ratio: float) -> CallOutcome:
    figures = [CallFigure("ours", "short", 2.5, 2.4, 2.6), CallFigure("theirs", "short", 2.0, 1.9, 2.1)]
    return CallOutcome(CALLS, 10, figures, [CallRatio(against, "short", ratio) for against in CALLS.against])


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [pytest.param(1.1, "met", id="just met"), pytest.param(1.2, "MISSED", id="missed")],
)
def test_table_of_calls(ratio: float, verdict: str) -> None:
    assert [line.split() for line in calls_table(made_up(ratio)).splitlines() if line] == [
        ["Calls"],
        ["µs", "per", "call", "short"],
        ["ours", "2.50"],
        ["theirs", "2.00"],
        ["ratio", "to", "theirs,", "at", "most", "1.1", str(ratio), verdict],
        ["ratio", "to", "theirs", str(ratio)],
    ]


def test_json_of_calls() -> None:
    document = json.loads(calls_as_json([made_up(1.25)], ["nh3", "bleach", "pydantic"]))
    assert set(document["machine"]["versions"]) == {"asgisec", "bleach", "nh3", "pydantic"}
    (group,) = document["groups"]
    assert group["us"][1] == {"variant": "theirs", "case": "short", "median": 2.0, "quartiles": [1.9, 2.1]}
    first = {"of": "ours", "to": "theirs", "case": "short", "ratio": 1.25}
    assert group["ratios"] == [{**first, "at_most": 1.1, "met": False}, {**first, "at_most": None, "met": None}]
