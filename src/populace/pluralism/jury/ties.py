"""When two numbers are one: the tolerance by which all rules tell a tie from a lead."""

from __future__ import annotations

import numpy as np

from populace.stats._arrays import Floats

__all__ = ["ROUNDING", "slack"]

ROUNDING = 1e-12
"""Relative to the size of what is compared; of shares, whose size is 1, absolute."""


def slack(values: Floats) -> Floats:
    """Give what numbers may differ by and be equal, relative to the greatest finite one of the last axis.

    Examples
    --------
    >>> slack(np.array([2.0, -4.0, np.inf])).tolist()
    [4e-12]
    """
    size = np.where(np.isfinite(values), np.abs(values), 0.0)
    return ROUNDING * size.max(axis=-1, keepdims=True, initial=0.0)
