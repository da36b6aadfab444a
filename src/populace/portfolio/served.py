"""Who serves whom: which candidates stay within a regret at which weights, and where a set fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from populace.portfolio.certificate import Game
from populace.portfolio.corners import corner_weights, few_corners
from populace.portfolio.covering import minimal_rows
from populace.portfolio.records import Kind
from populace.portfolio.tables import Points, undominated
from populace.streams import stream

__all__ = ["AT_ONCE", "BREAKS", "COVERS", "Serving", "spread_weights"]

COVERS, BREAKS = 1e-9, 1e-8
"""Shares of the range of values: what a programme counts as served, and what separation counts as missed.
The second is the larger, or the two would not come to an end."""
AT_ONCE = 24
_CELLS = 4_000_000
"""Weights times columns that are looked at together."""
_NEAR = (0.05, 0.02, 0.01, 0.005)
"""How far from weights that few serve others are looked for that still fewer do."""


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
        Shape (n, traits), the weights that programmes cover; they are added to.
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
        if self.kind == "additive":
            # Differences stay; what all have of a trait would only be rounded.
            self.columns = self.columns - self.columns.min(axis=0)
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

    def _lost(self, weights: np.ndarray, found: list[int]) -> np.ndarray:
        """Give the regret of columns together at weights, in parts that fit into memory: shape (n,)."""
        parts = np.array_split(weights, 1 + weights.shape[0] * len(self.columns) // _CELLS)
        return np.concatenate([self.regrets(part)[:, found].min(axis=1) for part in parts])

    def serves(self, regret: float) -> np.ndarray:
        """Say which columns are within a regret at `weights`, shape (n, columns)."""
        return self.regrets(self.weights) <= regret + COVERS * self.range

    def game(self, found: list[int]) -> Game:
        """Set the columns found against all."""
        return Game(self.columns, self.columns[found], self.kind, self.epsilon)

    def missed(
        self,
        found: list[int],
        limit: float,
        most: int = AT_ONCE,
        *,
        sure: bool = True,
        until: float = float("inf"),
    ) -> np.ndarray:
        """Find weights at which columns have a regret above a limit, shape (n, traits).

        Regret is largest at a corner of the columns' envelope, so that where these are few, all are looked at
        together. That there are none is proved by `Game`, unless `sure` is false.

        Raises
        ------
        TimeoutError
            If time was up before the answer was known.
        """
        if few_corners(len(found), self.columns.shape[1]):
            corners = corner_weights(self.columns[found])
            lost = self._lost(corners, found)
            bad = np.flatnonzero(lost > limit)
            if bad.size or not sure:
                return corners[bad[np.argsort(-lost[bad], kind="stable")[:most]]]
        return self.game(found).above(limit, most, until)

    def add(self, weights: np.ndarray, regret: float) -> None:
        """Add weights to be covered, and leave out those that others imply."""
        together = np.vstack([self.weights, weights])
        self.weights = together[minimal_rows(self.regrets(together) <= regret + COVERS * self.range)]

    def gather(self, regret: float, until: float) -> None:
        """Find weights that few columns serve: these decide how many are needed.

        First a lattice, then, where much is left to decide, weights near those that fewest serve.
        """
        columns, traits = self.columns.shape
        most = max(64, _CELLS // columns)
        self.add(spread_weights(traits, min(5000, most)), regret)
        rng = stream(0, "portfolio.weights")
        for near in _NEAR:
            if len(self.weights) < 4 * AT_ONCE or time.monotonic() > until:
                return
            copies = max(1, min(12, most // len(self.weights)))
            moved = np.repeat(self.weights, copies, axis=0)
            moved = np.abs(moved + near * rng.normal(size=moved.shape))
            self.add(moved / moved.sum(axis=1, keepdims=True), regret)
