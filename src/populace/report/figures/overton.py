"""What answers present of their windows: coverage beside precision, and how coverage grows with length."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme

if TYPE_CHECKING:
    from populace.bench.result import TaskResult

__all__ = ["coverage_at_k", "overton"]

_ELSEWHERE = ", of another question"
_SERIES = ("coverage", "precision")
_AT = re.compile(r"^coverage_at_(\d+)$")
_DASHES = ([1, 0], [7, 3], [2, 3])


def overton(result: TaskResult, width: int = 680) -> Any:
    """Draw coverage and precision of every way to answer, and the coverage of what is no answer.

    The dashed line is the noise floor: the largest coverage that an arm's answers have in another question's
    window. A coverage that is not above that, and above the question itself, is none.

    Parameters
    ----------
    result
        Of the task `overton`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_overton import overton_result
    >>> overton(overton_result()).to_dict()["title"]["text"]
    ['Of the views that people hold, how many one answer presents']
    """
    table = parts.need(result, "overton").filter(pl.col("measure").is_in(_SERIES))
    floors = table.filter(pl.col("arm").str.ends_with(_ELSEWHERE))
    rows = table.filter(~pl.col("arm").str.ends_with(_ELSEWHERE), pl.col("arm") != "an empty answer")
    arms = set(rows.filter(measure="precision")["arm"])
    label = (
        pl.when(pl.col("arm").is_in(arms))
        .then(pl.format("answer, {}", "arm"))
        .when(pl.col("arm") == "the window itself")
        .then(pl.lit("the window itself (ceiling)"))
        .otherwise("arm")
    )
    rows = rows.with_columns(label=label, series="measure")
    level = floors["value"].drop_nulls().max()
    lines = [
        f"{result.target.partition('@')[0] or 'given answers'}; {_matcher(result)}",
        f"{_counted(rows)}. Dashed: coverage of another question's window (noise floor)",
    ]
    marks = {} if level is None else {float(str(level)): ""}
    drawn = parts.dots(rows, width, parts.Axis("share", (0.0, 1.0)), series=_SERIES, marks=marks)
    return parts.titled(drawn, "Of the views that people hold, how many one answer presents", lines, width)


def coverage_at_k(result: TaskResult, width: int = 680) -> Any:
    """Draw the coverage of the first K sentences of each way to answer: gains that are more than length.

    Parameters
    ----------
    result
        Of the task `overton`.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the result is of another task, or has no coverage@K.

    Examples
    --------
    >>> from populace.report.figures.demonstration_pluralism_overton import overton_result
    >>> coverage_at_k(overton_result()).to_dict()["title"]["text"]
    ['Coverage of the first K sentences']
    """
    import altair as alt

    table = parts.need(result, "overton").filter(pl.col("measure").str.contains(_AT.pattern))
    if table.is_empty():
        raise DataError("the result has no coverage at K sentences", fix="run it with --option at=1,3,5")
    table = table.with_columns(k=pl.col("measure").str.extract(_AT.pattern).cast(pl.Int64)).sort("k")
    ks = table["k"].unique().sort().to_list()
    x = alt.X("k:Q", title="K, sentences that count").scale(domain=[ks[0], ks[-1]], nice=False, padding=14)
    x = x.axis(values=ks, format="d", grid=False, labelFlush=False)
    y = alt.Y("value:Q", title="share of perspectives").scale(domain=[0, 1]).axis(format=".0%", tickCount=5)
    layers = []
    arms = table["arm"].unique(maintain_order=True).to_list()
    for number, arm in enumerate(arms):
        look, dash = parts.LOOKS[number % len(parts.LOOKS)], _DASHES[number % len(_DASHES)]
        base = alt.Chart(table.filter(pl.col("arm") == arm)).encode(x=x)
        shift = 7 * (number - (len(arms) - 1) / 2)
        layers += [
            base.mark_rule(color=look.stroke, strokeWidth=1.4, xOffset=shift).encode(y="low:Q", y2="high:Q"),
            base.mark_line(color=look.stroke, strokeWidth=1.8, strokeDash=dash, xOffset=shift).encode(y=y),
            base.mark_point(
                shape=look.shape, size=52, fill=look.fill, stroke=look.stroke, opacity=1, xOffset=shift
            ).encode(y=y),
            base.transform_filter(f"datum.k == {ks[-1]}")
            .mark_text(align="left", dx=14 + shift, color=theme.INK, fontSize=12, text=arm)
            .encode(y=y),
        ]
    lines = [
        f"{result.target.partition('@')[0] or 'given answers'}; {_matcher(result)}",
        f"{_counted(table)}. Shorter answers count whole",
    ]
    drawn = alt.layer(*layers).properties(width=width - 150, height=260)
    return parts.titled(drawn, "Coverage of the first K sentences", lines, width)


def _matcher(result: TaskResult) -> str:
    """Say who matched sentences and perspectives."""
    kind = str(result.settings.get("options", {}).get("matcher", "judge"))
    judge = (result.judge or "a judge").partition("@")[0]
    return f"matched by {judge if kind == 'judge' else kind}"


def _counted(table: pl.DataFrame) -> str:
    sizes = sorted(set(table["n"].to_list()))
    span = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    return f"{table['level'][0] * 100:g} % intervals over {span} questions"
