"""Slates paid for by those they serve: Phragmen's rule and the method of equal shares.

Phragmen (1894): everybody earns money at the same rate; an option is bought as soon as its supporters hold 1,
and their purses are then empty. Equal shares (Peters and Skowron 2020, arXiv 1911.11747): everybody starts
with an equal share of size, an option costs what n / size people hold, and the one is bought for which its
supporters pay least per utility. It stops when nobody can pay for anything; what seats are left are then
filled by Phragmen's rule, with the money that is left (`complete`). Both are priceable; equal shares
satisfies EJR and EJR+ for approvals, Phragmen PJR.
"""

from __future__ import annotations

import numpy as np

from populace.errors import DataError
from populace.pluralism.slate.ballots import Ballots
from populace.pluralism.slate.greedy import best_of
from populace.pluralism.slate.record import Tie
from populace.stats._arrays import Floats, divide

__all__ = ["equal_shares", "phragmen"]

_CLOSE = 1e-9


def phragmen(
    ballots: Ballots, size: int, members: list[int] | None = None, purses: Floats | None = None
) -> tuple[list[int], list[Tie]]:
    """Choose by Phragmen's sequential rule, after `members`, with `purses` left over."""
    chosen = list(members or [])
    ties: list[Tie] = []
    weights = ballots.weights
    support = weights @ ballots.approves
    # A load is when the purse was last empty.
    load = np.zeros(len(weights)) if purses is None else -divide(purses, weights)
    load = np.nan_to_num(load)
    while len(chosen) < size:
        when = divide(1 + (weights * load) @ ballots.approves, support)
        when[np.isnan(when)] = np.inf
        when[chosen] = np.nan
        if not (when < np.inf).any():
            left = np.flatnonzero(when == np.inf)
            if len(left) > 1:
                ties.append(Tie(len(chosen) + 1, tuple(int(place) for place in left)))
            chosen.append(int(left[0]))
            continue
        taken = best_of(np.where(np.isnan(when), -np.inf, -when), len(chosen) + 1, ties)
        load = np.where(ballots.approves[:, taken], when[taken], load)
        chosen.append(taken)
    return chosen, ties


def equal_shares(ballots: Ballots, size: int, complete: bool = True) -> tuple[list[int], list[Tie], int]:
    """Choose by equal shares; also return how many options were paid for in full.

    Raises
    ------
    DataError
        If a utility is below 0.
    """
    if ballots.utilities.min() < 0:
        raise DataError("equal shares divides costs by utility, and a utility is below 0", fix="shift them")
    price = ballots.total / size
    worth = ballots.weights[:, None] * ballots.utilities
    purse = ballots.weights.copy()
    members: list[int] = []
    ties: list[Tie] = []
    while len(members) < size:
        rate = _rates(purse, worth, price)
        rate[members] = np.inf
        if not (rate < np.inf).any():
            break
        taken = best_of(-rate, len(members) + 1, ties)
        purse = purse - np.minimum(purse, rate[taken] * worth[:, taken])
        members.append(taken)
    paid = len(members)
    if complete and paid < size:
        # In Phragmen's units an option costs 1.
        members, more = phragmen(ballots, size, members, purse / price)
        ties += more
    return members, ties, paid


def _rates(purse: Floats, worth: Floats, price: float) -> Floats:
    """Return the least r with sum of min(purse, r x worth) = price for each option, or inf."""
    money = np.where(worth > 0, purse[:, None], 0.0)
    enough = money.sum(axis=0) >= price * (1 - _CLOSE)
    rates = np.full(worth.shape[1], np.inf)
    if not enough.any():
        return rates
    mine, theirs = money[:, enough], worth[:, enough]
    empty_at = np.divide(mine, theirs, out=np.full(mine.shape, np.inf), where=theirs > 0)
    order = np.argsort(empty_at, axis=0, kind="stable")
    empty_at, mine, theirs = (np.take_along_axis(each, order, axis=0) for each in (empty_at, mine, theirs))
    # The first j give all they have, the others r times their utility.
    before = np.cumsum(mine, axis=0) - mine
    rest = theirs.sum(axis=0) - (np.cumsum(theirs, axis=0) - theirs)
    rate = np.divide(price - before, rest, out=np.full(mine.shape, np.inf), where=rest > _CLOSE * price)
    fits = rate <= empty_at * (1 + _CLOSE)
    first = fits.argmax(axis=0)
    found = rate[first, np.arange(rate.shape[1])]
    rates[enough] = np.where(fits.any(axis=0), found, np.inf)
    return rates
