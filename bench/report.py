"""The figures of a run: as a table for the terminal, and as JSON to keep.

JSON holds machine and versions too: a figure without them says nothing.
"""

import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench.calls import Against, CallOutcome
from bench.harness import Goal, Outcome
from bench.imports import AT_MOST, ImportTime

__all__ = ["as_json", "calls_as_json", "calls_table", "imports_line", "machine", "table"]

PEERS = ("starlette", "asgi-correlation-id", "fastapi-security-headers", "secure")


def table(outcome: Outcome) -> str:
    """Lay out one group: added µs per variant and request, then each goal with what became of it."""
    requests = [request.name for request in outcome.group.requests]
    names = [variant.name for variant in outcome.group.variants]
    goals = {_goal(ratio.goal) for ratio in outcome.ratios}
    width = max(map(len, (*names, *goals, "bare application, not added")))
    lines = [outcome.group.name, "", _row("added µs per request", requests, width)]
    lines.append(_row("bare application, not added", [f"{outcome.bare[request]:.2f}" for request in requests], width))
    lines += [_row(name, [f"{outcome.added(name, request):.2f}" for request in requests], width) for name in names]
    for goal in outcome.group.goals:
        found = [ratio for ratio in outcome.ratios if ratio.goal == goal]
        cells = [f"{ratio.value:.3g} {'met' if ratio.met else 'MISSED'}" for ratio in found]
        lines.append(_row(_goal(goal), cells, width))
    return "\n".join(lines) + "\n"


def calls_table(outcome: CallOutcome) -> str:
    """Lay out one group of calls: µs per variant and case, then what ours is of each other."""
    cases, names = [*outcome.group.cases], outcome.group.variants
    titles = {against: _comparison(against) for against in outcome.group.against}
    width = max(map(len, (*names, *titles.values())))
    lines = [outcome.group.name, "", _row(outcome.group.unit, cases, width)]
    taken = {name: [figure.taken for figure in outcome.figures if figure.variant == name] for name in names}
    lines += [_row(name, [f"{value:.2f}" for value in values], width) for name, values in taken.items()]
    for against, title in titles.items():
        found = [ratio for ratio in outcome.ratios if ratio.against == against]
        verdicts = ["" if against.at_most is None else " MISSED" if ratio.missed else " met" for ratio in found]
        cells = [f"{ratio.value:.3g}{verdict}" for ratio, verdict in zip(found, verdicts, strict=True)]
        lines.append(_row(title, cells, width))
    return "\n".join(lines) + "\n"


def imports_line(imports: ImportTime) -> str:
    """Lay out the import times."""
    verdict = "met" if imports.met else "MISSED"
    return (
        f"import asgisec {imports.asgisec:.1f} ms, starlette.responses {imports.starlette:.1f} ms: "
        f"{imports.ratio:.2f}, at most {AT_MOST} {verdict}"
    )


def as_json(outcomes: Iterable[Outcome], imports: ImportTime | None) -> str:
    """Return all figures of a run as a JSON document."""
    document: dict[str, Any] = {"machine": machine(), "groups": [_group(outcome) for outcome in outcomes]}
    if imports is not None:
        document["imports"] = {
            "asgisec_ms": round(imports.asgisec, 2),
            "starlette_responses_ms": round(imports.starlette, 2),
            "ratio": round(imports.ratio, 3),
            "at_most": AT_MOST,
            "met": imports.met,
            "runs": imports.runs,
        }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def calls_as_json(outcomes: Iterable[CallOutcome], peers: Sequence[str]) -> str:
    """Return all figures of the groups of calls as a JSON document."""
    document = {"machine": machine(peers), "groups": [_call_group(outcome) for outcome in outcomes]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def machine(peers: Sequence[str] = PEERS) -> dict[str, Any]:
    """Describe where the figures come from."""
    versions = {package: _version(package) for package in ("asgisec", *peers)}
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": versions,
    }


def _group(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.group.name,
        "rounds": outcome.rounds,
        "bare_us": {request: round(value, 3) for request, value in outcome.bare.items()},
        "added_us": [
            {
                "variant": figure.variant,
                "request": figure.request,
                "median": round(figure.added, 3),
                "quartiles": [round(figure.low, 3), round(figure.high, 3)],
            }
            for figure in outcome.figures
        ],
        "goals": [
            {
                "of": ratio.goal.of,
                "to": ratio.goal.to,
                "request": ratio.request,
                "ratio": round(ratio.value, 4),
                "at_most": round(ratio.goal.at_most, 4),
                "met": ratio.met,
            }
            for ratio in outcome.ratios
        ],
    }


def _call_group(outcome: CallOutcome) -> dict[str, Any]:
    return {
        "name": outcome.group.name,
        "rounds": outcome.rounds,
        "unit": outcome.group.unit,
        "us": [
            {
                "variant": figure.variant,
                "case": figure.case,
                "median": round(figure.taken, 3),
                "quartiles": [round(figure.low, 3), round(figure.high, 3)],
            }
            for figure in outcome.figures
        ],
        "ratios": [
            {
                "of": outcome.group.variants[0],
                "to": ratio.against.to,
                "case": ratio.case,
                "ratio": round(ratio.value, 4),
                "at_most": ratio.against.at_most,
                "met": None if ratio.against.at_most is None else not ratio.missed,
            }
            for ratio in outcome.ratios
        ],
    }


def _comparison(against: Against) -> str:
    return f"  ratio to {against.to}" + ("" if against.at_most is None else f", at most {against.at_most:.3g}")


def _goal(goal: Goal) -> str:
    return f"  ratio to {goal.to}, at most {goal.at_most:.3g}"


def _row(name: str, cells: Sequence[str], width: int) -> str:
    return f"  {name:{width}}" + "".join(f"{cell:>16}" for cell in cells)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # run from a checkout
        return "not installed"


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
