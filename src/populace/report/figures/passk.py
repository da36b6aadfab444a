"""Whether at least one of k answers suits, and what nobody's tries reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["pass_at_k"]

_LINES: dict[str, Any] = {
    "passes": (("told the", "persona"), theme.BLUE, [1, 0], "circle"),
    "passes_judged": (("judge taken", "at its word"), theme.MUTED, [2, 3], "triangle-up"),
    "passes_nobody": (("told", "nobody"), theme.INK, [7, 3], "diamond"),
}
"""Measure -> its name in the figure, colour, dashes and shape."""


def pass_at_k(results: Sequence[TaskResult], width: int = 680) -> Any:
    """Draw pass@k with its bands, a panel a model.

    It stands for PERSONA's figure of pass@k for k up to 16 (arXiv 2407.17387). What that does not show: the
    curve of a model that is told nobody, which rises too; bands clustered by persona; the judge's error,
    taken out of the main curve and left in the dotted one.

    Parameters
    ----------
    results
        Of the task `pass-at-k`, one a model.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If a result is of another task.

    Examples
    --------
    >>> from populace.report.figures.demonstration import passk_result
    >>> pass_at_k([passk_result()]).to_dict()["title"]["text"]
    ['At least one of k answers suits (pass@k)']
    """
    import altair as alt

    tables = [_curves(result) for result in results]
    columns = min(len(tables), 2 if width >= 500 else 1)
    gap = 28
    # Names of lines stand at their right ends.
    plot = (width - gap * (columns - 1)) // columns - 60 - _NAMES
    ends = pl.concat(tables)
    top = 1.0 if ends.filter(pl.col("high") > 0.6).height else 0.7
    panels = [
        _panel(table, plot, top).properties(title=result.target)
        for result, table in zip(results, tables, strict=True)
    ]
    chart = alt.concat(*panels, columns=columns, spacing=gap) if len(panels) > 1 else panels[0]
    judges = sorted({result.judge or "nobody" for result in results})
    lines = [
        parts.counted(ends) + ", shaded or as bars",
        f"unbiased estimator over independent tries; judged by {', '.join(judges)}",
    ]
    if len(panels) == 1:
        lines.insert(0, results[0].target)
    return parts.titled(chart, "At least one of k answers suits (pass@k)", lines, width)


_NAMES = 80


def _curves(result: TaskResult) -> pl.DataFrame:
    table = parts.need(result, "pass-at-k").filter(pl.col("measure").is_in(list(_LINES)))
    table = table.with_columns(k=pl.col("arm").str.strip_prefix("k=").cast(pl.Int64)).sort("measure", "k")
    kept = table.filter(measure="passes").select("k", same="value")
    told = table.join(kept, on="k", how="left", maintain_order="left")
    # By likelihood the two are one curve: the judge's error is not known.
    equal = told.filter(measure="passes_judged").select((pl.col("value") - pl.col("same")).abs().max()).item()
    return told.filter(pl.col("measure") != "passes_judged") if equal == 0 else told


def _panel(table: pl.DataFrame, width: int, top: float) -> Any:
    import altair as alt

    ks = sorted(set(table["k"].to_list()))
    x = alt.X("k:Q", title="k, independent answers")
    x = x.scale(type="log", base=2, domain=[ks[0], max(ks[-1], ks[0] + 1)], nice=False)
    x = x.axis(values=ks, format="d", grid=False, labelOverlap=False, labelFlush=False)
    y = alt.Y("value:Q", title="share of questions").scale(domain=[0, top]).axis(format=".0%", tickCount=5)
    layers = []
    for measure, (_, colour, dash, shape) in _LINES.items():
        part = table.filter(pl.col("measure") == measure).drop_nulls("value")
        if part.is_empty():
            continue
        base = alt.Chart(part.select("k", "value", "low", "high")).encode(x=x)
        if measure == "passes_judged":
            layers.append(
                base.mark_rule(color=colour, strokeWidth=1, xOffset=5).encode(y="low:Q", y2="high:Q")
            )
        else:
            shade = theme.SEQUENCE["none"] if measure == "passes" else theme.GRID
            layers.insert(0, base.mark_area(color=shade, opacity=0.9).encode(y=alt.Y("low:Q"), y2="high:Q"))
        filled = measure == "passes"
        offset: dict[str, Any] = {"xOffset": 5} if measure == "passes_judged" else {}
        layers += [
            base.mark_line(color=colour, strokeWidth=1.8, strokeDash=dash, **offset).encode(y=y),
            base.mark_point(
                shape=shape,
                size=42,
                stroke=colour,
                fill=colour if filled else theme.PAPER,
                opacity=1,
                **offset,
            ).encode(y=y),
        ]
    return alt.layer(*layers, *_named(table, width, top)).properties(width=width, height=230)


def _named(table: pl.DataFrame, width: int, top: float) -> list[Any]:
    """Write each line's name at its right end, far enough from the others."""
    import altair as alt

    last = table.filter(pl.col("k") == pl.col("k").max()).drop_nulls("value").sort("value", descending=True)
    layers, before = [], -1e9
    for measure, value in last.select("measure", "value").iter_rows():
        said, colour, _, _ = _LINES[measure]
        at = max(230 * (1 - value / top) - 6, before + 32)
        before = at
        text = alt.Chart(pl.DataFrame({"at": [0]})).mark_text(
            text=list(said), align="left", color=colour, fontSize=11, lineHeight=13, baseline="middle"
        )
        layers.append(text.encode(x=alt.value(width + 12), y=alt.value(at)))
    return layers
