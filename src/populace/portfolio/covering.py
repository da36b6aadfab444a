"""The fewest columns that cover all rows: an integer programme and its bound, greedy sets in short time."""

from __future__ import annotations

import math

import numpy as np

from populace.errors import PopulaceError

__all__ = ["cover", "greedy_cover"]


def cover(covers: np.ndarray, seconds: float, weights: np.ndarray | None = None) -> tuple[list[int], int]:
    """Choose the fewest columns so that every row has one.

    Parameters
    ----------
    covers
        Shape (rows, columns), whether a column covers a row; every row is covered by one.
    seconds
        After so long the best set so far is given.
    weights
        Shape (columns,), which columns are preferred among sets of one size: smaller is better.

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
    costs = np.ones(size)
    if weights is not None and np.ptp(weights) > 0:
        # Smaller in sum than one column, so that sizes stay what is compared first.
        costs += (weights - weights.min()) / np.ptp(weights) / (2.0 * size + 1)
    result = milp(
        costs,
        constraints=LinearConstraint(csr_array(covers.astype(np.float64)), lb=1, ub=np.inf),
        integrality=np.ones(size),
        bounds=Bounds(0, 1),
        options={"time_limit": max(seconds, 0.01), "mip_rel_gap": 0.0},
    )
    if result.x is None:
        if result.status == 1:
            return greedy_cover(covers), 1
        raise PopulaceError(f"an integer programme of a portfolio was not solved ({result.message})")
    bound = result.mip_dual_bound if result.mip_dual_bound is not None else 1.0
    # What was added to the costs of all columns is less than one half: the size is at least what is left.
    least = math.ceil(bound - (0.5 if weights is not None else 0) - 1e-6)
    return [int(column) for column in np.flatnonzero(result.x > 0.5)], max(1, least)


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
