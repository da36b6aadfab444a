"""Forest plots: every estimate with its interval, beside what it has to be compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from populace.feedback.wording import Wording
from populace.report.figures import theme
from populace.report.measures import (
    FEW_CLUSTERS,
    MAIN_ARM,
    MEASURES,
    PAPER_PREFERS,
    SHUFFLED,
    about,
    baselines,
    main_arms,
)

__all__ = [
    "AGREEMENT",
    "DISAGREEMENT",
    "POSITION",
    "agreement",
    "agreement_by_group",
    "disagreement",
    "position",
    "preference",
]

AGREEMENT = ("kappa_orders", "ac1_orders", "kappa_ways", "ac1_ways")
POSITION = ("position_flip", "first_shown_preferred")
DISAGREEMENT = ("conflict_rate", "single_model_ceiling")
"""Measures that stand together in one figure."""

_KINDS = ["measured", "baseline", "few"]


def preference(estimates: pl.DataFrame, width: int = 680, words: Wording | None = None) -> Any:
    """Draw how often the second answer is preferred: the author's (or personas') verdicts, then baselines."""
    words, arms = words or about(estimates), main_arms(estimates)
    rows = _overall(estimates, [words.prefers]).with_columns(
        label="arm",
        kind=pl.when(pl.col("arm").is_in(arms)).then(pl.lit("measured")).otherwise(pl.lit("baseline")),
    )
    order = [*arms, *dict.fromkeys(name for arm in arms for name in baselines(arm, words))]
    rows = rows.sort(pl.col("arm").replace_strict({arm: i for i, arm in enumerate(order)}, default=99))
    marks = {0.5: "even"} | ({PAPER_PREFERS: "paper"} if words.revised else {})
    return theme.finish(_forest(rows, width, domain=(0, 1), marks=marks, title=f"prefers {words.second}"))


def agreement(estimates: pl.DataFrame, width: int = 680) -> Any:
    """Draw how well the judge agrees with itself: between the orders, and between two ways of asking."""
    rows = _named(_overall(estimates, AGREEMENT))
    title = "agreement beyond chance"
    return theme.finish(
        _forest(rows, width, domain=_span(rows), marks={0: "chance"}, title=title, percent=False)
    )


def agreement_by_group(estimates: pl.DataFrame, measure: str = "kappa_orders", width: int = 680) -> Any:
    """Draw one agreement measure group by group; a hollow grey dot stands on too few people.

    The number after a group is its independent units (personas).
    """
    import altair as alt

    rows = estimates.filter((pl.col("measure") == measure) & pl.col("attribute").is_not_null())
    if MAIN_ARM in rows["arm"]:
        rows = rows.filter(pl.col("arm") == MAIN_ARM)
    rows = rows.with_columns(
        label=pl.format("{}\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}{}", "group", "clusters"),
        kind=pl.when(pl.col("clusters") < FEW_CLUSTERS).then(pl.lit("few")).otherwise(pl.lit("measured")),
    )
    span = _span(rows)
    columns = 2 if width >= 500 else 1
    panel = (width - 24 * (columns - 1)) // columns
    panels = [
        _forest(part, panel, domain=span, marks={0: ""}, title=None, percent=False).properties(
            title=str(attribute).replace("_", " ")
        )
        for (attribute,), part in rows.group_by("attribute", maintain_order=True)
    ]
    return theme.finish(alt.concat(*panels, columns=columns))


def position(estimates: pl.DataFrame, width: int = 680) -> Any:
    """Draw what the mere order of two answers does to the verdict."""
    return _panels(_overall(estimates, POSITION), width, marks={"first_shown_preferred": {0.5: "even"}})


def disagreement(estimates: pl.DataFrame, width: int = 680) -> Any:
    """Draw how often two personas disagree on one pair, and the most that any single model could satisfy.

    Hollow dots are the same figures with verdicts shuffled over pairs.
    """
    return _panels(_overall(estimates, DISAGREEMENT), width, marks={})


def _panels(rows: pl.DataFrame, width: int, marks: Mapping[str, Mapping[float, str]]) -> Any:
    """Set one panel of shares beside the other, one a measure, one row an arm."""
    import altair as alt

    random = pl.col("arm").str.ends_with(SHUFFLED)
    rows = rows.with_columns(
        label=pl.when(random)
        .then(pl.col("arm").str.replace(SHUFFLED, ", shuffled", literal=True))
        .otherwise("arm"),
        kind=pl.when(random).then(pl.lit("baseline")).otherwise(pl.lit("measured")),
    )
    columns = 2 if width >= 500 else 1
    panel = (width - 24 * (columns - 1)) // columns
    panels = [
        _forest(part, panel, domain=(0, 1), marks=marks.get(str(measure), {}), title=None).properties(
            title=MEASURES[str(measure)]
        )
        for (measure,), part in rows.group_by("measure", maintain_order=True)
    ]
    return theme.finish(alt.concat(*panels, columns=columns))


def _overall(estimates: pl.DataFrame, measures: Sequence[str]) -> pl.DataFrame:
    rows = estimates.filter(pl.col("measure").is_in(list(measures)) & pl.col("attribute").is_null())
    place = {measure: index for index, measure in enumerate(measures)}
    return rows.sort(pl.col("measure").replace_strict(place, return_dtype=pl.Int64), maintain_order=True)


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """Label rows by measure, and by arm too where a measure has several."""
    name = pl.col("measure").replace(MEASURES)
    several = pl.len().over("measure") > 1
    return rows.with_columns(
        label=pl.when(several).then(pl.format("{}: {}", name, "arm")).otherwise(name),
        kind=pl.lit("measured"),
    )


def _span(rows: pl.DataFrame) -> tuple[float, float]:
    """Return the axis of an agreement coefficient: to one, from zero or as far below as intervals reach."""
    lowest = rows.select(pl.min_horizontal(pl.col("low", "value").fill_nan(None)).min()).item()
    return (min(0.0, -0.2 if lowest is None else lowest), 1.0)


def _forest(
    rows: pl.DataFrame,
    width: int,
    *,
    domain: tuple[float, float],
    marks: Mapping[float, str],
    title: str | None,
    percent: bool = True,
) -> Any:
    """Lay out rows of `label, value, low, high, kind` with dashed reference marks."""
    import altair as alt

    y, step = theme.rows(rows["label"].to_list(), width)
    rows = rows.select("kind", pl.col("value", "low", "high").fill_nan(None)).with_row_index("row")
    x = alt.X("value:Q", title=title).scale(domain=domain, nice=False)
    x = x.axis(format="%" if percent else ".1f", tickCount=5 if width >= 500 else 3)
    stroke = alt.Stroke("kind:N", legend=None).scale(
        domain=_KINDS, range=[theme.BLUE, theme.INK, theme.MUTED]
    )
    fill = alt.Fill("kind:N", legend=None).scale(domain=_KINDS, range=[theme.BLUE, theme.PAPER, theme.PAPER])
    base = alt.Chart(rows).encode(y=y)
    known = base.transform_filter("isValid(datum.value)")
    bounded = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    return alt.layer(
        *_marks(marks),
        bounded.mark_rule(strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q", stroke=stroke),
        known.mark_point(size=60, strokeWidth=1.8, opacity=1).encode(x=x, stroke=stroke, fill=fill),
        base.transform_filter("!isValid(datum.value)")
        .mark_text(text="not defined", align="left", dx=4, color=theme.MUTED, fontStyle="italic")
        .encode(x=alt.datum(domain[0])),
    ).properties(width=width - theme.label_room(width) - 20, height=alt.Step(step))


def _marks(marks: Mapping[float, str]) -> list[Any]:
    import altair as alt

    frame = pl.DataFrame({"at": [float(at) for at in marks], "label": list(marks.values())})
    base = alt.Chart(frame).encode(x=alt.X("at:Q"))
    lines = base.mark_rule(color=theme.MUTED, strokeDash=[4, 3])
    names = base.mark_text(color=theme.MUTED, y=-8).encode(text="label:N")
    return [lines, names][: len(marks) and 1 + any(marks.values())]
