"""The fewest candidates that stay within a regret for every weights: exact, or with the bound reached.

Implicit hitting set: an integer programme covers a finite list of weights, so that its optimum is a bound
from below at every moment; exact separation (`certificate.Game`) then finds weights that the set found does
not serve, and adds them. It ends with a set that serves the whole simplex and is as small as the bound.
Columns are *all* undominated candidates: one that is nowhere best may serve more weights within the regret
than one that is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.portfolio.certificate import Game, worst_regret
from populace.portfolio.covering import cover
from populace.portfolio.intervals import fewest, served
from populace.portfolio.records import Kind, Portfolio
from populace.portfolio.tables import Points, check_kind, points_of, undominated

__all__ = ["Serving", "minimum", "spread_weights"]

_COVERS, _BREAKS = 1e-9, 1e-8
"""Shares of the range of values: what the programme counts as served, and what separation counts as missed.
The second is the larger, or the two would not come to an end."""
_AT_ONCE = 24


def minimum(
    rewards: Any,
    regret: float = 0.02,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    *,
    epsilon: float = 0.0,
    seconds: float = 60.0,
) -> Portfolio:
    """Find the smallest portfolio within a regret.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better.
    regret
        Largest regret allowed for any weights: in units of reward, or a share where `kind` is `ratio`.
    kind, cost, epsilon
        As `worst_regret` takes them.
    seconds
        After so long the best portfolio so far is given, with the bound that was reached. With two traits no
        limit is needed.

    Returns
    -------
    Portfolio
        Its `certificate` may exceed the regret by 1e-8 of the range of values, never by more.

    Raises
    ------
    DataError
        If the table is broken.
    ValueError
        If the regret is negative, or a share of 1 or more.

    Examples
    --------
    The third candidate is nowhere best, and alone serves everybody within 0.06.

    >>> found = minimum([[0.5, 0.6], [0.6, 0.5], [0.549, 0.549]], regret=0.06)
    >>> found.members, found.lower_bound, found.optimal
    ((2,), 1.0, True)
    """
    check_kind(kind, epsilon)
    if not regret >= 0 or (kind == "ratio" and regret >= 1):
        raise ValueError(f"regret is {regret}: at least 0, and a share below 1 where kind is 'ratio'")
    points = points_of(rewards, cost, kind=kind)
    problem = Serving(points, kind, epsilon)
    found, least, method = problem.fewest(regret, seconds)
    members = tuple(int(row) for row in sorted(problem.rows[found]))
    return Portfolio(
        members=members,
        certificate=worst_regret(points, members, kind, epsilon=epsilon),
        objective="size",
        value=float(len(members)),
        lower_bound=float(least),
        optimal=least >= len(members),
        method=method,
    )


def spread_weights(traits: int, most: int) -> np.ndarray:
    """Give the finest lattice of the simplex with at most so many points, corners included: (n, traits).

    Examples
    --------
    >>> spread_weights(3, 10).shape
    (10, 3)
    """
    from itertools import combinations
    from math import comb

    steps = 1
    while comb(steps + traits, traits - 1) <= most:
        steps += 1
    bars = np.array(list(combinations(range(steps + traits - 1), traits - 1)), dtype=np.int64)
    walls = np.hstack([np.full((len(bars), 1), -1), bars, np.full((len(bars), 1), steps + traits - 1)])
    return (np.diff(walls, axis=1) - 1) / steps


@dataclass
class Serving:
    """Which candidates serve which weights.

    Attributes
    ----------
    points
        Shape (candidates, traits), costs absorbed.
    rows
        Of the columns: candidates that none dominates.
    weights
        Shape (n, traits), the weights that the programme covers; they are added to.
    """

    points: Points
    kind: Kind = "additive"
    epsilon: float = 0.0
    rows: np.ndarray = field(init=False)
    weights: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Leave out what cannot be needed."""
        self.rows = undominated(self.points)
        self.columns = self.points[self.rows]
        self.range = max(float(np.ptp(self.points)), np.finfo(float).tiny)
        if self.kind == "ratio":
            self.range = 1.0
        self.weights = spread_weights(self.points.shape[1], 64)

    def needs(self, regret: float) -> tuple[float, float]:
        """Say what serves: J >= share V - slack."""
        if self.kind == "ratio":
            return 1 - regret, 0.0
        return 1 - self.epsilon, regret

    def regrets(self, weights: np.ndarray) -> np.ndarray:
        """Give the regret of each column at weights, shape (n, columns)."""
        own = weights @ self.columns.T
        best = own.max(axis=1, keepdims=True)
        if self.kind == "ratio":
            return np.divide(best - own, best, out=np.zeros(own.shape), where=best > 0)
        return (1 - self.epsilon) * best - own

    def game(self, found: list[int]) -> Game:
        """Set the columns found against all."""
        return Game(self.columns, self.columns[found], self.kind, self.epsilon)

    def fewest(self, regret: float, seconds: float) -> tuple[list[int], int, str]:
        """Give columns within a regret, a bound of their number, and how they were found."""
        if self.points.shape[1] == 2:
            share, slack = self.needs(regret)
            found = fewest(served(self.columns, share, slack + _COVERS * self.range))
            if found is not None:
                return found, len(found), "intervals, exact"
        return self._hit(regret, seconds)

    def _hit(self, regret: float, seconds: float) -> tuple[list[int], int, str]:
        until = time.monotonic() + seconds
        kept, least = self.repaired([], regret), 1
        while True:
            serves = self.regrets(self.weights) <= regret + _COVERS * self.range
            left = until - time.monotonic()
            found, bound = cover(serves, left)
            least = max(least, bound)
            if least >= len(kept) or time.monotonic() >= until:
                break
            missed = self.game(found).above(regret + _BREAKS * self.range, _AT_ONCE)
            if not len(missed):
                kept = found if len(found) < len(kept) else kept
                if bound >= len(found):
                    least = max(least, len(found))
                    break
            self.weights = np.vstack([self.weights, missed])
            better = self.repaired(found, regret)
            kept = better if len(better) < len(kept) else kept
        ended = "" if least >= len(kept) else f", stopped after {seconds:g} s"
        return kept, least, f"implicit hitting set, {len(self.weights)} weights{ended}"

    def repaired(self, found: list[int], regret: float) -> list[int]:
        """Add to columns until they serve all weights, then leave out what is not needed.

        What is added covers most of the weights that are missed: a heuristic, and what it gives is feasible.
        """
        limit = regret + _BREAKS * self.range
        found = list(found)
        if not found:
            found = [int(np.argmin(self.regrets(self.weights).max(axis=0)))]
        while True:
            missed = self.game(found).above(limit, _AT_ONCE)
            if not len(missed):
                break
            regrets = self.regrets(missed)
            counts = (regrets <= limit).sum(axis=0)
            # Of columns that cover as many, the one with the least regret there.
            tied = np.flatnonzero(counts == counts.max())
            found.append(int(tied[np.argmin(regrets[:, tied].mean(axis=0))]))
            self.weights = np.vstack([self.weights, missed])
        for column in list(found):
            others = [each for each in found if each != column]
            if others and not len(self.game(others).above(limit, 1)):
                found = others
        return found
