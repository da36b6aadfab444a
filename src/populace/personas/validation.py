"""Checking people and personas against the schema: the first bad value, with its place and its mending."""

from __future__ import annotations

import difflib
import operator

import polars as pl

from populace.errors import DataError
from populace.personas.schema import ATTRIBUTES, Attribute

__all__ = ["checked_seed", "validate"]


def checked_seed(seed: object) -> int:
    """Give a seed that every draw can start from.

    Raises
    ------
    DataError
        If it is no whole number from 0 up.

    Examples
    --------
    >>> checked_seed(7)
    7
    """
    try:
        number = operator.index(seed)  # pyright: ignore[reportArgumentType]
    except TypeError:
        number = -1
    if number < 0 or isinstance(seed, bool):
        raise DataError(f"{seed!r} is no seed", fix="give a whole number from 0 up")
    return number


def validate(frame: pl.DataFrame, *, file: object | None = None) -> pl.DataFrame:
    """Check every attribute column that `frame` has, and give each its type. Null is always allowed.

    Parameters
    ----------
    frame
        People or personas. Columns that are no attribute pass through unchanged.
    file
        Named in errors.

    Raises
    ------
    DataError
        At the first value (by row) of the first column that is not allowed, or of the wrong type.

    Examples
    --------
    >>> validate(pl.DataFrame({"age": [30, 130]}))
    Traceback (most recent call last):
    populace.errors.DataError: row 2, column age: 130 is not between 0 and 99. To mend it: ...
    """
    present = [each for each in ATTRIBUTES if each.name in frame.columns]
    for each in present:
        _check_type(frame.schema[each.name], each, file)
    frame = frame.with_columns(pl.col(each.name).cast(each.dtype) for each in present)
    for each in present:
        bad = frame.select(each.out_of_range().fill_null(False).arg_true()).to_series()
        if bad.len():
            row = bad[0]
            raise _value_error(frame[each.name][row], each, file=file, row=row + 1)
    return frame


def _check_type(found: pl.DataType, each: Attribute, file: object | None) -> None:
    if found == pl.Null or (found in (pl.String, pl.Categorical, pl.Enum) and each.dtype == pl.String):
        return
    if found.is_integer() and each.dtype == pl.Int64:
        return
    wanted = "whole numbers" if each.dtype == pl.Int64 else "text"
    raise DataError(
        f"holds {found} where {wanted} is wanted", file=file, column=each.name, fix="convert the column"
    )


def _value_error(value: object, each: Attribute, *, file: object | None, row: int) -> DataError:
    if each.kind in ("integer", "dollars"):
        what = f"{value} is not between {each.low} and {each.high}"
        fix = "correct the value, or leave it empty where it is not known"
    elif each.values:
        what = f"'{value}' is not a value of {each.name}"
        # Case is the commonest slip: by letters alone, "male" is closer to "Female" than to "Male".
        lower = {allowed.lower(): allowed for allowed in each.values}
        close = difflib.get_close_matches(str(value).lower(), lower, n=1, cutoff=0.5)
        fix = f"write '{lower[close[0]]}'" if close else f"use one of: {'; '.join(each.values)}"
    else:
        what, fix = "the text is empty", "leave the cell null where nothing is known"
    return DataError(what, file=file, row=row, column=each.name, fix=fix)
