"""A leaderboard over items that are about two people each, who are in other items too.

The form and the decisions are those of `populace.stats.rank_models`; intervals and tests know that items
share people (`populace.bench.dyads`): dyadic cluster-robust variances, two-sided t-tests, Holm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec.structs import replace
from scipy.stats import t as student

from populace.bench.dyads import disjoint_pairs, dyadic_mean, dyadic_ratio
from populace.bench.ranks import rank_by
from populace.stats import Estimate
from populace.stats.ranking import Ranking

__all__ = ["rank_couples"]

Floats = npt.NDArray[np.float64]


def rank_couples(
    scores: Floats, first: pl.Series, second: pl.Series, *, names: Sequence[str], level: float = 0.95
) -> Ranking:
    """Rank models by mean score, higher being better.

    Parameters
    ----------
    scores
        Shape (rows, models), from -1 to 1, nan where a model has none.
    first, second
        The two people of each row.
    names
        Name of each column.

    Examples
    --------
    >>> one, other = (pl.Series([f"{side}{n}" for n in range(20)]) for side in "ab")
    >>> scores = np.stack([np.ones(20), np.arange(20) % 4 == 0], axis=1)
    >>> found = rank_couples(scores, one, other, names=["ash", "bay"])
    >>> found.groups, found.pairs[0].difference.value
    ((('ash',), ('bay',)), 0.75)
    """
    people = pl.concat([first, second]).rank("dense").to_numpy().astype(np.int64)
    ends = people[: len(first)], people[len(first) :]
    return rank_by(
        scores,
        names,
        mean=lambda column: dyadic_mean(column, *ends, level=level),
        tested=lambda one, other: _tested(one - other, *ends, level),
        method="dyadic t-tests, two-sided",
        level=level,
    )


def _tested(
    difference: Floats, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], level: float
) -> tuple[Estimate, float]:
    """Estimate a mean difference, and test it against none."""
    there = ~np.isnan(difference)
    first, second = first[there], second[there]
    found = dyadic_ratio(difference[there], np.ones(int(there.sum())), first, second, level=level)
    if not found.defined or np.isnan(found.low):
        return found, 1.0 if found.defined else float("nan")
    if found.low < found.high:
        reach = float(student.ppf((1 + level) / 2, found.clusters - 1))
        error = (found.high - found.value) / reach
        return found, float(2 * student.sf(abs(found.value) / error, found.clusters - 1))
    # No two rows differ: as many trials as there are couples without a person in common.
    trials = disjoint_pairs(first, second)
    unseen = 1 - ((1 - level) / 2) ** (1 / trials)
    doubted = replace(
        found,
        low=found.value - unseen * (found.value + 1),
        high=found.value + unseen * (1 - found.value),
        method=f"Clopper-Pearson, {trials} pairs without a person in common: all rows agree",
    )
    return doubted, 0.5 ** (trials - 1) if found.value else 1.0
