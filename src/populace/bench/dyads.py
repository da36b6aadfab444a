"""Means over pairs of people, with intervals that know that pairs share people.

A row is a pair (or a comparison between two), and a person is in many rows. Neither rows nor first persons
can then be resampled as if they were independent. The variance is that of Aronow, Samii and Assenova (2015,
*Cluster-Robust Variance Estimation for Dyadic Data*, Political Analysis 23, doi:10.1093/pan/mpv018): products
of residuals are summed over all rows that share a person, which are, for each person, the square of the sum
of that person's residuals, less the rows that this counts twice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from populace.errors import DataError
from populace.stats import Estimate

__all__ = ["FEW", "disjoint_pairs", "dyadic_estimate", "dyadic_mean", "dyadic_ratio"]

_ROUNDING = 1e-12
"""Width of an interval that is rounding and no width."""
FEW = 30
"""People below whom the interval is too narrow: of 20, one at 95 % held in 91 % of samples."""
_METHOD = "dyadic cluster-robust variance, Student's t, one cluster per person"


def dyadic_mean(
    values: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike, *, level: float = 0.95
) -> Estimate:
    """Estimate a mean over pairs of people.

    Where all pairs agree, residuals are zero and would claim certainty: what may differ is then Clopper and
    Pearson's share of as many trials as there are pairs without a person in common, chosen greedily, and what
    differs lies at worst at 0 or 1 (or at what lies beyond them).

    Parameters
    ----------
    values
        One a row; missing ones (nan, None) are left out.
    first, second
        The two people of each row, any labels.
    level
        Coverage aimed at.

    Raises
    ------
    DataError
        If lengths differ.

    Examples
    --------
    >>> print(dyadic_mean([1, 1, 1], ["ann", "bo", "cy"], ["bo", "cy", "di"]))  # ann and bo, cy and di
    1.000 [0.158, 1.000] (95 %, n=3, 4 clusters)
    """
    value = np.asarray(values, dtype=np.float64)
    estimate = dyadic_ratio(value, np.ones(len(value)), first, second, level=level)
    if not estimate.high - estimate.low <= _ROUNDING:
        return estimate
    keep = ~np.isnan(value)
    trials = disjoint_pairs(np.asarray(first)[keep], np.asarray(second)[keep])
    unseen = 1 - ((1 - level) / 2) ** (1 / trials)
    least, most = min(0.0, float(value[keep].min())), max(1.0, float(value[keep].max()))
    low = estimate.value - unseen * (estimate.value - least)
    high = estimate.value + unseen * (most - estimate.value)
    method = f"Clopper-Pearson, {trials} pairs without a person in common: all agree"
    return _estimate(estimate.value, low, high, level, estimate.n, estimate.clusters, method)


def dyadic_ratio(
    top: npt.ArrayLike,
    bottom: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    level: float = 0.95,
) -> Estimate:
    """Estimate a ratio of two sums over pairs of people, linearised for its variance.

    Parameters
    ----------
    top, bottom
        One number a row each; rows in which either is missing are left out.
    first, second, level
        As `dyadic_mean`.

    Raises
    ------
    DataError
        If lengths differ.

    Examples
    --------
    Two rows that share nobody: the variance is the sum of squared residuals over the square of the rows.

    >>> estimate = dyadic_ratio([1, 0], [1, 1], ["a", "c"], ["b", "d"])
    >>> estimate.value, round((estimate.high - estimate.value) / 3.182446, 6)  # sqrt(2 * .25) / 2, t of 3
    (0.5, 0.353553)
    """
    numbers = [np.asarray(each, dtype=np.float64) for each in (top, bottom)]
    people = [np.asarray(each) for each in (first, second)]
    if len({len(each) for each in (*numbers, *people)}) != 1:
        raise DataError("values and people of pairs differ in number", fix="give one of each a row")
    keep = ~(np.isnan(numbers[0]) | np.isnan(numbers[1]))
    above, below = (each[keep] for each in numbers)
    total = float(below.sum())
    value = float(above.sum()) / total if total else np.nan
    influence = (above - value * below) / (total or 1.0)
    return dyadic_estimate(value, influence, people[0][keep], people[1][keep], level=level)


def dyadic_estimate(
    value: float,
    influence: npt.NDArray[np.float64],
    first: npt.NDArray[np.generic],
    second: npt.NDArray[np.generic],
    *,
    level: float = 0.95,
) -> Estimate:
    """Give a value its interval, from what each row moves it by.

    Parameters
    ----------
    value
        Of any smooth statistic; nan has no interval.
    influence
        One number a row, summing to zero: the linear term of the statistic.
    first, second
        The two people of each row; a row may be about one person alone, who is then both.
    """
    labels, codes = np.unique(np.concatenate([first, second]), return_inverse=True)
    clusters, rows = len(labels), len(influence)
    if np.isnan(value):
        return _estimate(np.nan, np.nan, np.nan, level, rows, clusters, "undefined for these data")
    if clusters < 3:
        return _estimate(value, np.nan, np.nan, level, rows, clusters, "fewer than three people")
    ends = np.sort(codes.reshape(2, -1), axis=0)
    # Rows of the same people are one: they share both, and would be counted twice.
    pairs, pair = np.unique(ends[0] * clusters + ends[1], return_inverse=True)
    moved = np.bincount(pair, weights=influence)
    low, high = pairs // clusters, pairs % clusters
    by_person = np.bincount(low, weights=moved, minlength=clusters)
    by_person += np.bincount(high, weights=np.where(low == high, 0.0, moved), minlength=clusters)
    own = float((moved * moved).sum())
    # Every pair is in the sums of both its people; where the rest is negative by chance, pairs stand alone.
    alone = float((moved * moved)[low == high].sum())
    variance = max(float((by_person * by_person).sum()) - (own - alone), own)
    reach = float(student.ppf((1 + level) / 2, clusters - 1)) * variance**0.5
    method = _METHOD if clusters >= FEW else f"{_METHOD}; fewer than {FEW}, held less often than it says"
    return _estimate(value, value - reach, value + reach, level, rows, clusters, method)


def disjoint_pairs(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic]) -> int:
    """Count pairs without a person in common, chosen greedily in the order given; at least 1.

    Examples
    --------
    >>> disjoint_pairs(np.array(["a", "b", "d"]), np.array(["b", "c", "e"]))
    2
    """
    seen: set[object] = set()
    count = 0
    for one, other in zip(first.tolist(), second.tolist(), strict=True):
        if one not in seen and other not in seen:
            seen |= {one, other}
            count += 1
    return max(count, 1)


def _estimate(
    value: float, low: float, high: float, level: float, rows: int, clusters: int, method: str
) -> Estimate:
    return Estimate(value=value, low=low, high=high, level=level, n=rows, clusters=clusters, method=method)
