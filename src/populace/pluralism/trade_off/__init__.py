"""Models that trade objectives off as a steering function says.

The Roadmap (Sorensen et al. 2024, arXiv 2402.05070) calls a benchmark trade-off steerable where a model can
be steered, at inference, to maximise each of a set of functions of its objectives. `score` holds the steered
models against the best there is, against one model for all, and against themselves in the wrong places.
"""

from populace.pluralism.trade_off.functions import Chebyshev, Linear, PMean, SteeringFunction, grid
from populace.pluralism.trade_off.monotone import Monotonicity, isotonic
from populace.pluralism.trade_off.result import Constant, SideEffect, Steered, TradeOff
from populace.pluralism.trade_off.scoring import score

__all__ = [
    "Chebyshev",
    "Constant",
    "Linear",
    "Monotonicity",
    "PMean",
    "SideEffect",
    "Steered",
    "SteeringFunction",
    "TradeOff",
    "grid",
    "isotonic",
    "score",
]
