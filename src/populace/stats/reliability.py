"""Reliability: how often what was given a probability happened, bin by bin.

The table behind a reliability diagram (DeGroot and Fienberg 1983, doi:10.2307/2987588): in every bin of
probabilities the mean that was said, and the share that happened with Wilson's interval (1927,
doi:10.1080/01621459.1927.10502953). Rows that weigh differently or come in clusters are worth fewer trials:
the interval is that of as many as give the share's own variance.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, Ints, codes_of_clusters, vector
from populace.stats._special import normal_quantile

__all__ = ["ReliabilityBin", "reliability", "wilson"]


class ReliabilityBin(msgspec.Struct, frozen=True, kw_only=True):
    """One bin of probabilities."""

    start: float
    end: float
    n: int
    """Rows in it."""
    trials: float
    """Independent trials that the rows are worth."""
    said: float
    """Weighted mean probability."""
    happened: float
    """Weighted share that happened."""
    low: float
    high: float
    share: float
    """Of all weight."""


def wilson(share: float, trials: float, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a share of so many trials, which need not be whole.

    Examples
    --------
    >>> low, high = wilson(0.5, 10)
    >>> round(low, 3), round(high, 3)
    (0.237, 0.763)
    """
    if not trials > 0:
        return math.nan, math.nan
    z = float(normal_quantile((1 + level) / 2))
    square = z * z / trials
    centre = (share + square / 2) / (1 + square)
    half = math.sqrt(square * share * (1 - share) + square * square / 4) / (1 + square)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def reliability(
    probabilities: npt.ArrayLike,
    outcomes: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    bins: int = 10,
    level: float = 0.95,
) -> list[ReliabilityBin]:
    """Tabulate what was said against what happened, over bins of equal width.

    Parameters
    ----------
    probabilities, outcomes
        Shape (rows,): from 0 to 1, and 0 or 1. Rows in which either is missing (nan) are left out.
    clusters
        Cluster of each row; None takes rows for independent.
    weights
        Of each row, at least zero; None weighs all alike.
    bins
        Their number. Empty ones are left out.
    level
        Coverage aimed at.

    Raises
    ------
    DataError
        If lengths differ, a probability lies outside 0 to 1, an outcome is neither 0 nor 1, or a weight is
        missing or below zero.
    ValueError
        If there is no bin.

    Examples
    --------
    >>> (first, second) = reliability([0.2, 0.2, 0.9, 0.9], [0, 1, 1, 1])
    >>> first.n, first.said, first.happened, second.happened
    (2, 0.2, 0.5, 1.0)
    """
    if bins < 1:
        raise ValueError(f"bins is {bins} and must be at least 1")
    p = vector("probabilities", probabilities)
    outcome = vector("outcomes", outcomes, len(p))
    weight = np.ones(len(p)) if weights is None else vector("weights", weights, len(p))
    if ((p < 0) | (p > 1)).any():
        raise DataError("a probability lies outside 0 to 1")
    if not np.isin(outcome[~np.isnan(outcome)], (0, 1)).all():
        raise DataError("an outcome is neither 0 nor 1")
    if not (weight >= 0).all():
        raise DataError("a weight is missing or below zero")
    keep = ~(np.isnan(p) | np.isnan(outcome)) & (weight > 0)
    code = codes_of_clusters(clusters, keep)[0] if clusters is not None else np.arange(int(keep.sum()))
    p, outcome, weight = p[keep], outcome[keep], weight[keep]
    place = np.minimum((p * bins).astype(np.int64), bins - 1)
    found: list[ReliabilityBin] = []
    for number in np.unique(place):
        some = place == number
        w, said, share = weight[some], p[some], float(np.average(outcome[some], weights=weight[some]))
        trials = _trials(w, outcome[some], share, code[some])
        low, high = wilson(share, trials, level)
        found.append(
            ReliabilityBin(
                start=number / bins,
                end=(number + 1) / bins,
                n=int(some.sum()),
                trials=trials,
                said=float(np.average(said, weights=w)),
                happened=share,
                low=low,
                high=high,
                share=float(w.sum() / weight.sum()),
            )
        )
    return found


def _trials(weights: Floats, outcomes: Floats, share: float, code: Ints) -> float:
    """Count the independent trials that give the share its variance over clusters, at most one a row."""
    total = weights.sum()
    kish = float(total**2 / (weights**2).sum())
    sums = np.bincount(code, weights * (outcomes - share))
    there = int((np.bincount(code) > 0).sum())
    variance = float((sums**2).sum() / total**2) * there / max(there - 1, 1)
    if share in (0.0, 1.0) or there < 2 or variance <= 0:
        # All alike: nothing is known of how clusters agree, so each is one trial at most.
        masses = np.bincount(code, weights)
        return min(kish, float(total**2 / (masses**2).sum()))
    return min(share * (1 - share) / variance, float(len(weights)))
