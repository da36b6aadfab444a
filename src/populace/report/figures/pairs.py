"""The map of misfit over all pairs of variables."""

from __future__ import annotations

import itertools
import json
from typing import Any

import polars as pl

from populace.report.figures import theme
from populace.report.figures.misfit import head
from populace.report.text import plain
from populace.report.titles import title_of

__all__ = ["CLASSES", "classes", "two_way", "two_way_variables"]

CLASSES = (
    (0.005, 0.01, 0.02, 0.03),
    (0.01, 0.02, 0.03, 0.05),
    (0.02, 0.03, 0.05, 0.1),
    (0.02, 0.05, 0.1, 0.2),
    (0.05, 0.1, 0.2, 0.4),
)
"""Candidate class limits of distances; the first whose last limit holds nine pairs in ten is used."""
RATIOS = (1.25, 2.0, 4.0, 8.0)
_NARROW_VALUES = 14


def two_way_variables(pairs: pl.DataFrame, most: int | None = None) -> list[str]:
    """Order variables by their mean distance over all pairs, the worst first; keep the first `most`."""
    both = pl.concat([pairs.select(pl.col(side).alias("variable"), "distance") for side in ("a", "b")])
    means = both.group_by("variable", maintain_order=True).agg(pl.col("distance").mean().round(12))
    return means.sort("distance", "variable", descending=[True, False])["variable"].to_list()[:most]


def classes(pairs: pl.DataFrame) -> tuple[float, ...]:
    """Choose limits that tell the pairs of this population apart, among fixed ones.

    Examples
    --------
    >>> classes(pl.DataFrame({"distance": [0.002, 0.012, 0.04]}))
    (0.01, 0.02, 0.03, 0.05)
    """
    high = pairs["distance"].quantile(0.9, "nearest") or 0.0
    return next((limits for limits in CLASSES if high <= limits[-1]), CLASSES[-1])


def two_way(pairs: pl.DataFrame, width: int = 680) -> Any:
    """Draw all pairs as a square: distances below the diagonal, distance over sampling above it.

    On a phone, only the variables with the largest distances.
    """
    import altair as alt

    names = two_way_variables(pairs, None if width >= 500 else _NARROW_VALUES)
    room = min(150, round(width * 0.36))
    step = max(8, min(30, (width - room - 16) // max(len(names), 1)))
    place = {name: row for row, name in enumerate(names)}
    at = [pl.col(side).replace_strict(place, default=None, return_dtype=pl.Int64) for side in ("a", "b")]
    table = pairs.with_columns(first=at[0], second=at[1]).drop_nulls(["first", "second"]).with_columns(
        early=pl.min_horizontal("first", "second"),
        late=pl.max_horizontal("first", "second"),
        said=pl.format(
            "{} × {}: {} %, sampling alone {} %",
            *(pl.col(side).map_elements(title_of, return_dtype=pl.String) for side in ("a", "b")),
            (100 * pl.col("distance")).round(2),
            (100 * pl.col("noise")).round(2),
        ),
    )  # fmt: skip
    heads = [head(name) for name in names]
    sides = (
        ("distance", "late", "early", classes(pairs), "below: people who would have to change"),
        ("ratio", "early", "late", RATIOS, "above: the same over what sampling gives"),
    )
    lines = 1 if width >= 500 else 2
    layers = [
        _cells(table, value, limits, title, width, (-room, -room - 12 - (2 - at) * (28 + 18 * lines))).encode(
            y=_axis(alt.Y, row, heads, room), x=_axis(alt.X, column, heads, room)
        )
        for at, (value, row, column, limits, title) in enumerate(sides)
    ]
    size = {"width": step * len(names), "height": step * len(names)}
    return theme.finish(alt.layer(*layers).resolve_scale(color="independent").properties(**size))


def _cells(
    table: pl.DataFrame,
    value: str,
    limits: tuple[float, ...],
    title: str,
    width: int,
    legend: tuple[int, int],
) -> Any:
    """Draw squares in five classes of `value`; `legend` is where the corner of its legend lies."""
    import altair as alt

    names = _class_names(limits, percent=value == "distance")
    known = table.drop_nulls(value)
    which = pl.lit(0, dtype=pl.Int64)
    for limit in limits:
        which = which + (pl.col(value) >= limit).cast(pl.Int64)
    known = known.with_columns(kind=which.replace_strict(dict(enumerate(names)), return_dtype=pl.String))
    colour = (
        alt.Color("kind:N", title=title)
        .scale(domain=names, range=list(theme.SCALE))
        .legend(
            orient="none",
            legendX=legend[0],
            legendY=legend[1],
            columns=5 if width >= 500 else 3,
            columnPadding=28,
            symbolType="square",
            symbolStrokeWidth=0,
            titleLimit=400,
        )
    )
    return (
        alt.Chart(known.select("early", "late", "kind", "said"))
        .mark_rect(stroke=theme.PAPER, strokeWidth=1, aria=True)
        .encode(color=colour, description="said:N")
    )


def _class_names(limits: tuple[float, ...], *, percent: bool) -> list[str]:
    texts = [f"{100 * limit:g}" if percent else f"{limit:g}" for limit in limits]
    unit = "\N{NO-BREAK SPACE}%" if percent else "\N{MULTIPLICATION SIGN}"
    middle = [f"{low}–{high}{unit}" for low, high in itertools.pairwise(texts)]
    return [f"under {texts[0]}{unit}", *middle, f"over {texts[-1]}{unit}"]


def _axis(channel: Any, field: str, heads: list[str], room: int) -> Any:
    """Return an axis of all variables, labelled at the left and on top."""
    import altair as alt

    across = channel is alt.X
    short = [plain(head if len(head) <= room // 6 else head[: room // 6 - 1] + "…") for head in heads]
    axis = alt.Axis(
        orient="top" if across else "left",
        labelExpr=f"{json.dumps(short)}[datum.value]",
        labelAngle=-90 if across else 0,
        labelAlign="left" if across else "right",
        labelBaseline="middle",
        labelFontSize=11,
        labelLimit=0,
        labelOverlap=False,
        labelPadding=4,
        minExtent=room,
        grid=False,
        title=None,
    )
    return channel(f"{field}:O", axis=axis, scale=alt.Scale(domain=list(range(len(heads)))))
