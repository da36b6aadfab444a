"""Kemeny's rule: the options that come first in a ranking of least disagreement with the jury.

Exact, by dynamic programming over sets of options, after the options were cut into blocks that beat each
other whole: every Kemeny ranking keeps the order of such blocks (Truchon's extended Condorcet criterion). Up
to 16 options a block; more are refused, since no bound would name a winner.
"""

from __future__ import annotations

import numpy as np

from populace.errors import DataError
from populace.pluralism.jury.majority import smith_set
from populace.pluralism.jury.ties import ROUNDING
from populace.stats._arrays import Floats

__all__ = ["MOST", "kemeny"]

MOST = 16
"""Options of one block that are ranked exactly."""


def kemeny(margins: Floats) -> list[int]:
    """Give the options that are first in some ranking of least disagreement.

    Parameters
    ----------
    margins
        Shape (options, options).

    Raises
    ------
    DataError
        If the Smith set has more than 16 options.

    References
    ----------
    Kemeny (1959), *Mathematics without numbers*; Young (1988).

    Examples
    --------
    >>> kemeny(np.array([[0, 0.3, -0.1], [-0.3, 0, 0.2], [0.1, -0.2, 0]]))
    [0]
    """
    inside = smith_set(margins)
    count = len(inside)
    if count > MOST:
        raise DataError(
            f"Kemeny's rule is exact up to {MOST} options in cycles of majorities, and here are {count}",
            fix="use ranked_pairs, schulze or split_cycle, or fewer options",
        )
    if count == 1:
        return inside
    against = np.maximum(margins[np.ix_(inside, inside)].T, 0.0)
    # against[a, b]: what it costs that a stands above b. of[a][set]: above all of a set.
    sets = np.arange(1 << count)
    of = np.zeros((count, len(sets)))
    for other in range(count):
        has = (sets >> other & 1).astype(np.bool_)
        of[:, has] += against[:, other : other + 1]
    cost = np.full(len(sets), np.inf)
    cost[0] = 0.0
    sizes = np.bitwise_count(sets.astype(np.uint64))
    first = np.full((count,), np.inf)
    for size in range(1, count + 1):
        here = sets[sizes == size]
        for option in range(count):
            held = here[(here >> option & 1) == 1]
            rest = held & ~(1 << option)
            tried = of[option, rest] + cost[rest]
            cost[held] = np.minimum(cost[held], tried)
            if size == count:
                first[option] = tried[0]
    # Margins are rounded to 12 digits, and a ranking adds up as many as there are pairs.
    return [inside[each] for each in np.flatnonzero(first <= first.min() + ROUNDING * count**2).tolist()]
