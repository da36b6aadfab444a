"""Predictions that look at nobody, or only at the group: uniform, population, own group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.opinions.predictor import Inputs
from populace.opinions.table import Opinions

__all__ = ["Group", "Population", "Uniform"]

_PRIOR = 1.0
"""Answers spread evenly over the options before any was seen: no option is ever impossible."""


@dataclass(frozen=True)
class _Same:
    row: np.ndarray

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Give everybody the same row."""
        return np.broadcast_to(self.row, (people.height, self.row.size)).copy()


@dataclass(frozen=True)
class Uniform:
    """Every option as likely as any other."""

    name: str = "uniform"

    def fit(self, train: Opinions, inputs: Inputs) -> _Same:
        """Learn nothing."""
        return _Same(np.repeat(1 / train.sizes, train.sizes))


@dataclass(frozen=True)
class Population:
    """The weighted distribution of the training respondents; its mode is what it says of anybody."""

    name: str = "population"

    def fit(self, train: Opinions, inputs: Inputs) -> _Same:
        """Count the answers of everybody."""
        return _Same(train.shares(prior=_PRIOR))


@dataclass(frozen=True)
class Group:
    """The distribution of the own group, shrunk to the population's.

    The group of a person is the values of the attributes of `by` (those of them that are among the inputs). For
    each item the shrinkage is the number of answers that the population's distribution counts for, chosen among a
    few by leave-one-out log score over the training respondents (a Dirichlet prior; empirical Bayes).
    """

    by: tuple[str, ...] = ("political_views", "race")
    name: str = "own group"

    def fit(self, train: Opinions, inputs: Inputs) -> _Groups:
        """Count the answers of every group."""
        by = tuple(name for name in self.by if name in inputs.attributes)
        keys = _keys(train.people, by)
        names, number = np.unique(keys, return_inverse=True)
        everybody = train.shares(prior=_PRIOR)
        hot = train.one_hot()
        weights = train.weights / train.weights.mean()
        counts = np.zeros((names.size, hot.shape[1]))
        np.add.at(counts, number, hot * weights[:, None])
        strengths = np.array([1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e6])
        gains = np.stack([_left_out(train, counts, number, hot, weights, everybody, s) for s in strengths])
        best = strengths[np.argmax(gains, axis=0)]
        return _Groups(by, names, _shrunk(train, counts, everybody, best), everybody)


@dataclass(frozen=True)
class _Groups:
    by: tuple[str, ...]
    names: np.ndarray
    rows: np.ndarray
    everybody: np.ndarray

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Give everybody the row of the own group; strangers the population's."""
        keys = _keys(people, self.by)
        place = np.clip(np.searchsorted(self.names, keys), 0, self.names.size - 1)
        there = self.names[place] == keys
        return np.where(there[:, None], self.rows[place], self.everybody)


def _keys(people: pl.DataFrame, by: tuple[str, ...]) -> np.ndarray:
    if not by:
        return np.zeros(people.height, dtype="U1")
    return (
        people.select(pl.concat_str([pl.col(name).fill_null("?") for name in by], separator="\x1f"))
        .to_series()
        .to_numpy()
        .astype(str)
    )


def _shrunk(train: Opinions, counts: np.ndarray, everybody: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Mix counts of groups (G, K) with the population's row (K,), by a strength an item (M,)."""
    prior = np.repeat(strength, train.sizes) * everybody
    totals = np.repeat(np.add.reduceat(counts, train.starts[:-1], axis=1) + strength, train.sizes, axis=1)
    return (counts + prior) / totals


def _left_out(
    train: Opinions,
    counts: np.ndarray,
    number: np.ndarray,
    hot: np.ndarray,
    weights: np.ndarray,
    everybody: np.ndarray,
    strength: float,
) -> np.ndarray:
    """Log score of each item (M,) where every respondent is predicted by the others of the group."""
    own = hot * weights[:, None]
    totals = np.repeat(np.add.reduceat(counts, train.starts[:-1], axis=1), train.sizes, axis=1)
    rows = counts[number] - own + strength * everybody
    rows /= np.maximum(totals[number] - weights[:, None], 0) + strength
    return np.add.reduceat(
        ((own > 0) * weights[:, None] * np.log(np.maximum(rows, 1e-12))).sum(axis=0), train.starts[:-1]
    )
