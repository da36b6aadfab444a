"""Total variation on margins of any number of variables, beside what honest sampling shows.

The formulas are those of `populace.population.comparison`; `bench_fidelity.py` checks that both agree. What
is here takes frames of small codes, so that draws of other packages, and triples, can be measured too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

__all__ = ["Distance", "Side", "Summary", "distances", "summary", "triples"]


@dataclass(frozen=True)
class Distance:
    """One margin compared."""

    variables: tuple[str, ...]
    tv: float
    noise: float
    """Total variation that an honest sample of the same size shows on average."""


@dataclass(frozen=True)
class Summary:
    """Margins of one kind."""

    margins: int
    mean: float
    median: float
    p95: float
    largest: float
    noise_mean: float
    noise_p95: float
    within: float
    """Share of margins that are at most `limit` away."""


class Side:
    """One of two populations: codes from 0, null where not released, and weights."""

    def __init__(self, frame: pl.DataFrame, weight: np.ndarray | None = None) -> None:
        self.weight = np.ones(frame.height) if weight is None else weight.astype(float)
        self.columns = {name: frame[name].fill_null(-1).to_numpy().astype(np.int32) for name in frame.columns}
        self.partly = {name for name, codes in self.columns.items() if (codes < 0).any()}
        self._cut: dict[frozenset[str], tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]] = {}

    def table(self, names: Sequence[str], sizes: Sequence[int]) -> tuple[np.ndarray, float]:
        """Shares of every combination, and the effective number of people (Kish) behind them."""
        columns, weight = self._rows(frozenset(self.partly.intersection(names)))
        key = columns[names[0]]
        for name, size in zip(names[1:], sizes[1:], strict=True):
            key = key * np.int32(size) + columns[name]
        counts = np.bincount(key, weights=weight, minlength=int(np.prod(sizes)))
        total = float(counts.sum())
        return counts / total, total**2 / float((weight**2).sum())

    def mask(self, by: Side) -> None:
        """Take as not released what the other side does not release in a state."""
        if not by.partly:
            return
        state = self.columns["STATE"]
        for name in sorted(by.partly.intersection(self.columns)):
            away = np.setdiff1d(by.columns["STATE"], by.columns["STATE"][by.columns[name] >= 0])
            self.columns[name] = np.where(np.isin(state, away), -1, self.columns[name]).astype(np.int32)
        self.partly = {name for name, codes in self.columns.items() if (codes < 0).any()}
        self._cut.clear()

    def _rows(self, partly: frozenset[str]) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Columns and weights of the rows that have all of these; most sets are the same rows, cut once."""
        if not partly:
            return self.columns, self.weight
        if partly not in self._cut:
            known = np.logical_and.reduce([self.columns[name] >= 0 for name in sorted(partly)])
            same = (cut for cut in self._cut.values() if np.array_equal(cut[0], known))
            self._cut[partly] = next(same, None) or (
                known,
                {name: codes[known] for name, codes in self.columns.items()},
                self.weight[known],
            )
        return self._cut[partly][1:]


def distances(left: Side, right: Side, margins: Sequence[tuple[str, ...]]) -> list[Distance]:
    """Compare margins; `right` is the reference."""
    left.mask(right)
    return list(_distances(left, right, margins))


def _distances(left: Side, right: Side, margins: Sequence[tuple[str, ...]]) -> Iterator[Distance]:
    size = {
        name: 1 + int(max(left.columns[name].max(initial=0), right.columns[name].max(initial=0)))
        for name in right.columns
        if name in left.columns
    }
    for names in margins:
        sizes = [size[name] for name in names]
        (ours, people), (theirs, _) = left.table(names, sizes), right.table(names, sizes)
        spread = np.sqrt(2 * theirs * (1 - theirs) / (np.pi * people))
        noise = float(np.minimum(spread, 2 * theirs).sum() / 2)
        yield Distance(names, float(np.abs(ours - theirs).sum() / 2), noise)


def summary(found: Sequence[Distance], limit: float = 1.0) -> Summary:
    """Summarise margins."""
    tv = np.array([one.tv for one in found])
    noise = np.array([one.noise for one in found])
    return Summary(
        margins=len(tv),
        mean=float(tv.mean()),
        median=float(np.median(tv)),
        p95=float(np.quantile(tv, 0.95)),
        largest=float(tv.max()),
        noise_mean=float(noise.mean()),
        noise_p95=float(np.quantile(noise, 0.95)),
        within=float((tv <= limit).mean()),
    )


def triples(names: Sequence[str], number: int, seed: int = 0) -> list[tuple[str, ...]]:
    """Choose triples of variables at random, without repetition; all of them where `number` is 0."""
    whole = list(itertools.combinations(names, 3))
    if not 0 < number < len(whole):
        return whole
    chosen = np.random.default_rng(seed).permutation(len(whole))[:number]
    return [whole[place] for place in np.sort(chosen)]
