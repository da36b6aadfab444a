"""Distances of predicted distributions from those of answers, for one group of people.

Whatever a resample of respondents needs is summed up by respondent once; a block of resamples is then one
product of matrices. Items stand beside each other, padded with zeros to the widest.

What sampling alone leaves is known from halves of the respondents: the difference of two halves has four
times the variance that the whole has, so half of their distance is what counts. It is taken off
(`populace.opinions.denoising`), and so it is from both ends of the interval: the distance as it was seen,
plus and minus the spread of its resamples, which lie higher but not wider.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from populace.opinions.cells import Cells
from populace.opinions.denoising import without_noise
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
        As they were seen, shapes (tables, 3) and (draws, tables, 3). All are distances: of the third, what is
        taken from 1.
    sampling, items
        Shape (3,): what sampling alone leaves, and the items that count.
    noise, shares
        Shapes (tables, 3, items) and (3, items): what sampling alone leaves to an item of what each table
        says, and the item's weight in the mean.
    people, weight
        Of the group.
    """

    names: list[str]
    value: np.ndarray
    drawn: np.ndarray
    sampling: np.ndarray
    items: np.ndarray
    noise: np.ndarray
    shares: np.ndarray
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
            np.concatenate([part.noise for part in there], axis=2),
            np.concatenate([w * part.shares for w, part in zip(weights, there, strict=True)], axis=1),
            sum(part.people for part in there),
            sum(part.weight for part in there),
        )

    def rows(
        self, compared: list[tuple[str, str | None]], seed: int, level: float
    ) -> Iterator[dict[str, object]]:
        """Give a row a distance and comparison."""
        for place, measure in enumerate(DISTANCES):
            near, left = place == 2, float(self.sampling[place])
            ends = [self._ends(number, place, seed, level) for number in range(len(self.names))]
            for name, other in compared:
                number = self.names.index(name)
                (value, low, high), method = ends[number]
                raw = float(self.value[number, place])
                if other is not None:
                    base = self.names.index(other)
                    raw -= float(self.value[base, place])
                    alike = _correlation(self.drawn[:, number, place], self.drawn[:, base, place])
                    value, low, high = _apart_from((value, low, high), ends[base][0], alike)
                if near:
                    whole = 0.0 if other else 1.0
                    value, low, high, raw = whole - value, whole - high, whole - low, whole - raw
                yield {
                    "predictor": name,
                    "against": other,
                    "measure": measure,
                    "better": "higher" if near else "lower",
                    "value": value,
                    "low": low,
                    "high": high,
                    "level": level,
                    "n": int(self.items[place]),
                    "clusters": self.people,
                    "method": method,
                    "seed": seed,
                    "raw": raw,
                    "sampling": 1 - left if near else left,
                }

    def _ends(
        self, table: int, place: int, seed: int, level: float
    ) -> tuple[tuple[float, float, float], str]:
        """Take the noise off the distance that was seen, and off the ends of its spread."""
        seen = around(
            float(self.value[table, place]),
            self.drawn[:, table, place],
            n=int(self.items[place]),
            clusters=self.people,
            draws=len(self.drawn),
            seed=seed,
            level=level,
            unit="respondent",
        )
        three = np.array([seen.value, seen.low, seen.high])
        value, low, high = without_noise(three, self.noise[table, place], self.shares[place])
        method = seen.method if np.isnan(three[1]) else f"{seen.method}; less what sampling alone leaves"
        return (float(value), float(low), float(high)), method


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
        alone, noise = self._noise(halves, rng)
        counts = np.stack(
            [np.ones(self.sizes.size), np.ones(self.sizes.size), self.ordinal.astype(np.float64)]
        )
        shares = counts / np.maximum(items, 1)[:, None]
        weight = float(self.sums[0].sum())
        sampling = _mean(alone)
        return Distances(self.names, value, drawn, sampling, items, noise, shares, people, weight)

    def _scores(self, counts: np.ndarray) -> np.ndarray:
        """Score resamples, shape (draws, people), in blocks: shape (draws, tables, distances)."""
        block = max(1, _BLOCK // max(1, self.sums.shape[2] * 4))
        found = [self._block(counts[start : start + block]) for start in range(0, len(counts), block)]
        return np.concatenate(found)

    def _block(self, counts: np.ndarray) -> np.ndarray:
        weights = counts.astype(np.float64)
        truth = self._shaped(weights @ self.sums[0])
        tables = [self._shaped(weights @ part) for part in self.sums[1:]]
        return np.stack([_mean(self._apart(table, truth)) for table in tables], axis=1)

    def _shaped(self, totals: np.ndarray) -> np.ndarray:
        return totals.reshape(len(totals), self.sizes.size, totals.shape[1] // max(self.sizes.size, 1))

    def _apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Give the three distances of items, shape (draws, 3, items); the third is nan where no order is."""
        far = np.where(self.ordinal, wasserstein(first, second) / (self.sizes - 1), np.nan)
        parts = (jensen_shannon_distance(first, second), total_variation(first, second), far)
        return np.stack(parts, axis=1)

    def _noise(self, halves: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Find what sampling alone leaves: shapes (3, items), and (tables, 3, items) for each table.

        Of answers: half against half, over two. A table that knows how single respondents lean has less of
        it: what counts is how far the halves differ in answers less predictions.
        """
        people, items = self.sums.shape[1], self.sizes.size
        if people < 2 or halves < 1:
            return np.full((3, items), np.nan), np.full((len(self.names), 3, items), np.nan)
        order = rng.random((halves, people)).argsort(axis=1).argsort(axis=1)
        first = (order < people // 2).astype(np.float64)
        halves_of = [self._shaped(side @ self.sums[0]) for side in (first, 1 - first)]
        alone = _mean(np.moveaxis(self._apart(*halves_of), 0, -1)) / 2
        ones, others = (self._shares(side, 0) for side in (first, 1 - first))
        noise = np.empty((len(self.names), 3, items))
        for table in range(len(self.names)):
            mine, theirs = (self._shares(side, table + 1) for side in (first, 1 - first))
            gap = (ones - mine) - (others - theirs)
            with np.errstate(invalid="ignore"):
                far = np.abs(np.cumsum(gap, axis=-1)[..., :-1]).sum(axis=-1) / (self.sizes - 1)
            apart = np.stack([np.abs(gap).sum(axis=-1) / 2, np.where(self.ordinal, far, np.nan)])
            noise[table, 1:] = _mean(np.moveaxis(apart, 1, -1)) / 2
            # The Jensen-Shannon distance has no such difference: it shrinks as total variation does.
            noise[table, 0] = alone[0] * _ratio(_mean(noise[table, 1]), _mean(alone[1]))
        return alone, noise

    def _shares(self, counts: np.ndarray, part: int) -> np.ndarray:
        """Give the distributions of some respondents, shape (draws, items, widest); nan for no answers."""
        totals = self._shaped(counts @ self.sums[part])
        mass = totals.sum(axis=-1, keepdims=True)
        return np.divide(totals, mass, out=np.full(totals.shape, np.nan), where=mass > 0)


def _apart_from(
    one: tuple[float, float, float], other: tuple[float, float, float], alike: float
) -> tuple[float, float, float]:
    """Give the difference of two values with their ends.

    The method of variance estimates recovery (Zou and Donner 2008, doi:10.1002/sim.3095): it keeps ends that
    are not as far from the value on both sides, as where a distance may be 0. `alike` is the correlation of
    what was seen. Where a distance is not told from 0, what both share says little of what lies under it, and
    the correlation counts as none.
    """
    (a, a_low, a_high), (b, b_low, b_high) = one, other
    alike = alike if min(a_low, b_low) > 0 else 0.0

    def joined(x: float, y: float) -> float:
        return math.sqrt(max(x * x + y * y - 2 * alike * x * y, 0.0))

    return a - b, a - b - joined(a - a_low, b_high - b), a - b + joined(a_high - a, b - b_low)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    x, y = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale > 0 else 0.0


def _mean(values: np.ndarray) -> np.ndarray:
    """Average what is defined along the last axis; nan where nothing is."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _ratio(top: np.ndarray, bottom: np.ndarray) -> float:
    return float(top / bottom) if bottom > 0 else 1.0
