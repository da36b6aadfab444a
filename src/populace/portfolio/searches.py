"""Where the next policy is worth most: at corner weights (few traits), or in cells (many)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from populace.portfolio.corners import corner_weights
from populace.portfolio.known import Known
from populace.portfolio.programmes import game

__all__ = ["Cells", "Corners", "Search", "corner_weights"]


class Search(Protocol):
    """A way to bound the gap between the policies known and the best possible."""

    def top(self, most: int) -> tuple[float, list[np.ndarray]]:
        """Give the gap over the whole simplex, and up to so many weights where it is large, worst first."""
        ...

    def gap_of(self, rows: np.ndarray) -> float:
        """Bound the regret of these policies, rows of `Known.points`, against all policies there are."""
        ...


@dataclass
class Corners:
    """Outer approximation: the gap is largest at a corner weight (Theorem D of the design)."""

    known: Known
    _stale: dict[bytes, float] = field(default_factory=dict)

    def top(self, most: int) -> tuple[float, list[np.ndarray]]:
        """Solve as few bounds as show which corners have the largest gaps: old bounds still hold."""
        weights = corner_weights(self.known.points)
        floors = self.known.floor(weights)
        keys = [np.round(each, 10).tobytes() for each in weights]
        heap = [
            (-(self._stale.get(key, np.inf) - floor), place)
            for place, (key, floor) in enumerate(zip(keys, floors, strict=True))
        ]
        heapq.heapify(heap)
        fresh: dict[int, float] = {}
        found: list[tuple[float, int]] = []
        while heap and len(found) < max(most, 1):
            minus, place = heapq.heappop(heap)
            if place in fresh:
                found.append((-minus, place))
                continue
            ceiling = min(self.known.ceiling(weights[place]), self._stale.get(keys[place], np.inf))
            fresh[place] = self._stale[keys[place]] = ceiling
            heapq.heappush(heap, (-(ceiling - floors[place]), place))
        gap = max(0.0, found[0][0]) if found else 0.0
        return gap, [weights[place] for worth, place in found if worth > 0]

    def gap_of(self, rows: np.ndarray) -> float:
        """Bound the regret of some policies at the corners that they have among themselves."""
        points = self.known.points[rows]
        weights = corner_weights(points)
        floors = (weights @ points.T).max(axis=1)
        gaps = [self.known.ceiling(each) - float(floor) for each, floor in zip(weights, floors, strict=True)]
        return max(0.0, *gaps)


@dataclass(order=True)
class _Cell:
    minus: float
    """Minus the gap: the heap's top is the largest."""
    number: int
    vertices: tuple[int, ...] = field(compare=False)
    """Places in `Known.weights`."""
    policies: int = field(compare=False, default=0)
    """How many policies were known when the gap was computed."""


@dataclass
class Cells:
    """Simplicial subdivision: one matrix game a cell, no vertices to enumerate.

    In a cell with solved vertices w_i the gap is at most max over its points of the chord of the V_i less
    the best policy: a game between the vertices and the policies, whose bound by a mixture holds as it is.
    """

    known: Known
    _heap: list[_Cell] = field(default_factory=list)
    _made: int = 0

    def top(self, most: int) -> tuple[float, list[np.ndarray]]:
        """Make the largest gaps fresh, cutting cells whose edge has been solved meanwhile."""
        if not self._heap:
            corners = tuple(self._place(corner) for corner in np.eye(self.known.traits))
            self._push(tuple(place for place in corners if place is not None))
        found: list[_Cell] = []
        while self._heap and len(found) < max(most, 1):
            cell = heapq.heappop(self._heap)
            if cell.policies < len(self.known.points):
                self._push(cell.vertices, number=cell.number)
                continue
            middle = self._middle(cell.vertices)
            place = self._place(middle[2])
            if place is None:
                found.append(cell)
                continue
            for old in middle[:2]:
                self._push(tuple(place if each == old else each for each in cell.vertices))
        for cell in found:
            heapq.heappush(self._heap, cell)
        gap = max(0.0, -found[0].minus) if found else 0.0
        weights: list[np.ndarray] = []
        for cell in found:
            middle = self._middle(cell.vertices)[2]
            if not any(np.allclose(middle, each, atol=1e-12) for each in weights):
                weights.append(middle)
        return gap, weights

    def gap_of(self, rows: np.ndarray) -> float:
        """Bound the regret of some policies cell by cell."""
        return max(self._gap(cell.vertices, self.known.points[rows]) for cell in self._heap)

    def _push(self, vertices: tuple[int, ...], number: int | None = None) -> None:
        if number is None:
            number, self._made = self._made, self._made + 1
        gap = self._gap(vertices, self.known.points)
        heapq.heappush(self._heap, _Cell(-gap, number, vertices, len(self.known.points)))

    def _gap(self, vertices: tuple[int, ...], points: np.ndarray) -> float:
        corners = np.array([self.known.weights[place] for place in vertices])
        ceilings = self.known.ceilings[list(vertices)]
        worth = points @ corners.T
        shares, _ = game(ceilings, worth)
        return max(0.0, float((ceilings - shares @ worth).max()))

    def _middle(self, vertices: tuple[int, ...]) -> tuple[int, int, np.ndarray]:
        """Give the longest edge (l1; of equal ones the first) and its middle."""
        corners = [self.known.weights[place] for place in vertices]
        best, ends = -1.0, (0, 1)
        for one in range(len(corners)):
            for other in range(one + 1, len(corners)):
                length = float(np.abs(corners[one] - corners[other]).sum())
                if length > best + 1e-12:
                    best, ends = length, (one, other)
        middle = (corners[ends[0]] + corners[ends[1]]) / 2
        return vertices[ends[0]], vertices[ends[1]], middle

    def _place(self, weights: np.ndarray) -> int | None:
        for place, each in enumerate(self.known.weights):
            if np.abs(each - weights).max() < 1e-12:
                return place
        return None
