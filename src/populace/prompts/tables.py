"""Prompts and filter reports as tables for a terminal."""

from __future__ import annotations

import polars as pl
from rich.table import Column, Table
from rich.text import Text

from populace.prompts.filters import FilterReport
from populace.prompts.records import GRADES

__all__ = ["counts_table", "report_table", "texts_table"]


def counts_table(frame: pl.DataFrame) -> Table:
    """Lay out how many prompts each topic has, in all, by controversy grade and by split.

    Examples
    --------
    >>> from populace.prompts import load
    >>> counts_table(load("builtin")).row_count
    23
    """
    grade, split = pl.col("controversy"), pl.col("split")
    counts = [
        pl.len().alias("prompts"),
        *((grade == level).sum().alias(name) for level, name in enumerate(GRADES)),
        grade.is_null().sum().alias("not graded"),
        *((split == name).sum().alias(name) for name in ("train", "test")),
    ]
    total = frame.select(counts)
    by_topic = frame.group_by(pl.col("topic").fill_null("not known")).agg(counts).sort("topic")
    table = Table(Column("topic", footer="all"), title="Prompts by topic", show_footer=True)
    for name in total.columns:
        table.add_column(name, justify="right", footer=str(total[name].item()))
    for row in by_topic.iter_rows():
        table.add_row(*(Text(str(value)) for value in row))
    return table


def texts_table(frame: pl.DataFrame) -> Table:
    """Lay out prompts one a row, the id cut to the eight digits that tell them apart.

    Examples
    --------
    >>> from populace.prompts import load
    >>> texts_table(load("builtin").head(3)).row_count
    3
    """
    table = Table("id", "topic", "controversy", "split", "text", title="Prompts")
    for row in frame.iter_rows(named=True):
        grade = row["controversy"]
        table.add_row(
            row["prompt_id"][:8],
            Text(row["topic"] or ""),
            "" if grade is None else GRADES[grade],
            row["split"],
            # A text is shown as it is: its brackets are no markup.
            Text(row["text"]),
        )
    return table


def report_table(report: FilterReport) -> Table:
    """Lay out what each filter removed and what is left after it.

    Examples
    --------
    >>> from populace.prompts import FilterStep
    >>> steps = (FilterStep("question mark", 2),)
    >>> report_table(FilterReport(total=5, kept=3, steps=steps, scored=0)).row_count
    1
    """
    table = Table("filter", title=f"Filters on {report.total} prompts")
    table.add_column("removed", justify="right")
    table.add_column("left", justify="right")
    left = report.total
    for step in report.steps:
        left -= step.removed
        table.add_row(step.name, str(step.removed), str(left))
    return table
