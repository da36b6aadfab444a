r"""Portfolios under which no group of known people is left behind: exact, by integer programmes.

`best_on_average` looks at everybody together. `within_limits` finds the fewest members with which the mean
regret of every group (or the share of its people who are not served) stays within a limit.
`leave_nobody_behind` finds, of a size, the members whose largest group regret is least, then the two largest,
and so on: the leximin order. The sum of the k largest of f_1 .. f_G is
:math:`\min_t k t + \sum_g \max(f_g - t, 0)`, which is linear, so that each step is one programme. Who serves
whom is part of the programme: for given members it serves everybody best by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError, PopulaceError
from populace.portfolio.certificate import worst_regret
from populace.portfolio.people import People, _same_traits, regrets_of
from populace.portfolio.records import Certificate, Kind
from populace.portfolio.tables import check_kind, points_of

__all__ = ["Fair", "Measure", "best_on_average", "leave_nobody_behind", "within_limits"]

Measure: TypeAlias = Literal["regret", "unserved"]
_SLACK = 1e-7
_EVERYBODY = "everybody"
"""The group of people without groups."""
_MOST_CELLS = 400_000
"""People times candidates up to which a programme is set up."""


class Fair(msgspec.Struct, frozen=True, kw_only=True):
    """Members, and what they come to for each group."""

    members: tuple[int, ...]
    groups: dict[str, float]
    """Group -> its mean regret, or the share of it that is not served; worst first."""
    measure: Measure
    bound: float
    """No portfolio has fewer members (`within_limits`), a smaller worst group (`leave_nobody_behind`), or a
    smaller mean (`best_on_average`)."""
    optimal: bool
    """Whether that was proved in time, of all steps."""
    certificate: Certificate

    @property
    def worst(self) -> float:
        """What the worst group comes to."""
        return max(self.groups.values())


def within_limits(
    rewards: Any,
    people: People,
    limits: float | Mapping[str, float],
    *,
    measure: Measure = "regret",
    within: float = 0.02,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    seconds: float = 60.0,
) -> Fair:
    """Find the fewest members with which every group stays within its limit.

    Parameters
    ----------
    rewards
        Shape (candidates, traits).
    limits
        Of all groups alike, or by group; groups that are not named have none.
    measure
        What is limited: a group's mean `regret`, or the share of it that is `unserved`, further than `within`
        from their best.
    seconds
        After so long the best so far is given, with its bound.

    Raises
    ------
    DataError
        If a limit is of no group, no portfolio stays within the limits, or a table is
        broken.
    ValueError
        If a setting is out of range.
    PopulaceError
        If nothing was found in time.

    Examples
    --------
    >>> people = People.of([[1, 0], [1, 0], [1, 0], [0, 1]], groups=["many", "many", "many", "few"])
    >>> table = [[1, 0], [0, 1], [0.6, 0.6]]
    >>> within_limits(table, people, 0.4).members, within_limits(table, people, {"few": 0.1}).members
    ((2,), (1,))
    """
    problem = _Problem.of(rewards, people, measure, within, kind, cost)
    given = dict.fromkeys(problem.names, limits) if isinstance(limits, int | float) else dict(limits)
    for name, limit in given.items():
        if name not in problem.names:
            there = ", ".join(problem.names)
            raise DataError(f"there is no group {name!r}", fix=f"use some of {there}")
        if not float(limit) >= 0:
            raise ValueError(f"the limit of {name!r} is {limit} and must be at least 0")
    known = np.array([float(given.get(name, np.inf)) for name in problem.names])
    programme = _Programme(problem, len(problem.rows))
    programme.limit(known)
    found, bound = programme.solve(programme.count(), seconds)
    if found is None:
        raise DataError(
            "no portfolio keeps all groups within these limits",
            fix="raise them: with all candidates every regret is 0, but for rounding",
        )
    least = max(1, int(np.ceil(bound - 1e-6)))
    # Of portfolios as small, the best for everybody together.
    programme.hold(programme.count(), float(len(found)))
    better, _ = programme.solve(programme.mean(), seconds)
    return problem.fair(better or found, float(least), least >= len(found))


def best_on_average(
    rewards: Any,
    people: People,
    size: int,
    *,
    measure: Measure = "regret",
    within: float = 0.02,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    seconds: float = 60.0,
) -> Fair:
    """Find the members, at most `size`, with the least mean over everybody, by survey weights.

    Raises
    ------
    DataError, ValueError, PopulaceError
        As `within_limits`.

    Examples
    --------
    >>> people = People.of([[1, 0], [0, 1]], survey=[9, 1])
    >>> best_on_average([[1, 0], [0, 1], [0.6, 0.6]], people, size=1).members
    (0,)
    """
    if size < 1:
        raise ValueError(f"size is {size} and must be at least 1")
    problem = _Problem.of(rewards, people, measure, within, kind, cost)
    programme = _Programme(problem, min(size, len(problem.rows)))
    found, bound = programme.solve(programme.mean(), seconds)
    if found is None:  # pragma: no cover - one member is always a portfolio
        raise PopulaceError("a programme of a portfolio was not solved")
    reached = float(problem.everybody @ problem.lost[:, found].min(axis=1))
    sure = bound >= reached - _SLACK * problem.scale
    return problem.fair(found, min(max(bound, 0.0), reached), sure)


def leave_nobody_behind(
    rewards: Any,
    people: People,
    size: int,
    *,
    measure: Measure = "regret",
    within: float = 0.02,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    seconds: float = 60.0,
) -> Fair:
    """Find the members, at most `size`, that are best for the worst group, then for the next, and so on.

    Of portfolios that are alike for all groups, the one with the smaller mean over everybody is given.

    Raises
    ------
    DataError, ValueError, PopulaceError
        As `within_limits`.

    Examples
    --------
    >>> people = People.of([[1, 0], [1, 0], [1, 0], [0, 1]], groups=["many", "many", "many", "few"])
    >>> found = leave_nobody_behind([[1, 0], [0, 1], [0.6, 0.6]], people, size=1)
    >>> found.members, {name: round(lost, 6) for name, lost in found.groups.items()}
    ((2,), {'few': 0.4, 'many': 0.4})
    """
    if size < 1:
        raise ValueError(f"size is {size} and must be at least 1")
    problem = _Problem.of(rewards, people, measure, within, kind, cost)
    until = time.monotonic() + seconds
    programme = _Programme(problem, min(size, len(problem.rows)))
    best, first, sure = None, 0.0, True
    for largest in range(1, len(problem.names) + 1):
        goal = programme.largest(largest)
        found, bound = programme.solve(goal, until - time.monotonic())
        if found is None:
            sure = False
            break
        best = found
        reached = float(np.sort(problem.of_groups(found))[::-1][:largest].sum())
        first = bound if largest == 1 else first
        sure = sure and bound >= reached - 10 * _SLACK * problem.scale
        if time.monotonic() >= until:
            sure = sure and largest == len(problem.names)
            break
        programme.hold(goal, reached + _SLACK * problem.scale)
    if best is None:
        raise PopulaceError(f"nothing was found in {seconds:g} s")
    found, _ = programme.solve(programme.mean(), max(until - time.monotonic(), 1.0)) if sure else (None, 0.0)
    best = found or best
    return problem.fair(best, min(max(first, 0.0), problem.worst(best)), sure)


@dataclass
class _Problem:
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
    ) -> _Problem:
        if measure not in ("regret", "unserved"):
            raise ValueError(f"measure is {measure!r} and must be 'regret' or 'unserved'")
        if kind == "mixed" or not within >= 0:
            raise ValueError("kind must be 'additive' or 'ratio', and within at least 0")
        check_kind(kind, 0.0)
        points = points_of(rewards, cost, kind=kind)
        _same_traits(points, people)
        lost = regrets_of(points, people, kind)
        if measure == "unserved":
            lost = (lost > within + 1e-12).astype(np.float64)
        rows = _needed(lost)
        lost = lost[:, rows]
        groups = np.array(people.groups or (_EVERYBODY,) * len(people))
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
        return max(float(self.lost.max()), 1e-9)

    def of_groups(self, columns: list[int]) -> np.ndarray:
        return self.shares @ self.lost[:, columns].min(axis=1)

    def worst(self, columns: list[int]) -> float:
        return float(self.of_groups(columns).max())

    def fair(self, columns: list[int], bound: float, optimal: bool) -> Fair:
        members = tuple(sorted(int(self.rows[column]) for column in columns))
        values = self.of_groups(columns)
        order = np.argsort(-values, kind="stable")
        return Fair(
            members=members,
            groups={self.names[place]: float(values[place]) for place in order},
            measure=self.measure,
            bound=bound,
            optimal=optimal,
            certificate=worst_regret(self.points, members, self.kind),
        )


class _Programme:
    """Variables: members (0 or 1), who serves whom (shares), for each k a level t and what is above it."""

    def __init__(self, problem: _Problem, size: int) -> None:
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
        goal = np.zeros(self.width)
        goal[: self.columns] = 1
        return goal

    def mean(self) -> np.ndarray:
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


def _needed(lost: np.ndarray) -> np.ndarray:
    """Give candidates that no other is at least as good as for everybody; of equal ones the first."""
    from populace.portfolio.tables import undominated

    return undominated(-lost.T)
