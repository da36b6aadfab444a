"""`Estimate`: the only form in which a number leaves a benchmark."""

from __future__ import annotations

import math

import msgspec

__all__ = ["Estimate"]


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A value with its interval and everything needed to make it again.

    Examples
    --------
    >>> print(Estimate(value=0.5, low=0.4, high=0.61, n=96, clusters=32, method="cluster bootstrap", seed=0))
    0.500 [0.400, 0.610] (95 %, n=96, 32 clusters)
    """

    value: float
    """Point estimate; `nan` where the data do not define it (then `low` and `high` are `nan` too)."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    level: float = 0.95
    """Coverage the interval aims at."""
    n: int
    """Rows the value was computed from."""
    clusters: int
    """Independent units resampled (personas, unless `method` says otherwise)."""
    method: str
    """How the interval was made, for example `cluster bootstrap, percentile, 2000 draws`."""
    seed: int | None = None
    """Seed of the random generator; None where nothing was drawn."""

    @property
    def defined(self) -> bool:
        """Whether the data defined the value at all."""
        return not math.isnan(self.value)

    def __str__(self) -> str:
        if not self.defined:
            return f"undefined (n={self.n})"
        return (
            f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] "
            f"({self.level * 100:g} %, n={self.n}, {self.clusters} clusters)"
        )
