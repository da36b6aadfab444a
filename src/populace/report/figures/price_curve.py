"""What each further member is worth: regret over the number of members, beside peers and the proved bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["BOUND", "price_curve", "price_curve_of_run"]

BOUND = "lower bound"
"""The way that is no way, but what none can be below: drawn as a shaded range."""
_DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3])
_LOOKS = (
    parts.Look("circle", theme.BLUE, theme.BLUE),
    parts.Look("square", theme.INK, theme.INK),
    parts.Look("diamond", theme.PAPER, theme.INK),
    parts.Look("triangle-up", theme.MORE[0], theme.INK),
    parts.Look("cross", theme.PAPER, theme.MUTED),
)
_TITLES = {"worst": "worst regret, over all weights", "regret": "mean regret of people"}


def price_curve(
    table: pl.DataFrame,
    width: int = 680,
    *,
    title: str = "What each further member is worth",
    lines: Sequence[str] = (),
    axis: str = "worst regret",
    bound: str = "Shaded: no members do better, proved",
) -> Any:
    """Draw regret over members.

    Parameters
    ----------
    table
        `way`, `members`, `regret`, and `low`, `high` where there are intervals; `panel`, its title, where
        there are several panels. Rows of the way `lower bound` are no way: nothing can be below.
        Five ways are drawn at most.
    width
        Of the whole figure, in pixels.
    title, lines
        What stands above.
    axis
        What is measured, where there is one panel.
    bound
        What the shaded range says: of which members it was proved.

    Raises
    ------
    DataError
        If there is no row, or there are more than five ways.

    Examples
    --------
    >>> table = pl.DataFrame({"way": ["ours"] * 2, "members": [1, 2], "regret": [0.3, 0.1]})
    >>> price_curve(table).to_dict()["title"]["text"]
    ['What each further member is worth']
    """
    import altair as alt

    for name in ("low", "high"):
        if name not in table.columns:
            table = table.with_columns(pl.lit(None, dtype=pl.Float64).alias(name))
    if "panel" not in table.columns:
        table = table.with_columns(panel=pl.lit(axis))
    ways = [way for way in table["way"].unique(maintain_order=True) if way != BOUND]
    if not ways or len(ways) > len(_LOOKS):
        raise DataError(f"{len(ways)} ways cannot be drawn", fix=f"give one to {len(_LOOKS)}")
    # A mean of differences may have an end below 0; a regret has none.
    table = table.with_columns(pl.col("low").fill_nan(None).clip(0, None))
    panels = table["panel"].unique(maintain_order=True).to_list()
    columns = 1 if width < 500 else len(panels)
    side = (width - 62 * columns) // columns
    drawn = [_panel(table.filter(pl.col("panel") == name), name, ways, side, width) for name in panels]
    chart = drawn[0] if len(drawn) == 1 else alt.concat(*drawn, columns=columns)
    told = [*lines]
    if (table["way"] == BOUND).any():
        told.append(bound)
    return parts.titled(chart, title, told, width)


def price_curve_of_run(result: TaskResult, width: int = 680) -> Any:
    """Draw the curves of a run of `portfolio`: worst and mean regret on questions that were held out.

    Raises
    ------
    DataError
        If the result is of another task, or nothing was measured.

    Examples
    --------
    >>> from populace.report.figures.demonstration_portfolio import portfolio_result
    >>> price_curve_of_run(portfolio_result()).to_dict()["title"]["text"]
    ['How many ways of answering are enough?']
    """
    table = parts.need(result, "portfolio")
    rows = table.filter(pl.col("measure").is_in(list(_TITLES)), pl.col("arm").str.contains(", "))
    if rows.is_empty():
        raise DataError("nothing was measured in this run", fix="run it to its end, with answers")
    way, members = (rows["arm"].str.splitn(", ", 2).struct.field(f"field_{place}") for place in (0, 1))
    curves = pl.DataFrame(
        {
            "panel": rows["measure"].replace_strict(_TITLES),
            "way": way,
            "members": members.cast(pl.Int64),
            "regret": rows["value"],
            "low": rows["low"],
            "high": rows["high"],
        }
    )
    curves = curves.sort("panel", descending=True, maintain_order=True)
    ours = rows.filter(pl.col("arm").str.starts_with("portfolio"))
    lines = [
        f"{result.target}; on held-out questions, {ours['level'][0] * 100:g} % intervals of the portfolio",
        "Best arms in hindsight: regret is too high by noise",
    ]
    return price_curve(curves, width, title="How many ways of answering are enough?", lines=lines)


def _panel(table: pl.DataFrame, name: str, ways: list[str], side: int, width: int) -> Any:
    import altair as alt

    most = int(table["members"].max())  # pyright: ignore[reportArgumentType]
    ticks = list(range(1, most + 1)) if most <= 12 else list(range(0, most + 1, 5))
    x = (
        alt.X("members:Q", title="members")
        .scale(domain=[0.5, most + 0.5], nice=False)
        .axis(values=ticks, format="d", grid=False, labelOverlap=False)
    )
    ends = pl.concat([table["regret"], table["high"].fill_nan(None)]).drop_nulls()
    top = 1.05 * float(ends.max() or 1.0)  # pyright: ignore[reportArgumentType]
    y = alt.Y("regret:Q", title=name).scale(domain=[0, top], nice=False).axis(tickCount=5)
    order = [way for way in ways if way in table["way"].to_list()]
    scales: dict[str, Any] = {"domain": order}
    looks = [_LOOKS[ways.index(way)] for way in order]
    legend = alt.Legend(
        title=None, symbolSize=70, labelLimit=0, columns=2 if width < 500 else len(order), offset=8
    )
    base = alt.Chart(table.filter(pl.col("way") != BOUND)).encode(x=x, y=y)
    shade = alt.Chart(table.filter(pl.col("way") == BOUND)).transform_calculate(
        left="datum.members - 0.4", right="datum.members + 0.4", floor="0"
    )
    layers = [
        shade.mark_rect(color=parts.SHADE, opacity=0.55).encode(
            x=alt.X("left:Q"), x2="right:Q", y=alt.Y("floor:Q"), y2="regret:Q"
        )
    ]
    # The first way last: it lies above the others. Lines have no scale that would take the legend away.
    for way, look in reversed(list(zip(order, looks, strict=True))):
        own = base.transform_filter(alt.FieldEqualPredicate(field="way", equal=way))
        dash = _DASHES[ways.index(way)]
        layers.append(own.mark_line(strokeWidth=1.6, color=look.stroke, strokeDash=dash))
        if way == order[0]:
            known = own.transform_filter("isValid(datum.low)")
            layers.append(
                known.mark_rule(strokeWidth=1.6, color=look.stroke).encode(y=alt.Y("low:Q"), y2="high:Q")
            )
        layers.append(
            own.mark_point(size=52, strokeWidth=1.5, opacity=1).encode(
                shape=alt.Shape("way:N", legend=legend).scale(range=[each.shape for each in looks], **scales),
                fill=alt.Fill("way:N", legend=legend).scale(range=[each.fill for each in looks], **scales),
                stroke=alt.Stroke("way:N", legend=legend).scale(
                    range=[each.stroke for each in looks], **scales
                ),
            )
        )
    return alt.layer(*layers).properties(width=side, height=min(side, 300))
