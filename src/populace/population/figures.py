"""Figures of weighted people: a share, a mean, a quantile."""

from __future__ import annotations

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.targets import with_readings
from populace.population.weights import Floats, total_of

__all__ = ["Mean", "Quantile", "Share", "numbers", "ratio"]

_TEXT = (pl.String, pl.Categorical, pl.Enum)


class Share(msgspec.Struct, frozen=True):
    """Weighted share of people who have a value; those with null count in the whole.

    Examples
    --------
    >>> Share("sex", "F")(pl.DataFrame({"sex": ["F", "M"]}), np.array([1.0, 3.0]))
    0.25
    """

    column: str
    value: str | int | bool | None

    def parts(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """What is averaged, and who counts."""
        column = with_readings(frame, [self.column]).to_series()
        return _is(column, self.value).to_numpy().astype(np.float64), np.ones(frame.height)

    def __call__(self, frame: pl.DataFrame, weights: Floats) -> float:
        """Compute it."""
        return ratio(*self.parts(frame), weights)


class Mean(msgspec.Struct, frozen=True):
    """Weighted mean of a number over people who have one.

    Examples
    --------
    >>> Mean("age")(pl.DataFrame({"age": [20, 40, None]}), np.array([1.0, 3.0, 9.0]))
    35.0
    """

    column: str

    def parts(self, frame: pl.DataFrame) -> tuple[Floats, Floats]:
        """What is averaged, and who counts."""
        values = numbers(frame, self.column)
        known = ~np.isnan(values)
        return np.where(known, values, 0.0), known.astype(np.float64)

    def __call__(self, frame: pl.DataFrame, weights: Floats) -> float:
        """Compute it."""
        return ratio(*self.parts(frame), weights)


class Quantile(msgspec.Struct, frozen=True):
    """Smallest value that has at least a share of the weight at or below it.

    Examples
    --------
    >>> Quantile("age", 0.5)(pl.DataFrame({"age": [20, 40, 60]}), np.array([1.0, 1.0, 3.0]))
    60.0
    """

    column: str
    share: float

    def __call__(self, frame: pl.DataFrame, weights: Floats) -> float:
        """Compute it."""
        return float(self.at(frame, weights, np.array([self.share]))[0])

    def at(self, frame: pl.DataFrame, weights: Floats, shares: Floats) -> Floats:
        """Compute it for several shares."""
        if not 0 < self.share < 1:
            raise DataError(f"there is no quantile {self.share}", fix="give a share between 0 and 1")
        values = numbers(frame, self.column)
        order = np.argsort(values, kind="stable")[: int((~np.isnan(values)).sum())]
        if not len(order) or not total_of(weights[order]) > 0:
            return np.full(len(shares), np.nan)
        # Equal values count together, and replicate weights below zero may take back what was reached.
        last = np.append(np.diff(values[order]) > 0, True)
        distinct, upto = values[order][last], np.cumsum(weights[order])[last]
        wanted = np.clip(shares, 0, 1) * upto[-1] * (1 - 1e-12)
        place = np.searchsorted(np.maximum.accumulate(upto), wanted, side="left")
        return distinct[np.minimum(place, len(distinct) - 1)]


def ratio(values: Floats, counts: Floats, weights: Floats) -> float:
    """Average values over those who count; not a number where these weigh nothing."""
    whole = total_of(weights * counts)
    return total_of(weights * values * counts) / whole if whole > 0 else float("nan")


def numbers(frame: pl.DataFrame, name: str) -> Floats:
    """Read a column of numbers, null as not a number.

    Raises
    ------
    DataError
        If it is none.
    """
    if name not in frame.columns or not frame[name].dtype.is_numeric():
        raise DataError("this is no column of numbers", column=name)
    return frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _is(column: pl.Series, value: str | int | bool | None) -> pl.Series:
    """Say of every row whether it has the value."""
    if value is None or column.null_count() == len(column):
        return column.is_null() if value is None else column.is_not_null()
    try:
        if isinstance(value, str) == isinstance(column.dtype, _TEXT):
            return (column == value).fill_null(False)
    except (TypeError, NotImplementedError, pl.exceptions.PolarsError):
        pass
    what = f"{value!r} cannot be a value of this column, which holds {column.dtype}"
    fix = f"give a value as it stands there, such as {column.drop_nulls()[0]!r}"
    raise DataError(what, column=column.name, fix=fix)
