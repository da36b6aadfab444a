"""A table of scores as people have it: a row a score, or a column an objective."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from populace.bench.user_tables import read_table
from populace.errors import DataError
from populace.pluralism.multi_objective import Scores, read_scores

__all__ = ["read_long"]

_KEYS = ("model", "question")


def read_long(path: str | Path) -> tuple[pl.DataFrame, Scores]:
    """Read a table of scores, of either form: the rows, a score each, and the same laid out.

    Raises
    ------
    DataError
        If it cannot be read, or is malformed.
    """
    found = read_table(path, "scores")
    for name, dtype in found.schema.items():
        if dtype.is_nested():
            raise DataError("there are lists in it", file=path, column=name, fix="write one value a cell")
    if "objective" in found.columns or "model" not in found.columns:
        return found, read_scores(found, file=path)
    keys = [name for name in _KEYS if name in found.columns]
    values = [name for name in found.columns if name not in keys]
    if "score" in values:
        fix = "add a column `objective`; or, of a table with a column each, call this objective otherwise"
        raise DataError("there is a column `score` and none `objective`", file=path, fix=fix)
    if not values:
        raise DataError("there is no objective in it", file=path, fix="give a column for each")
    long = found.with_columns(pl.col(values).cast(pl.String))
    long = long.unpivot(values, index=keys, variable_name="objective", value_name="score")
    try:
        return long, read_scores(long, file=path)
    except DataError as error:
        if error.row is None:
            raise
        # The place is that of the user's table, in which the column has the name of its objective.
        at, row = divmod(error.row - 1, found.height)
        column = values[at] if error.column == "score" else error.column
        raise DataError(error.what, file=path, row=row + 1, column=column, fix=error.fix) from error
