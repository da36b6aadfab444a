"""Colours and type of every figure.

The hues are from Okabe and Ito (2008), told apart under the common colour-blindnesses; nothing is said by
hue alone. The page turns each of these exact colours into its dark counterpart with one CSS rule, so a
figure must use no other.
"""

from __future__ import annotations

from typing import Any

__all__ = ["BLUE", "DARK", "GRID", "INK", "MUTED", "ORANGE", "PAPER", "SEQUENCE", "axis_labels", "finish"]

INK, MUTED, GRID, PAPER = "#1c2733", "#66717c", "#e2e6e9", "#ffffff"
BLUE, ORANGE = "#0072b2", "#d55e00"
SEQUENCE = {
    "none": "#cfe1ef",
    "mild": "#8dbadb",
    "contested": "#3d8cc4",
    "divisive": "#0b4a77",
    "not graded": "#c9cdd1",
}
"""Controversy grade -> colour, light to dark."""

DARK = {
    INK: "#e6e9ec",
    MUTED: "#98a3ad",
    GRID: "#333b43",
    PAPER: "#14181c",
    BLUE: "#5cb3e6",
    ORANGE: "#f0934e",
    "#cfe1ef": "#2b4559",
    "#8dbadb": "#3b719b",
    "#3d8cc4": "#63a9da",
    "#0b4a77": "#c2e2f8",
    "#c9cdd1": "#4c535a",
}
"""Colour of a figure on paper -> its counterpart on a dark page."""

_AXIS = {
    "labelColor": INK,
    "titleColor": MUTED,
    "titleFontWeight": "normal",
    "titleFontSize": 12,
    "titlePadding": 8,
    "labelFontSize": 12,
    "labelPadding": 6,
    "domain": False,
    "ticks": False,
    "gridColor": GRID,
}
_CONFIG: dict[str, Any] = {
    # The page names each figure once; a label on every mark would be read out one by one.
    "aria": False,
    "background": PAPER,
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": _AXIS,
    "legend": {
        "orient": "top",
        "direction": "horizontal",
        "labelColor": INK,
        "labelFontSize": 12,
        "titleColor": MUTED,
        "titleFontWeight": "normal",
        "titleFontSize": 12,
        "symbolStrokeWidth": 1.5,
        "offset": 12,
    },
    "title": {"anchor": "start", "color": INK, "fontSize": 13, "fontWeight": 600, "offset": 8},
    "concat": {"spacing": 24},
}


def finish(chart: Any) -> Any:
    """Put the theme on a whole chart (Altair allows it once, on the outermost)."""
    return chart.configure(**_CONFIG)


def axis_labels(width: int) -> int:
    """Return the room for row labels: a third of the figure, so that panels of one width line up."""
    return min(210, round(width * 0.38))
