"""Cluster bootstrap on sufficient statistics: resample clusters, not rows, and count only once.

Answers by one persona resemble each other, so the persona is drawn, not the row. Whatever a
statistic needs of a cluster is summed into a small array first (a confusion table, a sum and a
count); a draw of clusters is then a vector of multinomial weights, and a block of draws one
matrix product. 10,000 draws over 1,586 personas cost about as much as one pass over their rows.

Intervals are percentile intervals (Efron and Tibshirani 1993, chapter 13). With fewer than about
20 clusters they are too narrow, as every bootstrap of so few is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, Ints
from populace.stats._special import t_quantile
from populace.stats.estimate import Estimate

__all__ = [
    "bootstrap_replicates",
    "cluster_bootstrap",
    "doubted",
    "estimate_from_replicates",
    "expanded_estimate",
    "sum_by_cluster",
    "unit_of",
]

_BLOCK = 1 << 20
"""Numbers held by one block of draws (8 MB each for picks, weights and totals)."""

_ROUNDING = 1e-12
"""Width of an interval that is rounding and no width."""

Statistic = Callable[[Floats], npt.ArrayLike]
"""Maps summed counts (draws, *shape) to values (draws, ...)."""


def bootstrap_replicates(
    counts: npt.ArrayLike, statistic: Statistic, *, draws: int = 2000, seed: int = 0
) -> Floats:
    """Return the statistic of `draws` resamples of the clusters.

    Parameters
    ----------
    counts
        Sufficient statistics of each cluster, shape (clusters, *shape); they add up over clusters.
    statistic
        Maps summed counts, shape (draws, *shape), to values, shape (draws, ...).
    draws, seed
        Resamples, and the seed of their generator. To pair two statistics, draw for both at once:
        stack their counts, as the example of `cluster_bootstrap` does.

    Returns
    -------
    Array of shape (draws, ...).

    Raises
    ------
    DataError
        If `counts` has no axis for clusters or holds anything but finite numbers.
    ValueError
        If `draws` is below 1.

    Examples
    --------
    >>> counts = [[3, 4], [1, 4], [2, 4]]  # right answers and questions of three personas
    >>> replicates = bootstrap_replicates(counts, lambda total: total[:, 0] / total[:, 1], draws=500)
    >>> replicates.shape, bool(0.25 <= replicates.min() <= replicates.max() <= 0.75)
    ((500,), True)
    """
    table = _checked(counts)
    if draws < 1:
        raise ValueError(f"draws is {draws} and must be at least 1")
    if not len(table):
        return np.full(draws, np.nan)
    totals = _resampled_totals(table.reshape(len(table), -1), draws, np.random.default_rng(seed))
    shape = table.shape[1:]
    return np.concatenate([_values(statistic, total.reshape(len(total), *shape)) for total in totals])


def cluster_bootstrap(
    counts: npt.ArrayLike,
    statistic: Statistic,
    *,
    n: int,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    unit: str = "cluster",
) -> Estimate:
    """Estimate a statistic of summed counts, with a percentile interval over resampled clusters.

    Replicates that the statistic leaves undefined (nan) are left out and `method` counts them. An
    undefined value, or a single cluster, has no interval: `low` and `high` are nan and `method` says why.

    Parameters
    ----------
    counts
        Sufficient statistics of each cluster, shape (clusters, *shape).
    statistic
        Maps summed counts, shape (draws, *shape), to values, shape (draws,).
    n
        Rows behind the counts, for the record.
    draws, seed, level
        Resamples, seed of their generator, coverage aimed at (between 0 and 1).
    unit
        What is resampled, for `method`.

    Raises
    ------
    DataError, ValueError
        As `bootstrap_replicates`; `ValueError` also if `level` is not between 0 and 1.

    Examples
    --------
    How much better does judge A agree with people than judge B, on the same rows? Stack the tables.

    >>> import numpy as np
    >>> from populace.stats import kappa_from_table
    >>> tables = np.random.default_rng(0).integers(1, 9, size=(40, 2, 3, 3))  # persona, judge, table
    >>> difference = lambda t: kappa_from_table(t[:, 0]) - kappa_from_table(t[:, 1])
    >>> cluster_bootstrap(tables, difference, n=int(tables[:, 0].sum())).method
    'cluster bootstrap, percentile, 2000 draws'
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level} and must lie between 0 and 1")
    table = _checked(counts)
    clusters = len(table)
    value = float(_values(statistic, table.sum(axis=0)[None])[0])
    replicates = np.empty(0)
    if not np.isnan(value) and clusters > 1:
        replicates = bootstrap_replicates(table, statistic, draws=draws, seed=seed)
    return estimate_from_replicates(
        value, replicates, n=n, clusters=clusters, draws=draws, seed=seed, level=level, unit=unit
    )


