"""Two-alternative forced choice: the share right, with an interval exact in small samples, and d'.

A share near 1 from few clusters is where a bootstrap claims too much. The interval is Korn and Graubard's
(1998, Survey Methodology 24, 193-201): Clopper and Pearson's on the number of independent trials that the
rows are worth. It is exact for independent rows, and holds its level closely for clustered ones.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, codes_of_clusters, divide, vector
from populace.stats._special import clopper_pearson, normal_quantile, t_quantile
from populace.stats.bootstrap import cluster_bootstrap, sum_by_cluster, unit_of
from populace.stats.estimate import Estimate

__all__ = ["ForcedChoice", "clustered_proportion", "forced_choice"]


class ForcedChoice(msgspec.Struct, frozen=True, kw_only=True):
    """What a two-alternative forced choice says; chance is 1/2 and d' of 0."""

    correct: Estimate
    """Share right."""
    sensitivity: Estimate
    """d', free of the bias of position where `first` was given; infinite if all are right."""
    position: Estimate | None
    """Share right when the right one came first, less when it came second; None without `first`."""


def clustered_proportion(
    values: npt.ArrayLike, clusters: npt.ArrayLike | None = None, *, level: float = 0.95
) -> Estimate:
    """Estimate a share with Korn and Graubard's interval (1998); nothing is drawn.

    The rows are worth n* = p (1 - p) / v independent trials, with v the linearised variance over clusters,
    times (t_{n-1} / t_{c-1})^2 for the few clusters that v itself is estimated from; n* never exceeds n.
    Where all rows agree v says nothing and each cluster counts as a single trial.

    Parameters
    ----------
    values
        0, 1 or booleans, shape (rows,). Missing ones (nan, None) are left out.
    clusters
        Cluster of each row; None takes rows as independent, which gives Clopper and Pearson's interval.
    level
        Coverage aimed at.

    Raises
    ------
    DataError
        If lengths differ or a value is neither 0 nor 1.
    ValueError
        If `level` is not between 0 and 1.

    Examples
    --------
    >>> print(clustered_proportion([1] * 9 + [0]))  # Clopper and Pearson, 9 of 10
    0.900 [0.555, 0.997] (95 %, n=10, 10 clusters)
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level} and must lie between 0 and 1")
    array = _binary("values", values)
    keep = ~np.isnan(array)
    code, labels = codes_of_clusters(clusters, keep)
    n, count = len(code), len(labels)
    value = float(array[keep].mean()) if n else math.nan
    low, high, method = math.nan, math.nan, "no interval: undefined for these data"
    if n and count == 1 and clusters is not None:
        method = "no interval: only one cluster"
    elif n:
        sums = sum_by_cluster(np.stack([array[keep], np.ones(n)], axis=1), code, count)
        trials = _trials(sums, value, level) if clusters is not None else float(n)
        low, high = clopper_pearson(value * trials, trials, level)
        unit = "cluster" if clusters is not None else "row"
        agree = f"Clopper-Pearson, one trial per {unit}: all rows agree"
        korn = f"Korn-Graubard, {n} rows worth {trials:.1f} trials"
        one = agree if value in (0, 1) else korn
        method = one if clusters is not None else "Clopper-Pearson"
    return Estimate(value=value, low=low, high=high, level=level, n=n, clusters=count, method=method)


def forced_choice(
    correct: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    first: npt.ArrayLike | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> ForcedChoice:
    """Score a two-alternative forced choice.

    For an unbiased chooser d' = sqrt(2) z(share right). Given which alternative came `first`, with H the
    share right where the right one came first and F the share wrong where it came second, d' = (z(H) - z(F))
    / sqrt(2), which a liking for one position does not lower (Macmillan and Creelman 2005, Detection Theory,
    chapter 7). Its counts then get 1/2 added in each cell (the log-linear rule, Hautus 1995,
    doi:10.3758/BF03203619), so that it stays finite, and its interval is a cluster bootstrap.

    Both assume two answers that differ by the same amount, in normal noise of one spread, throughout. A d'
    over unlike items is the d' of the average, lower than the average d'.

    Parameters
    ----------
    correct
        0, 1 or booleans, shape (rows,). Missing ones (nan, None: refusals, ties) are left out; to hold them
        against the chooser, score them 0.
    clusters
        Cluster of each row, usually the persona; None resamples rows.
    first
        Whether the right alternative was shown first, 0 or 1 in each row; None if not known.
    draws, seed, level
        See `cluster_bootstrap`.

    Raises
    ------
    DataError
        If lengths differ or a value is neither 0 nor 1; missing entries of `first` where `correct` has none.

    Examples
    --------
    >>> result = forced_choice([1, 1, 1, 0] * 25, first=[1, 0, 1, 0] * 25)
    >>> print(result.correct)
    0.750 [0.653, 0.831] (95 %, n=100, 100 clusters)
    >>> result.position.value  # 50 of 50 when first, 25 of 50 when second
    0.5
    """
    right = _binary("correct", correct)
    share = clustered_proportion(right, clusters, level=level)
    if first is None:
        return ForcedChoice(correct=share, sensitivity=_plain_sensitivity(share), position=None)
    shown_first = _binary("first", first, len(right))
    keep = ~np.isnan(right)
    if np.isnan(shown_first[keep]).any():
        raise DataError("`first` is missing in a row that has an answer", fix="leave that row out")
    code, labels = codes_of_clusters(clusters, keep)
    was_first, good = shown_first[keep], right[keep]
    cells = np.stack([was_first * good, was_first, (1 - was_first) * good, 1 - was_first], axis=1)
    counts = sum_by_cluster(cells, code, len(labels))
    unit = unit_of(clusters)
    sensitivity, position = (
        cluster_bootstrap(counts, statistic, n=len(code), draws=draws, seed=seed, level=level, unit=unit)
        for statistic in (_sensitivity, _position)
    )
    return ForcedChoice(correct=share, sensitivity=sensitivity, position=position)


def _trials(sums: Floats, value: float, level: float) -> float:
    """Return the independent trials that clusters of (successes, rows) are worth."""
    count, n = len(sums), float(sums[:, 1].sum())
    if value in (0, 1):
        return float(count)
    residual = sums[:, 0] - value * sums[:, 1]
    variance = count / (count - 1) * float((residual**2).sum()) / n**2
    # Clusters that balance out to the last row show no variance at all; more than n they are not worth.
    worth = value * (1 - value) / variance if variance > 0 else n
    few = t_quantile((1 + level) / 2, max(1.0, n - 1)) / t_quantile((1 + level) / 2, count - 1)
    return min(n, worth * few**2)


def _plain_sensitivity(share: Estimate) -> Estimate:
    value, low, high = (
        math.sqrt(2) * float(normal_quantile(x)) for x in (share.value, share.low, share.high)
    )
    method = f"sqrt(2) z of the share right; {share.method}"
    return msgspec.structs.replace(share, value=value, low=low, high=high, method=method)


def _sensitivity(totals: Floats) -> Floats:
    """Return d' from (right and first, first, right and second, second), shape (draws, 4)."""
    hits, firsts, rejections, seconds = totals.T
    none = (firsts == 0) | (seconds == 0)
    hit = (hits + 0.5) / (firsts + 1)
    alarm = (seconds - rejections + 0.5) / (seconds + 1)
    return np.where(none, np.nan, (normal_quantile(hit) - normal_quantile(alarm)) / math.sqrt(2))


def _position(totals: Floats) -> Floats:
    hits, firsts, rejections, seconds = totals.T
    return divide(hits, firsts) - divide(rejections, seconds)


def _binary(name: str, values: npt.ArrayLike, length: int | None = None) -> Floats:
    array = vector(name, values, length)
    if not np.isin(array[~np.isnan(array)], (0, 1)).all():
        raise DataError(f"`{name}` must be 0 or 1")
    return array
