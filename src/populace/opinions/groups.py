"""How near predicted distributions come to those of groups and of the population.

For each item and group, the predictions of the tested who were asked it are averaged by their weights and
held against the distribution of their answers: Jensen-Shannon distance (base 2), total variation, and for
ordinal items 1 - W1 / (options - 1). Then items are averaged.

A finite sample leaves a distance even to what is wholly right, so the distance that is seen is too large. It
is given as `raw`, beside what sampling alone leaves to answers (`sampling`): half of the respondents against
the other half, drawn many times, over two, since their difference has four times the variance that the whole
has around the truth. `value` is the distance without it (`populace.opinions.denoising`): an estimate of how
far what is predicted of people is from what is true of all of whom respondents are a sample.

Intervals resample respondents, and are for that true distance. Differences of tables are those of values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.cells import Handling, scored
from populace.opinions.distances import Distances, Totals
from populace.opinions.splits import Split
from populace.opinions.table import Opinions
from populace.streams import stream

__all__ = ["MEAN", "group_scores", "groups_of"]

MEAN = "mean of groups"
"""Name of the row that averages the groups of an attribute."""

_BANDS = 4


def groups_of(people: pl.DataFrame, attribute: str) -> pl.Series:
    """Give each person the group: the value as text, of numbers one of four bands of even size.

    Raises
    ------
    DataError
        If people have no such attribute.

    Examples
    --------
    >>> people = pl.DataFrame({"age": [20, 30, 40, 50, None]})
    >>> groups_of(people, "age").to_list()
    ['20 to 27', '28 to 35', '36 to 42', '43 to 50', None]
    """
    if attribute not in people.columns:
        raise DataError(
            f"people have no attribute {attribute}", fix=f"take one of {', '.join(people.columns)}"
        )
    column = people[attribute]
    if not column.dtype.is_numeric() or column.n_unique() <= _BANDS:
        return column.cast(pl.String)
    values = column.cast(pl.Float64).to_numpy()
    there = values[~np.isnan(values)]
    whole = bool((there == np.floor(there)).all())
    cuts = np.quantile(there, np.arange(1, _BANDS) / _BANDS)
    edges = np.unique(np.floor(cuts) + 1 if whole else cuts)
    starts = [there.min(), *edges]
    ends = [*(edges - 1 if whole else edges), there.max()]
    names = [f"{low:g} to {high:g}" for low, high in zip(starts, ends, strict=True)]
    place = np.searchsorted(edges, np.nan_to_num(values), side="right")
    return pl.Series(
        attribute, [None if np.isnan(v) else names[p] for v, p in zip(values, place, strict=True)]
    )


def group_scores(
    opinions: Opinions,
    split: Split,
    tables: Mapping[str, np.ndarray],
    *,
    by: Sequence[str] = (),
    against: Sequence[str] = (),
    cells: np.ndarray | None = None,
    refusals: Handling = "raise",
    least: int = 10,
    draws: int = 200,
    halves: int = 20,
    seed: int = 0,
    level: float = 0.95,
) -> pl.DataFrame:
    """Score predicted distributions of the population and of groups.

    Parameters
    ----------
    opinions, split, tables, cells, refusals
        See `populace.opinions.scores.individual_scores`.
    by
        Attributes whose values are groups; numbers become four bands.
    against
        Tables that all others are compared with, on the same resamples.
    least
        Respondents of a group who must have answered an item for it to count.
    draws
        Resamples; 200 tell their spread to 5 %.
    halves
        Times that respondents are halved.
    seed, level
        Of the draws; coverage aimed at.

    Returns
    -------
    A row a table, distance and group: `attribute, group` (null for the population; `mean of groups` by
    their weights), `predictor, against, measure, better`, the fields of `Estimate` (`n` is the number of
    items, `clusters` of respondents), `raw` (the distance as it is seen), `sampling` (what sampling alone
    leaves of it). Groups in which no item counts are there, undefined.

    Raises
    ------
    DataError
        If tables do not fit, or a name is no table or attribute.
    """
    unknown = [name for name in against if name not in tables]
    if unknown:
        raise DataError(f"no table is named {unknown[0]}", fix=f"take one of {', '.join(tables)}")
    of = scored(opinions, split, tables, cells, refusals)
    people = opinions.people[split.test]
    compared = [(name, base) for name in tables for base in (None, *(b for b in against if b != name))]
    found: list[dict[str, object]] = []

    def scored_group(member: np.ndarray, number: int) -> Distances:
        table = Totals.of(opinions, of.cells, of.padded, member, least)
        return table.found(draws, halves, stream(seed, "opinions.groups", number))

    def add(made: Distances, attribute: str | None, group: str | None) -> None:
        rows = made.rows(compared, seed, level)
        found.extend({"attribute": attribute, "group": group, **row} for row in rows)

    number = 0
    add(scored_group(np.ones(people.height, dtype=bool), number), None, None)
    for attribute in by:
        labels = groups_of(people, attribute)
        parts: list[Distances] = []
        for group in labels.drop_nulls().unique().sort():
            number += 1
            parts.append(scored_group((labels == group).fill_null(value=False).to_numpy(), number))
            add(parts[-1], attribute, str(group))
        if parts:
            add(Distances.mean(parts), attribute, MEAN)
    return pl.DataFrame(found, schema=SCHEMA)


SCHEMA = {
    **dict.fromkeys(("attribute", "group", "predictor", "against", "measure", "better"), pl.String),
    **dict.fromkeys(("value", "low", "high", "level"), pl.Float64),
    "n": pl.Int64,
    "clusters": pl.Int64,
    "method": pl.String,
    "seed": pl.Int64,
    "raw": pl.Float64,
    "sampling": pl.Float64,
}
