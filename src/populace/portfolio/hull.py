"""Which candidates are best for some weights: the coverage set, or convex hull of the front."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from populace.portfolio.certificate import Game
from populace.portfolio.tables import Points, points_of, undominated

__all__ = ["coverage_set", "envelope", "hull"]

_CLOSE = 1e-10
"""Share of the range of values below which a lead is rounding."""
_AT_ONCE = 16


def coverage_set(rewards: Any, cost: npt.ArrayLike | None = None) -> tuple[int, ...]:
    """Give the fewest candidates that hold a best one for every weights.

    A candidate that is best only together with another, as a mixture of two is, is not needed; of equal
    candidates the first is taken. A lead of less than 1e-10 of the range of values counts as none.

    Parameters
    ----------
    rewards
        Shape (candidates, traits), larger is better.
    cost
        Shape (candidates,), at most 0.

    Returns
    -------
    Rows, increasing.

    Examples
    --------
    >>> coverage_set([[1, 0], [0, 1], [0.6, 0.6], [0.5, 0.5], [0.3, 0.8]])
    (0, 1, 2)
    """
    return tuple(hull(points_of(rewards, cost)).tolist())


def hull(points: Points) -> np.ndarray:
    """Give the rows of `coverage_set` of a table whose costs are absorbed."""
    rows = undominated(points)
    table = points[rows]
    close = _CLOSE * max(float(np.ptp(points)), np.finfo(float).tiny)
    if table.shape[1] == 2:
        return np.sort(rows[envelope(table, close)])
    kept = sorted({_best(table, weights) for weights in np.eye(table.shape[1])})
    while True:
        weights = Game(table, table[kept]).above(close, _AT_ONCE)
        if not len(weights):
            break
        # Each is best where it is added, so a step adds at least one.
        kept = sorted({*kept, *(_best(table, each) for each in weights)})
    return rows[_needed(table, kept, close)]


def envelope(table: Points, close: float) -> list[int]:
    """Give the upper envelope of the lines w . R over two traits: Andrew's chain over undominated rows.

    A row stays if it leads its neighbours by more than `close`.
    """
    kept: list[int] = []
    for row in np.argsort(-table[:, 0]):
        while len(kept) > 1:
            first, second = table[kept[-1]] - table[kept[-2]], table[row] - table[kept[-2]]
            # How far the last one leads its neighbours where those two are as good as each other.
            lead = (first[0] * second[1] - first[1] * second[0]) / np.abs(second).sum()
            if lead > close:
                break
            kept.pop()
        kept.append(int(row))
    return kept


def _best(table: Points, weights: np.ndarray) -> int:
    """Give the best row; of rows tied for it, the one that is best in the traits in their order."""
    values = table @ weights
    tied = np.flatnonzero(values >= values.max() - 1e-14 * max(1.0, abs(values.max())))
    return int(tied[np.lexsort(tuple(-table[tied].T[::-1]))[0]])


def _needed(table: Points, kept: list[int], close: float) -> list[int]:
    """Leave out, one after another, what the others make up for."""
    for row in list(kept):
        others = [each for each in kept if each != row]
        if others and Game(table[[row]], table[others]).solve().value <= close:
            kept = others
    return kept
