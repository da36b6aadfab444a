"""Whom each point serves: the share of all weights for which it is the best.

A person who weighs objectives by w is best served by the point with the highest w . o. The weights that a
point serves are a convex part of the simplex, cut out by one half-space a rival. With two objectives it is
an interval; with more its volume is that of a polytope, found by its vertices (Qhull) round a point inside
it (a linear programme). Both are exact up to rounding: nothing is drawn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.fronts import front
from populace.pluralism.multi_objective.points import Directions, Floats, oriented

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["served"]

_MOST = {3: 200, 4: 150, 5: 100, 6: 40, 7: 12, 8: 7}
"""Points on the front for which corners are listed, by objectives: as many as take two seconds or so where
all lie on a sphere. The work grows as the points to a power of the dimension: 15 of 8 take half a minute."""
_THIN = 1e-10
"""Radius of the ball inside a polytope, below which it has no volume."""


def served(points: npt.ArrayLike, directions: Directions = "max") -> Floats:
    """Return, for each point, the share of the weights for which it is among the best.

    All weights, shape (objectives,), not negative and with sum 1, count alike. Weights apply to the
    objectives as they are given: put points on a `Scale` first, or a weight means what the units say. The
    shares of distinct points have the sum 1. Duplicates each get the whole share, since a tie is not
    broken. A point of the front that lies inside the hull of others serves no weight: only another steering
    function finds it.

    Parameters
    ----------
    points
        Shape (points, objectives).
    directions
        `max` or `min`, for all objectives or one each.

    Raises
    ------
    DataError
        If points are malformed, have more than eight objectives, or if more of them are on the front than can
        be done in seconds: 200 of 3 objectives, 150 of 4, 100 of 5, 40 of 6, 12 of 7, 7 of 8. Of one or two
        objectives any number will do.

    Examples
    --------
    By hand: (3, 0) beats (1, 1) while 3 w > 1, so for w > 1/3; (1, 1) beats (0, 1) for every w > 0.

    >>> served([[3, 0], [1, 1], [0, 1]]).round(4).tolist()
    [0.6667, 0.3333, 0.0]
    """
    array = oriented(points, directions)
    if array.ndim != 2 or not len(array):
        raise DataError(f"`points` has the shape {array.shape}", fix="give at least one point in one set")
    objectives = array.shape[1]
    if objectives > max(_MOST):
        fix = "take fewer objectives"
        raise DataError(f"shares of weights are found for {max(_MOST)} objectives, not {objectives}", fix=fix)
    # Weights have the sum 1, so that a constant added to an objective moves all points alike; and one factor
    # for all objectives changes no comparison. Both keep the geometry away from rounding.
    array = array - array.mean(axis=0)
    array = array / (np.abs(array).max() or 1.0)
    distinct, place = np.unique(array, axis=0, return_inverse=True)
    on_front = front(distinct)
    rivals = distinct[on_front]
    if len(rivals) > _MOST.get(objectives, len(rivals)):
        what = f"{len(rivals)} points of {objectives} objectives are on the front: too many for their shares"
        raise DataError(what, fix=f"take fewer objectives, or at most {_MOST[objectives]} points")
    share = np.zeros(len(distinct))
    if objectives == 1 or len(rivals) == 1:
        share[on_front] = 1.0
    else:
        share[on_front] = _raw(rivals)
        share /= share.sum() or 1.0  # rounding alone: a test holds the sum to 1 before
    return share[place.ravel()]


def _raw(rivals: Floats) -> list[float]:
    """Measure the weights of each point of a front without duplicates."""
    measure: Callable[[Floats], float] = _interval if rivals.shape[1] == 2 else _volume
    return [measure(np.delete(one - rivals, at, axis=0)) for at, one in enumerate(rivals)]


def _interval(ahead: Floats) -> float:
    """Two objectives: the length of all w in [0, 1] with w d1 + (1 - w) d2 >= 0 for every lead d."""
    # On a front, a lead on the one is a lag on the other: no lead is zero, and no two are of one sign.
    at = -ahead[:, 1] / (ahead[:, 0] - ahead[:, 1])
    better = ahead[:, 0] > 0
    low = at[better].max() if better.any() else 0.0
    high = at[~better].min() if (~better).any() else 1.0
    return max(0.0, float(high - low))


def _volume(ahead: Floats) -> float:
    """More objectives: the volume of the weights without the last, as a share of the simplex."""
    from scipy import spatial  # pyright: ignore[reportMissingTypeStubs]

    geometry: Any = spatial
    free = ahead.shape[1] - 1
    # w_last = 1 - sum of the others. Half-spaces are written as a . x + b <= 0.
    leads = np.column_stack([ahead[:, -1:] - ahead[:, :-1], -ahead[:, -1]])
    positive = np.column_stack([-np.eye(free), np.zeros(free)])
    rest = np.append(np.ones(free), -1.0)[None]
    halves = np.concatenate([leads, positive, rest])
    halves = halves / np.linalg.norm(halves[:, :-1], axis=1, keepdims=True)
    inside = _ball(halves)
    if inside is None:
        return 0.0
    try:
        corners: Any = geometry.HalfspaceIntersection(halves, inside).intersections
        volume = float(geometry.ConvexHull(corners).volume)
    except geometry.QhullError:  # flat to rounding
        return 0.0
    return volume * math.factorial(free)


def _ball(halves: Floats) -> Floats | None:
    """Find the middle of the largest ball inside half-spaces of unit normals; None where there is no room."""
    from scipy import optimize  # pyright: ignore[reportMissingTypeStubs]

    solver: Any = optimize
    free = halves.shape[1] - 1
    left = np.column_stack([halves[:, :-1], np.ones(len(halves))])
    cost = np.append(np.zeros(free), -1.0)
    bounds = [(None, None)] * free + [(0, None)]
    found: Any = solver.linprog(cost, A_ub=left, b_ub=-halves[:, -1], bounds=bounds, method="highs")
    if not found.success or found.x[-1] <= _THIN:
        return None
    return np.asarray(found.x[:-1], dtype=np.float64)
