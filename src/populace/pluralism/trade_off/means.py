"""Outcomes of steered models as means that can be resampled together.

An outcome is a vector (one number an objective) or rows of them (one a question). Rows of all outcomes are of
the same questions, so that a resample of the questions moves all alike, and differences stay paired.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.points import Floats, Scale, oriented
from populace.stats import Estimate, bootstrap_replicates
from populace.stats.bootstrap import estimate_from_replicates

__all__ = ["Means", "means_of"]

_FOLDS = 2


@dataclass(frozen=True, kw_only=True)
class Means:
    """Means of outcomes, shape (outcomes, objectives), and the same of every resample."""

    names: tuple[str, ...]
    whole: Floats
    halves: Floats | None
    """Means over either half of the clusters, shape (2, outcomes, objectives); None of too few."""
    resampled: Floats | None
    """Shape (draws, outcomes, objectives); None where outcomes were vectors, or of one cluster."""
    resampled_halves: Floats | None
    """Shape (draws, 2, outcomes, objectives); nan where a resample has nothing of a half."""
    rows: int
    clusters: int
    draws: int
    seed: int
    level: float

    def estimate(self, value: float, replicates: Floats | None) -> Estimate:
        """Give a value the interval of its replicates, shape (draws,)."""
        if self.resampled is None or replicates is None:
            why = "one vector an outcome" if self.rows == 1 else "only one cluster"
            return Estimate(
                value=value,
                low=np.nan,
                high=np.nan,
                level=self.level,
                n=self.rows,
                clusters=self.clusters,
                method=f"no interval: {why}",
            )
        return estimate_from_replicates(
            value,
            replicates,
            n=self.rows,
            clusters=self.clusters,
            draws=self.draws,
            seed=self.seed,
            level=self.level,
            unit="question",
        )


def means_of(
    outcomes: Mapping[str, npt.ArrayLike],
    clusters: npt.ArrayLike | None,
    scale: Scale | None,
    *,
    draws: int,
    seed: int,
    level: float,
) -> Means:
    """Check outcomes, put them on a scale, and resample their questions.

    Raises
    ------
    DataError
        If there are none, one is malformed, or they are not of the same rows and objectives.
    """
    if not outcomes:
        raise DataError("there are no outcomes", fix="give one for each steering function")
    arrays = {name: oriented(given, name=name) for name, given in outcomes.items()}
    shapes = {name: array.shape for name, array in arrays.items()}
    first, shape = next(iter(shapes.items()))
    for name, other in shapes.items():
        if other != shape or len(other) != 2:
            fix = "give all on the same questions and objectives, (questions, objectives)"
            raise DataError(f"{name} has the shape {other} and {first} {shape}", fix=fix)
    values = np.stack(list(arrays.values()))
    if scale is not None:
        values = scale.apply(values)
    code, count = _codes(clusters, shape[0])
    table = _halved(values, code, count)
    whole = _means(table.sum(axis=0)[None])
    drawn = None
    if count > 1:
        drawn = _means(bootstrap_replicates(table, lambda total: total, draws=draws, seed=seed))
    halves = whole[0, 1:] if count >= 2 * _FOLDS else None
    return Means(
        names=tuple(arrays),
        whole=whole[0, 0],
        halves=halves,
        resampled=None if drawn is None else drawn[:, 0],
        resampled_halves=None if drawn is None or halves is None else drawn[:, 1:],
        rows=shape[0],
        clusters=count,
        draws=draws,
        seed=seed,
        level=level,
    )


def _codes(clusters: npt.ArrayLike | None, rows: int) -> tuple[npt.NDArray[np.int64], int]:
    given = np.arange(rows) if clusters is None else np.asarray(clusters)
    if given.shape != (rows,):
        raise DataError(f"`clusters` has the shape {given.shape} and needs ({rows},)", fix="give one a row")
    code = np.unique(given, return_inverse=True)[1].astype(np.int64)
    return code, int(code.max()) + 1


def _halved(values: Floats, code: npt.NDArray[np.int64], count: int) -> Floats:
    """Sum rows by cluster and half, shape (clusters, 2, outcomes, objectives + 1); the last counts rows."""
    outcomes, rows, objectives = values.shape
    table = np.zeros((count, _FOLDS, outcomes, objectives + 1))
    # Every second cluster, in the order of their labels: no draw decides.
    half = code % _FOLDS
    np.add.at(table[..., :objectives], (code, half), values.transpose(1, 0, 2))
    np.add.at(table[..., objectives], (code, half), np.ones((rows, outcomes)))
    return table


def _means(totals: Floats) -> Floats:
    """Turn sums, shape (draws, 2, outcomes, objectives + 1), into means of the whole and of either half."""
    both = np.concatenate([totals.sum(axis=1, keepdims=True), totals], axis=1)
    count = both[..., -1:]
    return np.divide(both[..., :-1], count, out=np.full(both[..., :-1].shape, np.nan), where=count > 0)
