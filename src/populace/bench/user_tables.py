"""Tables of the user's own: read from any of three forms, ids as text, attributes as the schema has them.

Ids are names: 7, 7.0 and "7" are one. In CSV everything is read as text, so that 007 stays 007. What an
attribute may not be is refused with row and column; rows are counted from 1, a header not among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from populace.errors import DataError
from populace.personas.schema import ATTRIBUTES
from populace.personas.validation import validate

__all__ = ["attributes_in", "read_table", "with_ids"]

_READERS = {
    ".parquet": pl.read_parquet,
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".csv": lambda path: pl.read_csv(path, infer_schema=False),
}


def read_table(path: str | Path, what: str) -> pl.DataFrame:
    """Read a Parquet, JSONL or CSV file.

    Parameters
    ----------
    what
        What its rows are, for errors: `answers`.

    Raises
    ------
    DataError
        If it is of another form, missing, or cannot be read.
    """
    place = Path(path)
    reader = _READERS.get(place.suffix.lower())
    if reader is None:
        fix = "give .parquet, .jsonl or .csv"
        raise DataError(f"{what} cannot be read from {place.suffix or 'this'}", file=path, fix=fix)
    if not place.is_file():
        raise DataError(f"there is no such file of {what}", file=path, fix="give a file that exists")
    try:
        return reader(place)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"these {what} cannot be read ({error})", file=path) from error


def with_ids(table: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """Give ids as text, those of the columns that there are.

    Examples
    --------
    >>> with_ids(pl.DataFrame({"persona_id": [7.0, None], "x": [1, 2]}), ["persona_id", "prompt_id"]).rows()
    [('7', 1), (None, 2)]
    """
    return table.with_columns(_as_text(table[name]) for name in names if name in table.columns)


def attributes_in(table: pl.DataFrame, path: str | Path) -> pl.DataFrame:
    """Take the attributes of the schema out of a table, checked and of their types.

    Raises
    ------
    DataError
        At the first value of the first attribute that is not allowed.

    Examples
    --------
    >>> attributes_in(pl.DataFrame({"age": ["30", "200"], "answer": ["a", "b"]}), "gold.csv")
    Traceback (most recent call last):
    populace.errors.DataError: gold.csv, row 2, column age: 200 is not between 0 and 99. To mend it: ...
    """
    present = [each for each in ATTRIBUTES if each.name in table.columns]
    columns = [
        _as_numbers(table[each.name], path) if each.dtype == pl.Int64 else table[each.name]
        for each in present
    ]
    return validate(pl.DataFrame(columns), file=path)


def _as_text(ids: pl.Series) -> pl.Series:
    # A missing id makes whole numbers floats in some tables.
    if ids.dtype.is_float() and (ids.drop_nans().drop_nulls() % 1 == 0).all():
        ids = ids.fill_nan(None).cast(pl.Int64)
    return ids.cast(pl.String)


def _as_numbers(column: pl.Series, path: str | Path) -> pl.Series:
    """Read whole numbers, which may be written as text or as floats."""
    if not (column.dtype == pl.String or column.dtype.is_float()):
        return column
    given = column.str.strip_chars().replace("", None) if column.dtype == pl.String else column.fill_nan(None)
    number = given.cast(pl.Float64, strict=False)
    wrong = (given.is_not_null() & ~((number % 1 == 0).fill_null(False))).arg_true()
    if len(wrong):
        row = int(wrong[0])
        fix = "correct the value, or leave it empty where it is not known"
        raise DataError(
            f"{column[row]!r} is no whole number", file=path, row=row + 1, column=column.name, fix=fix
        )
    return number.cast(pl.Int64)
