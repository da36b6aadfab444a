"""What telling the persona, thinking first, and summarising first do to answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts

if TYPE_CHECKING:
    from populace.bench.result import TaskResult
    from populace.bench.task import Counting

__all__ = ["direct_against_thought", "modes"]

_DIRECT, _THOUGHT = "output_only", "chain_of_thought"
_NAMES = {
    "demographic_summary": "summary first",
    _THOUGHT: "chain of thought",
    _DIRECT: "direct",
    "baseline": "no persona",
}
"""Mode -> how the figure calls it, in the order of its marks."""


def modes(results: Sequence[TaskResult], width: int = 680) -> Any:
    """Draw the share of items that need no revision, by model and mode.

    It stands for the main result of PERSONA Bench (arXiv 2407.17387, section 5), a chart of models and modes.
    What that does not show: an interval clustered by persona; the critic who is told nobody's description
    does not enter here, and stands in the table of the run.

    Parameters
    ----------
    results
        Of the task `main`, one a model.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If a result is of another task.

    Examples
    --------
    >>> from populace.report.figures.demonstration import main_result
    >>> modes([main_result()]).to_dict()["title"]["text"]
    ['Share of answers that suit the person who asked']
    """
    rows = [
        parts.need(result, "main").filter(measure="satisfied").with_columns(label=pl.lit(result.target))
        for result in results
    ]
    table = pl.concat(rows).with_columns(series=pl.col("arm").replace_strict(_NAMES, default=None))
    table = table.drop_nulls("series").with_columns(parts.few())
    best = table.group_by("label").agg(pl.col("value").max().alias("best"))
    table = table.join(best, on="label", maintain_order="left").sort("best", descending=True, nulls_last=True)
    axis = parts.Axis("share of items that need no revision", (0.0, 1.0))
    chart = parts.dots(table, width, axis, series=list(_NAMES.values()))
    judges = sorted({result.judge or "nobody" for result in results})
    lines = [f"judged by {', '.join(judges)} in the person’s role", parts.counted(table)]
    return parts.titled(chart, "Share of answers that suit the person who asked", lines, width)


def direct_against_thought(
    runs: Mapping[str, pl.DataFrame], width: int = 680, counting: Counting | None = None
) -> Any:
    """Draw, by model, how answers fare that were given directly, and after a chain of thought.

    It stands for PERSONA's comparison of the two (arXiv 2407.17387), whose text says that thinking first
    degrades answers and whose caption says that it improves them. What it does not show: the two on the same
    items, joined, with the paired difference and its interval in figures.

    Parameters
    ----------
    runs
        Model -> items of its run of `main`.
    width
        Of the whole figure, in pixels.
    counting
        How intervals are made.

    Examples
    --------
    >>> from populace.bench import Counting
    >>> from populace.report.figures.demonstration import main_items
    >>> chart = direct_against_thought({"large": main_items("model large")}, counting=Counting(draws=50))
    >>> chart.to_dict()["title"]["text"]
    ['Direct answers against chain of thought']
    """
    from populace.bench.scoring import above, share
    from populace.bench.task import Counting

    counting, rows = counting or Counting(), []
    for model, items in runs.items():
        gain = above(items, "critic", _THOUGHT, _DIRECT, counting, measure="gain").estimate
        for arm, series in ((_DIRECT, "direct"), (_THOUGHT, "chain of thought")):
            found = share(items.filter(arm=arm), "critic", counting)
            said = {name: getattr(found, name) for name in ("value", "low", "high", "level", "n", "clusters")}
            rows.append(said | {"label": model, "series": series, "gain": gain.value} | _gained(gain))
    table = pl.DataFrame(rows).sort("gain", descending=True, nulls_last=True, maintain_order=True)
    table = table.with_columns(parts.few())
    axis = parts.Axis("share of items that need no revision", parts.reach(table, (0.0, 0.5)))
    column = _COLUMN if width >= 500 else ""
    # Close pairs would hide each other on one line, so each has a line of its own.
    chart = parts.dots(table, width, axis, series=["direct", "chain of thought"], column=column, step=38)
    lines = [parts.counted(table), "At the right: thought less direct, on the same items, percentage points"]
    return parts.titled(chart, "Direct answers against chain of thought", lines[: 1 + bool(column)], width)


_COLUMN = "difference"


def _gained(gain: Any) -> dict[str, str]:
    if not gain.defined:
        return {_COLUMN: "not defined"}
    value, low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in (gain.value, gain.low, gain.high))
    return {_COLUMN: f"{value} [{low}, {high}]"}
