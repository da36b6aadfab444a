"""Groups of points: k-means from many starts, the silhouette, and how far two groupings agree.

Small, exact and seeded, so that a map of opinions is the same on every machine: scikit-learn is not needed.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, Ints

__all__ = ["adjusted_rand", "kmeans", "nearest", "silhouettes"]

_ROUNDS = 300
_BLOCK = 1 << 22


def kmeans(
    points: Floats,
    k: int,
    rng: np.random.Generator,
    *,
    starts: int = 10,
    centres: Floats | None = None,
) -> tuple[Ints, Floats]:
    """Split points into k groups of least squared distance to their centres (Lloyd 1982).

    Starts are those of k-means++ (Arthur and Vassilvitskii 2007); the best of them is taken, the earliest
    where two are equally good. A local optimum all the same.

    Parameters
    ----------
    points
        Shape (points, dimensions).
    starts
        Starts drawn.
    centres
        One more start, tried first, shape (k, dimensions).

    Returns
    -------
    Groups 0 to k - 1, the largest first (equal ones by the first coordinate of the centre), and their
    centres.

    Raises
    ------
    DataError
        If there are fewer distinct points than groups.

    Examples
    --------
    >>> points = np.array([[0.0, 0], [0, 1], [9, 9], [9, 8], [8, 9]])
    >>> kmeans(points, 2, np.random.default_rng(0))[0].tolist()
    [1, 1, 0, 0, 0]
    """
    if len(np.unique(points, axis=0)) < k:
        raise DataError(f"there are fewer than {k} different points", fix="ask for fewer groups")
    found = [] if centres is None else [_lloyd(points, centres)]
    found += [_lloyd(points, _spread(points, k, rng)) for _ in range(starts)]
    labels, middles, _ = min(found, key=lambda run: run[2])
    sizes = np.bincount(labels, minlength=k)
    order = np.lexsort((middles[:, 0], -sizes))
    place = np.empty(k, dtype=np.int64)
    place[order] = np.arange(k)
    return place[labels], middles[order]


def nearest(points: Floats, centres: Floats) -> Ints:
    """Return which centre is nearest to each point, the first of equally near ones."""
    return _squares(points, centres).argmin(axis=1).astype(np.int64)


def silhouettes(points: Floats, groupings: list[Ints]) -> list[float]:
    """Return the mean silhouette of each grouping of the same points, from -1 to 1.

    A point's is (b - a) / max(a, b), with a its mean distance to the others of its group and b that to the
    nearest other group (Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7); a group of one counts 0.

    Examples
    --------
    Distances 1 within and 9, 10 or 8, 9 between: 1 - 1/9.5 twice and 1 - 1/8.5 twice.

    >>> points = np.array([[0.0], [1.0], [9.0], [10.0]])
    >>> round(silhouettes(points, [np.array([0, 0, 1, 1])])[0], 4)
    0.8885
    """
    marks = [np.eye(int(labels.max()) + 1)[labels] for labels in groupings]
    totals = np.zeros(len(groupings))
    spatial: Any = importlib.import_module("scipy.spatial.distance")
    step = max(1, _BLOCK // len(points))
    for start in range(0, len(points), step):
        part = slice(start, start + step)
        distances = np.asarray(spatial.cdist(points[part], points))
        for n, (labels, mark) in enumerate(zip(groupings, marks, strict=True)):
            totals[n] += _silhouette(distances @ mark, labels[part], mark.sum(axis=0)).sum()
    return [float(total / len(points)) for total in totals]


def adjusted_rand(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Return how far two groupings of the same things agree: 1 entirely, 0 as by chance.

    The Rand index, corrected for chance (Hubert and Arabie 1985, doi:10.1007/BF01908075). Two groupings that
    leave nothing to agree about (all in one group, in both) agree entirely.

    Examples
    --------
    One of six pairs is together in both; two are in each; by chance 2 x 2 / 6 would be.

    >>> round(adjusted_rand([0, 0, 1, 2], [0, 0, 1, 1]), 4)
    0.5714
    """
    first, second = np.asarray(one), np.asarray(other)
    if first.shape != second.shape or first.ndim != 1 or not len(first):
        raise DataError(f"groupings have shapes {first.shape} and {second.shape}", fix="one label a thing")
    rows, columns = np.unique(first, return_inverse=True)[1], np.unique(second, return_inverse=True)[1]
    width = int(columns.max()) + 1
    table = np.bincount(rows * width + columns, minlength=(int(rows.max()) + 1) * width).reshape(-1, width)
    together, in_rows, in_columns = (_pairs(count) for count in (table, table.sum(axis=1), table.sum(axis=0)))
    pairs = len(first) * (len(first) - 1) / 2
    chance = in_rows * in_columns / pairs if pairs else 0.0
    most = (in_rows + in_columns) / 2
    return 1.0 if most == chance else (together - chance) / (most - chance)


def _pairs(counts: Ints) -> float:
    return float((counts * (counts - 1)).sum()) / 2


def _spread(points: Floats, k: int, rng: np.random.Generator) -> Floats:
    """Draw centres far from each other."""
    chosen = [points[int(rng.integers(len(points)))]]
    least = ((points - chosen[0]) ** 2).sum(axis=1)
    for _ in range(k - 1):
        ladder = np.cumsum(least)
        at = int(np.searchsorted(ladder, rng.random() * float(ladder[-1]), side="right"))
        chosen.append(points[min(at, len(points) - 1)])
        least = np.minimum(least, ((points - chosen[-1]) ** 2).sum(axis=1))
    return np.stack(chosen)


def _lloyd(points: Floats, centres: Floats) -> tuple[Ints, Floats, float]:
    k, centres = len(centres), centres.copy()
    labels = np.full(len(points), -1, dtype=np.int64)
    for _ in range(_ROUNDS):
        squares = _squares(points, centres)
        found = squares.argmin(axis=1)
        counts = np.bincount(found, minlength=k)
        for empty in np.flatnonzero(counts == 0):
            # A group that lost everybody takes the point that fits worst where it is.
            worst = ((points - centres[found]) ** 2).sum(axis=1).argmax()
            found[worst], centres[empty] = empty, points[worst]
            counts = np.bincount(found, minlength=k)
        if (found == labels).all():
            break
        labels = found
        sums = [np.bincount(labels, weights=column, minlength=k) for column in points.T]
        centres = np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None]
    return labels, centres, float(((points - centres[labels]) ** 2).sum())


def _squares(points: Floats, others: Floats) -> Floats:
    """Squared distances, shape (points, others), less what is the same for all others."""
    return (others**2).sum(axis=1) - 2 * (points @ others.T)


def _silhouette(sums: Floats, labels: Ints, sizes: Floats) -> Floats:
    """Return the silhouettes of points, given the sums of distances to every group, (points, groups)."""
    own = np.arange(len(labels)), labels
    size = sizes[labels]
    within = sums[own] / np.maximum(size - 1, 1)
    between = sums / sizes
    between[own] = np.inf
    nearest_other = between.min(axis=1)
    widest = np.maximum(within, nearest_other)
    value = np.divide(nearest_other - within, widest, out=np.zeros(len(labels)), where=widest > 0)
    return np.where(size > 1, value, 0.0)
