"""Take off a mean distance what sampling adds to it.

A distance of two distributions is never below zero, so noise only adds to it. Where the true difference of
a share is normally spread over options and items, and its noise is normal too, squares add up: an item whose
distance from sampling alone would be s shows, on the average, the square root of s^2 + t^2, where t is the
true distance. One t is found that makes the mean over items what was seen. With the same s everywhere that is
t^2 = v^2 - s^2, at least 0.

The true distances need no such spread, and then t is off by a little: where all true differences are as large
as the noise's standard deviation, 0.85 comes back for 1; at twice it, 1.85 for 2.
"""

from __future__ import annotations

import numpy as np

__all__ = ["without_noise"]

_STEPS = 2048


def without_noise(values: np.ndarray, noise: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Find the true mean distance under each mean distance that was seen.

    Parameters
    ----------
    values
        Shape (n,), mean distances; nan stays.
    noise
        Shape (items,), the distance of each item that sampling alone leaves; nan where it is not known: the
        item then has the mean of the others.
    weights
        Shape (items,), of the items in the mean.

    Returns
    -------
    Shape (n,), 0 or more; nan where no noise is known.

    Examples
    --------
    >>> without_noise(np.array([0.5, 0.3, 0.1]), np.array([0.3, 0.3]), np.ones(2)).round(4).tolist()
    [0.4, 0.0, 0.0]

    Half of the items without noise, the other half with 2: t = 1 shows as (1 + sqrt(5)) / 2.

    >>> without_noise(np.array([1.618034]), np.array([0.0, 2.0]), np.ones(2)).round(4).tolist()
    [1.0]
    """
    known = ~np.isnan(noise)
    there = ~np.isnan(values)
    found = np.full(values.shape, np.nan)
    if not known.any() or not there.any() or not weights.sum():
        return found
    s = np.where(known, noise, np.average(noise[known], weights=weights[known]) if known.any() else 0.0)
    # No mean of roots is below its own t, so what was seen bounds it.
    t = np.linspace(0.0, max(float(values[there].max()), 1e-12), _STEPS)
    seen = np.array([np.average(np.hypot(s, each), weights=weights) for each in t])
    # Squares are nearly straight between the steps, where t itself starts upright.
    found[there] = np.sqrt(np.interp(values[there], seen, t**2))
    return found
