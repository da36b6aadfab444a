"""Shares by crossing of attributes: as counted, and as shrunk towards what cells are like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["cells"]

_SHRUNK, _RAW = "shrunk", "as counted"


def cells(result: TaskResult, crossing: str | None = None, width: int = 680) -> Any:
    """Draw the share of satisfied people in every cell, the lowest last, shrunk beside as counted.

    It stands for PERSONA Bench's task of intersections (arXiv 2407.17387), which prints shares of small cells
    as they come. What that does not show: how far a small cell's share is pulled to the others' (dotted), its
    interval, how many people it holds, and whether cells differ at all.

    Parameters
    ----------
    result
        Of the task `intersectionality`.
    crossing
        Attributes that were crossed, as the result names them; the first if None.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or has no such crossing.

    Examples
    --------
    >>> from populace.report.figures.demonstration import cells_result
    >>> cells(cells_result()).to_dict()["title"]["text"]
    ['Share satisfied by ideology and age']
    """
    table = parts.need(result, "intersectionality")
    inside = table.filter(pl.col("arm") != "", pl.col("group") != "", measure="satisfied")
    names = inside["arm"].unique(maintain_order=True).to_list()
    if not names or (crossing is not None and crossing not in names):
        fix = f"use one of {', '.join(names)}" if names else "run the task with --group attribute,attribute"
        raise DataError(f"there is no crossing {crossing or ''}".strip(), fix=fix)
    chosen = crossing or names[0]
    shrunk = inside.filter(arm=chosen).sort("value", descending=True, maintain_order=True)
    shrunk = shrunk.with_columns(
        label=pl.col("group")
        .str.replace_all(r"[^=,]+=", " ")
        .str.strip_chars()
        .str.replace_all(r",\s+", ", "),
        people=parts.whole("clusters"),
        series=pl.lit(_SHRUNK),
    ).with_columns(parts.few())
    counted = {(score.arm, score.group): score.raw for score in result.scores if score.measure == "satisfied"}
    as_counted = [counted.get((chosen, group)) for group in shrunk["group"]]
    raw = shrunk.with_columns(
        pl.Series("value", as_counted, dtype=pl.Float64),
        pl.lit(None, dtype=pl.Float64).alias("low"),
        pl.lit(None, dtype=pl.Float64).alias("high"),
        series=pl.lit(_RAW),
    ).drop_nulls("value")
    everybody = table.filter(measure="satisfied", arm="", group="")["value"].to_list()
    marks = {everybody[0]: "everybody"} if everybody and everybody[0] is not None else {}
    rows = pl.concat([shrunk, raw])
    axis = parts.Axis("share of items that need no revision", parts.reach(rows, (0.2, 0.8)))
    chart = parts.dots(
        rows, width, axis, series=[_SHRUNK, _RAW], marks=marks, join=True, column="people", step=24
    )
    told = " and ".join(part.strip() for part in chosen.split(","))
    lines = [
        f"{result.target}; small cells are pulled towards the others (empirical Bayes)",
        parts.counted(shrunk),
        _differ(table, chosen)
        + (f" † fewer than {parts.FEW} people" if (shrunk["clusters"] < parts.FEW).any() else ""),
    ]
    return parts.titled(chart, f"Share satisfied by {told}", lines, width)


def _differ(table: pl.DataFrame, crossing: str) -> str:
    gap = table.filter(measure="gap", arm=crossing).drop_nulls("p_value")
    if gap.is_empty():
        return ""
    p = gap["p_value"][0]
    return f"Whether cells differ at all: p {'< 0.001' if p < 0.001 else f'= {p:.3f}'}."
