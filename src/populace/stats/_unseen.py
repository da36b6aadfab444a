"""Variance that a sample of items does not show because its rare items happen to be missing.

Items have c successes in n tries, and a statistic is the mean of something that hangs on c and n alone. If
most of its variance is that of rare counts (all tries failed), a sample that has none of them shows hardly
any. A beta-binomial distribution of the sample's mean and spread says how much there would be.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from populace.stats._arrays import Floats, Ints
from populace.stats._special import log_beta

__all__ = ["beta_binomial", "unseen_variance"]


def unseen_variance(
    n: Ints, c: Ints, values: Floats, value_of: Callable[[int, npt.NDArray[np.int64]], Floats]
) -> float:
    """Return the variance of the mean of values under the model, beyond that of the values there are.

    Parameters
    ----------
    n, c
        Tries and successes of each item, shape (items,).
    values
        What is averaged, shape (items,).
    value_of
        Gives the values of an item with n tries, for each of several c.

    Returns
    -------
    float
        At least 0; 0 for fewer than two items.

    Examples
    --------
    Of four items with two tries all pass once. They vary no more than coins do, so the model is binomial, of
    mean (4 + 1/2) / (8 + 1): none pass with chance 1/4, of variance 3/16.

    >>> found = unseen_variance(np.full(4, 2), np.ones(4, int), np.zeros(4), lambda n, c: 1.0 * (c == 0))
    >>> round(found * 4, 6)
    0.1875
    """
    items = len(n)
    if items < 2:
        return 0.0
    share = float((c.sum() + 0.5) / (n.sum() + 1))
    # Shares of n tries vary by p (1 - p) (1 + (n - 1) rho) / n: solved for rho by the mean of 1 / n.
    inverse = float((1 / n).mean())
    seen = float((c / n).var(ddof=1)) / (share * (1 - share))
    rho = min(max((seen - inverse) / (1 - inverse), 0.0), 0.95) if inverse < 1 else 0.0
    first = second = 0.0
    for tries, count in zip(*np.unique(n, return_counts=True), strict=True):
        chance = beta_binomial(int(tries), share, rho)
        each = value_of(int(tries), np.arange(int(tries) + 1))
        first += float(count / items * (chance @ each))
        second += float(count / items * (chance @ each**2))
    return max(0.0, second - first**2 - float(values.var(ddof=1))) / items


def beta_binomial(n: int, share: float, rho: float) -> Floats:
    """Return the chances of 0 to n successes, of a mean share and an intraclass correlation (0: binomial).

    Examples
    --------
    >>> beta_binomial(2, 0.5, 0.0).round(6).tolist()
    [0.25, 0.5, 0.25]
    >>> beta_binomial(2, 0.5, 1 / 3).round(6).tolist()  # Beta(1, 1): all counts alike
    [0.333333, 0.333333, 0.333333]
    """
    c = np.arange(n + 1, dtype=np.float64)
    ways = -np.log(n + 1) - log_beta(c + 1, n - c + 1)
    if rho < 1e-6:
        logs = ways + c * math.log(share) + (n - c) * math.log(1 - share)
    else:
        a, b = share * (1 / rho - 1), (1 - share) * (1 / rho - 1)
        logs = ways + log_beta(c + a, n - c + b) - log_beta(a, b)
    chances: Floats = np.exp(logs)
    return chances / chances.sum()
