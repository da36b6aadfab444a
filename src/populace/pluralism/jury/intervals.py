"""Intervals over jurors that hold what they say, also where jurors are few or all agree."""

from __future__ import annotations

import math

import msgspec

from populace.pluralism.jury.ties import ROUNDING
from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.stats.bootstrap import doubted, expanded_estimate

__all__ = ["over_jurors"]


def over_jurors(
    value: float,
    drawn: Floats,
    ends: tuple[float, float] | None,
    *,
    n: int,
    clusters: int,
    seed: int,
    level: float,
    unit: str = "juror",
) -> Estimate:
    """Give a value the expanded percentile interval of its replicates, shape (draws,).

    Where all replicates are the value, no interval can be read off them: it is then the one that so many who
    agree can support (`populace.stats.bootstrap.doubted`), and without bounds of the value there is none.

    Parameters
    ----------
    ends
        What the value lies between, if that is known.

    Examples
    --------
    >>> import numpy as np
    >>> print(over_jurors(1.0, np.ones(99), (0, 1), n=30, clusters=30, seed=0, level=0.95))
    1.000 [0.884, 1.000] (95 %, n=30, 30 clusters)
    """
    made = expanded_estimate(
        value, drawn, n=n, clusters=clusters, draws=len(drawn), seed=seed, level=level, unit=unit
    )
    if not made.defined or not made.high - made.low <= ROUNDING * max(abs(value), 1e-300):
        return made
    if ends is not None:
        return doubted(msgspec.structs.replace(made, low=value, high=value), *ends)
    method = f"no interval: every {unit} agrees, and nothing bounds the value"
    return msgspec.structs.replace(made, low=math.nan, high=math.nan, method=method)
