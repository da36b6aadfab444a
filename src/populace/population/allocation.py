"""How many to draw from each stratum: proportional, equal, Neyman's, or given; whole numbers that add up.

Quotas are rounded by the largest remainder (Hamilton), ties in order. A stratum whose people weigh something
gets at least one, because those who cannot be drawn would be missing from every estimate.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.population.weights import Floats, tally, total_of

__all__ = ["Ints", "largest_remainder", "neyman_shares"]

Ints = npt.NDArray[np.int64]


def largest_remainder(
    shares: npt.ArrayLike, size: int, *, least: npt.ArrayLike = 0, most: npt.ArrayLike | None = None
) -> Ints:
    """Divide a whole number in proportion to shares.

    Parameters
    ----------
    shares
        One a stratum, from 0 up; they need not add up to 1.
    size
        What to divide.
    least, most
        Fewest and most of each stratum, one number or one a stratum.

    Raises
    ------
    DataError
        If the size is below the sum of `least` or above that of `most`, or all shares are zero.

    Examples
    --------
    >>> largest_remainder([5, 3, 1], 10).tolist()  # quotas 5.56, 3.33, 1.11
    [6, 3, 1]
    >>> largest_remainder([90, 9, 1], 10, least=1).tolist()  # quotas 9, 0.9, 0.1
    [8, 1, 1]
    """
    share = np.asarray(shares, dtype=np.float64)
    low = np.broadcast_to(np.asarray(least, dtype=np.int64), share.shape)
    high = np.full(share.shape, size) if most is None else np.broadcast_to(np.asarray(most), share.shape)
    if low.sum() > size:
        what = f"{size} people cannot hold one of each of {np.count_nonzero(low)} strata"
        raise DataError(what, fix=f"draw at least {low.sum()}, or use fewer strata")
    if high.sum() < size:
        raise DataError(
            f"there are {high.sum():,} people to draw, not {size:,}", fix="draw fewer, or with repeats"
        )
    count, free = np.zeros(share.shape, dtype=np.int64), np.ones(share.shape, dtype=bool)
    quota = np.zeros(share.shape)
    while True:
        left, whole = size - int(count[~free].sum()), total_of(share[free])
        quota[free] = left * share[free] / whole if whole > 0 else left / max(np.count_nonzero(free), 1)
        under, over = free & (quota < low), free & (quota > high)
        if not under.any() and not over.any():
            break
        # Those below their least first: what they take is missing for the rest.
        now, limit = (under, low) if under.any() else (over, high)
        count[now] = limit[now]
        free &= ~now
    count[free] = np.floor(quota[free]).astype(np.int64)
    remainder = np.where(free, quota - np.floor(quota), -1.0)
    # Rounded, remainders that differ only by the last bits of a product tie, and come in order.
    order = np.argsort(-np.round(remainder, 9), kind="stable")
    count[order[: size - int(count.sum())]] += 1
    return count


def neyman_shares(values: Floats, weights: Floats, stratum: npt.NDArray[np.intp], strata: int) -> Floats:
    """Give Neyman's allocation: total weight of a stratum times the spread of a variable in it.

    Of all allocations it makes the variance of the variable's mean least (Neyman, 1934, Journal of the Royal
    Statistical Society 97, 558-625). Missing values are left out.

    Raises
    ------
    DataError
        If the variable does not vary within any stratum.

    Examples
    --------
    >>> neyman_shares(np.array([0.0, 2, 0, 6]), np.ones(4), np.array([0, 0, 1, 1]), 2).tolist()
    [2.0, 6.0]
    """
    known = ~np.isnan(values)
    weight = np.where(known, weights, 0.0)
    value = np.where(known, values, 0.0)
    total = np.bincount(stratum, weight, strata)
    safe = np.where(total > 0, total, 1.0)
    mean = np.bincount(stratum, weight * value, strata) / safe
    spread = np.bincount(stratum, weight * (value - mean[stratum]) ** 2, strata) / safe
    shares = tally(stratum, weights, strata) * np.sqrt(spread)
    if not shares.any():
        raise DataError(
            "the variable does not vary within any stratum", fix="use another variable or allocation"
        )
    return shares
