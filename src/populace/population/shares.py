"""Shares of every answer among the people of a survey."""

from __future__ import annotations

import polars as pl

from populace.population.ids import ABOUT_SAMPLE

__all__ = ["survey_shares"]

_WIDTHS = {"age": 10, "income": 25_000}
_SCALE = (0, 100)
"""Ends of a scale whose last band takes in the upper one: 75-100."""
_MANY = 30
"""Answers beyond which a question was answered in people's own words."""


def survey_shares(people: pl.DataFrame) -> pl.DataFrame:
    """Tabulate the weighted share of every label of every attribute and question.

    Parameters
    ----------
    people
        `weight`, attributes and `item_NAME` columns.

    Returns
    -------
    polars.DataFrame
        `attribute`, `label`, `share` of those who answered, and `answered`, the share of people who did.
        Numbers are in bands; answers in people's own words are left out.

    Examples
    --------
    >>> answers = {"sex": ["Male", "Female", None], "age": [34, 38, 61]}
    >>> people = pl.DataFrame({"weight": [1.0, 1.0, 2.0], **answers})
    >>> for row in survey_shares(people).rows():
    ...     print(*row)
    sex Female 0.5 0.5
    sex Male 0.5 0.5
    age 30-39 0.5 1.0
    age 60-69 0.5 1.0
    """
    total = float(people["weight"].sum())
    tables = []
    for name in people.select(pl.exclude(ABOUT_SAMPLE)).columns:
        column = pl.col(name)
        label, order = column.cast(pl.String), column.cast(pl.String)
        if people[name].dtype.is_numeric():
            label, order = _bands(people[name])
        known = people.filter(column.is_not_null()).select("weight", label=label, order=order)
        if known["label"].n_unique() > _MANY or not known.height:
            continue
        answered = float(known["weight"].sum())
        tables.append(
            known.group_by("label")
            .agg(pl.col("weight").sum(), pl.col("order").first())
            .sort("order")
            .select(
                pl.lit(name).alias("attribute"),
                "label",
                share=pl.col("weight") / answered,
                answered=pl.lit(answered / total),
            )
        )
    if not tables:
        kinds = {"attribute": pl.String, "label": pl.String, "share": pl.Float64, "answered": pl.Float64}
        return pl.DataFrame(schema=kinds)
    return pl.concat(tables)


def _bands(numbers: pl.Series) -> tuple[pl.Expr, pl.Expr]:
    """Give the label and the order of the band of every number."""
    column, width = pl.col(numbers.name), _WIDTHS.get(numbers.name, 25)
    low = (column // width * width).cast(pl.Int64)
    high = low + width - 1
    if numbers.name not in _WIDTHS and numbers.is_between(*_SCALE).all():
        last = _SCALE[1] - width
        low = pl.min_horizontal(low, pl.when(column.is_not_null()).then(last))
        high = pl.when(low == last).then(_SCALE[1]).otherwise(high)
    return pl.format("{}-{}", low, high), low
