"""Doubt where all clusters agree: a bootstrap of equal numbers claims certainty, however few they are."""

from __future__ import annotations

import msgspec

from populace.stats import Estimate

__all__ = ["doubted"]


def doubted(found: Estimate, lowest: float = 0.0, highest: float = 1.0) -> Estimate:
    """Widen an interval of no width by the share of clusters that may differ, unseen.

    With none of c clusters apart, more than 1 - (alpha/2)^(1/c) of them apart is excluded (Clopper and
    Pearson, 1934, doi:10.1093/biomet/26.4.404). At worst those all lie at one end of what is possible.

    Parameters
    ----------
    found
        A mean. It is given back as it is where its interval has a width, or none can be made.
    lowest, highest
        What the numbers averaged lie between: 0 and 1 for shares, -1 and 1 for their differences.

    Examples
    --------
    >>> sure = Estimate(value=1.0, low=1.0, high=1.0, n=90, clusters=30, method="cluster bootstrap", seed=0)
    >>> print(doubted(sure))
    1.000 [0.884, 1.000] (95 %, n=90, 30 clusters)
    """
    if not found.low == found.high == found.value or found.clusters < 2:
        return found
    most = 1 - ((1 - found.level) / 2) ** (1 / found.clusters)
    return msgspec.structs.replace(
        found,
        low=found.value - most * (found.value - lowest),
        high=found.value + most * (highest - found.value),
        method="Clopper-Pearson, one trial per cluster: all clusters agree",
        seed=None,
    )
