"""Who is not dominated: the front of a set of points, and the layers behind it.

A point dominates another if it is at least as good on every objective and better on one (Pareto). Duplicates
dominate each other not: both stay, since two models that do the same are both a choice.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.points import Bools, Directions, Floats, oriented

__all__ = ["dominated_by", "front", "layers"]

_LOOSE = 256
"""Points up to which sets of a stack are looked at all at once."""


def front(points: npt.ArrayLike, directions: Directions = "max") -> Bools:
    """Say which points are not dominated.

    Parameters
    ----------
    points
        Shape (points, objectives), or a stack of such sets, shape (..., points, objectives).
    directions
        `max` or `min`, for all objectives or one each.

    Returns
    -------
    Boolean array, shape (..., points). Duplicates of a point of the front are all on it.

    Raises
    ------
    DataError
        If points or directions are malformed.

    Examples
    --------
    By hand: (2, 2) beats (1, 1) on both; (3, 0) and (0, 3) are best at one thing; the second (2, 2) stays.

    >>> front([[2, 2], [1, 1], [3, 0], [0, 3], [2, 2]]).tolist()
    [True, False, True, True, True]
    >>> front([[2, 2], [1, 1]], directions="min").tolist()
    [False, True]
    """
    array = oriented(points, directions)
    if array.ndim == 2:
        return _front_of_two(array) if array.shape[1] == 2 else _front(array)
    if array.shape[-2] > _LOOSE:
        sets = array.reshape(-1, *array.shape[-2:])
        return np.stack([_front(each) for each in sets]).reshape(array.shape[:-1])
    dominated = np.zeros(array.shape[:-1], dtype=np.bool_)
    for place in range(array.shape[-2]):
        one = array[..., place : place + 1, :]
        beaten = (one >= array).all(axis=-1) & (one > array).any(axis=-1)
        np.logical_or(dominated, beaten, out=dominated)
    return np.invert(dominated)


def layers(points: npt.ArrayLike, directions: Directions = "max") -> npt.NDArray[np.int64]:
    """Number the fronts: 1 for the front, 2 for that of what is left without it, and so on.

    Non-dominated sorting (Goldberg 1989); parameters and errors are those of `front`, but for one set of
    points at a time.

    Examples
    --------
    >>> layers([[2, 2], [1, 1], [3, 0], [0, 0]]).tolist()
    [1, 2, 1, 3]
    """
    array = _set(points, directions)
    number = np.zeros(len(array), dtype=np.int64)
    left = np.arange(len(array))
    while len(left):
        best = front(array[left])
        number[left[best]] = number.max() + 1
        left = left[~best]
    return number


def dominated_by(points: npt.ArrayLike, directions: Directions = "max") -> Bools:
    """Say who dominates whom: entry (i, j) is whether point j dominates point i.

    Parameters and errors are those of `front`, but for one set of points at a time.

    Examples
    --------
    >>> dominated_by([[2, 2], [1, 1], [3, 0]]).tolist()
    [[False, False, False], [True, False, False], [False, False, False]]
    """
    array = _set(points, directions)
    one, other = array[:, None, :], array[None, :, :]
    return np.asarray((other >= one).all(axis=-1) & (other > one).any(axis=-1))


def _set(points: npt.ArrayLike, directions: Directions) -> Floats:
    array = oriented(points, directions)
    if array.ndim != 2:
        raise DataError(f"`points` has the shape {array.shape}", fix="give one set, (points, objectives)")
    return array


def _front(array: Floats) -> Bools:
    """Keep the best by sum, drop what it dominates, go on: as many rounds as the front has points."""
    # Rounding is monotone: who dominates has no smaller sum, and of equal sums comes first by its numbers.
    order = np.lexsort((*array.T[::-1], array.sum(axis=1)))[::-1]
    left = array[order]
    place, at = np.arange(len(array)), 0
    while at < len(left):
        one = left[at]
        keep = (left > one).any(axis=1) | (left == one).all(axis=1)
        at = int(keep[:at].sum()) + 1
        left, place = left[keep], place[keep]
    mask = np.zeros(len(array), dtype=np.bool_)
    mask[order[place]] = True
    return mask


def _front_of_two(array: Floats) -> Bools:
    """Sweep along the first objective: on the front is who has a second that no better first has."""
    if not len(array):
        return np.zeros(0, dtype=np.bool_)
    order = np.lexsort((-array[:, 1], -array[:, 0]))
    first, second = array[order].T
    # Points of one first objective are a group; only its best second can be on the front.
    starts = np.concatenate([[True], first[1:] != first[:-1]])
    group = np.cumsum(starts) - 1
    tops = second[starts]
    before = np.concatenate([[-np.inf], np.maximum.accumulate(tops)[:-1]])
    mask = np.zeros(len(array), dtype=np.bool_)
    mask[order] = (second == tops[group]) & (second > before[group])
    return mask
