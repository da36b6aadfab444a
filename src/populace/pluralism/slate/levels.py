"""Balanced justified representation: of a slate whose every statement stands for n / k people.

**BJR** (Fish et al. 2023, arXiv 2309.01291): there is an assignment w of people to the slate, n / k people
rounded up or down to each statement, such that no n / k people S, statement a and level t have u_i(a) >= t >
u_i(w(i)) for all of S. Each assignment has its own violations, so one must be found that has none: the one of
most utility is tried first, and then an integer programme to which every violation found is added as a
constraint. No assignment left is a proof that the axiom fails.

**cBJR** (Boehmer, Fish and Procaccia 2025, arXiv 2505.22939) gives statements a cost c(a) and the slate a
budget B: a statement stands for up to c(a) n / B people rounded up, and S must have c(a) n / B. The released
PROSE code differs: utilities below .01 are raised to it, levels are midpoints, and it reports the share of
statements for which there is a violation. Here levels are the utilities themselves, which lose nothing: only
they change who is in S.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from populace.pluralism.slate.ballots import Ballots
from populace.pluralism.slate.cohesion import violation
from populace.pluralism.slate.record import Violation
from populace.pluralism.slate.solver import Clock, identity, kron, maximise, sparse_of, stacked
from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["bjr", "worst_of"]

_CLOSE = 1e-9
_ROUNDS = 200
_MOST = 100_000
"""People x statements of a slate up to which an assignment is looked for."""


def worst_of(ballots: Ballots, members: Sequence[int], assignment: Ints, quotas: Floats) -> Violation | None:
    """Find the group of this assignment that most exceeds what it needs; None where there is none.

    Parameters
    ----------
    assignment
        Which of `members` stands for each person, shape (people,).
    quotas
        Weight of people that each option needs, shape (options,).
    """
    held = ballots.utilities[np.arange(len(assignment)), np.array(members)[assignment]]
    best: tuple[float, int, float] | None = None
    for option in range(ballots.utilities.shape[1]):
        level, excess = _level(ballots.utilities[:, option], held, ballots.weights, float(quotas[option]))
        if excess >= -_CLOSE and (best is None or excess > best[0] + _CLOSE):
            best = (excess, option, level)
    if best is None:
        return None
    _, option, level = best
    who = _group(ballots, held, option, level)
    return violation(ballots, who, [option], level, float(quotas[option]))


def bjr(
    ballots: Ballots,
    members: Sequence[int],
    *,
    costs: Floats | None = None,
    budget: float | None = None,
    seconds: float = 30.0,
) -> tuple[Violation | None, Ints | None, bool]:
    """Look for an assignment without a violation, of people who weigh the same.

    Returns
    -------
    A violation of the best assignment tried (None where one without was found), that assignment, and whether
    the answer is proven: no assignment will do, or this one does.
    """
    people = len(ballots.weights)
    if costs is None or budget is None:
        quotas = np.full(len(ballots.options), ballots.total / len(members))
        low, high = people // len(members), -(-people // len(members))
        least, most = np.full(len(members), low), np.full(len(members), high)
    else:
        quotas = costs * ballots.total / budget
        most = np.ceil(costs[list(members)] * people / budget - _CLOSE).astype(np.int64)
        least = np.zeros(len(members), dtype=np.int64)
        if int(most.sum()) < people:
            return None, None, False
    if people * len(members) > _MOST:
        return None, None, False
    held = ballots.utilities[:, list(members)]
    cuts: list[tuple[Bools, int]] = []
    worst: Violation | None = None
    assignment: Ints | None = None
    worth = held * ballots.weights[:, None]
    clock = Clock(seconds)
    for _ in range(_ROUNDS):
        if clock.out:
            break
        found, impossible = _assign(worth, least, most, cuts, quotas, ballots, clock.left)
        if found is None:
            return worst, assignment, impossible
        assignment = found
        worst = worst_of(ballots, members, assignment, quotas)
        if worst is None:
            return None, assignment, True
        option = worst.options[0]
        wants = ballots.utilities[:, option] >= worst.level
        cuts.append((wants[:, None] & (held < worst.level), option))
    return worst, assignment, False


def _level(utility: Floats, held: Floats, weights: Floats, quota: float) -> tuple[float, float]:
    """Return the level at which most people gain by an option, and by how much they exceed the quota."""
    gains = utility > held
    if float(weights[gains].sum()) < quota - _CLOSE:
        return 0.0, -1.0
    # Between two levels that occur nobody enters or leaves: a person is in for held < t <= utility.
    levels = np.unique(utility[gains])
    order_in, order_out = np.sort(utility[gains]), np.argsort(held[gains], kind="stable")
    mine = weights[gains]
    by_utility = np.cumsum(mine[np.argsort(utility[gains], kind="stable")])
    by_held = np.cumsum(mine[order_out])
    below_utility = np.searchsorted(order_in, levels, side="left")
    below_held = np.searchsorted(held[gains][order_out], levels, side="left")
    inside = np.concatenate([[0.0], by_held])[below_held] - np.concatenate([[0.0], by_utility])[below_utility]
    best = int(inside.argmax())
    return float(levels[best]), float(inside[best] - quota)


def _group(ballots: Ballots, held: Floats, option: int, level: float) -> Bools:
    return (ballots.utilities[:, option] >= level) & (held < level)


def _assign(
    worth: Floats,
    least: Ints,
    most: Ints,
    cuts: list[tuple[Bools, int]],
    quotas: Floats,
    ballots: Ballots,
    seconds: float,
) -> tuple[Ints | None, bool]:
    """Assign people to the slate, most utility first, so that no known violation is left."""
    people, size = int(worth.shape[0]), int(worth.shape[1])
    one_each = kron(identity(people), np.ones((1, size)))
    parts = kron(np.ones((1, people)), identity(size))
    blocks: list[list[Any]] = [[one_each], [parts]]
    low = [np.ones(people), least.astype(np.float64)]
    high = [np.ones(people), most.astype(np.float64)]
    for cells, option in cuts:
        blocks.append([sparse_of((cells * ballots.weights[:, None]).reshape(1, -1))])
        low.append(np.array([-np.inf]))
        # Fewer than the quota: one person fewer, since all weigh the same.
        step = float(ballots.weights[0])
        high.append(np.array([(np.ceil(float(quotas[option]) / step - _CLOSE) - 1) * step]))
    found = maximise(
        worth.ravel(),
        stacked(blocks),
        np.concatenate(low),
        np.concatenate(high),
        integer=np.ones(people * size),
        seconds=seconds,
    )
    if found.values is None:
        return None, found.infeasible
    return found.values.reshape(people, size).argmax(axis=1).astype(np.int64), False