def estimate_from_replicates(
    value: float,
    replicates: Floats,
    *,
    n: int,
    clusters: int,
    draws: int,
    seed: int,
    level: float,
    unit: str,
) -> Estimate:
    """Return a value with the percentile interval of its replicates, shape (draws,).

    For many values drawn at once. As in `cluster_bootstrap`, an undefined value or a single cluster has none.
    """
    if np.isnan(value):
        return _without_interval(value, n, clusters, level, "undefined for these data")
    if clusters == 1:
        return _without_interval(value, n, clusters, level, f"only one {unit}")
    defined = replicates[~np.isnan(replicates)]
    method = f"{unit} bootstrap, percentile, {draws} draws"
    if len(defined) < draws:
        method += f", {draws - len(defined)} undefined left out"
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (np.nan, np.nan)
    return Estimate(
        value=value,
        low=float(low),
        high=float(high),
        level=level,
        n=n,
        clusters=clusters,
        method=method,
        seed=seed,
    )


def expanded_estimate(
    value: float,
    drawn: Floats,
    *,
    n: int,
    clusters: int,
    draws: int,
    seed: int,
    level: float,
    unit: str = "cluster",
) -> Estimate:
    """Return a value with the expanded percentile interval of its replicates, shape (draws,).

    For few clusters, where plain percentiles are too narrow. A resample varies too little by (n - 1) / n, and
    the normal's quantiles are those of infinitely many: the percentiles taken (Hesterberg 2015,
    doi:10.1080/00031305.2015.1089789) have Student's t, times the root of n / (n - 1), for their distance on
    the normal's scale.
    """
    wide = level
    if clusters > 1:
        reach = math.sqrt(clusters / (clusters - 1)) * t_quantile((1 + level) / 2, clusters - 1)
        wide = min(math.erf(reach / math.sqrt(2)), 1 - 1e-12)
    made = estimate_from_replicates(
        value, drawn, n=n, clusters=clusters, draws=draws, seed=seed, level=wide, unit=unit
    )
    method = made.method.replace("percentile", "expanded percentile")
    return msgspec.structs.replace(made, level=level, method=method)


def doubted(estimate: Estimate, least: float, most: float) -> Estimate:
    """Give an interval of no width the one that so few clusters can support.

    Where all clusters agree, no resample differs. What may differ is then Clopper and Pearson's (1934) share
    of clusters, one trial each, and what differs lies at worst at a bound.

    Parameters
    ----------
    least, most
        What the statistic lies between.

    Examples
    --------
    >>> sure = cluster_bootstrap([[4, 4]] * 30, lambda total: total[:, 0] / total[:, 1], n=120)
    >>> print(doubted(sure, 0, 1))
    1.000 [0.884, 1.000] (95 %, n=120, 30 clusters)
    """
    if not estimate.high - estimate.low <= _ROUNDING:
        return estimate
    share = 1 - ((1 - estimate.level) / 2) ** (1 / estimate.clusters)
    return msgspec.structs.replace(
        estimate,
        low=estimate.value - share * (estimate.value - least),
        high=estimate.value + share * (most - estimate.value),
        method=f"{estimate.method}; all alike, so Clopper-Pearson, {estimate.clusters} trials",
    )


def sum_by_cluster(rows: Floats, code: Ints, clusters: int) -> Floats:
    """Sum rows, shape (rows, cells), into their clusters, shape (clusters, cells)."""
    sums = [np.bincount(code, weights=column, minlength=clusters) for column in rows.T]
    return np.stack(sums, axis=1).astype(np.float64)


def unit_of(clusters: npt.ArrayLike | None) -> str:
    """Name what is resampled."""
    return "row" if clusters is None else "cluster"


def _resampled_totals(counts: Floats, draws: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield blocks of summed counts, shape (block, cells), of clusters drawn with replacement.

    The generator is read in order, so neither block size nor memory has a say in the draws.
    """
    clusters, cells = counts.shape
    distinct, copies = np.unique(counts, axis=0, return_counts=True)
    # Equal clusters are interchangeable: one multinomial over the distinct ones does for all.
    few = 4 * len(distinct) <= clusters
    block = max(1, _BLOCK // max(len(distinct) if few else clusters, cells))
    for start in range(0, draws, block):
        size = min(block, draws - start)
        if few:
            yield rng.multinomial(clusters, copies / clusters, size=size) @ distinct
        else:
            picks = rng.integers(clusters, size=(size, clusters))
            picks += clusters * np.arange(size)[:, None]
            weights = np.bincount(picks.ravel(), minlength=size * clusters).reshape(size, clusters)
            yield weights.astype(np.float64) @ counts


def _without_interval(value: float, n: int, clusters: int, level: float, why: str) -> Estimate:
    method = f"no interval: {why}"
    return Estimate(value=value, low=np.nan, high=np.nan, level=level, n=n, clusters=clusters, method=method)


def _values(statistic: Statistic, totals: Floats) -> Floats:
    return np.asarray(statistic(totals), dtype=np.float64)


def _checked(counts: npt.ArrayLike) -> Floats:
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim == 0 or not np.isfinite(table).all():
        raise DataError("counts must be finite numbers, with one entry per cluster")
    return table
