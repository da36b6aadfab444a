"""Portfolios of a given size: the least worst regret, or the least average regret of known users."""

from __future__ import annotations

import time
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from populace.portfolio.certificate import regret_at, worst_regret
from populace.portfolio.covering import cover
from populace.portfolio.records import Kind, Portfolio
from populace.portfolio.served import BREAKS, Serving
from populace.portfolio.tables import check_kind, chosen, points_of
from populace.portfolio.users import users_of

__all__ = ["best_of_size", "least_regret"]

_MOST_CELLS = 60_000
"""Users times candidates up to which the average is solved exactly."""


def best_of_size(
    rewards: Any,
    size: int = 5,
    objective: Literal["worst", "average"] = "worst",
    weights: npt.ArrayLike | None = None,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    *,
    epsilon: float = 0.0,
    baseline: int | None = None,
    seconds: float = 60.0,
) -> Portfolio:
    r"""Find the best portfolio of at most so many members.

    For the worst regret, a vertex k-center problem over the continuum of weights: an integer programme over
    finitely many weights bounds it from below, exact separation finds the weights that are missed. For the
    average, the facility-location problem :math:`\max_S E_w \max_{j \in S} J_w(j)`: greedy first, then
    exactly where the size allows. With a `baseline` that everybody has anyway, greedy has at least the share
    1 - 1/e of what any set gains over it (Nemhauser, Wolsey and Fisher 1978, doi 10.1007/BF01588971);
    `lower_bound` is what is proved for these users, mostly much more.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better.
    size
        Most members.
    objective
        `worst`: the regret over all weights; `average`: over the users given.
    weights
        Shape (users, traits), of users, each summing to 1; for `average` only.
    kind, cost, epsilon
        As `worst_regret` takes them.
    baseline
        Row that is there anyway, such as the reference policy, and does not count; for `average` only.
    seconds
        After so long the best so far is given, with its bound.

    Raises
    ------
    DataError
        If a table is broken, or weights are no points of the simplex.
    ValueError
        If the size is below 1, or weights and objective do not belong together.

    Examples
    --------
    >>> table = [[1, 0], [0, 1], [0.6, 0.6]]
    >>> found = best_of_size(table, size=2)
    >>> found.members, round(found.value, 6), round(found.lower_bound, 6)
    ((0, 1), 0.1, 0.1)
    >>> best_of_size(table, 1, "average", weights=[[0.9, 0.1], [0.8, 0.2]]).members
    (0,)
    """
    check_kind(kind, epsilon)
    if size < 1:
        raise ValueError(f"size is {size} and must be at least 1")
    if objective not in ("worst", "average"):
        raise ValueError(f"objective is {objective!r} and must be 'worst' or 'average'")
    if (objective == "average") != (weights is not None):
        raise ValueError("weights of users belong to the average, and the average needs them")
    if baseline is not None and objective != "average":
        raise ValueError("a baseline belongs to the average")
    points = points_of(rewards, cost, kind=kind)
    problem = Serving(points, kind, epsilon)
    anyway: list[int] = []
    if objective == "average":
        users = users_of(weights, points.shape[1])
        ceiling = np.full(len(users), np.inf)
        if baseline is not None:
            anyway = [int(row) for row in chosen([baseline], len(points))]
            ceiling = regret_at(points, np.array(anyway), users, kind, epsilon)
        found, value, bound, method = _average(problem, users, size, seconds, ceiling)
    else:
        found, value, bound, method = least_regret(problem, size, seconds)
    members = tuple(sorted({*anyway, *(int(row) for row in problem.rows[found])}))
    return Portfolio(
        members=members,
        certificate=worst_regret(points, members, kind, epsilon=epsilon),
        objective=objective,
        value=value,
        lower_bound=min(bound, value),
        optimal=value - bound <= 2e-8 * problem.range,
        method=method,
    )


def least_regret(problem: Serving, size: int, seconds: float) -> tuple[list[int], float, float, str]:
    """Give columns with the least worst regret, that regret, its bound from below, and how it was found."""
    until = time.monotonic() + seconds
    best, value, bound = [0], np.inf, 0.0
    while True:
        regrets = problem.regrets(problem.weights)
        found, least = _center(regrets, size, bound, until)
        bound = max(bound, least)
        worst = problem.game(found).solve().value
        if worst < value:
            best, value = found, worst
        if value <= bound + 1e-8 * problem.range or time.monotonic() >= until:
            break
        missed = problem.missed(found, bound + BREAKS * problem.range)
        if not len(missed):
            break
        problem.weights = np.vstack([problem.weights, missed])
    ended = "" if value <= bound + 1e-8 * problem.range else f", stopped after {seconds:g} s"
    return best, value, bound, f"k-center by separation, {len(problem.weights)} weights{ended}"


