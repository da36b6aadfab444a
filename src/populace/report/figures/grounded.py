"""How well people's own answers are predicted: by statistics, by a model that plays them, by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme
from populace.stats.crossed import crossed_ratio

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["grounded", "reliability"]

_SECTIONS = {
    "nobody is looked at": "",
    "statistics": "statistics: ",
    "the model, told of": "model: ",
    "the person's other answer": "the person: ",
}
_BINS = 10
_FEWEST = 5
"""Predictions that a bin needs to be drawn."""


def grounded(result: TaskResult, measure: str = "accuracy", width: int = 680) -> Any:
    """Draw what everybody scores on the same answers, with the ceiling as a band.

    Model rows are filled dots; statistics and people themselves are open ones. The dashed line is the
    population's commonest answer, which knows nobody; the band is how often people repeat themselves.

    Parameters
    ----------
    result
        Of the task `grounded`.
    measure
        `accuracy`, `log score` or `Brier score`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or was not scored so.
    """
    from populace.bench.grounding.listing import rows_of

    found = parts.need(result, "grounded").filter((pl.col("measure") == measure) & (pl.col("group") == ""))
    rows = pl.DataFrame(rows_of(result), schema=["arm", "section", "label"], orient="row")
    table = rows.join(found.select(pl.exclude("group")), on="arm", how="inner", maintain_order="left")
    if table.is_empty():
        raise DataError(f"the result has no {measure}", fix="take accuracy, log score or Brier score")
    table = table.with_columns(
        pl.concat_str(pl.col("section").replace_strict(_SECTIONS), pl.col("label")).alias("label"),
        series=pl.when(section="the model, told of").then(pl.lit("model")).otherwise(pl.lit("others")),
        row=pl.int_range(pl.len()),
    )
    lines = [
        f"{result.target.partition('@')[0]}, asked by {result.way}; statistics know what the model knows as "
        f"{result.headline.arm!r}",
        parts.counted(table.filter(section="the model, told of"), "answers"),
        "Shaded: the person's own other answer. Dashed: the population alone.",
    ]
    percent = measure == "accuracy"
    name = "share of answers predicted" if percent else measure
    axis = parts.Axis(name, parts.reach(table, None), percent=percent)
    return parts.titled(_drawn(table, width, axis), f"Own answers predicted: {measure}", lines, width)


def _drawn(table: pl.DataFrame, width: int, axis: parts.Axis) -> Any:
    """Lay band, line, intervals and dots over each other, a row an arm."""
    import altair as alt

    y, step = theme.rows(table["label"].to_list(), width)
    plot = width - theme.label_room(width) - 20
    band = table.filter((pl.col("section") == "the person's other answer") & pl.col("low").is_not_null())
    line = table.filter(arm="population")
    layers = [
        alt.Chart(band.head(1)).mark_rect(color=parts.SHADE, opacity=0.5).encode(x="low:Q", x2="high:Q"),
        alt.Chart(line).mark_rule(color=theme.MUTED, strokeDash=[4, 3]).encode(x="value:Q"),
    ]
    for series, look in (("model", parts.LOOKS[0]), ("others", parts.LOOKS[1])):
        base = alt.Chart(table.filter(series=series)).encode(y=y)
        known = base.transform_filter("isValid(datum.value)")
        layers += [
            known.transform_filter("isValid(datum.low)")
            .mark_rule(strokeWidth=1.6, color=look.stroke)
            .encode(x=axis.channel("low:Q", width), x2="high:Q"),
            known.mark_point(
                size=56, strokeWidth=1.5, opacity=1, shape=look.shape, fill=look.fill, stroke=look.stroke
            ).encode(x=axis.channel("value:Q", width)),
        ]
    return alt.layer(*layers).properties(width=plot, height=alt.Step(step))


def reliability(items: pl.DataFrame, arms: Sequence[str], width: int = 680) -> Any:
    """Draw how often an option is chosen that was given a probability: on the line, forecasts are honest.

    Every option of every answer counts, in ten bins of equal width; bins with fewer than five are left out.
    Intervals are clustered by respondent and item.

    Parameters
    ----------
    items
        Of a run of `grounded`.
    arms
        A panel each.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If an arm says nothing.
    """
    import altair as alt

    panels = []
    columns = max(1, min(len(arms), width // 210))
    side = min(260, width // columns - 76)
    for arm in arms:
        table = _binned(items, arm)
        x = alt.X("said:Q", title="probability said").scale(domain=[0, 1]).axis(format=".0%", values=_TICKS)
        y = alt.Y("value:Q", title="share chosen").scale(domain=[0, 1]).axis(format=".0%", values=_TICKS)
        honest = alt.Chart(pl.DataFrame({"said": [0.0, 1.0], "value": [0.0, 1.0]}))
        base = alt.Chart(table)
        layers = [
            honest.mark_line(color=theme.MUTED, strokeDash=[4, 3], strokeWidth=1).encode(x=x, y=y),
            base.mark_rule(color=theme.BLUE, strokeWidth=1.6).encode(x=x, y=alt.Y("low:Q"), y2="high:Q"),
            base.mark_point(size=56, opacity=1, fill=theme.BLUE, stroke=theme.BLUE).encode(x=x, y=y),
        ]
        panels.append(alt.layer(*layers).properties(width=side, height=side, title=arm))
    lines = [
        "Every option of every answer, in ten bins; below the dashed line too much was promised",
        "95 % intervals, clustered by respondent and item",
    ]
    return parts.titled(alt.concat(*panels, columns=columns), "Are the probabilities honest?", lines, width)


_TICKS = [0, 0.25, 0.5, 0.75, 1]


def _binned(items: pl.DataFrame, arm: str) -> pl.DataFrame:
    """Hold what was said against what was chosen, by bin."""
    rows = items.filter(arm=arm).drop_nulls("p")
    if rows.is_empty():
        raise DataError(
            f"no arm {arm!r} says anything", fix=f"take one of {', '.join(items['arm'].unique())}"
        )
    longer = rows.with_columns(option=pl.int_ranges("options")).explode("p", "option")
    p = longer["p"].to_numpy()
    chosen = (longer["option"] == longer["truth"]).cast(pl.Float64).to_numpy()
    weight = longer["weight"].to_numpy()
    place = np.minimum((p * _BINS).astype(int), _BINS - 1)
    found = []
    for number in np.unique(place):
        inside = place == number
        if inside.sum() < _FEWEST or not weight[inside].sum():
            continue
        who, what = longer["persona_id"].filter(inside), longer["prompt_id"].filter(inside)
        one = crossed_ratio(weight[inside] * chosen[inside], weight[inside], who, what, within=(0.0, 1.0))
        said = float(np.average(p[inside], weights=weight[inside]))
        found.append({"said": said, "value": one.value, "low": one.low, "high": one.high})
    return pl.DataFrame(found)
