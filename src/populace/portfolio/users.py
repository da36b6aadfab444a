"""Portfolios for users whose weights are known, with a limit for those who are not.

A sample of users says where people are, not where they may be. So the portfolio serves the sample well, and
its regret over *all* weights stays within a limit: exact on both counts.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.errors import DataError, PopulaceError
from populace.portfolio.certificate import worst_regret
from populace.portfolio.records import Kind, Portfolio
from populace.portfolio.served import BREAKS, COVERS, Serving
from populace.portfolio.tables import check_kind, points_of

__all__ = ["serve_users", "users_of"]


def serve_users(
    rewards: Any,
    weights: npt.ArrayLike,
    regret: float = 0.02,
    limit: float | None = None,
    kind: Kind = "additive",
    cost: npt.ArrayLike | None = None,
    *,
    share: float = 1.0,
    epsilon: float = 0.0,
    seconds: float = 60.0,
) -> Portfolio:
    """Find the smallest portfolio that serves known users within a regret, and everybody within a limit.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better.
    weights
        Shape (users, traits), each summing to 1.
    regret
        Largest regret of a user who is served.
    limit
        Largest regret for any weights; None: none.
    kind, cost, epsilon
        As `worst_regret` takes them; of both regrets.
    share
        Of the users who must be served within `regret`.
    seconds
        After so long the best portfolio so far is given, with the bound that was reached.

    Returns
    -------
    Portfolio
        Its `certificate` is about all weights, and within the limit; `value` and `lower_bound` are sizes.

    Raises
    ------
    DataError
        If a table is broken, or weights are no points of the simplex.
    ValueError
        If a regret is negative, or the share is not above 0 and at most 1.

    Examples
    --------
    Users who all look at the first trait need one candidate; a limit for others brings in the second.

    >>> table = [[1, 0], [0, 1], [0.6, 0.6]]
    >>> users = [[0.9, 0.1], [0.8, 0.2], [1.0, 0.0]]
    >>> serve_users(table, users).members, serve_users(table, users, limit=0.45).members
    ((0,), (0, 2))
    """
    check_kind(kind, epsilon)
    if not regret >= 0 or (limit is not None and not limit >= 0):
        raise ValueError("regret and limit must be at least 0")
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}: above 0, at most 1")
    points = points_of(rewards, cost, kind=kind)
    problem = Serving(points, kind, epsilon)
    users = users_of(weights, points.shape[1])
    found, least, ended = _smallest(problem, users, regret, limit, share, seconds)
    members = tuple(int(row) for row in sorted(problem.rows[found]))
    return Portfolio(
        members=members,
        certificate=worst_regret(points, members, kind, epsilon=epsilon),
        objective="size",
        value=float(len(members)),
        lower_bound=float(least),
        optimal=least >= len(members),
        method=f"{len(users)} users and implicit hitting set{ended}",
    )


def users_of(weights: Any, traits: int) -> np.ndarray:
    """Read weights of users, shape (users, traits).

    Raises
    ------
    DataError
        If they are no points of the simplex.
    """
    try:
        found = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("weights of users must be a table of numbers, a row a user") from error
    if found.ndim != 2 or found.shape[1] != traits or not len(found):
        raise DataError(f"weights of users must have the shape (users, {traits})")
    bad = ~np.isfinite(found).all(axis=1) | (found < 0).any(axis=1) | (abs(found.sum(axis=1) - 1) > 1e-6)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise DataError("weights must be at least 0 and sum to 1", row=row + 1, fix="divide by their sum")
    return found


def _smallest(
    problem: Serving, users: np.ndarray, regret: float, limit: float | None, share: float, seconds: float
) -> tuple[list[int], int, str]:
    """Cover users and, one separated weight after another, everybody."""
    until = time.monotonic() + seconds
    own = problem.regrets(users) <= regret + COVERS * problem.range
    # Users whom the same columns serve are one row, which counts as often as there are such users.
    own, counts = np.unique(own, axis=0, return_counts=True)
    needed = math.ceil(share * len(users) - 1e-9)
    kept, least = list(range(len(problem.columns))), 1
    others = np.ones((0, len(problem.columns)), dtype=bool)
    while least < len(kept):
        found, bound = _covering_users(own, counts, needed, others, until - time.monotonic())
        least = max(least, bound)
        if found is None:
            break
        try:
            missed = (
                np.empty((0, users.shape[1]))
                if limit is None
                else problem.missed(found, limit + BREAKS * problem.range, until=until)
            )
        except TimeoutError:
            break
        if not len(missed):
            kept = found if len(found) < len(kept) else kept
            break
        assert limit is not None
        others = np.vstack([others, problem.regrets(missed) <= limit + COVERS * problem.range])
        if time.monotonic() >= until:
            break
    return kept, least, "" if least >= len(kept) else f", stopped after {seconds:g} s"


def _covering_users(
    own: np.ndarray, counts: np.ndarray, needed: int, others: np.ndarray, seconds: float
) -> tuple[list[int] | None, int]:
    """Choose the fewest columns that serve enough users and all other weights listed; and a bound."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array, eye_array, hstack, vstack

    kinds, columns = own.shape
    # Variables: which columns are there, then which kinds of users are served.
    rows = [
        hstack([csr_array(own.astype(np.float64)), -eye_array(kinds)]),
        hstack([csr_array((1, columns)), csr_array(counts[None].astype(np.float64))]),
        hstack([csr_array(others.astype(np.float64)), csr_array((len(others), kinds))]),
    ]
    result = milp(
        np.r_[np.ones(columns), np.zeros(kinds)],
        constraints=LinearConstraint(
            vstack(rows).tocsr(), lb=np.r_[np.zeros(kinds), float(needed), np.ones(len(others))]
        ),
        integrality=np.ones(columns + kinds),
        bounds=Bounds(0, 1),
        options={"time_limit": max(seconds, 0.01), "mip_rel_gap": 0.0},
    )
    bound = result.mip_dual_bound
    least = 1 if bound is None or not np.isfinite(bound) else max(1, math.ceil(bound - 1e-6))
    if result.x is None:
        if result.status == 1:
            return None, least
        raise PopulaceError(f"an integer programme of a portfolio was not solved ({result.message})")
    return [int(column) for column in np.flatnonzero(result.x[:columns] > 0.5)], least
