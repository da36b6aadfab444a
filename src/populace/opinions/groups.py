"""How near predicted distributions come to those of groups and of the population.

For each item and group, the predictions of the tested who were asked it are averaged by their weights and
held against the distribution of their answers: Jensen-Shannon distance (base 2), total variation, and for
ordinal items 1 - W1 / (options - 1). Then items are averaged.

A finite sample leaves a distance even to what is wholly right. Beside each value stands what sampling alone
leaves: half of the respondents against the other half, drawn many times; their difference has four times
the variance that the whole has around the truth, so half of that distance is what counts. (A prediction
that knows how single respondents lean can come nearer still.)

Intervals resample respondents. Resampled distances lie higher than the sample's own, so the interval is their
spread around it (`populace.opinions.intervals`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.cells import Cells, Handling, scored
from populace.opinions.intervals import around
from populace.opinions.splits import Split
from populace.opinions.table import Opinions
from populace.stats.distances import jensen_shannon_distance, total_variation, wasserstein
from populace.streams import stream

__all__ = ["DISTANCES", "group_scores", "groups_of"]

DISTANCES = ("Jensen-Shannon distance", "total variation", "1 - W1 / (N - 1)")
_BANDS = 4
_BLOCK = 1 << 22
"""Numbers held at once."""


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
    A row a table, distance and group: `attribute, group` (null for the population), `predictor, against,
    measure, better`, the fields of `Estimate` (`n` is the number of items, `clusters` of respondents),
    `sampling` (what sampling alone leaves). Groups in which no item counts are there, undefined.

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
    groups: list[tuple[str | None, str | None, np.ndarray]] = [
        (None, None, np.ones(people.height, dtype=bool))
    ]
    for attribute in by:
        labels = groups_of(people, attribute)
        for group in labels.drop_nulls().unique().sort():
            groups.append((attribute, str(group), (labels == group).fill_null(value=False).to_numpy()))
    found: list[dict[str, object]] = []
    for number, (attribute, group, member) in enumerate(groups):
        table = _Table.of(opinions, of.cells, of.padded, member, least)
        rng = stream(seed, "opinions.groups", number)
        rows = table.rows(against, draws, halves, rng, seed, level)
        found += [{"attribute": attribute, "group": group, **row} for row in rows]
    return pl.DataFrame(found, schema=SCHEMA)


SCHEMA = {
    **dict.fromkeys(("attribute", "group", "predictor", "against", "measure", "better"), pl.String),
    **dict.fromkeys(("value", "low", "high", "level"), pl.Float64),
    "n": pl.Int64,
    "clusters": pl.Int64,
    "method": pl.String,
    "seed": pl.Int64,
    "sampling": pl.Float64,
}


@dataclass(frozen=True)
class _Table:
    """Weighted answers and predictions of a group, by respondent.

    Attributes
    ----------
    names
        Of the tables.
    sums
        Shape (1 + tables, people, items x widest): answers first, then what each table predicts.
    sizes, ordinal
        Shape (items,).
    """

    names: list[str]
    sums: np.ndarray
    sizes: np.ndarray
    ordinal: np.ndarray

    @staticmethod
    def of(
        opinions: Opinions, cells: Cells, padded: dict[str, np.ndarray], member: np.ndarray, least: int
    ) -> _Table:
        """Sum up by respondent, over the items that enough of the group answered."""
        inside = member[cells.rows] & (cells.weights > 0)
        count = np.bincount(cells.columns[inside], minlength=len(opinions.items))
        items = np.flatnonzero(count >= max(least, 1))
        inside &= np.isin(cells.columns, items)
        people, row = np.unique(cells.rows[inside], return_inverse=True)
        place = np.searchsorted(items, cells.columns[inside])
        width = next(iter(padded.values())).shape[1]
        hot = (cells.truth[inside][:, None] == np.arange(width)).astype(np.float64)
        parts = np.zeros((1 + len(padded), people.size, items.size, width))
        for number, p in enumerate((hot, *(p[inside] for p in padded.values()))):
            parts[number, row, place] = cells.weights[inside][:, None] * p
        ordinal = np.array([opinions.items[item].ordinal for item in items], dtype=bool)
        flat = parts.reshape(1 + len(padded), people.size, items.size * width)
        return _Table(list(padded), flat, opinions.sizes[items], ordinal)

    def rows(
        self,
        against: Sequence[str],
        draws: int,
        halves: int,
        rng: np.random.Generator,
        seed: int,
        level: float,
    ) -> list[dict[str, object]]:
        """Score all tables in all distances."""
        people = self.sums.shape[1]
        value = self._scores(np.ones((1, people)))[0]
        drawn = np.full((draws, *value.shape), np.nan)
        if people > 1:
            drawn = self._scores(rng.multinomial(people, np.full(people, 1 / people), size=draws))
        sampling = self._sampling(halves, rng)
        found: list[dict[str, object]] = []
        for place, measure in enumerate(DISTANCES):
            closeness = place == 2
            counted = int(self.ordinal.sum()) if closeness else self.sizes.size
            for number, name in enumerate(self.names):
                for other in (None, *(base for base in against if base != name)):
                    less = 0.0 if other is None else value[self.names.index(other), place]
                    resampled = drawn[:, number, place]
                    if other is not None:
                        resampled = resampled - drawn[:, self.names.index(other), place]
                    estimate = around(
                        float(value[number, place] - less),
                        resampled,
                        n=counted,
                        clusters=people,
                        draws=draws,
                        seed=seed,
                        level=level,
                        unit="respondent",
                        within=(-1.0 if other is not None else 0.0, 1.0),
                    )
                    found.append(
                        {
                            "predictor": name,
                            "against": other,
                            "measure": measure,
                            "better": "higher" if closeness else "lower",
                            "sampling": float(sampling[place]),
                            **{field: getattr(estimate, field) for field in _FIELDS},
                        }
                    )
        return found

    def _scores(self, counts: np.ndarray) -> np.ndarray:
        """Score resamples, shape (draws, people), in blocks: shape (draws, tables, distances)."""
        block = max(1, _BLOCK // max(1, self.sums.shape[2] * 4))
        found = [self._block(counts[start : start + block]) for start in range(0, len(counts), block)]
        return np.concatenate(found)

    def _block(self, counts: np.ndarray) -> np.ndarray:
        weights = counts.astype(np.float64)
        truth = self._shaped(weights @ self.sums[0])
        tables = [self._shaped(weights @ part) for part in self.sums[1:]]
        return np.stack([self._apart(table, truth) for table in tables], axis=1)

    def _shaped(self, totals: np.ndarray) -> np.ndarray:
        return totals.reshape(len(totals), self.sizes.size, totals.shape[1] // max(self.sizes.size, 1))

    def _apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Average the three distances over items, shape (draws, 3)."""
        ordered = (part[:, self.ordinal] for part in (first, second))
        near = 1 - wasserstein(*ordered) / (self.sizes[self.ordinal] - 1)
        parts = (jensen_shannon_distance(first, second), total_variation(first, second), near)
        return np.stack([_mean(part) for part in parts], axis=1)

    def _sampling(self, halves: int, rng: np.random.Generator) -> np.ndarray:
        """Find what sampling alone leaves: half against half, over two, shape (3,)."""
        people = self.sums.shape[1]
        if people < 2 or halves < 1:
            return np.full(3, np.nan)
        order = rng.random((halves, people)).argsort(axis=1).argsort(axis=1)
        first = (order < people // 2).astype(np.float64)
        ones, others = self._shaped(first @ self.sums[0]), self._shaped((1 - first) @ self.sums[0])
        js, tv, near = _mean(self._apart(ones, others).T)
        return np.array([js / 2, tv / 2, 1 - (1 - near) / 2])


_FIELDS = ("value", "low", "high", "level", "n", "clusters", "method", "seed")


def _mean(values: np.ndarray) -> np.ndarray:
    """Average what is defined along the last axis; nan where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
