"""The charts of the documentation, drawn from the figures of a run as they are kept in `bench/results`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.chart import DARK, LIGHT, Bar, Chart, Panel, draw

__all__ = ["CHARTS", "draw_charts"]

_MICROSECONDS = 1_000_000


def _whole(figures: Mapping[str, Any]) -> Chart:
    served, many = _group(figures, "The whole way through uvicorn"), _group(figures, "50 in flight")
    panels = [
        _panel(served, case, f"Through uvicorn ({case}), 50 connections: requests per second", per_second=True)
        for case in _cases(served)
    ]
    panels += [_panel(many, case, "In process, 50 in flight: time per request") for case in _cases(many)]
    return Chart(
        "A whole request to a secured FastAPI route",
        "Token with scopes, revocation and two rate limits on Valkey, CORS, hosts, headers, request id",
        panels,
        _foot(figures),
    )


def _limits(figures: Mapping[str, Any]) -> Chart:
    many = _group(figures, "A decision on Redis, 50 in flight")
    panels = [_panel(many, case, f"{case.capitalize()}: time per decision") for case in _cases(many)]
    subtitle = "50 at once; each also tells what remains; medians over interleaved rounds; shorter is better"
    return Chart("A decision on rate limits, on Valkey", subtitle, panels, _foot(figures))


CHARTS = {"whole": ("whole", _whole), "rate-limits": ("rate_limits", _limits)}
"""The charts: how each is called, and the part and the function that it is drawn by."""


def draw_charts(results: Mapping[str, Any], images: Path) -> list[Path]:
    """Draw what there are figures for, for light pages and for dark ones."""
    drawn = []
    for name, (part, chart) in CHARTS.items():
        if part in results:
            for theme, light in ((LIGHT, "light"), (DARK, "dark")):
                drawn.append(images / f"{name}-{light}.svg")
                drawn[-1].write_text(draw(chart(results[part]), theme), encoding="utf-8")
    return drawn


def _group(figures: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((group for group in figures["groups"] if name in group["name"]), {"us": []})
    return found


def _cases(group: Mapping[str, Any]) -> list[str]:
    return [*dict.fromkeys(figure["case"] for figure in group["us"])]


def _panel(group: Mapping[str, Any], case: str, title: str, *, per_second: bool = False) -> Panel:
    found = [(figure["variant"], figure["median"]) for figure in group["us"] if figure["case"] == case]
    ours = found[0][0]
    bars = [Bar(name, _MICROSECONDS / taken if per_second else taken, ours=name == ours) for name, taken in found]
    return Panel(title, bars, unit="/s" if per_second else "µs")


def _foot(figures: Mapping[str, Any]) -> str:
    machine = figures["machine"]
    return f"{machine['python']}, {machine['processor']}, {machine['cores']} cores, for server, Valkey and load."
