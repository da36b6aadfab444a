"""Steered to p, tested on q: how right a model is on everybody's questions when it is steered to somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme
from populace.report.text import plain

if TYPE_CHECKING:
    from populace.stats import Estimate

__all__ = ["steering"]

_TOPS = (0.2, 0.4, 0.6, 0.8, 9.0)
"""Below which accuracy a cell has which of the five shades."""


def steering(items: pl.DataFrame, kind: str | None = None, width: int = 680) -> Any:
    """Draw the matrix of steered-to by tested-on; a frame stands around each attribute on its own questions.

    A model that listens is darker inside the frames than elsewhere in the same column. Columns of one shade
    are questions on which the steer changes nothing; a row of one shade is a steer that does not matter.

    Parameters
    ----------
    items
        Of a run of `steerable`.
    kind
        Kind of attribute, where there are several; the first if None.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the items are of another task, or there is no such kind.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_steerable import steerable_items
    >>> steering(steerable_items()).to_dict()["title"]["text"]
    ['Steered to one, tested on another']
    """
    from populace.bench.steering.trials import read_trials
    from populace.stats.crossed import crossed_mean

    if "steer" not in items.columns:
        raise DataError("these are no items of `steerable`", fix="run `populace bench run steerable`")
    trials = read_trials(items)
    kinds = list(trials.steers)
    if not kinds or (kind is not None and kind not in kinds):
        raise DataError(f"there is no kind {kind!r}", fix=f"use one of {', '.join(kinds)}" if kinds else None)
    kind = kind or kinds[0]
    names = trials.steers[kind]
    rows: list[dict[str, Any]] = []
    for (steer, tested), hits in trials.cells(kind).items():
        found = crossed_mean(np.array(hits), np.arange(len(hits)))
        rows.append(_cell(names, steer, tested, found))
    counts = [row["n"] for row in rows]
    lines = [
        "Rows: what the model is steered to. Columns: whose questions it answers. Share right"
        + (", and its 95 % interval" if _side(names, width) >= 62 else ""),
        f"{min(counts):,} to {max(counts):,} questions a cell, steered by {trials.contexts[0]}"
        if min(counts) < max(counts)
        else f"{min(counts):,} questions a cell, steered by {trials.contexts[0]}",
    ]
    return parts.titled(
        _squares(pl.DataFrame(rows), names, width), "Steered to one, tested on another", lines, width
    )


def _cell(names: list[str], steer: str, tested: str, found: Estimate) -> dict[str, Any]:
    shade = next(place for place, top in enumerate(_TOPS) if found.value < top)
    bounded = found.low == found.low
    return {
        "row": names.index(steer),
        "column": names.index(tested),
        "shade": shade,
        "value": f"{100 * found.value:.0f}",
        "interval": f"{100 * found.low:.0f} to {100 * found.high:.0f}" if bounded else "",
        "dark": shade >= 3,
        "n": found.n,
    }


def _side(names: list[str], width: int) -> int:
    return min((width - theme.label_room(width) - 20) // len(names), 96)


def _squares(cells: pl.DataFrame, names: list[str], width: int) -> Any:
    import altair as alt

    y, _ = theme.rows(names, width)
    side = _side(names, width)
    small = side < 62
    # Columns are in the order of rows: where names do not fit above a column, its number among the rows does.
    heads = [_short(name, side) for name in names]
    fit = all(heads)
    labels = heads if fit else [str(place + 1) for place in range(len(names))]
    shown = names if fit else [f"{place}. {name}" for place, name in enumerate(names, 1)]
    y, _ = theme.rows(shown, width, lines=3)
    axis = alt.Axis(
        orient="top",
        labelExpr=f"{labels}[datum.value]",
        labelLimit=0,
        labelOverlap=False,
        labelAngle=0,
        grid=False,
        title=None,
        labelFontSize=10 if small else 12,
    )
    x = alt.X("column:O", axis=axis, scale=alt.Scale(domain=list(range(len(names)))))
    base = alt.Chart(cells).encode(x=x, y=y)
    own = alt.Chart(cells.filter(pl.col("row") == pl.col("column"))).encode(x=x, y=y)
    colour = alt.Color("shade:O", legend=None).scale(domain=list(range(5)), range=list(theme.SCALE))
    ink = alt.condition("datum.dark", alt.value(theme.PAPER), alt.value(theme.INK))
    return alt.layer(
        base.mark_rect(stroke=theme.PAPER, strokeWidth=2).encode(color=colour),
        # Seen on the lightest shade and on the darkest.
        own.mark_rect(filled=False, stroke=theme.PAPER, strokeWidth=7),
        own.mark_rect(filled=False, stroke=theme.INK, strokeWidth=2.5),
        base.mark_text(dy=0 if small else -7, fontSize=10 if small else 14).encode(text="value:N", color=ink),
        *([] if small else [base.mark_text(dy=10, fontSize=10).encode(text="interval:N", color=ink)]),
    ).properties(width=side * len(names), height=max(34, side * 2 // 3) * len(names))


def _short(name: str, side: int) -> str:
    """Give the value of an attribute where it fits above a column, else nothing."""
    said = plain(name.partition(": ")[2] or name)
    return said if 7 * len(said) <= side else ""
