"""Integer programmes for HiGHS, through scipy, which is loaded on first use."""

from __future__ import annotations

import importlib
import time
from typing import Any

import msgspec
import numpy as np

from populace.stats._arrays import Floats

__all__ = ["Clock", "Solution", "identity", "kron", "maximise", "sparse_of", "stacked"]

_OPTIMAL, _LIMIT, _INFEASIBLE = 0, 1, 2


class Solution(msgspec.Struct, frozen=True, eq=False):
    """What HiGHS found."""

    values: Floats | None
    """The best point found; None where none was."""
    score: float
    """Its objective; -inf where there is none."""
    bound: float
    """No point has more; -inf where there is no point at all."""
    infeasible: bool
    """Whether it is proven that there is no point."""

    @property
    def proven(self) -> bool:
        """Whether the point is proven best."""
        return self.values is not None and self.bound - self.score <= 1e-6 * max(1.0, abs(self.bound))


class Clock:
    """Seconds that several programmes share."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """What is left of them; a little where nothing is, in which HiGHS says that it found nothing."""
        return max(1e-3, self.end - time.monotonic())

    @property
    def out(self) -> bool:
        """Whether nothing is left."""
        return time.monotonic() >= self.end


def maximise(
    objective: Floats,
    rows: Any,
    low: Floats,
    high: Floats,
    *,
    integer: Floats,
    upper: Floats | float = 1.0,
    seconds: float,
) -> Solution:
    """Maximise objective.x with low <= rows x <= high, 0 <= x <= upper, whole where `integer` is 1."""
    optimize: Any = importlib.import_module("scipy.optimize")
    found = optimize.milp(
        -objective,
        constraints=optimize.LinearConstraint(rows, low, high),
        integrality=integer,
        bounds=optimize.Bounds(0, upper),
        options={"time_limit": seconds, "mip_rel_gap": 1e-9},
    )
    if found.status == _INFEASIBLE:
        return Solution(None, -np.inf, -np.inf, True)
    bound = getattr(found, "mip_dual_bound", None)
    bound = -float(bound) if bound is not None and np.isfinite(bound) else np.inf
    if found.x is None:
        return Solution(None, -np.inf, bound, False)
    values = np.asarray(found.x, dtype=np.float64)
    score = float(objective @ values)
    return Solution(values, score, score if found.status == _OPTIMAL else max(bound, score), False)


def stacked(blocks: list[list[Any]]) -> Any:
    """Put sparse blocks together."""
    module: Any = importlib.import_module("scipy.sparse")
    return module.block_array(blocks, format="csr")


def identity(size: int) -> Any:
    """Return a sparse identity."""
    module: Any = importlib.import_module("scipy.sparse")
    return module.eye_array(size, format="csr")


def kron(one: Any, other: Any) -> Any:
    """Return the sparse Kronecker product."""
    module: Any = importlib.import_module("scipy.sparse")
    return module.kron(one, other, format="csr")


def sparse_of(table: Any) -> Any:
    """Return a table as a sparse one."""
    module: Any = importlib.import_module("scipy.sparse")
    return module.csr_array(table)
