"""Which attributes of a person the model's summaries keep, against what is kept by chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["phrase_frequency"]

_SERIES = {
    "kept": "summary",
    "kept_by_chance": "by chance",
    "kept_by_cut": "description, cut to that length",
}


def phrase_frequency(result: TaskResult, width: int = 680) -> Any:
    """Draw how often summaries tell each attribute, the most kept above chance first.

    It stands for PERSONA's figure of phrases that summaries drop (arXiv 2407.17387: age and lifestyle most).
    What that does not show: how often the same summaries seem to tell the value of somebody else, which is
    what a lexicon finds by chance and by what is common to many; what the description keeps if it is cut to
    that length; intervals for all.

    Parameters
    ----------
    result
        Of the task `phrases`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task.

    Examples
    --------
    >>> from populace.report.figures.demonstration import phrases_result
    >>> phrase_frequency(phrases_result()).to_dict()["title"]["text"]
    ['Attributes that summaries keep']
    """
    table = parts.need(result, "phrases").filter(pl.col("arm") != "")
    above = table.filter(measure="kept_above_chance").select("arm", above="value")
    table = table.filter(pl.col("measure").is_in(list(_SERIES))).join(above, on="arm", maintain_order="left")
    table = table.with_columns(
        label=pl.col("arm").str.replace_all("_", " "), series=pl.col("measure").replace_strict(_SERIES)
    ).sort("above", descending=True, nulls_last=True, maintain_order=True)
    table = table.with_columns(parts.few(), people=parts.whole("clusters"))
    axis = parts.Axis("share of summaries that tell it", (0.0, 1.0))
    # A result of an earlier version has no cut description.
    series = [name for name in _SERIES.values() if name in set(table["series"])]
    chart = parts.dots(table, width, axis, series=series, column="people", step=12 * len(series) + 4)
    lines = [
        f"summaries by {result.target}; by chance: the values of other people, looked for in the same "
        "summaries",
        parts.counted(table, "summaries"),
    ]
    return parts.titled(chart, "Attributes that summaries keep", lines, width)
