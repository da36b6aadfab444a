"""Groups that would do better on their own, and prices that would explain a slate.

- **FJR** (Peters, Pierczynski and Skowron 2021, arXiv 2008.13276): no |T| n / k people each approve of b
  options of some T, while each has fewer than b of the slate.
- **Core** (Aziz et al. 2017): no |T| n / k people each approve of more options of T than of the slate. It may
  be that no slate is in the core: nobody knows.
- **Priceability** (Peters and Skowron 2020): equal budgets and one price pay for the slate, nobody pays for
  what they do not approve of, and no supporters of an option left out have more than its price left.

Finding such a group is coNP-hard to rule out. It is written as an integer programme (equal ballots as one) of
which HiGHS gives a solution, and a bound where time runs out: a bound below the need is a proof. Priceability
is a linear programme, and always decided.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from populace.pluralism.slate.ballots import Ballots
from populace.pluralism.slate.cohesion import violation
from populace.pluralism.slate.record import Violation
from populace.pluralism.slate.solver import Clock, identity, kron, maximise, sparse_of, stacked
from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["core", "fjr", "priceable"]

_CLOSE = 1e-6


def fjr(
    ballots: Ballots, members: Sequence[int], quota: float, seconds: float
) -> tuple[Violation | None, bool]:
    """Find a group as FJR forbids; also whether the search was complete."""
    held = ballots.approves[:, list(members)].sum(axis=1)
    complete, clock = True, Clock(seconds)
    for level in range(1, len(members) + 1):
        found, done = _deviation(
            ballots, held < level, np.full(len(held), level), level, len(members), quota, clock.left
        )
        if found is not None:
            return found, True
        complete &= done
    return None, complete


def core(
    ballots: Ballots, members: Sequence[int], quota: float, seconds: float
) -> tuple[Violation | None, bool]:
    """Find a group that the core forbids; also whether the search was complete."""
    held = ballots.approves[:, list(members)].sum(axis=1)
    everybody = np.ones(len(held), dtype=np.bool_)
    return _deviation(ballots, everybody, held + 1, 1, len(members), quota, seconds)


def _deviation(
    ballots: Ballots, who: Bools, need: Ints, least: int, most: int, quota: float, seconds: float
) -> tuple[Violation | None, bool]:
    """Find T, between `least` and `most` options, and people of weight |T| x quota who hold `need` of T."""
    who = who & (need <= most) & (ballots.approves.sum(axis=1) >= need)
    if float(ballots.weights[who].sum()) < least * quota - _CLOSE:
        return None, True
    keys = np.column_stack([ballots.approves[who], need[who]]).astype(np.int64)
    distinct, back = np.unique(keys, axis=0, return_inverse=True)
    weight = np.bincount(back.ravel(), weights=ballots.weights[who], minlength=len(distinct))
    options = distinct.shape[1] - 1
    links = [[sparse_of(-distinct[:, :-1].astype(np.float64)), sparse_of(np.diag(distinct[:, -1] * 1.0))]]
    rows = stacked(links)
    count = np.zeros((1, rows.shape[1]))
    count[0, :options] = 1
    rows = stacked([[rows], [sparse_of(count)]])
    low = np.append(np.full(len(distinct), -np.inf), float(least))
    high = np.append(np.zeros(len(distinct)), float(most))
    objective = np.concatenate([np.full(options, -quota), weight])
    found = maximise(objective, rows, low, high, integer=np.ones(len(objective)), seconds=seconds)
    if found.values is not None and found.score >= -_CLOSE * max(1.0, quota):
        chosen = [int(place) for place in np.flatnonzero(found.values[:options] > 0.5)]
        group = who & (ballots.approves[:, chosen].sum(axis=1) >= need)
        return violation(ballots, group, chosen, float(need[group].min()), len(chosen) * quota), True
    return None, found.bound < -_CLOSE * max(1.0, quota)


def priceable(ballots: Ballots, members: Sequence[int]) -> bool:
    """Decide whether prices explain the slate: people have as much each, by weight, every option costs 1.

    Unknowns are what each person pays for each option of the slate, and how much a person of weight 1 has.
    """
    optimize: Any = importlib.import_module("scipy.optimize")
    chosen = list(members)
    distinct, back = np.unique(ballots.approves, axis=0, return_inverse=True)
    weight = np.bincount(back.ravel(), weights=ballots.weights, minlength=len(distinct)) / ballots.total
    kinds, size = len(distinct), len(chosen)
    pays = kron(identity(kinds), np.ones((1, size)))
    left_out = [place for place in range(len(ballots.options)) if place not in chosen]
    # Nobody pays more than they have.
    rows = [[pays, sparse_of(-weight[:, None])]]
    if left_out:
        # Supporters of what is left out: their money, less what they pay, does not exceed the price.
        support = sparse_of(distinct[:, left_out].T.astype(np.float64))
        rows.append([support @ pays * -1, sparse_of((support @ weight)[:, None])])
    gathered = kron(np.ones((1, kinds)), identity(size))
    most: Floats = np.append(np.where(distinct[:, chosen], np.inf, 0.0).ravel(), np.inf)
    found = optimize.linprog(
        np.zeros(len(most)),
        A_ub=stacked(rows),
        b_ub=np.concatenate([np.zeros(kinds), np.ones(len(left_out))]),
        A_eq=stacked([[gathered, sparse_of((size, 1))]]),
        b_eq=np.ones(size),
        bounds=np.column_stack([np.zeros(len(most)), most]),
        method="highs",
    )
    return bool(found.status == 0)
