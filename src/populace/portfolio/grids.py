"""PALM's grids of weights: rounded up where there is no cost, rounded down where there is one."""

from __future__ import annotations

import math

import numpy as np

from populace.errors import DataError

__all__ = ["grid", "grid_down", "grid_size"]

_MOST = 2_000_000
"""Weights of a grid beyond which it is not listed."""


def grid_size(traits: int, epsilon: float, delta: float) -> int:
    """Count the weights of the grid, without making it.

    Examples
    --------
    >>> grid_size(2, 0.01, 0.01), grid_size(3, 0.01, 0.01)
    (919, 837937)
    """
    levels = _levels(traits, epsilon, delta)
    return (levels + 1) ** traits - levels**traits


def grid(traits: int, epsilon: float, delta: float) -> np.ndarray:
    """List the grid, coarse exponents first: shape (n, traits).

    Raises
    ------
    DataError
        If it has more than two million weights.
    """
    _check_size(grid_size(traits, epsilon, delta))
    levels = _levels(traits, epsilon, delta)
    # By the first trait whose exponent is 0: nothing is listed that is thrown away.
    steps = np.vstack(
        [
            _product([np.arange(1, levels + 1)] * first, np.zeros(1, int), traits - first - 1, levels)
            for first in range(traits)
        ]
    )
    values = np.r_[(1 - epsilon) ** np.arange(levels), delta / (traits - 1)]
    return values[steps[_coarse_first(steps)]]


def grid_down(traits: int, epsilon: float, delta: float) -> np.ndarray:
    r"""List the grid for costs: weights of at most 1 in sum that some weights on the simplex round down to.

    Levels are 0 and :math:`\eta \rho^k`, with :math:`\rho = 1/(1-\epsilon)` and :math:`\eta = \rho \delta /
    d`.

    Examples
    --------
    >>> found = grid_down(2, 0.2, 0.2)
    >>> found.shape, bool((found.sum(axis=1) <= 1).all())
    ((21, 2), True)
    """
    if traits < 2:
        raise ValueError(f"traits is {traits} and must be at least 2")
    rise = 1 / (1 - epsilon)
    least = min(rise * delta / traits, 1.0)
    count = math.floor(math.log(1 / least) / math.log(rise) + 1e-9) + 1
    levels = np.r_[0.0, least * rise ** np.arange(count)]
    above = np.r_[least, levels[1:] * rise]
    steps = np.zeros((1, 0), dtype=np.int64)
    for left in range(traits - 1, -1, -1):
        _check_size(len(steps) * len(levels))
        next_steps = np.tile(np.arange(len(levels)), len(steps))
        steps = np.column_stack([np.repeat(steps, len(levels), axis=0), next_steps])
        # Below 1 at the least, and able to reach 1 with what is left.
        fits = levels[steps].sum(axis=1) <= 1 + 1e-12
        reaches = above[steps].sum(axis=1) + left >= 1
        steps = steps[fits & reaches]
    return levels[steps[_coarse_first(len(levels) - 1 - steps)]]


def _levels(traits: int, epsilon: float, delta: float) -> int:
    if traits < 2:
        raise ValueError(f"traits is {traits} and must be at least 2")
    return max(1, math.ceil(math.log((traits - 1) / delta) / -math.log1p(-epsilon)))


def _product(before: list[np.ndarray], zero: np.ndarray, after: int, levels: int) -> np.ndarray:
    axes = [*before, zero, *([np.arange(levels + 1)] * after)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))


def _coarse_first(steps: np.ndarray) -> np.ndarray:
    """Order by how often all exponents can be halved: what a coarser grid has as well comes first."""
    shared = np.bitwise_or.reduce(steps, axis=1)
    halved = np.where(shared == 0, 64, np.log2(np.maximum(shared & -shared, 1)).astype(np.int64))
    return np.lexsort((*steps.T[::-1], -halved))


def _check_size(size: int) -> None:
    if size > _MOST:
        raise DataError(
            f"the grid has {size:,} weights",
            fix="raise epsilon and delta, or use `certified`: it asks far fewer",
        )
