"""Agreement between raters: percent agreement, Cohen's kappa, Gwet's AC, Krippendorff's alpha.

Each coefficient comes twice:

- `cohen_kappa(a, b, clusters=...)` takes ratings and gives an `Estimate`, its interval from a
  cluster bootstrap;
- `kappa_from_table(tables)` takes tables of counts and gives bare numbers, one per leading index:
  one call for every persona, or for every draw of a bootstrap. `confusion_tables` and
  `coincidence_tables` count such tables per cluster.

Ratings are labels of any kind (numbers, text, booleans). A missing rating is None, nan or, in
arrays of integers, -1 (unless `categories` names -1 as a label). Labels are ordered as
`categories` names them, else sorted; a label that could have been used and was not counts
only if it is named there: it changes Gwet's AC and the distances of weighted coefficients.

What the data do not define, such as the kappa of raters who never leave one category, is nan. Where all
clusters agree the interval is not of the bootstrap, which knows of nothing else (`bootstrap.doubted`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from populace.stats._arrays import Floats, as_labels, codes, codes_of_clusters, divide, square
from populace.stats.bootstrap import cluster_bootstrap, doubted, unit_of
from populace.stats.estimate import Estimate

__all__ = [
    "CountTables",
    "Weights",
    "agreement_from_table",
    "cohen_kappa",
    "confusion_tables",
    "gwet_ac1",
    "gwet_from_table",
    "kappa_from_table",
    "percent_agreement",
]

Weights = Literal["linear", "quadratic"]
"""Credit for a near miss on ordered categories: it falls with the distance, or with its square."""


class CountTables(NamedTuple):
    """Square tables of counts, one per cluster."""

    counts: Floats
    """Shape (clusters, categories, categories)."""
    clusters: list[Any]
    """Cluster labels, in the order of the first axis."""
    categories: list[Any]
    """Category labels, in the order of the other axes."""


def confusion_tables(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    categories: Sequence[Any] | None = None,
    ordered: bool = False,
) -> CountTables:
    """Count, in each cluster, how often rater a said i while rater b said j.

    Parameters
    ----------
    a, b
        Ratings of the same rows, shape (rows,). Rows in which either is missing are left out.
    clusters
        Cluster of each row (any labels); None makes each row its own.
    categories
        Every label that could occur, in order; None takes those that do, sorted.
    ordered
        Whether the order of the categories matters, so that text labels must be named.

    Raises
    ------
    DataError
        If lengths differ, a label is not among `categories`, or the order of labels is unknown.

    Examples
    --------
    >>> tables = confusion_tables(["x", "x", "y"], ["x", "y", "y"], clusters=["ann", "ann", "bo"])
    >>> tables.counts.tolist()
    [[[1.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]]
    """
    first = as_labels("a", a)
    second = as_labels("b", b, len(first))
    (i, j), labels = codes(first, second, categories=categories, ordered=ordered)
    keep = (i >= 0) & (j >= 0)
    code, names = codes_of_clusters(clusters, keep)
    size = len(labels)
    cells = (code * size + i[keep]) * size + j[keep]
    counts = np.bincount(cells, minlength=len(names) * size**2).reshape(len(names), size, size)
    return CountTables(counts.astype(np.float64), names, labels)


def agreement_from_table(table: npt.ArrayLike, weights: Weights | None = None) -> Floats:
    """Return the (weighted) share of rows on which two raters agree.

    Parameters
    ----------
    table
        Counts, shape (..., categories, categories).
    weights
        Credit for near misses; None gives none.

    Returns
    -------
    Shape (...); nan for an empty table.

    Examples
    --------
    >>> agreement_from_table([[20, 5], [10, 15]]).item()
    0.7
    """
    counts = square(table)
    credit = _credit(counts.shape[-1], weights)
    return divide((counts * credit).sum(axis=(-2, -1)), counts.sum(axis=(-2, -1)))


def kappa_from_table(table: npt.ArrayLike, weights: Weights | None = None) -> Floats:
    """Return Cohen's kappa (1960, doi:10.1177/001316446002000104), or weighted kappa (1968).

    With disagreement d (0 on the diagonal; 1, the distance or its square elsewhere), kappa is
    1 - sum(d n_ij) / sum(d n_i. n_.j / n).

    Parameters
    ----------
    table
        Counts, shape (..., categories, categories).
    weights
        Credit for near misses, by distance in the order of the categories; None gives none.

    Returns
    -------
    Shape (...); nan where chance alone would never disagree.

    Examples
    --------
    >>> kappa_from_table([[[20, 5], [10, 15]], [[9, 0], [0, 0]]]).round(3).tolist()
    [0.4, nan]
    """
    counts = square(table)
    distance = 1 - _credit(counts.shape[-1], weights)
    by_chance = (counts.sum(axis=-1) @ distance * counts.sum(axis=-2)).sum(axis=-1)
    observed = (counts * distance).sum(axis=(-2, -1))
    return 1 - divide(observed * counts.sum(axis=(-2, -1)), by_chance)


def gwet_from_table(table: npt.ArrayLike, weights: Weights | None = None) -> Floats:
    """Return Gwet's AC1 (2008, doi:10.1348/000711006X126600), or AC2 where weighted.

    Agreement by chance is sum(credit) / (q (q - 1)) * sum(p_k (1 - p_k)), over the q categories and
    the mean share p_k of category k. Unlike kappa it stays meaningful when nearly all rows are
    of one category.

    Parameters
    ----------
    table
        Counts, shape (..., categories, categories); a category never used counts in q.
    weights
        Credit for near misses; None gives none (AC1).

    Returns
    -------
    Shape (...); nan for an empty table or a single category.

    Examples
    --------
    >>> gwet_from_table([[118, 5], [2, 0]]).round(3).item()  # kappa is -0.023 here
    0.941
    """
    counts = square(table)
    size = counts.shape[-1]
    credit = _credit(size, weights)
    total = counts.sum(axis=(-2, -1))
    share = divide((counts.sum(axis=-1) + counts.sum(axis=-2)) / 2, total[..., None])
    scale = divide(credit.sum(), size * (size - 1))
    by_chance = scale * (share * (1 - share)).sum(axis=-1)
    return divide(agreement_from_table(counts, weights) - by_chance, 1 - by_chance)


def percent_agreement(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: Weights | None = None,
    categories: Sequence[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate the share of rows (0 to 1) on which two raters agree.

    Parameters and errors are those of `cohen_kappa`.

    Examples
    --------
    >>> percent_agreement(["yes", "no", "no", None], ["yes", "yes", "no", "no"]).value
    0.6666666666666666
    """
    return _estimate(
        agreement_from_table,
        a,
        b,
        clusters,
        weights=weights,
        categories=categories,
        draws=draws,
        seed=seed,
        level=level,
    )


def cohen_kappa(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: Weights | None = None,
    categories: Sequence[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate Cohen's kappa of two raters (see `kappa_from_table`).

    Parameters
    ----------
    a, b
        Ratings of the same rows. Rows in which either is missing are left out.
    clusters
        Cluster of each row, usually the persona; None resamples rows.
    weights
        `linear` or `quadratic` credit for near misses; None gives none.
    categories
        Every label that could occur, in order; needed where weighted labels are text.
    draws, seed, level
        See `cluster_bootstrap`.

    Raises
    ------
    DataError
        If lengths differ, a label is not among `categories`, or the order of labels is unknown.

    Examples
    --------
    >>> a = ["yes", "yes", "no", "no", "yes", "no"]
    >>> b = ["yes", "no", "no", "no", "yes", "yes"]
    >>> estimate = cohen_kappa(a, b, clusters=["ann", "ann", "bo", "bo", "cy", "cy"])
    >>> round(estimate.value, 3), estimate.n, estimate.clusters
    (0.333, 6, 3)
    """
    return _estimate(
        kappa_from_table,
        a,
        b,
        clusters,
        weights=weights,
        categories=categories,
        draws=draws,
        seed=seed,
        level=level,
    )


def gwet_ac1(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    weights: Weights | None = None,
    categories: Sequence[Any] | None = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Estimate Gwet's AC1 of two raters, or AC2 where weighted (see `gwet_from_table`).

    Name all `categories`: a label that nobody used still counts.

    Parameters and errors are those of `cohen_kappa`.

    Examples
    --------
    >>> gwet_ac1([1, 1, 1, 1], [1, 1, 1, 1], categories=[0, 1]).value
    1.0
    """
    return _estimate(
        gwet_from_table,
        a,
        b,
        clusters,
        weights=weights,
        categories=categories,
        draws=draws,
        seed=seed,
        level=level,
    )


def _estimate(
    coefficient: Callable[[Floats, Weights | None], Floats],
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    clusters: npt.ArrayLike | None,
    *,
    weights: Weights | None,
    categories: Sequence[Any] | None,
    draws: int,
    seed: int,
    level: float,
) -> Estimate:
    tables = confusion_tables(a, b, clusters, categories=categories, ordered=weights is not None)
    estimate = cluster_bootstrap(
        tables.counts,
        lambda table: coefficient(table, weights),
        n=int(tables.counts.sum()),
        draws=draws,
        seed=seed,
        level=level,
        unit=unit_of(clusters),
    )
    return doubted(estimate, 0.0 if coefficient is agreement_from_table else -1.0, 1.0)


def _credit(size: int, weights: Weights | None) -> Floats:
    """Return the credit, 1 for agreement down to 0, shape (size, size)."""
    if weights is None:
        return np.eye(size)
    place = np.arange(size)
    distance = np.abs(place[:, None] - place) / max(1, size - 1)
    if weights == "linear":
        return 1 - distance
    if weights == "quadratic":
        return 1 - distance**2
    raise ValueError(f"weights is {weights!r} and must be None, 'linear' or 'quadratic'")
