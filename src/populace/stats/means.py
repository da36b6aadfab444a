"""Means, proportions, ratios and paired differences over rows that come in clusters."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, codes_of_clusters, divide, vector
from populace.stats.bootstrap import cluster_bootstrap, sum_by_cluster, unit_of
from populace.stats.estimate import Estimate

__all__ = ["PairedTest", "mean", "paired_difference", "paired_test", "proportion", "ratio"]

_BLOCK = 1 << 20
"""Signs held at once."""


class PairedTest(msgspec.Struct, frozen=True, kw_only=True):
    """A paired difference and how surprising it would be if neither side were better."""

    estimate: Estimate
    """Mean of `a - b`, with its bootstrap interval."""
    p_value: float
    """Two-sided; `nan` where there is no pair."""
    method: str
    """How the p-value was made, for example `cluster sign flips, two-sided, 9999 random`."""
    seed: int | None = None
    """Seed of the random flips; None where all were enumerated."""


def ratio(
    numerator: npt.ArrayLike,
    denominator: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate a ratio of two weighted sums over rows.

    Parameters
    ----------
    numerator, denominator
        One number per row. Rows in which either is missing (nan, None) are left out.
    clusters
        The cluster of each row (any labels); None resamples rows.
    weights
        Weight of each row, at least zero; None weighs all alike.
    draws, seed, level
        See `cluster_bootstrap`.

    Raises
    ------
    DataError
        If lengths differ, a weight is missing or below zero, or a number is infinite.

    Examples
    --------
    >>> ratio([1, 0, 2, 1], [2, 2, 4, 4], clusters=["ann", "ann", "bo", "bo"]).value
    0.3333333333333333
    """
    top = vector("numerator", numerator)
    bottom = vector("denominator", denominator, len(top))
    weight = _weights(weights, len(top))
    keep = ~(np.isnan(top) | np.isnan(bottom))
    code, labels = codes_of_clusters(clusters, keep)
    return cluster_bootstrap(
        sum_by_cluster(np.stack([top, bottom], axis=1)[keep] * weight[keep, None], code, len(labels)),
        lambda total: divide(total[:, 0], total[:, 1]),
        n=len(code),
        draws=draws,
        seed=seed,
        level=level,
        unit=unit_of(clusters),
    )


