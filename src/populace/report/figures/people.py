"""People drawn against the census."""

from __future__ import annotations

from typing import Any

import polars as pl

from populace.report.figures import theme
from populace.report.figures.folding import folded
from populace.report.tables import population_shares

__all__ = ["population"]

_ROWS = 8
_WHO = ["census", "people drawn"]


def population(people: pl.DataFrame, census: pl.DataFrame, width: int = 680) -> Any:
    """Draw one small panel an attribute: a ring for the census share, a dot for the share drawn.

    A dot inside its ring is a share that is met. Beyond eight values the smallest are shown as one.
    """
    import altair as alt

    columns = 2 if width >= 500 else 1
    panel = (width - 24 * (columns - 1)) // columns
    shares = population_shares(people, census)
    panels = [
        _panel(folded(part, _ROWS), str(attribute).replace("_", " "), panel)
        for (attribute,), part in shares.group_by("attribute", maintain_order=True)
    ]
    return theme.finish(
        alt.concat(*panels, columns=columns).resolve_scale(fill="shared", stroke="shared", size="shared")
    )


def _panel(shares: pl.DataFrame, title: str, width: int) -> Any:
    import altair as alt

    y, step = theme.rows(shares["value"].to_list(), width)
    shares = shares.with_row_index("row")
    x = alt.X("share:Q", title=None).axis(format="%", tickCount=3)
    gap = alt.Chart(shares).mark_rule(color=theme.MUTED).encode(y=y, x=alt.X("census:Q"), x2="drawn:Q")
    long = shares.rename({"drawn": _WHO[1]}).unpivot(
        _WHO, index="row", variable_name="who", value_name="share"
    )
    points = (
        alt.Chart(long)
        .mark_point(strokeWidth=1.5, opacity=1)
        .encode(
            y=y,
            x=x,
            fill=alt.Fill("who:N", title=None).scale(domain=_WHO, range=["transparent", theme.BLUE]),
            stroke=alt.Stroke("who:N", title=None).scale(domain=_WHO, range=[theme.INK, theme.BLUE]),
            size=alt.Size("who:N", title=None).scale(domain=_WHO, range=[90, 26]),
        )
    )
    plot = width - theme.label_room(width) - 16
    return alt.layer(gap, points).properties(width=plot, height=alt.Step(step - 3), title=title)
