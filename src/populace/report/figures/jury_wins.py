"""Which of several answers a jury would choose, rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["jury_wins"]


def jury_wins(result: TaskResult, width: int = 680) -> Any:
    """Draw the share of questions that each answer wins, a row a rule, over jurors and questions.

    Parameters
    ----------
    result
        Of the task `jury`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task.
    """
    table = parts.need(result, "jury")
    wins = table.filter(pl.col("measure").str.starts_with("wins, "))
    wins = wins.with_columns(
        label=pl.col("measure").str.strip_prefix("wins, ").str.replace_all("_", " "), series=pl.col("arm")
    )
    series = wins["arm"].unique(maintain_order=True).to_list()[: len(parts.LOOKS)]
    even = 1 / max(wins["arm"].n_unique(), 1)
    chart = parts.dots(
        wins,
        width,
        parts.Axis("share of questions won", (0.0, 1.0)),
        series=series,
        marks={even: ""},
    )
    lines = [
        f"answers by {result.target}; jurors played by {result.judge or 'nobody'}",
        parts.counted(wins, "ratings"),
        "a tie is shared evenly; intervals draw jurors and questions both; dashed: an answer by lot",
    ]
    return parts.titled(chart, "Which answer a jury would choose, by rule", lines, width)
