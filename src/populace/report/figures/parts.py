"""What the figures of a bench share: rows from scores, dots with intervals, the line that says what n is.

A series is told by its shape and its filling; its colour only helps. Every estimate has its interval, and an
estimate that the data do not define says so in its place.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from populace.errors import DataError
from populace.report.figures import theme

if TYPE_CHECKING:
    from populace.bench.result import Score, TaskResult

__all__ = [
    "FEW",
    "LOOKS",
    "SHADE",
    "Axis",
    "Look",
    "column_room",
    "counted",
    "dots",
    "estimates",
    "few",
    "need",
    "reach",
    "titled",
    "whole",
]

SHADE = theme.SEQUENCE["not graded"]
"""Of a range to hold values against; half of it is seen through, and prints still."""
FEW = 10
"""Independent units below which an interval is too narrow to lean on; such rows carry a dagger."""


class Look(NamedTuple):
    """How the marks of one series look."""

    shape: str
    fill: str
    stroke: str


LOOKS = (
    Look("circle", theme.BLUE, theme.BLUE),
    Look("diamond", theme.PAPER, theme.INK),
    Look("square", theme.INK, theme.INK),
    Look("triangle-up", theme.MORE[0], theme.INK),
    Look("cross", theme.PAPER, theme.MUTED),
)
"""First to fifth series."""


class Axis(NamedTuple):
    """The axis that values are read on."""

    title: str
    domain: tuple[float, float]
    percent: bool = True
    signed: bool = False
    """Whether values are differences, so that a plus is written."""

    @property
    def labels(self) -> str:
        """Write the numbers on it: percentages, points of a difference, or coefficients."""
        if self.percent and not self.signed:
            return "format(datum.value, '.0%')"
        value = "100 * datum.value" if self.percent else "datum.value"
        form = ".0f" if self.percent else ".1f" if self.domain[1] - self.domain[0] >= 0.5 else ".2f"
        # A rounded zero has no sign.
        number = f"replace(format({value}, '{form}'), /^[-\u2212](?=[0.]*$)/, '')"
        return f"({value} > 1e-9 ? '+' : '') + {number}" if self.signed else number

    def channel(self, field: str, width: int) -> Any:
        """Give the x channel."""
        import altair as alt

        axis = {"labelExpr": self.labels, "tickCount": 5 if width >= 500 else 3, "labelFlush": False}
        return (
            alt.X(field, title=self.title)
            .scale(domain=list(self.domain), nice=False, zero=False)
            .axis(**axis)
        )


_SCHEMA = {
    "measure": pl.String, "arm": pl.String, "group": pl.String, "value": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "level": pl.Float64, "n": pl.Int64, "clusters": pl.Int64, "p_value": pl.Float64,
    "note": pl.String,
}  # fmt: skip


def estimates(scores: Iterable[Score]) -> pl.DataFrame:
    """Lay scores out as rows, in their order; what is not defined is null.

    Examples
    --------
    >>> from populace.bench import Score
    >>> from populace.stats import Estimate
    >>> one = Estimate(value=0.5, low=0.4, high=0.6, n=90, clusters=30, method="by hand")
    >>> table = estimates([Score(measure="satisfied", arm="baseline", estimate=one)])
    >>> table.select("arm", "value", "n").row(0)
    ('baseline', 0.5, 90)
    """
    rows = []
    for score in scores:
        found = score.estimate
        numbers = {name: getattr(found, name) for name in ("value", "low", "high", "level", "n", "clusters")}
        said = {name: getattr(score, name) for name in ("measure", "arm", "group", "p_value", "note")}
        rows.append(numbers | said)
    table = pl.DataFrame(rows, schema=_SCHEMA)
    return table.with_columns(pl.col("value", "low", "high", "p_value").fill_nan(None))


def need(result: TaskResult, task: str) -> pl.DataFrame:
    """Give the estimates of a result, which must be of a task.

    Raises
    ------
    DataError
        If it is of another.
    """
    if result.task != task:
        raise DataError(
            f"this figure is of the task {task}, and the result is of {result.task}",
            fix=f"run `populace bench run {task}`",
        )
    return estimates(result.scores)


def counted(table: pl.DataFrame, unit: str = "items") -> str:
    """Say the level and what the rows stand on.

    Examples
    --------
    >>> counted(pl.DataFrame({"level": [0.95, 0.95], "n": [240, 90], "clusters": [60, 60]}))
    '95 % intervals; n = 90 to 240 items of 60 people'
    """
    if table.is_empty():
        return "nothing was measured"
    level = f"{table['level'][0] * 100:g} % intervals"
    if "low" in table.columns and not table["low"].is_finite().any():
        level = "no intervals: too few people, or all alike"
    return f"{level}; n = {_span(table['n'])} {unit} of {_span(table['clusters'])} people"


def _span(numbers: pl.Series) -> str:
    known = sorted(set(numbers.drop_nulls().to_list()))
    if not known:
        return "0"
    return f"{known[0]:,}" if len(known) == 1 else f"{known[0]:,} to {known[-1]:,}"


def reach(table: pl.DataFrame, least: tuple[float, float] | None) -> tuple[float, float]:
    """Give an axis that holds every value and every end of an interval, and is at least so wide.

    Without a least width it is as long as what it holds.

    Examples
    --------
    >>> reach(pl.DataFrame({"value": [0.2], "low": [-0.3], "high": [None]}), (0.0, 1.0))
    (-0.326, 1.0)
    """
    ends = [end for name in ("value", "low", "high") for end in table[name].fill_nan(None).drop_nulls()]
    if least is None:
        least = (max(ends), min(ends)) if len(set(ends)) > 1 else (0.0, 1.0)
    low, high = min([least[0], *ends]), max([least[1], *ends])
    # A mark at the very end would be cut in half.
    room = 0.02 * (high - low)
    wide = (low - room if low < least[0] else low, high + room if high > least[1] else high)
    return round(wide[0], 3), round(wide[1], 3)


def few(label: str = "label", people: str = "clusters") -> pl.Expr:
    """Mark the labels of rows that stand on too few people."""
    dagger = pl.format("{}\N{NO-BREAK SPACE}†", pl.col(label))
    return pl.when(pl.col(people) < FEW).then(dagger).otherwise(pl.col(label)).alias(label)


def whole(column: str) -> pl.Expr:
    """Write whole numbers with commas."""
    return pl.col(column).map_elements(lambda number: f"{number:,}", pl.String)


def titled(chart: Any, title: str, lines: Sequence[str], width: int) -> Any:
    """Put the theme on a chart, with a heading and the lines that say what stands behind it."""
    import altair as alt

    # Six pixels a letter hold also where the reader's type runs wider than the one measured here.
    said = [part for line in lines if line for part in textwrap.wrap(line, max(20, int(width / 6.1)))]
    head = textwrap.wrap(title, max(20, int(width / 7.6))) or [""]
    params = alt.TitleParams(text=head, subtitle=said, frame="bounds", anchor="start", subtitlePadding=4)
    return theme.finish(chart.properties(title=params))


def column_room(texts: Iterable[str], head: str = "") -> int:
    """Give the pixels that a column of short texts takes at the right."""
    longest = max([len(head), *map(len, texts)], default=0)
    return 7 * longest + 14 if longest else 0


def dots(
    table: pl.DataFrame,
    width: int,
    axis: Axis,
    *,
    series: Sequence[str] = (),
    marks: Mapping[float, str] | None = None,
    band: tuple[float, float] | None = None,
    join: bool = False,
    column: str = "",
    step: int = 0,
) -> Any:
    """Draw rows of dots with intervals.

    Parameters
    ----------
    table
        `label`, `value`, `low`, `high`; `series` where there are several; the order of labels is kept.
    series
        Names of the series, in the order of `LOOKS`; rows of one label stand below each other.
    marks
        Where dashed lines stand, and what is written above them.
    band
        A range that is shaded.
    join
        Whether a thin line joins the first two series of a label.
    column
        A column of short texts that stands at the right, its name being its head.
    """
    import altair as alt

    series = list(series) or [""]
    if "series" not in table.columns:
        table = table.with_columns(series=pl.lit(series[0]))
    labels = table["label"].unique(maintain_order=True).to_list()
    place = {label: row for row, label in enumerate(labels)}
    table = table.with_columns(
        row=pl.col("label").replace_strict(place, return_dtype=pl.Int64),
        **{name: pl.col(name).fill_nan(None) for name in ("value", "low", "high")},
    )
    y, usual = theme.rows(labels, width, lines=4)
    step = max(step, usual) if step else max(usual, 11 * len(series) + 8)
    texts = table.unique("label", maintain_order=True).drop_nulls(column)[column].to_list() if column else []
    plot = width - theme.label_room(width) - 20 - column_room(texts, column)
    layers = [*_band(band), *_marks(marks or {})]
    if join:
        layers.append(_joined(table, series, y))
    legend = _legend(series, plot, bool(column)) if len(series) > 1 else None
    looks = LOOKS[: len(series)]
    channels: dict[str, Any] = {
        name: kind("series:N", legend=legend).scale(
            domain=series, range=[getattr(look, name) for look in looks]
        )
        for name, kind in (("shape", alt.Shape), ("fill", alt.Fill), ("stroke", alt.Stroke))
    }
    for number, name in enumerate(series):
        shift = 0 if join and len(series) == 2 else 10 * (number - (len(series) - 1) / 2)
        base = alt.Chart(table.filter(pl.col("series") == name)).encode(y=y)
        known = base.transform_filter("isValid(datum.value)")
        bounded = known.transform_filter("isValid(datum.low) && isValid(datum.high)")
        layers += [
            bounded.mark_rule(strokeWidth=1.6, yOffset=shift, color=looks[number].stroke).encode(
                x=alt.X("low:Q"), x2="high:Q"
            ),
            known.mark_point(size=56, strokeWidth=1.5, opacity=1, yOffset=shift).encode(
                x=axis.channel("value:Q", width), **channels
            ),
            base.transform_filter("!isValid(datum.value)")
            .mark_text(
                text="not defined",
                align="left",
                dx=4,
                color=theme.MUTED,
                fontStyle="italic",
                yOffset=shift,
                fontSize=11,
            )
            .encode(x=alt.value(0)),
        ]
    if column:
        layers += _column(table, column, y, plot)
    return alt.layer(*layers).properties(width=plot, height=alt.Step(step))


def _legend(series: Sequence[str], room: int, column: bool) -> Any:
    """Lay the names of series out in as many columns as fit; names are never cut."""
    import altair as alt

    columns = len(series)
    while columns > 1 and columns * (7 * max(map(len, series)) + 40) > room + 40:
        columns -= 1
    # The head of a column at the right stands just above the plot.
    return alt.Legend(title=None, symbolSize=70, labelLimit=0, columns=columns, offset=22 if column else 12)


def _band(band: tuple[float, float] | None) -> list[Any]:
    import altair as alt

    if band is None or any(math.isnan(end) for end in band):
        return []
    ends = alt.Chart(pl.DataFrame({"low": [band[0]], "high": [band[1]]}))
    return [ends.mark_rect(color=SHADE, opacity=0.5).encode(x=alt.X("low:Q"), x2="high:Q")]


def _marks(marks: Mapping[float, str]) -> list[Any]:
    import altair as alt

    if not marks:
        return []
    frame = pl.DataFrame({"at": [float(at) for at in marks], "said": list(marks.values())})
    base = alt.Chart(frame).encode(x=alt.X("at:Q"))
    lines = base.mark_rule(color=theme.MUTED, strokeDash=[4, 3])
    names = base.mark_text(color=theme.MUTED, y=-8, fontSize=11).encode(text="said:N")
    return [lines, names] if any(marks.values()) else [lines]


def _joined(table: pl.DataFrame, series: Sequence[str], y: Any) -> Any:
    import altair as alt

    one, other = (
        table.filter(pl.col("series") == name).select("label", "row", "value") for name in series[:2]
    )
    both = one.join(other, on=["label", "row"], suffix="_other").drop_nulls()
    rule = alt.Chart(both).mark_rule(color=theme.MUTED, strokeWidth=1, strokeDash=[1, 2])
    return rule.encode(y=y, x=alt.X("value:Q"), x2="value_other:Q")


def _column(table: pl.DataFrame, column: str, y: Any, plot: int) -> list[Any]:
    import altair as alt

    once = table.unique("label", maintain_order=True).select("row", said=pl.col(column)).drop_nulls()
    texts = alt.Chart(once).mark_text(align="left", color=theme.MUTED, fontSize=11)
    head = alt.Chart(pl.DataFrame({"said": [column]})).mark_text(
        align="left", color=theme.MUTED, fontSize=11, y=-8
    )
    at = alt.value(plot + 12)
    return [texts.encode(y=y, x=at, text="said:N"), head.encode(x=at, text="said:N")]
