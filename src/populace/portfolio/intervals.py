"""Two traits: each candidate is good enough on an interval, and the fewest are found greedily.

Exact: V - J is convex along the simplex, so a set {V - J <= regret} has no holes. V is that of the candidates
that are best somewhere, so that memory grows with those times all candidates.
"""

from __future__ import annotations

import numpy as np

from populace.portfolio.hull import envelope
from populace.portfolio.tables import Points

__all__ = ["fewest", "served"]

_CELLS = 4_000_000


def served(points: Points, share: float, slack: float) -> np.ndarray:
    """Give the weights of the second trait for which each candidate is good enough.

    Parameters
    ----------
    points
        Shape (candidates, 2), none dominated.
    share, slack
        Good enough is J >= share V - slack.

    Returns
    -------
    Shape (candidates, 2), ends of intervals of [0, 1]; the first end is above the second where there is none.

    Examples
    --------
    >>> served(np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.6]]), 1.0, 0.1).round(3).tolist()
    [[0.0, 0.5], [0.5, 1.0], [0.3, 0.7]]
    """
    best = share * points[envelope(points, 0.0)]
    parts = np.array_split(points, 1 + len(points) * len(best) // _CELLS)
    return np.vstack([_ends(part, best, slack) for part in parts])


def _ends(points: Points, best: Points, slack: float) -> np.ndarray:
    # (best_j - J_i)(x) = start + slope x, for every i (rows) and j (columns).
    start = best[None, :, 0] - points[:, None, 0]
    slope = (best[:, 1] - best[:, 0])[None] - (points[:, 1] - points[:, 0])[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        root = (slack - start) / slope
    left = np.where(slope < 0, root, 0.0).max(axis=1)
    right = np.where(slope > 0, root, 1.0).min(axis=1)
    never = ((slope == 0) & (start > slack)).any(axis=1)
    ends = np.stack([np.maximum(left, 0.0), np.minimum(right, 1.0)], axis=1)
    ends[never] = (1.0, 0.0)
    return ends


def fewest(ends: np.ndarray) -> list[int] | None:
    """Cover [0, 1] by the fewest intervals; None where they leave a gap.

    Examples
    --------
    >>> fewest(np.array([[0.0, 0.5], [0.5, 1.0], [0.3, 0.7]]))
    [0, 1]
    """
    found: list[int] = []
    reached = 0.0
    while True:
        fits = ends[:, 0] <= reached
        furthest = np.where(fits, ends[:, 1], -1.0)
        place = int(np.argmax(furthest))
        if furthest[place] < reached or (found and furthest[place] <= reached):
            return None
        found.append(place)
        reached = float(furthest[place])
        if reached >= 1.0:
            return found
