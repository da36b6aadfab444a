"""Who the people are: their attributes, ages and incomes as histograms beside the census."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.report.figures import parts, theme
from populace.report.figures.folding import folded
from populace.report.tables import population_shares

__all__ = ["demographics", "population_histograms"]

_ROWS = 9
_LEVEL = 0.95


def demographics(people: pl.DataFrame, census: pl.DataFrame, width: int = 680) -> Any:
    """Draw the share of every value among the people as a bar, with a dark line where the census is.

    It stands for PERSONA's histograms of demographics (arXiv 2407.17387), of which two are said to correlate
    with the census "strongly if not perfectly". What they do not show: the census itself, and how far a share
    of so few people may be off by the draw (thin line: Clopper and Pearson's interval).

    Parameters
    ----------
    people
        A row a person, each counting once, with columns of labels.
    census
        `attribute`, `value`, `share`, as `populace.population.census_margins` gives them.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If the people have no attribute of the census.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["Male", "Female", "Female"]})
    >>> census = pl.DataFrame({"attribute": ["sex"] * 2, "value": ["Female", "Male"], "share": [0.51, 0.49]})
    >>> demographics(people, census).to_dict()["title"]["text"]
    ['Who the people are, beside the census']
    """
    shares = population_shares(people, census)
    if shares.is_empty():
        raise DataError(
            "the people have no attribute of the census", fix="give columns named as the census’s"
        )
    chart = _laid_out(shares, width)
    counts = sorted(set(shares["n"].to_list()))
    told = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    lines = [f"Bars: people drawn, n = {told}, with 95 % intervals (Clopper-Pearson). Dark lines: the census"]
    return parts.titled(chart, "Who the people are, beside the census", lines, width)


def _laid_out(shares: pl.DataFrame, width: int) -> Any:
    """Set panels two abreast, or below each other where half the width would break labels too often."""
    import altair as alt

    tables = {
        str(attribute).replace("_", " "): folded(part, _ROWS)
        for (attribute,), part in shares.group_by("attribute", maintain_order=True)
    }
    half = (width - 24) // 2
    # Two lines of half a page, a little more than half filled by words that do not break evenly.
    longest = max(len(name) for part in tables.values() for name in part["value"])
    columns = 2 if width >= 500 and longest <= 1.6 * (theme.label_room(half) // 7) else 1
    panel = half if columns == 2 else width
    return alt.concat(*(_panel(part, title, panel) for title, part in tables.items()), columns=columns)


def _panel(shares: pl.DataFrame, title: str, width: int) -> Any:
    import altair as alt

    labels = [name[0].upper() + name[1:] for name in shares["value"].to_list()]
    y, step = theme.rows(labels, width, lines=4)
    low, high = _exact(shares["drawn"].to_numpy(), shares["n"].to_numpy())
    table = shares.with_row_index("row").with_columns(low=pl.Series(low), high=pl.Series(high))
    top = max(float(table.select(pl.max_horizontal("census", "high").max()).item()), 0.05)
    x = alt.X("drawn:Q", title=None).scale(domain=[0, min(1.0, 1.02 * top)], nice=False)
    x = x.axis(format="~%", tickCount=3, labelFlush=False)
    base = alt.Chart(table).encode(y=y)
    return alt.layer(
        base.mark_bar(color=theme.MORE[0], height=13).encode(x=x),
        base.mark_rule(color=theme.INK, strokeWidth=1).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_tick(color=theme.INK, thickness=2.5, size=19, opacity=1).encode(x=alt.X("census:Q")),
    ).properties(width=width - theme.label_room(width) - 16, height=alt.Step(step - 2), title=title)


def _exact(shares: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give Clopper and Pearson's interval (1934) for shares of n people; counts may be fractional."""
    from scipy.special import betaincinv

    tail, successes = (1 - _LEVEL) / 2, shares * n
    with np.errstate(all="ignore"):
        low = np.where(successes > 0, betaincinv(np.maximum(successes, 1e-12), n - successes + 1, tail), 0.0)
        rest = np.maximum(n - successes, 1e-12)
        high = np.where(successes < n, betaincinv(successes + 1, rest, 1 - tail), 1.0)
    return low, high


class _Scale(NamedTuple):
    step: float
    last: float
    """Where the last bar begins, which takes everything above."""
    unit: str
    title: str


_SCALES = {
    "age": _Scale(5, 85, "", "age, years"),
    "income": _Scale(20_000, 300_000, "$", "household income, dollars"),
}


