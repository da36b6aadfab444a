r"""The worst regret of a portfolio over the whole simplex of weights: never over sampled weights.

For members S and a candidate i, the largest regret that i shows is the value of a small matrix game,

.. math:: \max_{w \in \Delta} \min_{j \in S} w \cdot (a R_i - R_j)
          = \min_{\lambda \in \Delta(S)} \max_k \Bigl(a R_i - \sum_j \lambda_j R_j\Bigr)_k,

with a = 1, or 1 - epsilon. The right side bounds the regret for *every* mixture of members, optimal or not.
So a mixture found for one candidate bounds all of them by one matrix product, and a linear programme is
solved only for candidates that the bounds leave in doubt. What is certified is that bound, recomputed from
the mixture: it holds whatever the solver's tolerance was, and is rounded outward. The ratio is the same with
quotients instead of differences (Charnes and Cooper 1962): R_i <= s sum_j lambda_j R_j shows a loss of at
most 1 - 1/s.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.portfolio.corners import corner_weights, few_corners
from populace.portfolio.programmes import covering, game, tied
from populace.portfolio.records import Certificate, Kind
from populace.portfolio.tables import Points, check_kind, chosen, points_of

__all__ = ["Game", "regret_at", "worst_regret"]

_CLOSE = 1e-9
"""Share of the range of values below which bound and attained regret are one."""
_ROUNDING = float(np.finfo(float).eps)


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
        self._largest = max(float(np.abs(self.points).max()), float(np.abs(self.own).max()))
        spread = max(float(self.points.max()), float(self.own.max())) - min(
            float(self.points.min()), float(self.own.min())
        )
        self._close = _CLOSE * (1.0 if self.kind == "ratio" else spread)
        self._bounds = np.full(len(self.points), np.inf)
        self._exact = np.zeros(len(self.points), dtype=bool)
        self._corners: np.ndarray | None = None
        for member in self.own:
            self._bound(member, 1)

    def solve(self) -> Certificate:
        """Find the worst weights."""
        best, place, weight = -np.inf, 0, np.full(self.own.shape[1], 1 / self.own.shape[1])
        while True:
            top = int(np.argmax(self._bounds))
            if self._exact[top] or self._bounds[top] <= max(best, 0) + self._close:
                break
            weights = self._settle(top)
            attained = self._regrets(weights[None])[0]
            if attained > best:
                best, place, weight = attained, int(np.argmax(self.points @ weights)), weights
        if best < 0:
            place = int(np.argmax(self.points @ weight))
        attained = self._as_regret(max(float(best), 0.0))
        return Certificate(
            value=max(self._as_regret(float(self._bounds.max())), attained),
            attained=attained,
            weight=tuple(weight.tolist()),
            candidate=place,
            kind=self.kind,
            epsilon=self.epsilon,
        )

    def above(self, limit: float, most: int, until: float = float("inf")) -> np.ndarray:
        """Find weights at which the regret is above a limit, shape (at most `most`, traits).

        Parameters
        ----------
        limit
            In the units of `kind`.
        until
            Of the clock `time.monotonic`.

        Raises
        ------
        TimeoutError
            If time was up before anything was found or shown not to be there.
        """
        found: list[np.ndarray] = []
        threshold = self._as_score(limit)
        while len(found) < most:
            left = np.where(self._exact, -np.inf, self._bounds)
            top = int(np.argmax(left))
            if left[top] <= threshold:
                break
            if time.monotonic() > until:
                if found:
                    break
                raise TimeoutError
            weights = self._settle(top)
            if self._regrets(weights[None])[0] > threshold:
                found.append(weights)
                # One weight stands for all candidates that are already refused there.
        return np.array(found).reshape(-1, self.own.shape[1])

    def _regrets(self, weights: np.ndarray) -> np.ndarray:
        """Give the scores at weights, shape (n, traits)."""
        return self._scores((weights @ self._scaled.T).max(axis=1), (weights @ self.own.T).max(axis=1))

    def _bound(self, mixture: np.ndarray, members: int) -> None:
        """Bound all candidates by a mixture of so many members, shape (traits,), rounded outward.

        A sum of n products whose shares sum to 1 but for rounding is off by less than (n + 4) units in the
        last place of the largest value; a single member is what it is, and the difference rounds once.
        """
        units = members + 4 if members > 1 or self.epsilon else 1
        if self.kind == "ratio":
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                quotient = self._scaled / mixture
            bound = np.where(self._scaled > 0, quotient, 0.0).max(axis=1)
            if members > 1:
                bound *= 1 + 2 * units * _ROUNDING
            bound = np.where(bound == 1, 0.0, np.nextafter(bound - 1, np.inf))
        else:
            bound = (self._scaled - mixture).max(axis=1)
            bound = np.where(bound == 0, 0.0, np.nextafter(bound, np.inf))
            if units > 1:
                bound += 2 * units * _ROUNDING * self._largest
        np.minimum(self._bounds, bound, out=self._bounds)

    def _settle(self, candidate: int) -> np.ndarray:
        """Solve the game of one candidate; bound all by its mixture, and give its weights."""
        point, ratio = self._scaled[candidate], self.kind == "ratio"
        self._exact[candidate] = True
        if self._corners is None and few_corners(*self.own.shape):
            self._corners = corner_weights(self.own)
            self._floors = (self._corners @ self.own.T).max(axis=1)
        if self._corners is not None:
            weights = self._corners[int(np.argmax(self._scores(self._corners @ point, self._floors)))]
            if self._proved(candidate, weights, tied(point, self.own, weights, ratio=ratio)):
                return weights
        shares, weights = (covering if ratio else game)(point, self.own)
        if shares is not None:
            self._bound(shares @ self.own, int((shares > 0).sum()))
        return weights

    def _proved(self, candidate: int, weights: np.ndarray, shares: np.ndarray | None) -> bool:
        """Bound all by a mixture, and say whether it settles the candidate."""
        if shares is None:
            return False
        self._bound(shares @ self.own, int((shares > 0).sum()))
        score = self._scores(self._scaled[candidate] @ weights, (self.own @ weights).max())
        return bool(self._bounds[candidate] <= max(float(score), 0.0) + self._close)

    def _scores(self, best: Any, own: Any) -> np.ndarray:
        """Give differences, or quotients less 1."""
        best, own = np.asarray(best), np.asarray(own)
        if self.kind != "ratio":
            return best - own
        gone = np.where(best > 0, np.inf, 0.0)
        return np.divide(best - own, own, out=gone, where=own > 0)

    def _as_regret(self, score: float) -> float:
        score = max(score, 0.0)
        if self.kind != "ratio":
            return score
        if score == 0 or np.isinf(score):
            return 1.0 if score else 0.0
        return min(1.0, float(np.nextafter(score / (1 + score), np.inf)))

    def _as_score(self, regret: float) -> float:
        if self.kind != "ratio":
            return regret
        return np.inf if regret >= 1 else regret / (1 - regret)
