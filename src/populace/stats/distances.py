"""Distances between distributions over the same categories, along the last axis.

Every function takes counts or probabilities, shape (..., categories), normalises each to sum 1, and
broadcasts over the leading axes. A distribution of zero mass has no distance: nan.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, divide

__all__ = ["jensen_shannon_distance", "jensen_shannon_divergence", "total_variation", "wasserstein"]


def total_variation(p: npt.ArrayLike, q: npt.ArrayLike) -> Floats:
    """Return the total variation distance, half the sum of |p - q|: from 0 to 1.

    Raises
    ------
    DataError
        If the categories differ in number, or a mass is negative, missing or infinite.

    Examples
    --------
    >>> total_variation([1, 1, 0], [[0, 1, 1], [2, 2, 0]]).tolist()
    [0.5, 0.0]
    """
    first, second = _distributions(p, q)
    return np.abs(first - second).sum(axis=-1) / 2


def jensen_shannon_divergence(p: npt.ArrayLike, q: npt.ArrayLike, base: float = 2.0) -> Floats:
    """Return the Jensen-Shannon divergence (Lin 1991, doi:10.1109/18.61115), from 0 to log_base(2).

    Papers differ: base 2 (bits, at most 1) or e (nats, at most 0.693), and the divergence
    or its square root, `jensen_shannon_distance`. Say which.

    Parameters
    ----------
    p, q
        Counts or probabilities, shape (..., categories).
    base
        Base of the logarithm, above 1.

    Raises
    ------
    DataError
        As `total_variation`.
    ValueError
        If `base` is not above 1.

    Examples
    --------
    >>> jensen_shannon_divergence([1, 0], [0, 1]).item()
    1.0
    """
    if not base > 1:
        raise ValueError(f"base is {base} and must be above 1")
    first, second = _distributions(p, q)
    middle = (first + second) / 2
    nats = (_relative_entropy(first, middle) + _relative_entropy(second, middle)) / 2
    return np.maximum(nats, 0) / np.log(base)


def jensen_shannon_distance(p: npt.ArrayLike, q: npt.ArrayLike, base: float = 2.0) -> Floats:
    """Return the square root of the Jensen-Shannon divergence, which is a metric.

    Parameters and errors are those of `jensen_shannon_divergence`.

    Examples
    --------
    >>> jensen_shannon_distance([3, 1], [1, 3]).round(4).item()
    0.4344
    """
    return np.sqrt(jensen_shannon_divergence(p, q, base))


def wasserstein(p: npt.ArrayLike, q: npt.ArrayLike, positions: npt.ArrayLike | None = None) -> Floats:
    """Return the Wasserstein-1 distance between distributions over ordered categories.

    The area between the two cumulative distributions: how far mass must move, on average.

    Parameters
    ----------
    p, q
        Counts or probabilities, shape (..., categories).
    positions
        Where the categories lie, increasing, shape (categories,); None puts them 1 apart.
        `numpy.linspace(0, 1, categories)` scales the distance to between 0 and 1.

    Raises
    ------
    DataError
        As `total_variation`; also if `positions` do not increase or differ in number.

    Examples
    --------
    >>> wasserstein([1, 0, 0], [[0, 0, 1], [0, 1, 0]]).tolist()
    [2.0, 1.0]
    """
    first, second = _distributions(p, q)
    size = first.shape[-1]
    places = np.arange(float(size)) if positions is None else np.asarray(positions, np.float64)
    gaps = np.diff(places)
    if places.shape != (size,) or not (gaps > 0).all():
        raise DataError(f"`positions` must be {size} increasing numbers")
    apart = np.abs(np.cumsum(first - second, axis=-1))[..., :-1]
    # With one category nothing can move, but a distribution without mass must still give nan.
    return (apart * gaps).sum(axis=-1) + 0 * (first + second).sum(axis=-1)


def _distributions(p: npt.ArrayLike, q: npt.ArrayLike) -> tuple[Floats, Floats]:
    first, second = (np.asarray(masses, dtype=np.float64) for masses in (p, q))
    if not (first.ndim and second.ndim and first.shape[-1] == second.shape[-1]):
        raise DataError(f"distributions over different categories: shapes {first.shape} and {second.shape}")
    if not all((np.isfinite(masses) & (masses >= 0)).all() for masses in (first, second)):
        raise DataError("a distribution's masses must be finite and at least zero")
    return (
        divide(first, first.sum(axis=-1, keepdims=True)),
        divide(second, second.sum(axis=-1, keepdims=True)),
    )


def _relative_entropy(p: Floats, q: Floats) -> Floats:
    """Return sum(p log(p / q)) in nats, where q > 0 wherever p > 0; 0 log 0 is 0."""
    quotient = divide(p, q)
    log = np.log(quotient, out=np.zeros(quotient.shape), where=quotient > 0)
    return (p * log).sum(axis=-1)
