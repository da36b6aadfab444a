"""Krippendorff's alpha: agreement of any number of raters, with ratings missing.

Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), and *Content Analysis*, chapter 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats, as_labels, codes, codes_of_clusters, divide, square
from populace.stats.agreement import CountTables
from populace.stats.bootstrap import cluster_bootstrap, sum_by_cluster, unit_of
from populace.stats.estimate import Estimate

__all__ = ["Metric", "alpha_from_table", "coincidence_tables", "krippendorff_alpha"]

Metric = Literal["nominal", "ordinal", "interval"]
"""How far two ratings are apart: different or not; by the ratings that lie between; by value."""

_BLOCK = 1 << 20
"""Numbers held at once while coincidences are counted."""


def coincidence_tables(
    ratings: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    categories: Sequence[Any] | None = None,
    ordered: bool = False,
) -> CountTables:
    """Count, in each cluster, how often categories i and j meet within a unit.

    A unit rated by m raters holds m (m - 1) ordered pairs of ratings, each counted 1 / (m - 1).
    Units with fewer than two ratings hold none and are left out.

    Parameters
    ----------
    ratings
        Labels, shape (units, raters), with missing ones as `populace.stats.agreement` says.
    clusters
        Cluster of each unit (any labels); None makes each unit its own.
    categories, ordered
        As for `confusion_tables`.

    Raises
    ------
    DataError
        If shapes differ, a label is not among `categories`, or the order of labels is unknown.

    Examples
    --------
    >>> coincidence_tables([["x", "x", "y"], ["y", None, None]]).counts.tolist()
    [[[1.0, 1.0], [1.0, 0.0]]]
    """
    array = as_labels("ratings", ratings, ndim=2)
    (coded,), labels = codes(array, categories=categories, ordered=ordered)
    keep = _pairable(coded < 0)
    code, names = codes_of_clusters(clusters, keep)
    coded, size = coded[keep], len(labels)
    counts = np.zeros((len(names), size, size))
    block = max(1, _BLOCK // max(1, size**2))
    for start in range(0, len(coded), block):
        part = coded[start : start + block]
        unit = np.broadcast_to(np.arange(len(part))[:, None], part.shape)
        cells = unit[part >= 0] * size + part[part >= 0]
        used = np.bincount(cells, minlength=len(part) * size).reshape(-1, size).astype(np.float64)
        pairs = used[:, :, None] * used[:, None, :] - used[:, :, None] * np.eye(size)
        others = used.sum(axis=1) - 1
        np.add.at(counts, code[start : start + block], pairs / others[:, None, None])
    return CountTables(counts, names, labels)


def alpha_from_table(
    table: npt.ArrayLike, metric: Metric = "nominal", values: npt.ArrayLike | None = None
) -> Floats:
    """Return Krippendorff's alpha of coincidences: 1 - observed / expected disagreement.

    Parameters
    ----------
    table
        Coincidences, shape (..., categories, categories), as `coincidence_tables` counts them.
    metric
        `nominal`, `ordinal` or `interval`.
    values
        What the categories stand for on an interval scale, shape (categories,); None spaces them evenly.

    Returns
    -------
    Shape (...); nan where all ratings are alike.

    Examples
    --------
    >>> alpha_from_table([[10, 4], [4, 2]]).round(3).item()
    0.095
    """
    counts = square(table)
    used = counts.sum(axis=-1)
    size = counts.shape[-1]
    if metric == "nominal":
        distance = 1 - np.eye(size)
    elif metric == "ordinal":
        # Ratings between i and j, each end counted half: the difference of their mid-ranks.
        distance = _squared_gaps(used.cumsum(axis=-1) - used / 2)
    elif metric == "interval":
        distance = _squared_gaps(np.arange(float(size)) if values is None else np.asarray(values, np.float64))
    else:
        raise ValueError(f"metric is {metric!r} and must be 'nominal', 'ordinal' or 'interval'")
    observed = (counts * distance).sum(axis=(-2, -1))
    expected = (used[..., :, None] * used[..., None, :] * distance).sum(axis=(-2, -1))
    return 1 - divide((used.sum(axis=-1) - 1) * observed, expected)


def krippendorff_alpha(
    ratings: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    metric: Metric = "nominal",
    categories: Sequence[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate Krippendorff's alpha of any number of raters.

    Parameters
    ----------
    ratings
        Labels, shape (units, raters), with missing ones as `populace.stats.agreement` says; on the
        `interval` metric numbers, with nan or None where missing (-1 is a number there).
    clusters
        Cluster of each unit, usually the persona; None resamples units.
    metric
        `nominal`, `ordinal` or `interval`.
    categories
        Order of the labels on the `ordinal` metric; needed where they are text. Not for `interval`.
    draws, seed, level
        See `cluster_bootstrap`. `n` of the estimate counts ratings of units that have at least two.

    Raises
    ------
    DataError
        If shapes differ, a label is not among `categories`, or the order of labels is unknown.

    Examples
    --------
    >>> grades = [[1, 1, None], [2, 2, 2], [3, 2, 3], [3, 3, 1]]
    >>> round(krippendorff_alpha(grades, metric="ordinal").value, 3)
    0.33
    """
    if metric == "interval":
        if categories is not None:
            raise DataError("interval ratings are numbers and have no `categories`", fix="leave them out")
        return _interval_alpha(ratings, clusters, draws, seed, level)
    tables = coincidence_tables(ratings, clusters, categories=categories, ordered=metric == "ordinal")
    return cluster_bootstrap(
        tables.counts,
        lambda table: alpha_from_table(table, metric),
        n=round(tables.counts.sum()),
        draws=draws,
        seed=seed,
        level=level,
        unit=unit_of(clusters),
    )


def _interval_alpha(
    ratings: npt.ArrayLike, clusters: npt.ArrayLike | None, draws: int, seed: int, level: float
) -> Estimate:
    """Estimate alpha with squared distances from four sums per unit: no table, so any real numbers do."""
    try:
        array = np.asarray(ratings, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`ratings` on the interval metric must be numbers ({error})") from error
    if array.ndim != 2 or np.isinf(array).any():
        raise DataError("`ratings` must be finite numbers of shape (units, raters)")
    missing = np.isnan(array)
    keep = _pairable(missing)
    code, names = codes_of_clusters(clusters, keep)
    # Alpha is free of the origin; one near the data keeps the sums of squares accurate.
    values = np.where(missing, 0, array - (np.nanmean(array) if keep.any() else 0))[keep]
    number = (~missing[keep]).sum(axis=1).astype(np.float64)
    total, squares = values.sum(axis=1), (values**2).sum(axis=1)
    within = (number * squares - total**2) / (number - 1)
    sums = sum_by_cluster(np.stack([number, total, squares, within], axis=1), code, len(names))
    return cluster_bootstrap(
        sums, _alpha_of_sums, n=int(number.sum()), draws=draws, seed=seed, level=level, unit=unit_of(clusters)
    )


def _alpha_of_sums(sums: Floats) -> Floats:
    number, total, squares, within = np.moveaxis(sums, -1, 0)
    expected = number * squares - total**2
    # Equal ratings leave rounding errors, not zero.
    expected[expected <= 1e-12 * number * squares] = 0
    return 1 - divide((number - 1) * within, expected)


def _pairable(missing: Bools) -> Bools:
    return (~missing).sum(axis=1) >= 2


def _squared_gaps(positions: Floats) -> Floats:
    return (positions[..., :, None] - positions[..., None, :]) ** 2
