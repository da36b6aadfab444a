"""Predictions that look at nobody, or only at the group: uniform, population, own group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.opinions.features import attribute_of
from populace.opinions.predictor import Inputs
from populace.opinions.table import Opinions

__all__ = ["Group", "Population", "Uniform"]

_MOST_BY = 2
"""Attributes that make a group at most."""
_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e6)
_BANDS = 4
"""Groups that a number with more values than this makes."""
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

    The group of a person is the values of the attributes of `by`. For each item the shrinkage is the number
    of answers that the population's distribution counts for, chosen among a few by leave-one-out log score
    over the training respondents (a Dirichlet prior; empirical Bayes).

    Parameters
    ----------
    by
        Attributes; those that are no input are left out. None chooses among the inputs, by the same score:
        the best attribute, then the best second beside it, if it helps.
    """

    by: tuple[str, ...] | None = None
    name: str = "own group"

    def fit(self, train: Opinions, inputs: Inputs) -> _Groups:
        """Count the answers of every group."""
        counted = _counted(train)
        if self.by is not None:
            return _grouped(train, counted, tuple(name for name in self.by if name in inputs.attributes))[1]
        gain, best = _grouped(train, counted, ())
        for _ in range(_MOST_BY):
            tried = [
                _grouped(train, counted, (*best.by, name))
                for name in inputs.attributes
                if name not in best.by
            ]
            found, groups = max(tried, key=lambda pair: pair[0], default=(gain, best))
            if found <= gain:
                break
            gain, best = found, groups
        return best


@dataclass(frozen=True)
class _Groups:
    cuts: dict[str, np.ndarray | None]
    """Attribute -> inner edges of its groups, None for texts."""
    names: np.ndarray
    rows: np.ndarray
    everybody: np.ndarray

    @property
    def by(self) -> tuple[str, ...]:
        """Attributes that make the groups."""
        return tuple(self.cuts)

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Give everybody the row of the own group; strangers the population's."""
        keys = _keys(people, self.cuts)
        place = np.clip(np.searchsorted(self.names, keys), 0, self.names.size - 1)
        there = self.names[place] == keys
        return np.where(there[:, None], self.rows[place], self.everybody)


@dataclass(frozen=True)
class _Counted:
    """What all groupings of the same people share."""

    weights: np.ndarray
    everybody: np.ndarray
    rows: np.ndarray
    """Shape (C,), the person of every answer given."""
    items: np.ndarray
    options: np.ndarray
    """Shape (C,), the place of the answer among all options."""


def _counted(train: Opinions) -> _Counted:
    rows, items = np.nonzero(train.answered)
    weights = train.weights / (train.weights.mean() or 1.0)
    options = train.starts[items] + train.answers[rows, items]
    return _Counted(weights, train.shares(prior=_PRIOR), rows, items, options)


def _grouped(train: Opinions, counted: _Counted, by: tuple[str, ...]) -> tuple[float, _Groups]:
    """Count groups, and score each answer by the others of its group: the log score and the groups."""
    cuts = {name: _cuts(attribute_of(train.people, name)) for name in by}
    names, number = np.unique(_keys(train.people, cuts), return_inverse=True)
    wide, items = int(train.starts[-1]), len(train.items)
    heavy = counted.weights[counted.rows]
    cells = number[counted.rows] * wide + counted.options
    counts = np.bincount(cells, heavy, minlength=names.size * wide).reshape(names.size, wide)
    totals = np.add.reduceat(counts, train.starts[:-1], axis=1)
    # Nobody's own answer counts for itself.
    own = np.maximum(counts.ravel()[cells] - heavy, 0.0)
    others = np.maximum(totals[number[counted.rows], counted.items] - heavy, 0.0)
    prior = counted.everybody[counted.options]
    gains = np.stack(
        [
            np.bincount(
                counted.items, heavy * np.log((own + each * prior) / (others + each)), minlength=items
            )
            for each in _STRENGTHS
        ]
    )
    strength = np.asarray(_STRENGTHS)[np.argmax(gains, axis=0)]
    rows = counts + np.repeat(strength, train.sizes) * counted.everybody
    rows /= np.repeat(totals + strength, train.sizes, axis=1)
    return float(gains.max(axis=0).sum()), _Groups(cuts, names, rows, counted.everybody)


def _cuts(column: pl.Series) -> np.ndarray | None:
    """Cut a number into groups of about equal size; None for texts."""
    if not column.dtype.is_numeric():
        return None
    there = column.drop_nulls().to_numpy().astype(np.float64)
    return np.unique(np.quantile(there, np.arange(1, _BANDS) / _BANDS)) if there.size else np.array([])


def _keys(people: pl.DataFrame, cuts: dict[str, np.ndarray | None]) -> np.ndarray:
    """Name the group of each person."""
    if not cuts:
        return np.zeros(people.height, dtype="U1")
    parts = []
    for name, edges in cuts.items():
        column = people[name]
        if edges is not None:
            numbers = column.cast(pl.Float64).fill_null(0.0).to_numpy()
            band = pl.Series(np.searchsorted(edges, numbers, side="right")).cast(pl.String)
            column = pl.select(pl.when(column.is_not_null()).then(band)).to_series()
        parts.append(column.cast(pl.String).fill_null("?").alias(name))
    return (
        pl.DataFrame(parts)
        .select(pl.concat_str(pl.all(), separator="\x1f"))
        .to_series()
        .to_numpy()
        .astype(str)
    )
