"""Quantiles and special functions, from scipy, which is loaded on first use only."""

from __future__ import annotations

import importlib
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from populace.stats._arrays import Floats

__all__ = [
    "beta_cdf",
    "beta_quantile",
    "clopper_pearson",
    "log_beta",
    "normal_cdf",
    "normal_quantile",
    "t_quantile",
]


def beta_cdf(a: npt.ArrayLike, b: npt.ArrayLike, x: npt.ArrayLike) -> Floats:
    """Return the distribution function of Beta(a, b) at x."""
    return np.asarray(_special().betainc(a, b, x), dtype=np.float64)


def beta_quantile(a: npt.ArrayLike, b: npt.ArrayLike, share: npt.ArrayLike) -> Floats:
    """Return the quantile of Beta(a, b) below which `share` lies."""
    return np.asarray(_special().betaincinv(a, b, share), dtype=np.float64)


def log_beta(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Return the logarithm of the beta function."""
    return np.asarray(_special().betaln(a, b), dtype=np.float64)


def normal_quantile(share: npt.ArrayLike) -> Floats:
    """Return the standard normal quantile below which `share` lies; infinite at 0 and 1."""
    return np.asarray(_special().ndtri(share), dtype=np.float64)


def normal_cdf(x: npt.ArrayLike) -> Floats:
    """Return the standard normal distribution function."""
    return np.asarray(_special().ndtr(x), dtype=np.float64)


def t_quantile(share: float, degrees: float) -> float:
    """Return Student's t quantile below which `share` lies."""
    return float(_special().stdtrit(degrees, share))


def clopper_pearson(successes: float, trials: float, level: float) -> tuple[float, float]:
    """Return Clopper and Pearson's interval (1934, doi:10.1093/biomet/26.4.404); counts may be fractional."""
    tail = (1 - level) / 2
    failures = trials - successes
    low = float(beta_quantile(successes, failures + 1, tail)) if successes > 0 else 0.0
    high = float(beta_quantile(successes + 1, failures, 1 - tail)) if failures > 0 else 1.0
    return low, high


def _special() -> Any:
    return cast(Any, importlib.import_module("scipy.special"))
