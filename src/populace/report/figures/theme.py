"""Colours and type of every figure.

One hue, the blue of Okabe and Ito (2008), in shades of clearly different lightness, beside greys: nothing
is said by hue, so nothing is lost to colour-blindness or a grey printer. Only maps of signed differences set
an orange against it, and mark the sign as well. The page turns each of these exact
colours into its dark counterpart with one CSS rule, so a figure must use no other.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import Any

from populace.report.text import plain

__all__ = [
    "BLUE",
    "DARK",
    "FEWER",
    "GRID",
    "INK",
    "MORE",
    "MUTED",
    "PAPER",
    "SCALE",
    "SEQUENCE",
    "WITHIN",
    "dark_rules",
    "finish",
    "label_room",
    "rows",
]

INK, MUTED, GRID, PAPER = "#1c2733", "#66717c", "#e2e6e9", "#ffffff"
BLUE = "#0072b2"
SEQUENCE = {
    "none": "#cfe1ef",
    "mild": "#8dbadb",
    "contested": "#3d8cc4",
    "divisive": "#0b4a77",
    "not graded": "#c9cdd1",
}
"""Controversy grade -> colour, light to dark."""

MORE = ("#8dbadb", "#3d8cc4", "#0b4a77")
FEWER = ("#efb98c", "#d97c2b", "#8a3d00")
"""Too many and too few, light to dark. Sign is said by a mark as well, since two dark ends print alike."""
WITHIN = "#eceff1"
"""Nothing worth a colour."""
SCALE = (WITHIN, "#cfe1ef", "#8dbadb", "#3d8cc4", "#0b4a77")
"""Five classes, light to dark."""

DARK = {
    INK: "#e6e9ec",
    MUTED: "#98a3ad",
    GRID: "#333b43",
    PAPER: "#14181c",
    BLUE: "#5cb3e6",
    "#cfe1ef": "#2b4559",
    "#8dbadb": "#3b719b",
    "#3d8cc4": "#63a9da",
    "#0b4a77": "#c2e2f8",
    "#c9cdd1": "#4c535a",
    WITHIN: "#252c32",
    FEWER[0]: "#6b431f",
    FEWER[1]: "#c07a3c",
    FEWER[2]: "#ffc48f",
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
    "labelOverlap": True,
    "labelSeparation": 8,
    "domain": False,
    "ticks": False,
    "gridColor": GRID,
}
_CONFIG: dict[str, Any] = {
    # The page names each figure once; a label on every mark would be read out one by one.
    "aria": False,
    "background": PAPER,
    "padding": {"left": 1, "right": 6, "top": 5, "bottom": 5},
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
        "columnPadding": 20,
    },
    "title": {"anchor": "start", "color": INK, "fontSize": 13, "fontWeight": 600, "offset": 8}
    | {"subtitleColor": MUTED, "subtitleFontSize": 12},
    "concat": {"spacing": 24},
}


def finish(chart: Any) -> Any:
    """Put the theme on a whole chart (Altair allows it once, on the outermost)."""
    return chart.configure(**_CONFIG)


def dark_rules() -> str:
    """Write the CSS that turns a figure's colours into their dark counterparts."""
    rules = "".join(
        f'.chart [fill="{light}"]{{fill:{dark}}}.chart [stroke="{light}"]{{stroke:{dark}}}'
        for light, dark in DARK.items()
    )
    return f"@media screen and (prefers-color-scheme:dark){{{rules}}}"


def label_room(width: int) -> int:
    """Return the room for row labels, the same for all figures of one width, so that they line up."""
    return min(230, round(width * 0.4))


def rows(labels: Sequence[str], width: int, lines: int = 2) -> tuple[Any, int]:
    """Return the y channel of a figure of labelled rows, and the height of a row.

    A label takes at most so many lines; what is longer is cut, and ends in dots.

    Rows are drawn by the integer field `row`, so that two rows of one name stay two. Labels are set flush
    left and wrapped: type that runs wider than measured here then reaches into the plot and is not cut off.
    """
    import altair as alt

    room = label_room(width)
    wrapped = [
        textwrap.wrap(plain(label), room // 7, max_lines=lines, placeholder=" …") or [""] for label in labels
    ]
    most = max(map(len, wrapped), default=1)
    # Vega centres the first line on its row: of several lines, lift all by half of what follows the first.
    lifted = [
        {"test": f"indexof({places}, datum.value) >= 0", "value": -7 * extra}
        for extra in range(1, most)
        if (places := [row for row, said in enumerate(wrapped) if len(said) == extra + 1])
    ]
    axis = alt.Axis(
        labelExpr=f"{json.dumps(wrapped)}[datum.value]",
        labelAlign="left",
        labelPadding=room,
        labelOffset={"condition": lifted, "value": 0} if lifted else 0,
        labelLimit=0,
        labelOverlap=False,
        minExtent=room,
        maxExtent=room,
        grid=False,
        title=None,
    )
    y = alt.Y("row:O", axis=axis, scale=alt.Scale(domain=list(range(len(labels)))))
    return y, {1: 24, 2: 32}.get(most, 14 * most + 4)
