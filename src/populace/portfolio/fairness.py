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
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError, PopulaceError
from populace.portfolio.certificate import worst_regret
from populace.portfolio.group_programme import Measure, Problem, Programme
from populace.portfolio.people import People
from populace.portfolio.records import Certificate, Kind

__all__ = ["Fair", "Measure", "best_on_average", "leave_nobody_behind", "within_limits"]

_SLACK = 1e-7


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
    problem = Problem.of(rewards, people, measure, within, kind, cost)
    given = dict(limits) if isinstance(limits, Mapping) else dict.fromkeys(problem.names, float(limits))
    for name, limit in given.items():
        if name not in problem.names:
            there = ", ".join(problem.names)
            raise DataError(f"there is no group {name!r}", fix=f"use some of {there}")
        if not float(limit) >= 0:
            raise ValueError(f"the limit of {name!r} is {limit} and must be at least 0")
    known = np.array([float(given.get(name, np.inf)) for name in problem.names])
    programme = Programme(problem, len(problem.rows))
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
    return _fair(problem, better or found, float(least), least >= len(found))


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
    problem = Problem.of(rewards, people, measure, within, kind, cost)
    programme = Programme(problem, min(size, len(problem.rows)))
    found, bound = programme.solve(programme.mean(), seconds)
    if found is None:  # pragma: no cover - one member is always a portfolio
        raise PopulaceError("a programme of a portfolio was not solved")
    reached = float(problem.everybody @ problem.lost[:, found].min(axis=1))
    sure = bound >= reached - _SLACK * problem.scale
    return _fair(problem, found, min(max(bound, 0.0), reached), sure)


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

    Of portfolios that are alike for all groups, the one with the smaller mean over everybody is given. When
    time is up the best so far is given, with the bound of the worst group that was reached.

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
    problem = Problem.of(rewards, people, measure, within, kind, cost)
    until = time.monotonic() + seconds
    programme = Programme(problem, min(size, len(problem.rows)))
    # Whatever the time, there is a portfolio: what is found later is kept where it is better.
    best, first, sure = _greedy(problem, size), 0.0, True
    for largest in range(1, len(problem.names) + 1):
        goal = programme.largest(largest)
        try:
            found, bound = programme.solve(goal, until - time.monotonic())
        except PopulaceError:
            found, bound = None, 0.0
        if found is None:
            sure = False
            break
        best = min(best, found, key=lambda columns: np.sort(problem.of_groups(columns))[::-1].tolist())
        reached = float(np.sort(problem.of_groups(best))[::-1][:largest].sum())
        first = bound if largest == 1 else first
        sure = sure and bound >= reached - 10 * _SLACK * problem.scale
        if time.monotonic() >= until:
            sure = sure and largest == len(problem.names)
            break
        programme.hold(goal, reached + _SLACK * problem.scale)
    found, _ = programme.solve(programme.mean(), max(until - time.monotonic(), 1.0)) if sure else (None, 0.0)
    best = found or best
    return _fair(problem, best, min(max(first, 0.0), problem.worst(best)), sure)


def _greedy(problem: Problem, size: int) -> list[int]:
    """Add the candidate with which the worst group is best off, then the next; of equal ones the first."""
    found: list[int] = []
    now = np.full(len(problem.lost), np.inf)
    for _ in range(min(size, len(problem.rows))):
        lost = problem.shares @ np.minimum(now[:, None], problem.lost)
        column = int(np.argmin(lost.max(axis=0)))
        if column in found:
            break
        found.append(column)
        now = np.minimum(now, problem.lost[:, column])
    return found


def _fair(problem: Problem, columns: list[int], bound: float, optimal: bool) -> Fair:
    members = tuple(sorted(int(problem.rows[column]) for column in columns))
    values = problem.of_groups(columns)
    order = np.argsort(-values, kind="stable")
    return Fair(
        members=members,
        groups={problem.names[place]: float(values[place]) for place in order},
        measure=problem.measure,
        bound=bound,
        optimal=optimal,
        certificate=worst_regret(problem.points, members, problem.kind),
    )
