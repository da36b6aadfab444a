"""Where the best of some policies changes hands: the corner weights, vertices of their upper envelope."""

from __future__ import annotations

import numpy as np

from populace.errors import PopulaceError

__all__ = ["corner_weights", "few_corners"]

_MOST_TRAITS = 6
_MOST = 40_000


def few_corners(policies: int, traits: int) -> bool:
    """Say whether the corners of so many policies can be listed: their number may grow with the power
    traits / 2.

    Examples
    --------
    >>> few_corners(100, 4), few_corners(30, 6), few_corners(100, 6), few_corners(5, 9)
    (True, True, False, False)
    """
    return traits <= _MOST_TRAITS and policies ** (traits // 2) <= _MOST


def corner_weights(points: np.ndarray) -> np.ndarray:
    """Give the weights where as many policies tie for the best as can, and the corners: (n, traits).

    The vertices of {(w, t): t >= w . R_j}, by halfspace intersection (Qhull), on values scaled to the range
    1: a scale of 1e-5 loses nothing.

    Examples
    --------
    >>> corner_weights(np.array([[1.0, 0.0], [0.0, 1.0]])).tolist()
    [[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]]
    """
    from scipy.spatial import HalfspaceIntersection, QhullError

    traits = points.shape[1]
    scale = max(float(np.ptp(points)), np.finfo(float).tiny)
    scaled = np.unique(np.round((points - points.min()) / scale, 13), axis=0)
    last = scaled[:, -1:]
    # Rows of [A b] with A x + b <= 0, for x = (w_1 .. w_{d-1}, t).
    lines = np.hstack([scaled[:, :-1] - last, -np.ones((len(scaled), 1)), last])
    least = np.hstack([-np.eye(traits - 1), np.zeros((traits - 1, 2))])
    rest = np.r_[np.ones(traits - 1), 0.0, -1.0]
    roof = np.r_[np.zeros(traits - 1), 1.0, -3.0]
    inside = np.r_[np.full(traits - 1, 1 / traits), 2.0]
    try:
        found = HalfspaceIntersection(np.vstack([lines, least, rest, roof]), inside).intersections
    except QhullError as error:  # pragma: no cover - a cube with cut corners always has an inside
        raise PopulaceError(f"the corners of a portfolio were not found ({error})") from error
    found = found[found[:, -1] < 2.5, :-1]
    weights = np.clip(np.hstack([found, 1 - found.sum(axis=1, keepdims=True)]), 0, None)
    weights = np.vstack([weights / weights.sum(axis=1, keepdims=True), np.eye(traits)])
    _, first = np.unique(np.round(weights, 10), axis=0, return_index=True)
    return weights[first]
