"""The dominated volume cut into boxes, for four objectives and more.

Lacour, Klamroth and Fonseca (2017), "A box decomposition algorithm to compute the hypervolume indicator",
Computers & Operations Research 79, doi:10.1016/j.cor.2016.06.021. What no point dominates is a union of
zones, each with a local bound (its best corner) and, for each objective, the point that sets the bound there.
A new point splits the zones that it lies inside; one box belongs to each zone in the end. All zones of a
round are split at once, as arrays.

In the paper less is better. Here points come with more, and are turned within.
"""

from __future__ import annotations

import numpy as np

from populace.pluralism.multi_objective.points import Floats

__all__ = ["boxes_volume"]

_MOST = 2_000_000
"""Numbers that the bounds may hold before it is given up (three arrays of 16 MB at five objectives)."""


def boxes_volume(array: Floats, most: int = _MOST) -> float | None:
    """Return the volume between zero and points, shape (points, objectives), all above zero.

    Parameters
    ----------
    array
        Distinct, non-dominated.
    most
        Numbers that bounds may hold; beyond, None.

    Examples
    --------
    >>> boxes_volume(np.array([[2.0, 1.0], [1.0, 2.0]])), boxes_volume(np.ones((1, 4)), most=1)
    (3.0, None)
    """
    objectives = array.shape[1]
    # In the order of the last objective zones grow slowest: what comes later splits few.
    points = -array[np.argsort(-array[:, -1])]
    bounds = np.zeros((1, objectives))
    # setters[z, j] is the point that sets the bound of zone z on objective j; dummies at first.
    dummies = np.full((objectives, objectives), -np.inf)
    np.fill_diagonal(dummies, 0.0)
    setters = dummies[None].copy()
    for point in points:
        if setters.size > most * 2:
            return None
        inside = (point < bounds).all(axis=1)
        new_bounds, new_setters = _split(bounds[inside], setters[inside], point)
        bounds = np.concatenate([bounds[~inside], new_bounds])
        setters = np.concatenate([setters[~inside], new_setters])
    if setters.size > most * 2:
        return None
    return _summed(bounds, setters)


def _split(bounds: Floats, setters: Floats, point: Floats) -> tuple[Floats, Floats]:
    """Split zones that a point lies inside: one zone an objective, without those that others hold."""
    all_bounds: list[Floats] = []
    all_setters: list[Floats] = []
    for objective, value in enumerate(point):
        others = np.delete(setters, objective, axis=1)[:, :, objective]
        kept = value >= others.max(axis=1)
        lower, who = bounds[kept].copy(), setters[kept].copy()
        lower[:, objective] = value
        who[:, objective, :] = point
        all_bounds.append(lower)
        all_setters.append(who)
    return np.concatenate(all_bounds), np.concatenate(all_setters)


def _summed(bounds: Floats, setters: Floats) -> float:
    """Add up the boxes, one a zone."""
    # On the first objective from where it is set to the reference; on each other from the worst of those
    # that set the earlier objectives, to the bound. A zone whose first bound no point has set is empty.
    real = np.isfinite(setters[:, 0, 1])
    bounds, setters = bounds[real], setters[real]
    volume = -setters[:, 0, 0]
    for objective in range(1, bounds.shape[1]):
        start = setters[:, :objective, objective].max(axis=1)
        volume = volume * np.maximum(0.0, bounds[:, objective] - start)
    return float(volume.sum())
