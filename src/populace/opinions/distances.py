"""Distances of predicted distributions from those of answers, for one group of people.

Whatever a resample of respondents needs is summed up by respondent once; a block of resamples is then one
product of matrices. Items stand beside each other, padded with zeros to the widest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from populace.opinions.cells import Cells
from populace.opinions.intervals import around
from populace.opinions.table import Opinions
from populace.stats.distances import jensen_shannon_distance, total_variation, wasserstein

__all__ = ["DISTANCES", "Distances", "Totals"]

DISTANCES = ("Jensen-Shannon distance", "total variation", "1 - W1 / (N - 1)")
_BLOCK = 1 << 22
"""Numbers held at once."""


@dataclass(frozen=True)
class Distances:
    """Distances of one group, or their mean over groups.

    Attributes
    ----------
    names
        Of the tables.
    value, drawn
        Shapes (tables, 3) and (draws, tables, 3).
    sampling, items
        Shape (3,).
    people, weight
        Of the group.
    """

    names: list[str]
    value: np.ndarray
    drawn: np.ndarray
    sampling: np.ndarray
    items: np.ndarray
    people: int
    weight: float

    @staticmethod
    def mean(parts: list[Distances]) -> Distances:
        """Average groups, one at least, by their weights: they share nobody, and were drawn apart."""
        there = [part for part in parts if not np.isnan(part.value[:, :2]).any()]
        if not there:
            return replace(parts[0], people=0)
        weights = np.array([part.weight for part in there])
        weights /= weights.sum()

        def average(name: str) -> np.ndarray:
            return np.tensordot(weights, np.stack([getattr(part, name) for part in there]), axes=1)

        return Distances(
            there[0].names,
            average("value"),
            average("drawn"),
            average("sampling"),
            np.sum([part.items for part in there], axis=0),
            sum(part.people for part in there),
            sum(part.weight for part in there),
        )

    def rows(
        self, compared: list[tuple[str, str | None]], seed: int, level: float
    ) -> Iterator[dict[str, object]]:
        """Give a row a distance and comparison."""
        for place, measure in enumerate(DISTANCES):
            for name, other in compared:
                number = self.names.index(name)
                value, drawn = self.value[number, place], self.drawn[:, number, place]
                if other is not None:
                    base = self.names.index(other)
                    value, drawn = value - self.value[base, place], drawn - self.drawn[:, base, place]
                estimate = around(
                    float(value),
                    drawn,
                    n=int(self.items[place]),
                    clusters=self.people,
                    draws=len(drawn),
                    seed=seed,
                    level=level,
                    unit="respondent",
                    within=(0.0 if other is None else -1.0, 1.0),
                )
                yield {
                    "predictor": name,
                    "against": other,
                    "measure": measure,
                    "better": "higher" if place == 2 else "lower",
                    "sampling": float(self.sampling[place]),
                    **{field: getattr(estimate, field) for field in _FIELDS},
                }


@dataclass(frozen=True)
class Totals:
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
    ) -> Totals:
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
        return Totals(list(padded), flat, opinions.sizes[items], ordinal)

    def found(self, draws: int, halves: int, rng: np.random.Generator) -> Distances:
        """Score all tables in all distances, and resample them."""
        people = self.sums.shape[1]
        value = self._scores(np.ones((1, people)))[0]
        drawn = np.full((draws, *value.shape), np.nan)
        if people > 1:
            drawn = self._scores(rng.multinomial(people, np.full(people, 1 / people), size=draws))
        items = np.array([self.sizes.size, self.sizes.size, int(self.ordinal.sum())])
        weight = float(self.sums[0].sum())
        return Distances(self.names, value, drawn, self._sampling(halves, rng), items, people, weight)

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
