"""Pluralism: three kinds (Overton, steerable, distributional) and three classes of benchmark.

After Sorensen et al. (2024), *A Roadmap to Pluralistic Alignment* (arXiv 2402.05070). This room scores tables
and calls no model; `populace.bench` runs models for it. Its parts are opened by name:

>>> from populace import pluralism as pl
>>> pl.jury.__name__
'populace.pluralism.jury'
"""

from populace.pluralism import (
    bridging,
    distributional,
    jury,
    multi_objective,
    overton,
    slate,
    steerable,
    trade_off,
)

__all__ = [
    "bridging",
    "distributional",
    "jury",
    "multi_objective",
    "overton",
    "slate",
    "steerable",
    "trade_off",
]
