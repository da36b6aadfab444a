r"""PALM as published: a geometric grid of weights, lazily solved, then pruned (arXiv 2604.04144,
reconstructed).

The paper's body was not at hand: this follows its abstracts and a proof of our own. For rewards of at least
0 and no cost, the grid :math:`\{1, \rho^{-1}, \dots, \rho^{-(K-1)}, \eta\}^d` with largest coordinate 1,
:math:`\rho = 1/(1-\epsilon)`, :math:`\eta = \delta/(d-1)`, gives for every w a g with :math:`J_w(\pi_g) \ge
(1-\epsilon)(V(w) - \delta)`, from :math:`(K+1)^d - K^d` policies. `lazy` solves a weight only where the
policies so far are not yet known to be good enough: V is convex, monotone and homogeneous, so weights solved
before bound it.
"""

from __future__ import annotations

import math
from itertools import product

import msgspec
import numpy as np

from populace.errors import DataError
from populace.portfolio.certificate import worst_regret
from populace.portfolio.covering import cover
from populace.portfolio.pool import Oracle, Solved
from populace.portfolio.programmes import solve_programme
from populace.portfolio.records import Certificate

__all__ = ["Palm", "grid", "grid_size", "palm"]

_MOST = 2_000_000
"""Weights of a grid beyond which it is not listed."""


class Palm(msgspec.Struct, frozen=True, kw_only=True):
    """What PALM's search gave, beside what was promised before it."""

    members: tuple[int, ...]
    """Rows of `weights` and `solved`."""
    weights: tuple[tuple[float, ...], ...]
    """Weights that were solved, largest coordinate 1."""
    solved: tuple[Solved, ...]
    calls: int
    size_bound: int
    """Size of the grid: the bound of the number of policies that holds before anything is solved."""
    epsilon: float
    delta: float
    promised: str
    """What holds for every weights, after skipping and pruning."""
    certificate: Certificate
    """Ratio regret of the members against all policies solved, over the whole simplex."""

    def __len__(self) -> int:
        """Number of members."""
        return len(self.members)


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
    size = grid_size(traits, epsilon, delta)
    if size > _MOST:
        raise DataError(
            f"the grid has {size:,} weights",
            fix="raise epsilon and delta, or use `certified`: it asks far fewer",
        )
    levels = _levels(traits, epsilon, delta)
    steps = np.array(list(product(range(levels + 1), repeat=traits)), dtype=np.int64)
    steps = steps[steps.min(axis=1) == 0]
    values = np.r_[(1 - epsilon) ** np.arange(levels), delta / (traits - 1)]
    # How often all exponents can be halved: what a coarser grid has as well comes first.
    shared = np.bitwise_or.reduce(steps, axis=1)
    halved = np.where(shared == 0, 64, np.log2(np.maximum(shared & -shared, 1)).astype(np.int64))
    order = np.lexsort((*steps.T[::-1], -halved))
    return values[steps[order]]


def palm(
    oracle: Oracle,
    traits: int,
    epsilon: float = 0.05,
    delta: float = 0.05,
    lazy: bool = True,
    *,
    skip: float | None = None,
) -> Palm:
    """Search as PALM does: for rewards of at least 0 without a cost, such as best-of-n
    (`Pool.oracle(beta=0)`).

    Parameters
    ----------
    oracle
        Maps weights that need not sum to 1 to a best policy.
    traits
        Number of rewards.
    epsilon, delta
        Relative and absolute tolerance of the grid, each between 0 and 1.
    lazy
        Skip weights that what is known already serves within `skip`; otherwise the whole grid is solved.
    skip
        Share that may be lost by skipping, and again by pruning; epsilon by default.

    Raises
    ------
    ValueError
        If a tolerance is out of range.
    DataError
        If the oracle gives negative rewards or a cost, where the guarantee does not hold, or the grid is too
        large.

    Examples
    --------
    >>> from populace.portfolio import Pool
    >>> pool = Pool(np.random.default_rng(0).random((30, 8, 2)))
    >>> found = palm(pool.oracle(beta=0), traits=2)
    >>> found.calls < found.size_bound, len(found) <= found.calls
    (True, True)
    """
    if not (0 < epsilon < 1 and 0 < delta < 1):
        raise ValueError("epsilon and delta must lie between 0 and 1")
    allowed = epsilon if skip is None else skip
    weights = grid(traits, epsilon, delta)
    asked: list[np.ndarray] = []
    solved: list[Solved] = []
    points = np.empty((0, traits))
    for each in weights:
        if lazy and len(points):
            ceiling = _above(np.array(asked), np.array([one.value for one in solved]), each)
            if (points @ each).max() >= (1 - allowed) * ceiling:
                continue
        answer = oracle(each)
        _check(answer)
        asked.append(each)
        solved.append(answer)
        points = np.vstack([points, answer.rewards])
    members = _pruned(points, weights, allowed)
    lost = 1 - (1 - epsilon) * (1 - allowed) * ((1 - allowed) if lazy else 1)
    return Palm(
        members=members,
        weights=tuple(tuple(each.tolist()) for each in asked),
        solved=tuple(solved),
        calls=len(asked),
        size_bound=len(weights),
        epsilon=epsilon,
        delta=delta,
        promised=f"at least {1 - lost:.4f} V(w) - {(1 - epsilon) * (1 - allowed) * delta:.4f} for every w",
        certificate=_certificate(points, members),
    )


def _levels(traits: int, epsilon: float, delta: float) -> int:
    if traits < 2:
        raise ValueError(f"traits is {traits} and must be at least 2")
    return max(1, math.ceil(math.log((traits - 1) / delta) / -math.log1p(-epsilon)))


def _above(asked: np.ndarray, values: np.ndarray, weights: np.ndarray) -> float:
    """Bound V: min of shares . values with shares . asked >= weights; infinite where nothing covers them."""
    if (asked.max(axis=0) <= 0).any():  # pragma: no cover - every grid weight is above 0
        return np.inf
    found = solve_programme(values, A_ub=-asked.T, b_ub=-weights, bounds=[(0, None)] * len(asked))
    shares = np.maximum(found.x, 0)
    # Scaled up where rounding leaves a coordinate short: what is covered is covered exactly.
    reach = (shares @ asked) / weights
    return float(shares @ values) / float(min(1.0, reach.min()))


def _pruned(points: np.ndarray, weights: np.ndarray, allowed: float) -> tuple[int, ...]:
    values = weights @ points.T
    found, _ = cover(values >= (1 - allowed) * values.max(axis=1, keepdims=True) - 1e-12, 60.0)
    return tuple(sorted(found))


def _certificate(points: np.ndarray, members: tuple[int, ...]) -> Certificate:
    same = np.ptp(points, axis=0) == 0
    if same.all():  # one policy, whatever is asked
        weight = tuple([1 / points.shape[1]] * points.shape[1])
        return Certificate(value=0.0, attained=0.0, weight=weight, candidate=0, kind="ratio")
    return worst_regret(points, members, kind="ratio")


def _check(answer: Solved) -> None:
    if min(answer.rewards) < 0 or answer.kl:
        raise DataError(
            "PALM's guarantee needs rewards of at least 0 and no cost",
            fix="shift and scale the rewards and use beta=0, or use `certified`, which allows both",
        )