def _center(regrets: np.ndarray, size: int, least: float, until: float) -> tuple[list[int], float]:
    """Choose columns for listed weights, shape (weights, columns): the columns, and a bound of their worst
    regret.

    The worst regret is one of the table's numbers, so a search by halves over them ends exactly.
    """
    levels = np.unique(np.concatenate([[max(least, 0.0)], regrets[regrets > least]]))
    low, high = 0, len(levels) - 1
    found, sure = list(range(min(size, regrets.shape[1]))), levels[0]
    while low <= high:
        middle = (low + high) // 2
        serves = regrets <= levels[middle]
        if not serves.any(axis=1).all():
            low, sure = middle + 1, levels[min(middle + 1, len(levels) - 1)]
            continue
        columns, fewest = cover(serves, until - time.monotonic())
        if len(columns) <= size:
            found, high = columns, middle - 1
        else:
            if fewest > size:
                sure = levels[min(middle + 1, len(levels) - 1)]
            low = middle + 1
    return found, float(sure)


def _average(
    problem: Serving, users: np.ndarray, size: int, seconds: float, ceiling: np.ndarray
) -> tuple[list[int], float, float, str]:
    # Nobody loses more than with what is there anyway.
    regrets = np.minimum(problem.regrets(users), ceiling[:, None])
    found = _greedy(regrets, size)
    value = float(regrets[:, found].min(axis=1).mean())
    # What any `size` more columns could gain over the greedy set bounds what a best set has (submodularity).
    gains = np.maximum(regrets[:, found].min(axis=1, keepdims=True) - regrets, 0).mean(axis=0)
    bound = max(0.0, value - float(np.sort(gains)[::-1][:size].sum()))
    if regrets.size > _MOST_CELLS or bound >= value - 1e-12:
        return found, value, bound, f"greedy, {len(users)} users"
    exact = _located(regrets, size, seconds)
    if exact is None:
        return found, value, bound, f"greedy, {len(users)} users; not solved in {seconds:g} s"
    columns, least = exact
    reached = float(regrets[:, columns].min(axis=1).mean())
    if reached < value:
        found, value = columns, reached
    return found, value, max(bound, least), f"facility location, {len(users)} users"


def _greedy(regrets: np.ndarray, size: int) -> list[int]:
    """Add columns that lower the mean regret most; of equal ones the first."""
    found: list[int] = []
    now = np.full(len(regrets), np.inf)
    for _ in range(min(size, regrets.shape[1])):
        means = np.minimum(now[:, None], regrets).mean(axis=0)
        column = int(np.argmin(means))
        if found and means[column] >= now.mean():
            break
        found.append(column)
        now = np.minimum(now, regrets[:, column])
    return found


def _located(regrets: np.ndarray, size: int, seconds: float) -> tuple[list[int], float] | None:
    """Solve the facility-location programme; None where no set was found in time."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, eye_array, hstack, kron, vstack

    users, columns = regrets.shape
    # Variables: which columns are there, then who is served by which (users x columns).
    ones = kron(eye_array(users), np.ones((1, columns)), format="csr")
    served = hstack([csr_array((users, columns)), ones])
    there = hstack([kron(np.ones((users, 1)), -eye_array(columns)), eye_array(users * columns)])
    few = hstack([csr_array(np.ones((1, columns))), csr_array((1, users * columns))])
    result = milp(
        np.r_[np.zeros(columns), regrets.ravel() / users],
        constraints=[
            LinearConstraint(served, lb=1, ub=1),
            LinearConstraint(vstack([there]), lb=-np.inf, ub=0),
            LinearConstraint(few, lb=0, ub=size),
        ],
        integrality=np.r_[np.ones(columns), np.zeros(users * columns)],
        bounds=Bounds(0, 1),
        options={"time_limit": seconds, "mip_rel_gap": 0.0},
    )
    if result.x is None:
        return None
    return [int(column) for column in np.flatnonzero(result.x[:columns] > 0.5)], float(result.mip_dual_bound)
