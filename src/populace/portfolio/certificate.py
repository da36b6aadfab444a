r"""The worst regret of a portfolio over the whole simplex of weights: never over sampled weights.

For members S and a candidate i, the largest regret that i shows is the value of a small matrix game,

.. math:: \max_{w \in \Delta} \min_{j \in S} w \cdot (a R_i - R_j)
          = \min_{\lambda \in \Delta(S)} \max_k \Bigl(a R_i - \sum_j \lambda_j R_j\Bigr)_k,

with a = 1, or 1 - epsilon. The right side bounds the regret for *every* mixture of members, optimal or not.
So a mixture found for one candidate bounds all of them by one matrix product, and a linear programme is
solved only for candidates that the bounds leave in doubt. What is certified is that bound, recomputed from
the mixture: it holds whatever the solver's tolerance was. The ratio is the same with quotients instead of
differences (Charnes and Cooper 1962): R_i <= s sum_j lambda_j R_j shows a loss of at most 1 - 1/s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from populace.errors import PopulaceError
from populace.portfolio.records import Certificate, Kind
from populace.portfolio.tables import Points, check_kind, chosen, points_of

__all__ = ["Game", "Mixture", "bound_of", "game", "regret_at", "solve_programme", "worst_regret"]

_CLOSE = 1e-9
"""Bound and attained regret this near to each other are one."""


def worst_regret(
    rewards: Any,
    members: Sequence[int],
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    *,
    epsilon: float = 0.0,
) -> Certificate:
    """Certify the worst regret of members over all weights.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better.
    members
        Rows of the portfolio.
    kind
        `additive`: max of V - L, in units of reward; `ratio`: max of 1 - L / V, for rewards of at least 0;
        `mixed`: max of (1 - epsilon) V - L, and 0 where that is negative.
    cost
        Shape (candidates,), at most 0: a part of the value that does not depend on the weights.
    epsilon
        Share of the best value that is forgiven, of the mixed kind.

    Raises
    ------
    DataError
        If the table or the members are broken (`tables.points_of`).
    ValueError
        If there is no such kind.

    Examples
    --------
    >>> str(worst_regret([[1, 0], [0, 0.9], [0.6, 0.6]], [2]))
    'additive regret <= 0.4, attained 0.4 at (1.000, 0.000)'
    >>> round(worst_regret([[1, 0], [0, 1], [0.6, 0.6]], [2], kind="ratio").value, 6)
    0.4
    """
    check_kind(kind, epsilon)
    points = points_of(rewards, cost, kind=kind)
    rows = chosen(members, len(points))
    return Game(points, points[rows], kind, epsilon).solve()


def regret_at(
    points: Points, members: np.ndarray, weights: np.ndarray, kind: Kind = "additive", epsilon: float = 0.0
) -> np.ndarray:
    """Give the regret at weights, shape (n, traits): a bound from below of the worst one.

    Where nothing has any value the ratio is 0: there is nothing to lose.
    """
    values = weights @ points.T
    best, own = values.max(axis=1), values[:, members].max(axis=1)
    if kind == "ratio":
        lost = np.divide(best - own, best, out=np.zeros(len(best)), where=best > 0)
    else:
        lost = (1 - epsilon) * best - own
    return np.maximum(lost, 0)


@dataclass
class Game:
    """The candidates against one portfolio.

    Attributes
    ----------
    points
        Shape (candidates, traits), costs absorbed.
    own
        Shape (members, traits).
    """

    points: Points
    own: np.ndarray
    kind: Kind = "additive"
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        """Begin with the bounds by single members."""
        self._scaled = self.points if self.kind == "ratio" else (1 - self.epsilon) * self.points
        self._bounds = np.full(len(self.points), np.inf)
        self._exact = np.zeros(len(self.points), dtype=bool)
        for member in self.own:
            self._bound(member)

    def solve(self) -> Certificate:
        """Find the worst weights."""
        best, place, weight = -np.inf, 0, np.full(self.own.shape[1], 1 / self.own.shape[1])
        while True:
            top = int(np.argmax(self._bounds))
            if self._exact[top] or self._bounds[top] <= max(best, 0) + _CLOSE:
                break
            weights = self._settle(top)
            attained = self._regrets(weights[None])[0]
            if attained > best:
                best, place, weight = attained, int(np.argmax(self.points @ weights)), weights
        if best < 0:
            place = int(np.argmax(self.points @ weight))
        return Certificate(
            value=self._as_regret(float(self._bounds.max())),
            attained=self._as_regret(max(float(best), 0.0)),
            weight=tuple(weight.tolist()),
            candidate=place,
            kind=self.kind,
            epsilon=self.epsilon,
        )

    def above(self, limit: float, most: int) -> np.ndarray:
        """Find weights at which the regret is above a limit, shape (at most `most`, traits).

        Parameters
        ----------
        limit
            In the units of `kind`.
        """
        found: list[np.ndarray] = []
        threshold = self._as_score(limit)
        while len(found) < most:
            left = np.where(self._exact, -np.inf, self._bounds)
            top = int(np.argmax(left))
            if left[top] <= threshold:
                break
            weights = self._settle(top)
            if self._regrets(weights[None])[0] > threshold:
                found.append(weights)
                # One weight stands for all candidates that are already refused there.
        return np.array(found).reshape(-1, self.own.shape[1])

    def _regrets(self, weights: np.ndarray) -> np.ndarray:
        """Give the scores at weights: differences, or quotients less 1."""
        best, own = (weights @ self._scaled.T).max(axis=1), (weights @ self.own.T).max(axis=1)
        if self.kind != "ratio":
            return best - own
        gone = np.where(best > 0, np.inf, 0.0)
        return np.divide(best - own, own, out=gone, where=own > 0)

    def _bound(self, mixture: np.ndarray) -> None:
        """Bound all candidates by a mixture of members, shape (traits,)."""
        if self.kind == "ratio":
            with np.errstate(divide="ignore", invalid="ignore"):
                quotient = self._scaled / mixture
            bound = np.where(self._scaled > 0, quotient, 0.0).max(axis=1) - 1
        else:
            bound = (self._scaled - mixture).max(axis=1)
        np.minimum(self._bounds, bound, out=self._bounds)

    def _settle(self, candidate: int) -> np.ndarray:
        """Solve the game of one candidate; bound all by its mixture, and give its weights."""
        shares, weights = (_covering if self.kind == "ratio" else game)(self._scaled[candidate], self.own)
        self._exact[candidate] = True
        if shares is not None:
            self._bound(shares @ self.own)
        return weights

    def _as_regret(self, score: float) -> float:
        score = max(score, 0.0)
        if self.kind != "ratio":
            return score
        return 1.0 if np.isinf(score) else score / (1 + score)

    def _as_score(self, regret: float) -> float:
        if self.kind != "ratio":
            return regret
        return np.inf if regret >= 1 else regret / (1 - regret)


def game(point: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve min over mixtures of max over traits of point - mixture: shares and weights, both sum to 1."""
    size, traits = own.shape
    # Variables: shares of the members, and the value v.
    result = solve_programme(
        np.r_[np.zeros(size), 1.0],
        A_ub=np.hstack([-own.T, -np.ones((traits, 1))]),
        b_ub=-point,
        A_eq=np.r_[np.ones(size), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * size + [(None, None)],
    )
    return _shares(result.x[:size]), _shares(-result.ineqlin.marginals)


def _covering(point: np.ndarray, own: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Solve min of the sum of shares with shares . own >= point; no shares where a trait has nobody."""
    nobody = np.flatnonzero((own.max(axis=0) <= 0) & (point > 0))
    if nobody.size:
        return None, np.eye(len(point))[nobody[0]]
    result = solve_programme(np.ones(len(own)), A_ub=-own.T, b_ub=-point, bounds=[(0, None)] * len(own))
    return _shares(result.x), _shares(-result.ineqlin.marginals)


class Mixture(NamedTuple):
    """A mixture of weights asked before, as a bound at others."""

    value: float
    """What the mixture of the bounds is."""
    missed: float
    """l1 distance between the mixture of the weights and the weights that are meant."""


def bound_of(asked: np.ndarray, ceilings: np.ndarray, weights: np.ndarray) -> Mixture:
    """Solve min of shares . ceilings over mixtures of weights asked that give these weights.

    Parameters
    ----------
    asked, ceilings
        Shapes (n, traits) and (n,), the corners of the simplex among them.
    weights
        Shape (traits,).
    """
    result = solve_programme(ceilings, A_eq=asked.T, b_eq=weights, bounds=[(0, None)] * len(asked))
    shares = _shares(result.x)
    return Mixture(float(shares @ ceilings), float(np.abs(shares @ asked - weights).sum()))


def solve_programme(costs: np.ndarray, **programme: Any) -> Any:
    """Solve a linear programme; where one method gives up, another is asked.

    Raises
    ------
    PopulaceError
        If none solves it.
    """
    from scipy.optimize import linprog

    result = None
    for method in ("highs-ds", "highs-ipm"):
        result = linprog(costs, method=method, **programme)
        if result.status == 0:
            return result
    raise PopulaceError(f"a linear programme of a portfolio was not solved ({result and result.message})")


def _shares(found: np.ndarray) -> np.ndarray:
    """Make what a solver gives a distribution."""
    clipped = np.maximum(found, 0)
    total = clipped.sum()
    return clipped / total if total > 0 else np.full(len(found), 1 / len(found))
