"""What unequal weights cost, and how to cut the largest.

Kish's design effect of weighting is 1 + cv², n Σw² / (Σw)² (Kish, 1965, Survey Sampling, section 11.7;
Kish, 1992, Journal of Official Statistics 8): the factor by which unequal weights that have nothing to do
with the answers raise the variance of a mean. n over it is the effective sample size. Where weights follow
the answers or people come in households, ask `estimates.design_effect_of` for the effect on a given figure.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError

__all__ = ["Cap", "Floats", "check_weights", "design_effect", "effective_size", "tally", "total_of", "trim"]

Floats = npt.NDArray[np.float64]


class Cap(msgspec.Struct, frozen=True):
    """Where to cut weights.

    Examples
    --------
    >>> Cap("median", 3).level(np.array([1.0, 2.0, 9.0])), Cap("weight", 5).level(np.array([9.0]))
    (6.0, 5.0)
    """

    kind: Literal["median", "quantile", "weight"]
    """`median`: so many times the median; `quantile`: that quantile; `weight`: that weight."""
    value: float

    def level(self, weights: Floats) -> float:
        """Largest weight allowed; people who weigh nothing have no part in medians and quantiles."""
        if not np.isfinite(self.value) or self.value <= 0:
            raise DataError(f"cannot cap weights at {self.value}", fix="give a number above 0")
        if self.kind == "weight":
            return float(self.value)
        if self.kind == "median":
            return float(self.value * np.median(weights[weights > 0]))
        if self.kind != "quantile" or self.value > 1:
            raise DataError(
                f"there is no cap at {self.kind} {self.value}", fix="give median, quantile, weight"
            )
        return float(np.quantile(weights[weights > 0], self.value))


def total_of(weights: Floats) -> float:
    """Add weights one after the other, the same on every machine."""
    return float(np.cumsum(weights)[-1]) if len(weights) else 0.0


def tally(code: npt.NDArray[np.integer], weights: Floats, size: int) -> Floats:
    """Add up weights by code, in the order of the rows."""
    return np.asarray(np.bincount(code, weights, size), dtype=np.float64)


def check_weights(weights: npt.ArrayLike, column: str = "weight") -> Floats:
    """Return weights as floats.

    Raises
    ------
    DataError
        If one is missing, infinite or below zero, with its row; or if all are zero.

    Examples
    --------
    >>> check_weights([1, 0, 2]).tolist()
    [1.0, 0.0, 2.0]
    """
    try:
        array = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("weights are not numbers", column=column) from error
    bad = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if len(bad):
        row, value = int(bad[0]), array[bad[0]]
        what = f"the weight {value:g} is below zero" if value < 0 else "the weight is missing or infinite"
        raise DataError(what, row=row + 1, column=column, fix="remove the row, or correct it")
    if len(array) and not array.any():
        raise DataError("all weights are zero", column=column, fix="give weights of which one is above 0")
    return array


def design_effect(weights: npt.ArrayLike) -> float:
    """Kish's design effect of weighting, 1 + cv², over people who weigh something.

    Raises
    ------
    DataError
        See `check_weights`.

    Examples
    --------
    >>> design_effect([1, 1, 1, 3])  # 4 · (1 + 1 + 1 + 9) / 6²
    1.3333333333333333
    """
    array = check_weights(weights)
    array = array[array > 0]
    if not len(array):
        return float("nan")
    # Relative to the largest, squares can neither overflow nor vanish.
    array = array / array.max()
    return float(len(array) * total_of(array**2) / total_of(array) ** 2)


def effective_size(weights: npt.ArrayLike) -> float:
    """Number of people of equal weight that would tell as much: (Σw)² / Σw².

    Raises
    ------
    DataError
        See `check_weights`.

    Examples
    --------
    >>> effective_size([1, 1, 1, 3])
    3.0
    """
    array = check_weights(weights)
    return float(np.count_nonzero(array) / design_effect(array)) if array.any() else 0.0


def trim(weights: npt.ArrayLike, cap: Cap, *, redistribute: bool = True) -> Floats:
    """Cut weights at a cap.

    Parameters
    ----------
    weights
        One a person.
    cap
        Where to cut.
    redistribute
        Raise all others by one factor so that the sum stays, none above the cap: weights become
        min(c · w, cap). Otherwise the excess is lost.

    Returns
    -------
    Array of the same shape; the order of weights is kept. To keep margins as well, use `rake(cap=...)`.

    Raises
    ------
    DataError
        If the sum cannot be kept under the cap, and as `check_weights`.

    Examples
    --------
    >>> trim([1, 1, 2, 8], Cap("weight", 6)).tolist()  # 2 too many, shared 1 : 1 : 2
    [1.5, 1.5, 3.0, 6.0]
    """
    array = check_weights(weights)
    if not len(array):
        return array
    level = cap.level(array)
    if not redistribute or array.max() <= level:
        return np.minimum(array, level)
    positive, total = int(np.count_nonzero(array)), total_of(array)
    if positive * level < total * (1 - 1e-12):
        what = f"{positive} weights of at most {level:g} cannot add up to {total:g}"
        raise DataError(what, column="weight", fix=f"give a cap of at least {total / positive:g}")
    order = np.sort(array[array > 0])[::-1]
    # With the k largest at the cap, the others share what is left: c = (total - k · cap) / rest.
    rest = np.cumsum(order[::-1])[::-1]
    factor = (total - level * np.arange(positive)) / rest
    fits = np.flatnonzero(factor * order <= level)
    return np.minimum(array * factor[fits[0]] if len(fits) else np.where(array > 0, level, 0.0), level)
