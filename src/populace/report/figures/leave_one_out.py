"""What answers lose when the model is not told one thing about the person who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["leave_one_out"]

_AGAIN, _NOBODY, _WITHOUT = "again", "nobody", "without "


def leave_one_out(result: TaskResult, width: int = 680) -> Any:
    """Draw how far satisfaction falls without each attribute, the largest fall first.

    It stands for the attribute study of PERSONA (arXiv 2407.17387) and the leave-one-out plot of its code.
    What they do not show: an interval for every fall; the noise floor, which is the fall between two samples
    that were told everything (shaded); what is lost when nothing is told; p-values adjusted over all
    attributes.

    Parameters
    ----------
    result
        Of the task `leave-one-out`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task.

    Examples
    --------
    >>> from populace.report.figures.demonstration import leave_one_out_result
    >>> leave_one_out(leave_one_out_result()).to_dict()["title"]["text"]
    ['Fall of satisfaction by what the model is not told']
    """
    table = parts.need(result, "leave-one-out").filter(measure="fall")
    table = table.with_columns(
        label=pl.col("arm").replace({_NOBODY: "everything", _AGAIN: "nothing (asked again)"}),
        first=pl.col("arm").replace_strict({_NOBODY: 0, _AGAIN: 2}, default=1, return_dtype=pl.Int64),
    ).with_columns(pl.col("label").str.strip_prefix(_WITHOUT).str.replace_all("_", " "))
    table = table.sort("first", -pl.col("value").fill_null(-9), maintain_order=True)
    table = table.with_columns(
        parts.few(),
        pl.when(pl.col("arm").str.starts_with(_WITHOUT)).then("p_value").map_elements(_p, pl.String)
        .alias("p (Holm)"),
    )  # fmt: skip
    floor = table.filter(arm=_AGAIN)
    band = (floor["low"][0], floor["high"][0]) if floor.height and floor["low"][0] is not None else None
    domain = parts.reach(table, (-0.05, 0.1))
    axis = parts.Axis("fall of the share satisfied, percentage points", domain, signed=True)
    chart = parts.dots(table, width, axis, marks={0.0: ""}, band=band, column="p (Holm)")
    lines = [
        f"{result.target}, judged by {result.judge}, who always knows the full persona",
        parts.counted(table),
    ]
    lines.append(
        "Shaded: the interval of the fall when everything is told twice (noise floor)" if band else ""
    )
    return parts.titled(chart, "Fall of satisfaction by what the model is not told", lines, width)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
