"""Intervals of what resampling pushes up: distances and errors that are never below zero.

A resample holds the noise of the sample and its own, so a distance that is resampled lies higher than the
sample's own by about as much as the sample's lies above the truth. Ends taken from the resamples would
start at the value; their spread is sound. The interval is the value, plus and minus Student's t times it.
"""

from __future__ import annotations

import numpy as np

from populace.stats.bootstrap import estimate_from_replicates
from populace.stats.estimate import Estimate

__all__ = ["around", "reach"]


def reach(level: float, degrees: float) -> float:
    """Give Student's t beyond which, on both sides together, 1 - level lies.

    Examples
    --------
    >>> round(reach(0.95, 29), 3)
    2.045
    """
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + level) / 2))


def around(
    value: float,
    replicates: np.ndarray,
    *,
    n: int,
    clusters: int,
    draws: int,
    seed: int,
    level: float,
    unit: str,
    within: tuple[float, float] = (-1.0, 1.0),
) -> Estimate:
    """Give a value the interval of its replicates' spread.

    Parameters
    ----------
    value
        Of the sample; nan has no interval.
    replicates
        Shape (draws,), of resamples; undefined ones are left out.
    n, clusters, draws, seed, level, unit
        See `populace.stats.bootstrap.estimate_from_replicates`.
    within
        Bounds at which the interval is cut.

    Examples
    --------
    >>> drawn = np.array([0.3, 0.5, 0.4, 0.2])
    >>> found = around(0.1, drawn, n=9, clusters=30, draws=4, seed=0, level=0.95, unit="respondent")
    >>> round(found.low, 3), round(found.high, 3)  # 2.045 times 0.129, the standard deviation
    (-0.164, 0.364)
    """
    made = estimate_from_replicates(
        value, replicates, n=n, clusters=clusters, draws=draws, seed=seed, level=level, unit=unit
    )
    defined = replicates[~np.isnan(replicates)]
    if np.isnan(made.low) or defined.size < 2:
        return made
    half = reach(level, clusters - 1) * float(defined.std(ddof=1))
    return Estimate(
        value=value,
        low=max(value - half, within[0]),
        high=min(value + half, within[1]),
        level=level,
        n=n,
        clusters=clusters,
        method=made.method.replace("percentile", "spread, Student's t"),
        seed=seed,
    )
