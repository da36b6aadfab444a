"""What juries ask of scipy, opened when it is needed: components, linear programs, minimisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["covered", "minimised", "opened", "strong_components"]


def opened(name: str) -> Any:
    """Open a module of scipy, which has no types of its own."""
    return import_module(f"scipy.{name}")


def strong_components(graph: Bools) -> Ints:
    """Number the strongly connected components of a graph, an entry a node."""
    sparse = opened("sparse").csr_array(graph)
    _, part = opened("sparse.csgraph").connected_components(sparse, directed=True, connection="strong")
    return np.asarray(part, dtype=np.int64)


def minimised(
    loss: Callable[[Floats], float], start: Floats, bounds: Sequence[tuple[float, float]]
) -> tuple[Floats, float]:
    """Minimise a smooth loss within bounds (L-BFGS-B); give the place and the loss there."""
    found = opened("optimize").minimize(
        loss, start, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9}
    )
    return np.asarray(found.x, dtype=np.float64), float(found.fun)


def covered(costs: Floats, gains: Floats) -> Ints | None:
    """Choose the cheapest columns of which every row gains 1 (HiGHS); None if it was not proved in time.

    Parameters
    ----------
    costs
        Shape (columns,).
    gains
        Shape (rows, columns).
    """
    optimize = opened("optimize")
    found = optimize.milp(
        costs / costs.max(),
        integrality=np.ones(len(costs)),
        bounds=optimize.Bounds(0, 1),
        constraints=optimize.LinearConstraint(gains, lb=1.0),
        options={"mip_rel_gap": 0.0, "node_limit": 10_000},
    )
    return np.flatnonzero(np.asarray(found.x) > 0.5) if found.status == 0 else None
