"""Means of arms on objectives, resampled by question: what tasks of several objectives score.

An answer that is not there has 0 on every objective. A verdict that is not there is no score, and leaves the
row out of that objective alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.bench.task import Counting
from populace.stats import Estimate, bootstrap_replicates
from populace.stats.bootstrap import estimate_from_replicates

__all__ = ["Floats", "Measured", "means_in", "measured"]

Floats = npt.NDArray[np.float64]


class Measured(NamedTuple):
    """Arms on objectives."""

    arms: tuple[str, ...]
    objectives: tuple[str, ...]
    whole: Floats
    """Means, shape (arms, objectives); nan where nothing was scored."""
    resampled: Floats
    """Shape (draws, arms, objectives): those resamples in which everything is scored."""
    sums: Floats
    """Sum and number of the scores of each question, shape (questions, arms, objectives, 2)."""
    rows: int
    questions: int
    counting: Counting

    @property
    def scored(self) -> bool:
        """Whether every arm has a score on every objective."""
        return self.whole.size > 0 and bool(np.isfinite(self.whole).all())

    def estimate(self, value: float, replicates: Floats) -> Estimate:
        """Give a value the interval of its replicates."""
        return estimate_from_replicates(
            value,
            replicates,
            n=self.rows,
            clusters=self.questions,
            draws=len(replicates),
            seed=self.counting.seed,
            level=self.counting.level,
            unit="question",
        )


def measured(items: pl.DataFrame, objectives: Sequence[str], counting: Counting) -> Measured:
    """Average the columns `objectives` of items, by `arm`, and resample their `prompt_id`.

    Examples
    --------
    >>> rows = pl.DataFrame({"prompt_id": ["q", "q", "r", "r"], "arm": ["a", "b"] * 2, "x": [0.0, 1, 1, 1]})
    >>> found = measured(rows, ["x"], Counting(draws=10))
    >>> found.arms, found.whole.tolist(), found.resampled.shape
    (('a', 'b'), [[0.5], [1.0]], (10, 2, 1))
    """
    arms = items["arm"].unique(maintain_order=True).to_list()
    questions = items["prompt_id"].unique(maintain_order=True).sort().to_list()
    values = items.select(pl.col(name).cast(pl.Float64).fill_nan(None) for name in objectives)
    place = [
        items[name].replace_strict(known, range(len(known)), return_dtype=pl.Int64).to_numpy()
        for name, known in (("prompt_id", questions), ("arm", arms))
    ]
    table = np.zeros((len(questions), len(arms), len(objectives), 2))
    there = np.stack([values[name].is_not_null().to_numpy() for name in objectives], axis=1)
    np.add.at(table[..., 0], tuple(place), values.fill_null(0.0).to_numpy())
    np.add.at(table[..., 1], tuple(place), there.astype(np.float64))
    drawn = bootstrap_replicates(table, means_in, draws=counting.draws, seed=counting.seed)
    drawn = drawn[np.isfinite(drawn).all(axis=(1, 2))]
    whole = means_in(table.sum(axis=0))
    return Measured(
        tuple(arms), tuple(objectives), whole, drawn, table, items.height, len(questions), counting
    )


def means_in(total: Floats) -> Floats:
    """Divide sums by numbers, shape (..., 2); nan where there is none.

    Examples
    --------
    >>> means_in(np.array([[3.0, 2.0], [0.0, 0.0]])).tolist()
    [1.5, nan]
    """
    found = np.full(total.shape[:-1], np.nan)
    return np.divide(total[..., 0], total[..., 1], out=found, where=total[..., 1] > 0)
