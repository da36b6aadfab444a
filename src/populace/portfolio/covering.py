"""The fewest columns that cover all rows: an integer programme and its bound, a local search, greedy sets."""

from __future__ import annotations

import math
import time

import numpy as np

from populace.errors import PopulaceError
from populace.streams import stream

__all__ = ["cover", "greedy_cover", "least_size", "minimal_rows", "search_cover"]

_ROUNDING = 1e-6
_BLOCK = 256


def minimal_rows(covers: np.ndarray) -> np.ndarray:
    """Find the rows that matter: whoever covers them covers every other row.

    Parameters
    ----------
    covers
        Shape (rows, columns), whether a column covers a row.

    Returns
    -------
    Rows none of which has all the columns of another; of equal rows the first. Those of few columns come
    first.

    Examples
    --------
    >>> minimal_rows(np.array([[True, True, False], [True, False, False], [False, True, True]])).tolist()
    [1, 2]
    """
    _, first = np.unique(np.packbits(covers, axis=1), axis=0, return_index=True)
    first = np.sort(first)
    sizes = covers[first].sum(axis=1)
    order = np.argsort(sizes, kind="stable")
    rows, left = first[order], covers[first[order]].astype(np.float32)
    sizes = sizes[order]
    found: list[np.ndarray] = []
    while len(rows):
        # Smallest rows first: among a block one by one, then all others at once.
        block = left[:_BLOCK]
        inside = block @ block.T >= sizes[:_BLOCK] - 0.5
        kept = np.array([not inside[row, :row].any() for row in range(len(block))])
        found.append(rows[:_BLOCK][kept])
        rest = left[_BLOCK:]
        free = ~(rest @ block[kept].T >= sizes[:_BLOCK][kept] - 0.5).any(axis=1)
        rows, left, sizes = rows[_BLOCK:][free], rest[free], sizes[_BLOCK:][free]
    return np.concatenate(found)


def least_size(covers: np.ndarray) -> int:
    """Bound from below how many columns are needed, by the linear relaxation."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    rows, columns = covers.shape
    result = linprog(
        np.ones(columns), A_ub=-csr_array(covers.astype(np.float64)), b_ub=-np.ones(rows), bounds=(0, 1)
    )
    if result.status != 0:
        return 1
    # Of the prices that the solver found, a multiple that is feasible whatever its tolerance was.
    prices = np.maximum(-result.ineqlin.marginals, 0)
    worth = float((covers.T @ prices).max(initial=0.0))
    return max(1, math.ceil(float(prices.sum()) / max(worth, 1.0) - _ROUNDING))


def cover(covers: np.ndarray, seconds: float) -> tuple[list[int], int]:
    """Choose the fewest columns so that every row has one.

    Parameters
    ----------
    covers
        Shape (rows, columns), whether a column covers a row; every row is covered by one.
    seconds
        After so long the best set so far is given.

    Returns
    -------
    The columns, and a lower bound of how many are needed.

    Raises
    ------
    PopulaceError
        If the programme was not solved.
    """
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_array

    size = covers.shape[1]
    result = milp(
        np.ones(size),
        constraints=LinearConstraint(csr_array(covers.astype(np.float64)), lb=1, ub=np.inf),
        integrality=np.ones(size),
        bounds=Bounds(0, 1),
        options={"time_limit": max(seconds, 0.01), "mip_rel_gap": 0.0},
    )
    bound = 1.0 if result.mip_dual_bound is None else max(1.0, result.mip_dual_bound)
    if not np.isfinite(bound):
        bound = 1.0
    least = math.ceil(bound - _ROUNDING)
    if result.x is None:
        if result.status == 1:
            return greedy_cover(covers), least
        raise PopulaceError(f"an integer programme of a portfolio was not solved ({result.message})")
    found = [int(column) for column in np.flatnonzero(result.x > 0.5)]
    open_rows = ~covers[:, found].any(axis=1)
    if open_rows.any():  # pragma: no cover - by the tolerance of the solver only
        found += greedy_cover(covers[open_rows])
    return found, least


def greedy_cover(covers: np.ndarray) -> list[int]:
    """Choose column after column, each time the one that covers most of what is left.

    Examples
    --------
    >>> greedy_cover(np.array([[True, False, True], [False, True, True], [False, True, False]]))
    [1, 0]
    """
    left, found = np.ones(len(covers), dtype=bool), []
    while left.any():
        counts = covers[left].sum(axis=0)
        best = int(np.argmax(counts))
        if not counts[best]:
            raise PopulaceError("no column covers a row")
        found.append(best)
        left &= ~covers[:, best]
    return found


def search_cover(covers: np.ndarray, size: int, steps: int, until: float = float("inf")) -> list[int] | None:
    """Look for so many columns that cover all rows, by local search; None where none was found.

    Rows that stay open grow heavier, so that the search leaves where it is stuck (Gao, Yao, Weise and Li
    2015, doi 10.1016/j.ejor.2015.05.038). It proves nothing: a set that it finds is one.
    """
    rng = stream(0, "portfolio.cover")
    table = covers.astype(np.float32)
    columns = table.shape[1]
    found = greedy_cover(covers)[:size]
    found += [column for column in range(columns) if column not in found][: size - len(found)]
    inside = np.zeros(columns, dtype=bool)
    inside[found] = True
    times, heavy = table[:, found].sum(axis=1), np.ones(len(table), dtype=np.float32)
    changed = np.zeros(columns, dtype=np.int64)
    last = -1
    for step in range(1, steps + 1):
        if not (times == 0).any():
            return [int(column) for column in np.flatnonzero(inside)]
        if step % 64 == 0 and time.monotonic() > until:
            break
        losses = (heavy * (times == 1)) @ table
        losses[~inside] = np.inf
        if last >= 0 and inside.sum() > 1:
            losses[last] = np.inf
        gone = _least(losses, changed)
        inside[gone], changed[gone] = False, step
        times -= table[:, gone]
        row = int(rng.choice(np.flatnonzero(times == 0)))
        gains = (heavy * (times == 0)) @ table
        gains[inside | ~covers[row]] = -np.inf
        if covers[row].sum() > 1:
            gains[gone] = -np.inf
        last = _least(-gains, changed)
        inside[last], changed[last] = True, step
        times += table[:, last]
        heavy += times == 0
    return None


def _least(values: np.ndarray, changed: np.ndarray) -> int:
    """Give the place of the least value; of equal ones that which was left alone longest."""
    tied = np.flatnonzero(values == values.min())
    return int(tied[np.argmin(changed[tied])])