def population_histograms(
    people: pl.DataFrame,
    reference: pl.DataFrame | None = None,
    columns: Sequence[str] = ("age", "income"),
    width: int = 680,
) -> Any:
    """Draw how people spread over ages, incomes or other numbers, beside a reference.

    It stands for PERSONA's population histograms (arXiv 2407.17387). What they do not show: the reference in
    the same figure, as steps; and an interval on every bar, for a draw of the same effective size.

    Parameters
    ----------
    people
        A row a person; a column `weight`, where there is one, is counted.
    reference
        The same of whoever the people stand for; None draws them alone.
    columns
        Numbers to draw, a panel each. People without a value are left out.
    width
        Of the whole figure, in pixels.

    Raises
    ------
    DataError
        If a column is missing, is no number, or nobody has it.

    Examples
    --------
    >>> from populace.report.figures.demonstration import population
    >>> population_histograms(*population()).to_dict()["title"]["text"]
    ['Age and income of the people, beside the reference']
    """
    import altair as alt

    across = 2 if width >= 500 and len(columns) > 1 else 1
    panel = (width - 24 * (across - 1)) // across - 60
    panels, sizes = [], []
    for column in columns:
        scale = _scale(people, column)
        ours, effective = _bars(people, column, scale)
        theirs = None if reference is None else _bars(reference, column, scale)[0]
        panels.append(_histogram(ours, theirs, scale, panel))
        sizes.append(effective)
    chart = alt.concat(*panels, columns=across) if len(panels) > 1 else panels[0]
    told = " and ".join(f"{size:,.0f}" for size in sizes)
    lines = [f"Bars: {told} effective people, with 95 % intervals; the last bar takes everybody above"]
    lines.append("" if reference is None else "Dark steps: the reference")
    end = "" if reference is None else ", beside the reference"
    names = " and ".join(column.replace("_", " ") for column in columns)
    return parts.titled(chart, f"{names[0].upper()}{names[1:]} of the people{end}", lines, width)


def _scale(people: pl.DataFrame, column: str) -> _Scale:
    if column not in people.columns or not people[column].dtype.is_numeric():
        raise DataError(f"the people have no number {column!r}", column=column)
    if column in _SCALES:
        return _SCALES[column]
    known = people[column].drop_nulls().cast(pl.Float64).drop_nans()
    if known.is_empty():
        raise DataError(f"nobody has a value of {column!r}", column=column)
    high = max(float(known.quantile(0.98) or 0.0), 1e-9)
    # One, two or five times a power of ten, about fifteen bars.
    raw = high / 15
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * each for each in (1, 2, 5, 10) if power * each >= raw)
    return _Scale(step, step * math.ceil(high / step), "", column.replace("_", " "))


def _bars(people: pl.DataFrame, column: str, scale: _Scale) -> tuple[pl.DataFrame, float]:
    """Count the weighted share of people a step: `low`, `high`, `share`, `share_low`, `share_high`."""
    weight = pl.col("weight").cast(pl.Float64) if "weight" in people.columns else pl.lit(1.0)
    table = people.select(value=pl.col(column).cast(pl.Float64), weight=weight).fill_nan(None).drop_nulls()
    table = table.filter(pl.col("weight") > 0)
    if table.is_empty():
        raise DataError(f"nobody has a value of {column!r}", column=column)
    values, weights = table["value"].to_numpy(), table["weight"].to_numpy()
    bars = round(scale.last / scale.step) + 1
    place = np.clip(np.floor(values / scale.step).astype(int), 0, bars - 1)
    share = np.bincount(place, weights, minlength=bars) / weights.sum()
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    low, high = _exact(share, np.full(bars, effective))
    edges = np.arange(bars + 1) * scale.step
    columns = {"low": edges[:-1], "high": edges[1:], "share": share, "share_low": low, "share_high": high}
    return pl.DataFrame(columns).with_columns(middle=(pl.col("low") + pl.col("high")) / 2), effective


def _histogram(ours: pl.DataFrame, theirs: pl.DataFrame | None, scale: _Scale, width: int) -> Any:
    import altair as alt

    # Where nobody is, below the youngest, say, the axis need not be.
    filled = pl.concat([table.filter(pl.col("share") > 0) for table in (ours, theirs) if table is not None])
    start, end = float(filled["low"].to_numpy().min()), scale.last + scale.step
    ours = ours.filter(pl.col("low") >= start)
    theirs = None if theirs is None else theirs.filter(pl.col("low") >= start)
    money = scale.unit == "$"
    text = (
        "datum.value == 0 ? '0' : '$' + format(datum.value / 1000, ',') + 'k'"
        if money
        else "format(datum.value, ',')"
    )
    x = alt.X("low:Q", title=scale.title).bin("binned").scale(domain=[start, end], nice=False, zero=False)
    x = x.axis(grid=False, labelExpr=text, tickCount=6, labelFlush=False)
    y = alt.Y("share:Q", title="share of people").axis(format="~%", tickCount=4)
    base = alt.Chart(ours)
    layers = [
        base.mark_bar(color=theme.MORE[0], binSpacing=1).encode(x=x, x2="high:Q", y=y),
        base.mark_rule(color=theme.BLUE, strokeWidth=1).encode(
            x=alt.X("middle:Q"), y="share_low:Q", y2="share_high:Q"
        ),
    ]
    if theirs is not None:
        # The last step ends where its bar does.
        close = theirs.tail(1).select(pl.col("high").alias("low"), "share")
        steps = pl.concat([theirs.select("low", "share"), close])
        layers.append(
            alt.Chart(steps)
            .mark_line(color=theme.INK, strokeWidth=1.6, interpolate="step-after")
            .encode(x=alt.X("low:Q"), y="share:Q")
        )
    return alt.layer(*layers).properties(width=width, height=170)