def mean(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate a (weighted) mean over rows. Missing values (nan, None) are left out.

    Parameters and errors are those of `ratio`.

    Examples
    --------
    >>> estimate = mean([1.0, 3.0, 5.0, None], clusters=["ann", "ann", "bo", "bo"])
    >>> estimate.value, estimate.n, estimate.clusters
    (3.0, 3, 2)
    """
    array = vector("values", values)
    return ratio(array, np.ones(len(array)), clusters, weights=weights, draws=draws, seed=seed, level=level)


def proportion(
    values: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate a (weighted) share of rows that are true. Missing values (nan, None) are left out.

    Where all rows agree, every resample agrees too and a bootstrap would claim certainty. The
    interval is then Clopper and Pearson's (1934), with each cluster as a single trial, which is
    exact if clusters weigh alike and the rows of each are copies of one another, and wider than needed
    otherwise.

    Parameters and errors are those of `ratio`; `DataError` also if a value is not 0, 1 or a boolean.

    Examples
    --------
    >>> print(proportion([True, False, True, True], clusters=[1, 1, 2, 2]))
    0.750 [0.500, 1.000] (95 %, n=4, 2 clusters)
    >>> print(proportion([0] * 90, clusters=[i // 3 for i in range(90)]))
    0.000 [0.000, 0.116] (95 %, n=90, 30 clusters)
    """
    array = vector("values", values)
    if not np.isin(array[~np.isnan(array)], (0, 1)).all():
        raise DataError("`values` of a proportion must be 0 or 1")
    estimate = mean(array, clusters, weights=weights, draws=draws, seed=seed, level=level)
    if estimate.clusters < 2 or estimate.value not in (0, 1):
        return estimate
    # Clopper-Pearson with 0 of c or c of c successes has this closed form.
    bound = ((1 - level) / 2) ** (1 / estimate.clusters)
    low, high = (0.0, 1 - bound) if estimate.value == 0 else (bound, 1.0)
    method = f"Clopper-Pearson, one trial per {unit_of(clusters)}: all rows agree"
    return msgspec.structs.replace(estimate, low=low, high=high, method=method, seed=None)


def paired_difference(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate the mean of `a - b` over the rows that have both (`paired_test` adds a p-value).

    Parameters and errors are those of `ratio`.

    Examples
    --------
    >>> paired_difference([1, 1, 0, 1], [0, 1, 0, None], clusters=["ann", "ann", "bo", "bo"]).value
    0.3333333333333333
    """
    return mean(_difference(a, b), clusters, weights=weights, draws=draws, seed=seed, level=level)


def paired_test(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: npt.ArrayLike | None = None,
    flips: int = 9999,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> PairedTest:
    """Test whether `a` and `b` differ in mean, by exchanging them within whole clusters.

    If neither side is better, a cluster's sum of differences is as likely as its negative. The p-value
    is the share of sign flips whose mean is at least as far from zero as the one observed: over all
    2^clusters of them if those are no more than `flips`, else over `flips` random ones and the
    observed one itself, which keeps the test valid (Phipson and Smyth 2010, doi:10.2202/1544-6115.1585).

    Parameters
    ----------
    a, b, clusters, weights, draws, seed, level
        As for `paired_difference`.
    flips
        Random sign flips, at least 1.

    Raises
    ------
    DataError, ValueError
        As `ratio`; `ValueError` also if `flips` is below 1.

    Examples
    --------
    >>> test = paired_test([1, 1, 1, 1, 1], [0, 0, 0, 0, 0])
    >>> test.p_value, test.method  # 2 of 32 flips are as extreme: all + and all -
    (0.0625, 'row sign flips, two-sided, all 32')
    """
    if flips < 1:
        raise ValueError(f"flips is {flips} and must be at least 1")
    estimate = paired_difference(a, b, clusters, weights=weights, draws=draws, seed=seed, level=level)
    difference = _difference(a, b)
    difference *= _weights(weights, len(difference))
    keep = ~np.isnan(difference)
    code, labels = codes_of_clusters(clusters, keep)
    sums = sum_by_cluster(difference[keep, None], code, len(labels))[:, 0]
    name = f"{unit_of(clusters)} sign flips, two-sided"
    if not estimate.defined:
        return PairedTest(estimate=estimate, p_value=np.nan, method=f"{name}: no pairs")
    if len(sums) < 63 and 1 << len(sums) <= flips:
        everything = np.right_shift.outer(np.arange(1 << len(sums)), np.arange(len(sums))) & 1
        p_value = float(_as_extreme(everything, sums).mean())
        return PairedTest(estimate=estimate, p_value=p_value, method=f"{name}, all {len(everything)}")
    rng = np.random.default_rng([seed, 1])  # the bootstrap has the seed itself
    block = max(1, _BLOCK // len(sums))
    sizes = [min(block, flips - start) for start in range(0, flips, block)]
    hits = sum(int(_as_extreme(rng.integers(2, size=(size, len(sums))), sums).sum()) for size in sizes)
    p_value = (1 + hits) / (1 + flips)
    return PairedTest(estimate=estimate, p_value=p_value, method=f"{name}, {flips} random", seed=seed)


def _difference(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    first = vector("a", a)
    return first - vector("b", b, len(first))


def _as_extreme(bits: npt.NDArray[np.int64], sums: Floats) -> npt.NDArray[np.bool_]:
    """Tell which sign flips (rows of 0 and 1) bring the total at least as far from zero."""
    flipped = np.abs((2.0 * bits - 1) @ sums)
    # Equal totals summed in another order may differ in the last bits.
    return flipped >= abs(sums.sum()) - 1e-9 * np.abs(sums).sum()


def _weights(weights: npt.ArrayLike | None, length: int) -> Floats:
    if weights is None:
        return np.ones(length)
    weight = vector("weights", weights, length)
    if not (np.isfinite(weight) & (weight >= 0)).all():
        raise DataError("`weights` must be finite and at least zero")
    return weight
