"""Adjusted p-values for many tests at once: Holm for claims, Benjamini-Hochberg for screening."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, vector

__all__ = ["benjamini_hochberg", "holm"]


def holm(p_values: npt.ArrayLike) -> Floats:
    """Return Holm's step-down p-values (1979): rejecting those at most a errs at all with chance a.

    Valid whatever the dependence between the tests.

    Parameters
    ----------
    p_values
        Shape (tests,), each from 0 to 1. A missing one (nan, None) stays nan and is no test.

    Raises
    ------
    DataError
        If a p-value lies outside 0 to 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005]).round(3).tolist()  # times 3, 1, 2, 4, then never falling
    [0.03, 0.06, 0.06, 0.02]
    """
    p, order = _ordered(p_values)
    steps = np.arange(len(order), 0, -1)
    return _restored(p, order, np.maximum.accumulate(p[order] * steps))


def benjamini_hochberg(p_values: npt.ArrayLike) -> Floats:
    """Return Benjamini and Hochberg's step-up p-values (1995), which bound the false discovery rate.

    Of those at most a, a share a is expected to be false, if the tests are independent or
    positively dependent.

    Parameters and errors are those of `holm`.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.005]).round(3).tolist()
    [0.02, 0.04, 0.04, 0.02]
    """
    p, order = _ordered(p_values)
    tests = len(order)
    scaled = p[order] * tests / np.arange(1, tests + 1)
    return _restored(p, order, np.minimum.accumulate(scaled[::-1])[::-1])


def _ordered(p_values: npt.ArrayLike) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Return the p-values and the places of those present, smallest first."""
    p = vector("p_values", p_values)
    if ((p < 0) | (p > 1)).any():
        raise DataError("a p-value lies outside 0 to 1")
    order = np.argsort(p, kind="stable")  # nan last
    return p, order[: len(p) - np.isnan(p).sum()]


def _restored(p: Floats, order: npt.NDArray[np.intp], adjusted: Floats) -> Floats:
    result = np.full(p.shape, np.nan)
    result[order] = np.minimum(adjusted, 1)
    return result
