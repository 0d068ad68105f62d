"""Bar charts as SVG, drawn by hand: one file for light pages, one for dark ones.

    svg = draw(Chart("Added per request", [Panel("CORS alone", [Bar("asgisec", 1.2, ours=True), ...])]), DARK)

A bar's length is its value, from zero, on one scale per panel. A value far beyond the others would press them against
the axis: its bar is cut, shows the cut, and carries its figure like every other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["DARK", "LIGHT", "Bar", "Chart", "Panel", "Theme", "draw"]


@dataclass(frozen=True)
class Theme:
    """Colours; text on background has a contrast of at least 4.5 to 1 (WCAG 2.2, 1.4.3)."""

    background: str
    text: str
    muted: str
    ours: str
    other: str
    line: str


LIGHT = Theme("#ffffff", "#1f2328", "#59636e", "#0a6c4d", "#a8b1bb", "#d1d9e0")
DARK = Theme("#0d1117", "#f0f6fc", "#9198a1", "#3fb98a", "#59636e", "#3d444d")


@dataclass(frozen=True)
class Bar:
    """One value; `note` stands after its figure."""

    label: str
    value: float
    ours: bool = False
    note: str = ""


@dataclass(frozen=True)
class Panel:
    """Bars on one scale; `cut` is the largest value that is drawn to scale, where one is too long."""

    title: str
    bars: Sequence[Bar]
    cut: float | None = None
    unit: str = "µs"


@dataclass(frozen=True)
class Chart:
    """Panels below one title; `foot` says where the figures come from."""

    title: str
    subtitle: str
    panels: Sequence[Panel]
    foot: str = ""


# A README's column is about 830 px wide; what is 14 px here is read without zooming.
_WIDTH = 830
_LEFT = 330  # where bars begin
_RIGHT = 150  # kept free for figures
_MARGIN = 16
_TEXT = 14
_BAR = 18
_ROW = 27
_TITLE_ROW = 34
_HEAD = 70
_FOOT = 34
_FAMILY = "ui-sans-serif, -apple-system, 'Segoe UI', 'Noto Sans', Helvetica, Arial, sans-serif"


def draw(chart: Chart, theme: Theme) -> str:
    """Return the chart as an SVG document."""
    body = [
        _text(_MARGIN, 30, chart.title, theme.text, size=18, weight=600),
        _text(_MARGIN, 52, chart.subtitle, theme.muted, size=13),
    ]
    y = _HEAD
    for panel in chart.panels:
        body += _panel(panel, y, theme)
        y += _TITLE_ROW + _ROW * len(panel.bars) + 8
    body.append(_text(_MARGIN, y + 18, chart.foot, theme.muted, size=12))
    height = y + _FOOT
    spoken = "; ".join(f"{bar.label} {_figure(bar, panel.unit)}" for panel in chart.panels for bar in panel.bars)
    size = f'width="{_WIDTH}" height="{height}"'
    spoken_by = 'role="img" aria-labelledby="title desc"'
    font = f'font-family="{_FAMILY}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {size} {spoken_by} {font}>',
            f'<title id="title">{escape(chart.title)}</title>',
            f'<desc id="desc">{escape(spoken)}</desc>',
            f'<rect width="100%" height="100%" rx="6" fill="{theme.background}"/>',
            *body,
            "</svg>\n",
        ]
    )


def _panel(panel: Panel, y: int, theme: Theme) -> list[str]:
    limit = panel.cut or max(bar.value for bar in panel.bars)
    # A cut bar is drawn longer than the longest that is to scale, so that lengths still order right.
    reach = _WIDTH - _LEFT - _RIGHT
    scale = reach * (0.86 if panel.cut else 1) / limit
    drawn = [_text(_MARGIN, y + 20, panel.title, theme.text, size=_TEXT, weight=600)]
    top = y + _TITLE_ROW
    for bar in panel.bars:
        cut = bar.value > limit
        length = reach if cut else max(1.0, bar.value * scale)
        middle = top + _BAR // 2 + 5
        weight = 600 if bar.ours else 400
        drawn.append(_text(_LEFT - 10, middle, bar.label, theme.text, weight=weight, anchor="end"))
        fill = theme.ours if bar.ours else theme.other
        drawn.append(f'<rect x="{_LEFT}" y="{top}" width="{length:.1f}" height="{_BAR}" rx="2" fill="{fill}"/>')
        if cut:
            drawn.append(_cut(_LEFT + reach * 0.93, top, theme))
        drawn.append(_text(_LEFT + length + 8, middle, _figure(bar, panel.unit), theme.text, weight=weight))
        top += _ROW
    bottom = top - _ROW + _BAR + 4
    drawn.append(f'<path d="M{_LEFT} {y + _TITLE_ROW - 4}V{bottom}" stroke="{theme.line}"/>')
    return drawn


def _figure(bar: Bar, unit: str) -> str:
    digits = 0 if bar.value >= 100 else 1
    return f"{bar.value:,.{digits}f} {unit}" + (f"  {bar.note}" if bar.note else "")


def _cut(x: float, top: int, theme: Theme) -> str:
    slant = f"l6 -{_BAR + 6}h7l-6 {_BAR + 6}z"
    return f'<path d="M{x:.1f} {top + _BAR + 3}{slant}" fill="{theme.background}"/>'


def _text(
    x: float, y: float, text: str, fill: str, *, size: int = _TEXT, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" font-size="{size}" font-weight="{weight}" fill="{fill}" '
        f'text-anchor="{anchor}" xml:space="preserve">{escape(text)}</text>'
    )
