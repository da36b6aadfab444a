"""Codes that go together: a long list of codes made short enough for a tree to split on.

A tree splits on at most 64 positions, so that of an occupation it sees the major group only; but whether
somebody works for a bank or an insurer, the group *sales* does not tell. Here codes are put together whose
people have the same distribution over another variable, two by two, each time those that lose the least
information about it (Slonim and Tishby, 2000, Agglomerative information bottleneck, NIPS 12).
"""

from __future__ import annotations

import numpy as np

__all__ = ["kin"]


def kin(counts: np.ndarray, most: int) -> np.ndarray:
    """Put codes together until there are at most so many sets.

    Parameters
    ----------
    counts
        (codes, values) weighted counts; a code without any joins the first set.
    most
        Most sets, at least 1.

    Returns
    -------
    numpy.ndarray
        (codes,) number of the set of each code, from 0, in order of the sets' first codes.

    Examples
    --------
    >>> kin(np.array([[8.0, 2.0], [1.0, 9.0], [4.0, 1.0], [0.0, 0.0]]), 2).tolist()
    [0, 1, 0, 0]
    """
    seen = np.flatnonzero(counts.sum(axis=1) > 0)
    table = counts[seen].astype(float)
    mother = np.arange(len(seen))
    alive = np.ones(len(seen), dtype=bool)
    fit = _fit(table)
    cost = np.full((len(seen), len(seen)), np.inf)
    for one in range(len(seen)):
        cost[one, :one] = fit[one] + fit[:one] - _fit(table[one] + table[:one])
    for _ in range(len(seen) - max(most, 1)):
        pair = np.unravel_index(cost.argmin(), cost.shape)
        gone, kept = max(pair), min(pair)
        table[kept] += table[gone]
        fit[kept] = _fit(table[kept])
        mother[mother == gone] = kept
        alive[gone] = False
        cost[gone], cost[:, gone] = np.inf, np.inf
        others = np.flatnonzero(alive & (np.arange(len(seen)) != kept))
        loss = fit[kept] + fit[others] - _fit(table[kept] + table[others])
        cost[np.maximum(others, kept), np.minimum(others, kept)] = loss
    found = np.zeros(len(counts), dtype=np.intp)
    found[seen] = np.unique(mother, return_inverse=True)[1]
    return found


def _fit(table: np.ndarray) -> np.ndarray:
    """Log-likelihood of rows of counts under their own shares."""
    each, total = (value * np.log(np.maximum(value, 1e-300)) for value in (table, table.sum(axis=-1)))
    return each.sum(axis=-1) - total
