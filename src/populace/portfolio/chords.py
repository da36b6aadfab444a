"""What no policy exceeds, between weights that were asked: the chord, which a convex value stays below."""

from __future__ import annotations

import numpy as np

from populace.portfolio.programmes import bound_of

__all__ = ["chords"]

_MISSED = 1e-9


def chords(asked: np.ndarray, ceilings: np.ndarray, weights: np.ndarray, slope: float) -> np.ndarray:
    """Bound a convex function at weights by mixtures of what bounds it at others.

    Any mixture that gives the weights is a bound. The best one is a facet of the lower hull of what was
    asked; it is found by Qhull, and what is given is recomputed from its shares, so that a facet that is not
    the best one only makes the bound larger.

    Parameters
    ----------
    asked, ceilings
        Shapes (n, traits) and (n,), the corners of the simplex among them.
    weights
        Shape (m, traits).
    slope
        The function moves no faster than this, for mixtures that miss the weights by rounding.

    Returns
    -------
    Shape (m,).

    Examples
    --------
    >>> chords(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([1.0, 0.5]), np.array([[0.5, 0.5]]), 1.0)
    array([0.75])
    """
    facets = _facets(asked, ceilings, weights)
    if facets is None:
        found = [bound_of(asked, ceilings, each) for each in weights]
        return np.array([each.value + slope * each.missed for each in found])
    # One system of equations a weight: the shares of the facet's vertices.
    corners = asked[facets]
    try:
        shares = np.linalg.solve(np.swapaxes(corners, 1, 2), weights[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:
        shares = np.full(facets.shape, np.nan)
    shares = np.clip(np.nan_to_num(shares, nan=0.0, posinf=0.0, neginf=0.0), 0, None)
    total = shares.sum(axis=1, keepdims=True)
    shares = np.where(total > 0, shares / np.where(total > 0, total, 1), 1 / shares.shape[1])
    missed = np.abs((shares[:, :, None] * corners).sum(axis=1) - weights).sum(axis=1)
    values = (shares * ceilings[facets]).sum(axis=1)
    for place in np.flatnonzero(missed > _MISSED):
        told = bound_of(asked, ceilings, weights[place])
        values[place], missed[place] = told.value, told.missed
    return values + slope * missed


def _facets(asked: np.ndarray, ceilings: np.ndarray, weights: np.ndarray) -> np.ndarray | None:
    """Choose for each weight the facet of the lower hull over it: rows of `asked`, shape (m, traits)."""
    from scipy.spatial import ConvexHull, QhullError

    traits = asked.shape[1]
    if len(asked) == traits:
        return np.tile(np.arange(traits), (len(weights), 1))
    scaled = (ceilings - ceilings.min()) / (float(np.ptp(ceilings)) or 1.0)
    try:
        hull = ConvexHull(np.column_stack([asked[:, :-1], scaled]))
    except QhullError:  # all on one plane
        return None
    low = hull.equations[:, traits - 1] < -1e-9
    if not low.any():
        return None
    planes = hull.equations[low]
    heights = -(weights[:, :-1] @ planes[:, : traits - 1].T + planes[:, traits]) / planes[:, traits - 1]
    return hull.simplices[low][heights.argmax(axis=1)]
