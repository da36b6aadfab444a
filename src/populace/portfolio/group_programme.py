"""The integer programme of members for groups: who is there, who serves whom, the largest regrets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from populace.errors import DataError, PopulaceError
from populace.portfolio.people import People, regrets_of, same_traits
from populace.portfolio.records import Kind
from populace.portfolio.tables import check_kind, points_of, undominated

__all__ = ["EVERYBODY", "Measure", "Problem", "Programme"]

Measure: TypeAlias = Literal["regret", "unserved"]
EVERYBODY = "everybody"
"""The group of people without groups."""
_MOST_CELLS = 400_000
"""People times candidates up to which a programme is set up."""


@dataclass
class Problem:
    """What is lost by whom, as small as it can be told."""

    points: np.ndarray
    kind: Kind
    measure: Measure
    names: list[str]
    lost: np.ndarray
    """Shape (kinds of people, candidates that may be needed)."""
    shares: np.ndarray
    """Shape (groups, kinds of people), summing to 1 in each group."""
    everybody: np.ndarray
    rows: np.ndarray

    @classmethod
    def of(
        cls, rewards: Any, people: People, measure: Measure, within: float, kind: Kind, cost: Any
    ) -> Problem:
        """Read rewards and people."""
        if measure not in ("regret", "unserved"):
            raise ValueError(f"measure is {measure!r} and must be 'regret' or 'unserved'")
        if kind == "mixed" or not within >= 0:
            raise ValueError("kind must be 'additive' or 'ratio', and within at least 0")
        check_kind(kind, 0.0)
        points = points_of(rewards, cost, kind=kind)
        same_traits(points, people)
        lost = regrets_of(points, people, kind)
        if measure == "unserved":
            lost = (lost > within + 1e-12).astype(np.float64)
        # Candidates that no other is at least as good as for everybody; of equal ones the first.
        rows = undominated(-lost.T)
        lost = lost[:, rows]
        groups = np.array(people.groups or (EVERYBODY,) * len(people))
        names = [name for name in sorted(set(groups.tolist())) if people.survey[groups == name].sum() > 0]
        # People who lose alike by every candidate are one kind.
        kinds, place = np.unique(lost, axis=0, return_inverse=True)
        if kinds.size > _MOST_CELLS:
            raise DataError(
                f"{len(kinds):,} people times {len(rows):,} candidates are too many for an exact choice",
                fix="take a sample of the people, or leave candidates out",
            )
        shares = np.stack([
            np.bincount(place.ravel(), np.where(groups == name, people.survey, 0), len(kinds))
            for name in names
        ])  # fmt: skip
        everybody = shares.sum(axis=0) / shares.sum()
        shares /= shares.sum(axis=1, keepdims=True)
        return cls(points, kind, measure, names, kinds, shares, everybody, rows)

    @property
    def scale(self) -> float:
        """Largest loss."""
        return max(float(self.lost.max()), 1e-9)

    def of_groups(self, columns: list[int]) -> np.ndarray:
        """Give the mean of each group."""
        return self.shares @ self.lost[:, columns].min(axis=1)

    def worst(self, columns: list[int]) -> float:
        """Give the mean of the group that is worst off."""
        return float(self.of_groups(columns).max())


class Programme:
    """Variables: members (0 or 1), who serves whom (shares), for each k a level t and what is above it."""

    def __init__(self, problem: Problem, size: int) -> None:
        """Set up who may serve whom."""
        from scipy.sparse import csr_array, eye_array, hstack, kron

        kinds, columns = problem.lost.shape
        groups = len(problem.names)
        self.problem, self.columns, self.cells = problem, columns, kinds * columns
        self.width = columns + self.cells + groups * (1 + groups)
        rest = groups * (1 + groups)
        ones = kron(eye_array(kinds), np.ones((1, columns)), format="csr")
        served = hstack([csr_array((kinds, columns)), ones, csr_array((kinds, rest))])
        own = kron(np.ones((kinds, 1)), -eye_array(columns))
        there = hstack([own, eye_array(self.cells), csr_array((self.cells, rest))])
        few = np.zeros((1, self.width))
        few[0, :columns] = 1
        self.rows: list[tuple[Any, Any, Any]] = [
            (served, 1.0, 1.0),
            (there, -np.inf, 0.0),
            (csr_array(few), 1.0, float(size)),
        ]
        self.most = np.where(np.arange(self.width) < columns + self.cells, 1, np.inf)
        self.found = False
        self.told = np.stack([(share[:, None] * problem.lost).ravel() for share in problem.shares])

    def count(self) -> np.ndarray:
        """Give the goal of few members."""
        goal = np.zeros(self.width)
        goal[: self.columns] = 1
        return goal

    def mean(self) -> np.ndarray:
        """Give the goal of a small mean over everybody."""
        goal = np.zeros(self.width)
        cells = (self.problem.everybody[:, None] * self.problem.lost).ravel()
        goal[self.columns : self.columns + self.cells] = cells
        return goal

    def limit(self, limits: np.ndarray) -> None:
        """Keep each group within its limit."""
        from scipy.sparse import csr_array

        held = np.isfinite(limits)
        table = np.zeros((int(held.sum()), self.width))
        table[:, self.columns : self.columns + self.cells] = self.told[held]
        if len(table):
            self.rows.append((csr_array(table), -np.inf, limits[held] + 1e-9 * self.problem.scale))

    def largest(self, k: int) -> np.ndarray:
        """Give the goal k t + sum of what is above t: the sum of the k largest."""
        from scipy.sparse import csr_array

        groups = len(self.problem.names)
        start = self.columns + self.cells + (k - 1) * (1 + groups)
        table = np.zeros((groups, self.width))
        table[:, self.columns : self.columns + self.cells] = self.told
        table[:, start] = -1
        table[:, start + 1 : start + 1 + groups] = -np.eye(groups)
        self.rows.append((csr_array(table), -np.inf, 0.0))
        goal = np.zeros(self.width)
        goal[start], goal[start + 1 : start + 1 + groups] = k, 1
        return goal

    def hold(self, goal: np.ndarray, most: float) -> None:
        """Let no later step spoil what was reached."""
        from scipy.sparse import csr_array

        self.rows.append((csr_array(goal[None]), -np.inf, most))

    def solve(self, goal: np.ndarray, seconds: float) -> tuple[list[int] | None, float]:
        """Give the members and a bound; None where there are none, or none in time."""
        from scipy.optimize import Bounds, LinearConstraint, milp

        whole = np.zeros(self.width)
        whole[: self.columns] = 1
        result = milp(
            goal,
            constraints=[LinearConstraint(table, lb=low, ub=high) for table, low, high in self.rows],
            integrality=whole,
            bounds=Bounds(np.zeros(self.width), self.most),  # pyright: ignore[reportArgumentType]
            options={"time_limit": max(seconds, 0.01), "mip_rel_gap": 0.0},
        )
        if result.x is None:
            if result.status == 1 and not self.found:
                raise PopulaceError(
                    "no portfolio was found in the time given: give more seconds, or fewer people"
                )
            return None, np.inf
        self.found = True
        bound = float(result.mip_dual_bound) if result.mip_dual_bound is not None else 0.0
        return [int(each) for each in np.flatnonzero(result.x[: self.columns] > 0.5)], bound
