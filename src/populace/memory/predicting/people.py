"""Rows of people: attributes as columns, empty where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from populace.errors import DataError

__all__ = ["described", "like"]


def described(people: pl.DataFrame, attributes: Mapping[str, str], person_id: str = "") -> pl.DataFrame:
    """Make one row as those of `people` of somebody's attributes; others than theirs are left out.

    Raises
    ------
    DataError
        If an attribute that is a number for all others is none.

    Examples
    --------
    >>> people = pl.DataFrame({"person_id": ["a"], "weight": [1.0], "age": [36.0], "town": ["Hull"]})
    >>> described(people, {"age": "40"}).to_dicts()
    [{'person_id': '', 'weight': 1.0, 'age': 40.0, 'town': None}]
    """
    row: dict[str, object] = {"person_id": person_id, "weight": 1.0}
    for name, value in attributes.items():
        if name not in people.columns or name in row:
            continue
        if not people[name].dtype.is_numeric():
            row[name] = value
            continue
        try:
            row[name] = float(value)
        except ValueError as error:
            raise DataError(
                f"{value!r} is no number, and it is one for all others", column=name, fix="give a number"
            ) from error
    return like(people, pl.DataFrame([row]))


def like(people: pl.DataFrame, some: pl.DataFrame) -> pl.DataFrame:
    """Give people the columns that others have, empty where nothing is known."""
    if "weight" not in some.columns:
        some = some.with_columns(weight=pl.lit(1.0))
    missing = [
        pl.lit(None, dtype=people[name].dtype).alias(name) for name in people.columns if name not in some
    ]
    return some.with_columns(missing).select(people.columns).cast(people.schema)
