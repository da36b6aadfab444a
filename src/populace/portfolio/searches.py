"""Where the next policy is worth most: at corner weights (few traits), or in cells (many)."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from populace.portfolio.corners import corner_weights
from populace.portfolio.known import Known
from populace.portfolio.placing import Plan, parts, split
from populace.portfolio.programmes import game

__all__ = ["Cells", "Corners", "Search"]

_OUTWARD = 1e-9
"""Share of the range of values that is added to a gap."""


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
    """Outer approximation: the gap is largest at a corner weight (Theorem D of the design).

    Parameters
    ----------
    target
        The gap that is asked for.
    planned
        Ask near the corner with the largest gap, where the plan (`placing`) wants it; otherwise at it, which
        ends exactly where there are few best policies. A plan is dropped once two answers are one policy.
    """

    known: Known
    target: float = 0.0
    planned: bool = False

    def top(self, most: int) -> tuple[float, list[np.ndarray]]:
        """Bound the gap at all corners, and place what is asked."""
        weights, gaps = self._gaps(self.known.points)
        order = np.argsort(-gaps, kind="stable")
        gap = max(0.0, float(gaps[order[0]]))
        if gap <= self.target:
            return gap, []
        order = order[gaps[order] > self.target]
        if not self.planned or self._repeats():
            return gap, self._spread(weights[order], gaps[order], most)
        place = self._cuts if self.known.traits == 2 else self._lattice
        return gap, place(weights[order], gaps[order], most)

    def gap_of(self, rows: np.ndarray) -> float:
        """Bound the regret of some policies at the corners that they have among themselves."""
        return max(0.0, float(self._gaps(self.known.points[rows])[1].max()))

    def _gaps(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights = corner_weights(points)
        # Corners are computed in floating point: a move of 1e-10 changes no value by more than the margin.
        outward = _OUTWARD * self.known.range
        return weights, self.known.ceiling(weights) - (weights @ points.T).max(axis=1) + outward

    def _repeats(self) -> bool:
        """Say whether two answers are one policy: then there are few, and corners find them all."""
        answered = self.known.points[: len(self.known.weights)]
        scaled = np.round(answered / self.known.range, 11)
        return len(np.unique(scaled, axis=0)) < len(scaled)

    def _spread(self, weights: np.ndarray, gaps: np.ndarray, most: int) -> list[np.ndarray]:
        """Take the worst corner, then corners that are bad and far from those taken."""
        found = [0]
        reach = 2 / len(self.known.weights) ** (1 / (self.known.traits - 1))
        while len(found) < min(most, len(weights)):
            apart = np.abs(weights[:, None] - weights[found][None]).sum(axis=2).min(axis=1)
            worth = gaps * np.minimum(apart / reach, 1.0)
            if worth.max() <= 0:
                break
            found.append(int(np.argmax(worth)))
        return [weights[place] for place in found]

    def _cuts(self, weights: np.ndarray, gaps: np.ndarray, most: int) -> list[np.ndarray]:
        """Cut the pieces between weights asked, the worst ones first; then once more, for a large batch."""
        asked = np.sort([each[0] for each in self.known.weights])
        slack = self.known.slack
        found: dict[int, list[float]] = {}
        for (corner, _), gap in zip(weights, gaps, strict=True):
            piece = int(np.searchsorted(asked, corner))
            if piece in found or not 0 < piece < len(asked) or asked[piece] == corner:
                continue
            count = parts(gap - slack, self.target - slack)
            found[piece] = split(float(asked[piece - 1]), float(asked[piece]), float(corner), count)
        rounds = max((len(cuts) for cuts in found.values()), default=0)
        cuts = [each[turn] for turn in range(rounds) for each in found.values() if turn < len(each)]
        return [np.array([cut, 1 - cut]) for cut in cuts[: max(most, 1)]]

    def _lattice(self, weights: np.ndarray, gaps: np.ndarray, most: int) -> list[np.ndarray]:
        """Ask next to the worst corners, at weights of the plan."""
        plan, asked = self._plan(), np.array(self.known.weights)
        found: list[np.ndarray] = []
        for corner in weights:
            placed = plan.near(corner, np.vstack([asked, *found]) if found else asked)
            if not any(np.abs(placed - each).max() < 1e-9 for each in found):
                found.append(placed)
            if len(found) >= most:
                break
        return found

    def _plan(self) -> Plan:
        """Guess the resolution from the answers at the corners of the simplex, whatever was asked since."""
        asked = np.array(self.known.weights)
        first = [int(np.flatnonzero((asked == corner).all(axis=1))[0]) for corner in np.eye(asked.shape[1])]
        points = self.known.points[first]
        weights = corner_weights(points)
        gap = float((weights @ self.known.ceilings[first] - (weights @ points.T).max(axis=1)).max())
        return Plan(self.known.traits, gap - self.known.slack, self.target - self.known.slack)


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
    _raised: np.ndarray = field(default_factory=lambda: np.empty(0))

    def top(self, most: int) -> tuple[float, list[np.ndarray]]:
        """Make the largest gaps fresh, cutting cells whose edge has been solved meanwhile."""
        if not self._heap:
            corners = tuple(self._place(corner) for corner in np.eye(self.known.traits))
            self._push(tuple(place for place in corners if place is not None))
        ceilings = self.known.ceilings
        if (ceilings[: len(self._raised)] > self._raised).any():
            # A better policy raised what the oracle's error allows: old gaps may be too small.
            self._heap, cells = [], self._heap
            for cell in cells:
                self._push(cell.vertices, number=cell.number)
        self._raised = ceilings
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
        return max(0.0, float((ceilings - shares @ worth).max())) + _OUTWARD * self.known.range

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
