"""Steering functions: what a model is asked to maximise, as objects that say how.

Each takes outcomes, shape (..., objectives), of which more is better, and gives one number. Weights are not
negative and have the sum 1; what they mean is settled by the scale that outcomes are on
(`populace.pluralism.multi_objective.Scale`). A weight of 0 says that an objective was not asked for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.points import Floats

__all__ = ["Chebyshev", "Linear", "PMean", "SteeringFunction", "grid"]


_GEOMETRIC, _NEARLY = 1e-22, 1e-2
"""Below the first a p-mean is the geometric mean to the last digit; below the second (mean of o^p)^(1/p)
loses digits, all of them at 1e-16."""


@runtime_checkable
class SteeringFunction(Protocol):
    """What a steering function must have; those here are frozen records."""

    @property
    def name(self) -> str:
        """Say what it is, in a few words."""
        ...

    @property
    def family(self) -> str:
        """Name what differs from it in weights alone: only within a family are weights compared."""
        ...

    @property
    def weights(self) -> tuple[float, ...]:
        """Weight of each objective."""
        ...

    def __call__(self, outcomes: npt.ArrayLike) -> Floats:
        """Value outcomes, shape (..., objectives), as shape (...,)."""
        ...


class Linear(msgspec.Struct, frozen=True):
    """The weighted sum: f(o) = sum of w_j o_j.

    What it is best at lies on the convex hull of outcomes; a point of the front inside the hull is best for
    no weights.

    Examples
    --------
    >>> f = Linear((0.75, 0.25))
    >>> f([[1.0, 0.0], [0.0, 1.0]]).tolist(), f.name
    ([0.75, 0.25], 'linear 75/25')
    """

    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        _checked(self.weights)

    @property
    def name(self) -> str:
        """`linear`, and the weights in percent."""
        return f"linear {_percent(self.weights)}"

    @property
    def family(self) -> str:
        """`linear`."""
        return "linear"

    def __call__(self, outcomes: npt.ArrayLike) -> Floats:
        """Value outcomes."""
        return _outcomes(outcomes, self.weights) @ np.array(self.weights)


class Chebyshev(msgspec.Struct, frozen=True):
    """Nearness to an ideal by the objective that is farthest: f(o) = -max of w_j (z_j - o_j).

    At most 0, where every objective that counts reaches the ideal. Unlike the weighted sum it can be best at
    every point of the front (Bowman 1976; Steuer and Choo 1983).

    Examples
    --------
    >>> Chebyshev((0.5, 0.5), ideal=(1.0, 1.0))([[1.0, 0.0], [0.6, 0.6]]).tolist()
    [-0.5, -0.2]
    """

    weights: tuple[float, ...]
    ideal: tuple[float, ...]
    """A point that no outcome beats."""

    def __post_init__(self) -> None:
        _checked(self.weights)
        if len(self.ideal) != len(self.weights):
            raise DataError(
                f"there are {len(self.weights)} weights and {len(self.ideal)} numbers of the ideal"
            )

    @property
    def name(self) -> str:
        """`Chebyshev`, and the weights in percent."""
        return f"Chebyshev {_percent(self.weights)}"

    @property
    def family(self) -> str:
        """`Chebyshev`, and the ideal."""
        return f"Chebyshev to {', '.join(f'{each:g}' for each in self.ideal)}"

    def __call__(self, outcomes: npt.ArrayLike) -> Floats:
        """Value outcomes.

        Raises
        ------
        DataError
            If one beats the ideal on an objective that counts.
        """
        array, weights = _outcomes(outcomes, self.weights), np.array(self.weights)
        short = np.array(self.ideal) - array
        if (short[..., weights > 0] < -1e-12).any():
            fix = "give an ideal that no outcome beats, such as the top of the scale"
            raise DataError(f"an outcome beats the ideal {self.ideal}", fix=fix)
        return -(weights * short).max(axis=-1) + 0.0


class PMean(msgspec.Struct, frozen=True):
    """The weighted power mean: f(o) = (sum of w_j o_j^p)^(1/p).

    p = 1 is the weighted sum; p = 0 the weighted geometric mean, exp(sum of w_j ln o_j); minus infinity the
    smallest of the objectives that have a weight. The smaller p, the less a high outcome makes up for a low.
    Outcomes must not be negative. An outcome of 0 that has a weight makes the mean 0 where p <= 0.

    Examples
    --------
    >>> [PMean((0.5, 0.5), p)([1.0, 4.0]).item() for p in (1, 0, -float("inf"))]
    [2.5, 2.0, 1.0]
    """

    weights: tuple[float, ...]
    p: float

    def __post_init__(self) -> None:
        _checked(self.weights)
        if math.isnan(self.p) or self.p == math.inf:
            raise DataError(f"p is {self.p}", fix="give a number, or minus infinity")

    @property
    def name(self) -> str:
        """`p-mean`, p, and the weights in percent."""
        return f"{self.family} {_percent(self.weights)}"

    @property
    def family(self) -> str:
        """`p-mean`, and p."""
        return f"p-mean {self.p:g}"

    def __call__(self, outcomes: npt.ArrayLike) -> Floats:
        """Value outcomes.

        Raises
        ------
        DataError
            If one is negative.
        """
        weights = np.array(self.weights)
        counts = weights > 0
        array, weights = _outcomes(outcomes, self.weights)[..., counts], weights[counts]
        if (array < 0).any():
            raise DataError("a p-mean needs outcomes from 0 up", fix="put them on a scale that starts at 0")
        low = array.min(axis=-1)
        if self.p == -math.inf:
            return low
        # Divided by their largest, so that no power overflows; a zero is its own case where p <= 0.
        top = array.max(axis=-1)
        shares = array / np.where(top > 0, top, 1.0)[..., None]
        safe = np.where(shares > 0, shares, 1.0)
        if abs(self.p) < _GEOMETRIC:
            found = np.exp(np.log(safe) @ weights)
        elif abs(self.p) < _NEARLY:
            found = _near_geometric(shares, weights, self.p)
        elif self.p > 0:
            found = (shares**self.p @ weights) ** (1 / self.p)
        else:
            least = safe.min(axis=-1, keepdims=True)
            found = least[..., 0] * ((safe / least) ** self.p @ weights) ** (1 / self.p)
        dead = (low == 0) if self.p < _GEOMETRIC else (top == 0)
        return np.where(dead, 0.0, top * found)


def _near_geometric(shares: Floats, weights: Floats, p: float) -> Floats:
    """Take a power mean with p near 0: shares**p is then 1 but for its last digits, and they decide."""
    beside = shares.max(axis=-1) if p > 0 else np.where(shares > 0, shares, np.inf).min(axis=-1)
    beside = np.where(np.isfinite(beside) & (beside > 0), beside, 1.0)
    with np.errstate(divide="ignore"):  # a share of 0, which counts as nothing (p > 0) or is dead
        logs = np.log(shares / beside[..., None])
        # All logs times p are at most 0, so that nothing cancels.
        less = np.expm1(p * np.minimum(logs, 0.0) if p > 0 else p * np.maximum(logs, 0.0))
        return beside * np.exp(np.log1p(less @ (weights / weights.sum())) / p)


def grid(objectives: int, divisions: int) -> list[tuple[float, ...]]:
    """Return evenly spaced weights, from all on the last objective to all on the first.

    Examples
    --------
    >>> grid(2, 4)
    [(0.0, 1.0), (0.25, 0.75), (0.5, 0.5), (0.75, 0.25), (1.0, 0.0)]
    """
    from populace.pluralism.multi_objective.indicators import simplex_lattice

    return [tuple(row) for row in simplex_lattice(objectives, divisions).tolist()]


def _checked(weights: Sequence[float]) -> None:
    if not weights or any(not weight >= 0 or math.isinf(weight) for weight in weights):
        raise DataError(f"weights are {tuple(weights)}", fix="give numbers from 0 up")
    if abs(sum(weights) - 1) > 1e-9:
        raise DataError(f"weights {tuple(weights)} have the sum {sum(weights):g}", fix="divide them by it")


def _outcomes(outcomes: npt.ArrayLike, weights: Sequence[float]) -> Floats:
    array = np.asarray(outcomes, dtype=np.float64)
    if array.shape[-1:] != (len(weights),):
        raise DataError(f"outcomes have the shape {array.shape} and there are {len(weights)} weights")
    return array


def _percent(weights: Sequence[float]) -> str:
    return "/".join(f"{100 * weight:.3g}" for weight in weights)
