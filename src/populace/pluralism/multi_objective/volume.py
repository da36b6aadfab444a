"""Hypervolume: the volume that a set of points dominates above a reference point, exactly.

Two objectives are a vectorised sweep; three a sweep over the third with the front of the first two kept in
order; more are cut into boxes (`_boxes`), and where those would be too many, into the exclusive volumes of
one point after another (While, Bradstreet and Barone 2012, "A fast way of calculating exact hypervolumes",
IEEE Transactions on Evolutionary Computation 16(1)). Nothing is drawn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sized

import numpy as np
import numpy.typing as npt

from populace.pluralism.multi_objective._boxes import boxes_volume
from populace.pluralism.multi_objective.fronts import front
from populace.pluralism.multi_objective.points import Directions, Floats, oriented

__all__ = ["contributions", "hypervolume"]


def hypervolume(points: npt.ArrayLike, reference: npt.ArrayLike, directions: Directions = "max") -> float:
    """Return the volume dominated by points, above a reference point (Zitzler and Thiele 1998).

    A point that is not better than the reference on every objective adds nothing. More is better; a set that
    dominates another never has less, and it is the reference that says how much the ends of the front count.

    Parameters
    ----------
    points
        Shape (points, objectives). No points have no volume.
    reference
        A point that a useful one beats on every objective, in the same units and directions.
    directions
        `max` or `min`, for all objectives or one each.

    Raises
    ------
    DataError
        If anything is malformed.

    References
    ----------
    Zitzler, Thiele (1998), "Multiobjective optimization using evolutionary algorithms: a comparative case
    study", PPSN V, doi:10.1007/BFb0056872.

    Examples
    --------
    By hand: squares of 2 by 1 and 1 by 2 that share one of 1 by 1.

    >>> hypervolume([[2, 1], [1, 2], [0.5, 0.5]], reference=[0, 0])
    3.0
    """
    least = oriented(reference, directions, name="reference")[0]
    if isinstance(points, Sized) and not len(points):
        return 0.0
    return _volume(oriented(points, directions, objectives=len(least)) - least)


def contributions(points: npt.ArrayLike, reference: npt.ArrayLike, directions: Directions = "max") -> Floats:
    """Return what each point adds that no other does: the volume that goes with it.

    Parameters and errors are those of `hypervolume`. Dominated points and duplicates add nothing.

    Examples
    --------
    >>> contributions([[2, 1], [1, 2], [0.5, 0.5]], reference=[0, 0]).tolist()
    [1.0, 1.0, 0.0]
    """
    least = oriented(reference, directions, name="reference")[0]
    array = oriented(points, directions, objectives=len(least)) - least
    added = np.zeros(len(array))
    for place, on_front in enumerate(front(array)):
        if on_front and (array[place] > 0).all():
            others = np.minimum(np.delete(array, place, axis=0), array[place])
            added[place] = max(0.0, float(array[place].prod()) - _volume(others))
    return added


def _volume(array: Floats) -> float:
    """Volume above zero of points of which more is better."""
    array = array[(array > 0).all(axis=1)]
    if not len(array):
        return 0.0
    if array.shape[1] == 1:
        return float(array.max())
    if array.shape[1] == 3:  # what is dominated adds nothing on the way
        return _sweep_of_three(array)
    array = np.unique(array[front(array)], axis=0)
    if array.shape[1] == 2:
        return _sweep(array)
    whole = boxes_volume(array)
    return _one_by_one(array) if whole is None else whole


def _sweep(array: Floats) -> float:
    """Two objectives, non-dominated and distinct: slices of the second, from the best first downwards."""
    ordered = array[np.argsort(-array[:, 0])]
    return float(ordered[:, 0] @ np.diff(ordered[:, 1], prepend=0.0))


def _sweep_of_three(array: Floats) -> float:
    """Three objectives: downwards along the third, keeping the area that the first two dominate."""
    ordered = array[np.argsort(-array[:, 2])]
    heights = np.append(ordered[:, 2], 0.0)
    # A staircase: firsts ascending, seconds descending, with ends that every step lies between.
    firsts, seconds = [0.0, np.inf], [np.inf, 0.0]
    area = volume = 0.0
    for (first, second, height), below in zip(ordered.tolist(), heights[1:].tolist(), strict=True):
        at = bisect_left(firsts, first)
        if seconds[at] < second:
            # What it covers goes: those before it with no better second.
            start = at
            stop = at + (firsts[at] == first)
            while seconds[start - 1] <= second:
                start -= 1
            left = firsts[start - 1]
            for step in range(start, stop + 1):
                right = min(first, firsts[step])
                if right > left:
                    area += (right - left) * (second - seconds[step])
                    left = right
            firsts[start:stop], seconds[start:stop] = [first], [second]
        volume += area * (height - below)
    return volume


def _one_by_one(array: Floats) -> float:
    """Add up exclusive volumes: a point's own, less what those after it dominate of it."""
    ordered = array[np.lexsort(array.T)]
    total = 0.0
    for place, point in enumerate(ordered):
        total += float(point.prod()) - _volume(np.minimum(ordered[place + 1 :], point))
    return total
