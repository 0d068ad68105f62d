"""Write the figures of a run into the documentation: `python -m bench.pages`.

`docs/benchmarks.md` and `docs/scaling.md` have a place for each part, between `<!-- figures: part -->` and
`<!-- end of figures -->`. What stands there comes from `bench/results` alone. The last place of the former is for goals
that were missed, with what is known of why.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.charts import draw_charts
from bench.scale.told import sized, soaked

__all__ = ["PAGE", "REASONS", "SCALING", "kept", "missed", "write", "written"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
SCALING = ROOT / "docs" / "scaling.md"
RESULTS = ROOT / "bench" / "results"
IMAGES = ROOT / "docs" / "images"

_PLACE = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)

# What is left of a part's goals where they are missed, after it was looked for.
REASONS = {
    "auth": "Without revocation the verifier is one look into a dictionary, and the frame of the policy costs as much.",
    "fastapi": "Most of both sides is FastAPI's own: see the route without a guard.",
    "limited_routes": "Counting in memory is little work on both sides; ours also tells of every limit.",
    "more_policies": "Counting in memory is little work on both sides; ours also tells of every limit.",
    "one_pass": "A policy alone pays for the pass: an exchange, a copy of the scope, the look for repeated headers, "
    "and the answer to what goes wrong inside. Policies beside it share that.",
    "rate_limits": "The server's own time for the script is in both sides; with many keys, that of the caches.",
    "tokens": "Beside the signature there are two documents of strict JSON, and ten claims that are checked and kept.",
    "whole": "What is left is FastAPI's machinery for a dependency, two looks into Valkey, and the pass.",
}
_SOAK = {"soak": soaked, "sizing": sized}
_OTHERS = frozenset({"compare"})  # answers, and no figures: they have a page of their own
_UNKNOWN = "It was not missed before: run it again on a machine that does nothing else."


def kept() -> dict[str, Any]:
    """Return the figures of the last run, by part."""
    paths = [path for path in sorted(RESULTS.glob("*.json")) if path.stem not in _OTHERS]
    return {path.stem: json.loads(path.read_text("utf-8")) for path in paths}


def written(text: str, results: Mapping[str, Any]) -> str:
    """Return a page with these figures in their places; what was not measured says so."""

    def place(found: re.Match[str]) -> str:
        begin, part, end = found.groups()
        if part == "machine":
            lines = _machine(results)
        elif part == "missed":
            lines = _missed_table(results)
        elif part in _SOAK and "soak" in results:
            lines = _SOAK[part](results["soak"])
        elif part in results:
            lines = [line for group in results[part]["groups"] for line in _group(group)]
        else:
            lines = ["It was left out of the last run.", ""]
        return begin + "\n" + "\n".join(lines) + "\n" + end

    return _PLACE.sub(place, text)


def write() -> list[Path]:
    """Write the pages, and draw the charts; return what was written."""
    results = kept()
    for page in (PAGE, SCALING):
        page.write_text(written(page.read_text("utf-8"), results), "utf-8")
    return [PAGE, SCALING, *draw_charts(results, IMAGES)]


def missed(results: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return each goal that was missed: of which part, of which group, and what came of it."""
    return [
        (part, group["name"], goal)
        for part, figures in results.items()
        for group in figures.get("groups", ())
        for goal in _goals(group)
        if goal["met"] is False
    ]


def _machine(results: Mapping[str, Any]) -> list[str]:
    machines = [figures["machine"] for figures in results.values() if "machine" in figures]
    versions: dict[str, str] = {}
    for machine in machines:
        versions |= machine["versions"]
    said = dict.fromkeys(
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, {machine['python']}"
        for machine in machines
    )
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    return [f"- {one}" for one in said] + [f"- {named}", ""]


def _group(group: Mapping[str, Any]) -> list[str]:
    """Lay out a group: a row per variant, then a row per comparison."""
    figures = group.get("us", group.get("added_us", []))
    cases = [*dict.fromkeys(_case(figure) for figure in figures)]
    names = [*dict.fromkeys(figure["variant"] for figure in figures)]
    medians = {(figure["variant"], _case(figure)): figure["median"] for figure in figures}
    unit = group.get("unit", "µs added to a request")
    lines = [f"**{group['name']}**", "", _row([unit, *cases]), _row(["---", *["---:" for _ in cases]])]
    lines += [_row([name, *(_number(medians[name, case]) for case in cases)]) for name in names]
    goals = _goals(group)
    for to, at_most in dict.fromkeys((goal["to"], goal["at_most"]) for goal in goals):
        found = {_case(goal): goal for goal in goals if (goal["to"], goal["at_most"]) == (to, at_most)}
        title = f"*part of {to}*" if at_most is None else f"*part of {to}, at most {at_most:.3g}*"
        lines.append(_row([title, *(_verdict(found.get(case)) for case in cases)]))
    return [*lines, ""]


def _goals(group: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = group.get("ratios", group.get("goals", ()))
    return found


def _missed_table(results: Mapping[str, Any]) -> list[str]:
    found = missed(results)
    if not found:
        return ["None.", ""]
    lines = [_row(["what", "beside", "is", "should be at most"]), _row(["---", "---", "---:", "---:"])]
    for _, group, goal in found:
        cells = [f"{group}: {_case(goal)}", goal["to"], f"{goal['ratio']:.3g}", f"{goal['at_most']:.3g}"]
        lines.append(_row(cells))
    reasons = {part: REASONS.get(part, _UNKNOWN) for part, _, _ in found}
    return [*lines, "", *(f"- `{part}`: {reason}" for part, reason in reasons.items()), ""]


def _case(figure: Mapping[str, Any]) -> str:
    case: str = figure.get("case") or figure["request"]
    return case


def _verdict(goal: Mapping[str, Any] | None) -> str:
    if goal is None:
        return ""
    return f"*{goal['ratio']:.3g}{', missed' if goal['met'] is False else ''}*"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    for path in write():
        print(f"wrote {path.relative_to(ROOT)}")
