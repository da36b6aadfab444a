"""Attributes of people as numbers, the same for everybody who is learned from or tested.

Text becomes one column a value, numbers a place in the spread of the training respondents (their quantile
bands too, since little about age is linear). Missing is a value of its own; values that few training
respondents have are one value, and so are values that none has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.errors import DataError

__all__ = ["Encoder", "attribute_of", "encoder"]

_FEWEST = 10
"""Training respondents that a value must have to have a column of its own."""
_BANDS = 5


@dataclass(frozen=True)
class Encoder:
    """How attributes become columns.

    Attributes
    ----------
    values
        Attribute -> its values with a column each; for a number the inner edges of its bands.
    """

    values: dict[str, tuple[str, ...] | np.ndarray]

    @property
    def names(self) -> list[str]:
        """Name the columns, without the constant."""
        found: list[str] = []
        for name, values in self.values.items():
            labels = (
                [str(band) for band in range(len(values) + 1)] if isinstance(values, np.ndarray) else values
            )
            found += [f"{name}={label}" for label in (*labels, "missing")]
        return found

    def encode(self, people: pl.DataFrame) -> np.ndarray:
        """Give the columns of people.

        Returns
        -------
        Shape (n, columns), 0 and 1. A value that the encoder does not know has 0 everywhere.

        Examples
        --------
        >>> people = pl.DataFrame({"sex": ["F"] * 10 + ["M"] * 10, "age": list(range(20, 40))})
        >>> coder = encoder(people, ("sex", "age"))
        >>> coder.names
        ['sex=F', 'sex=M', 'sex=missing', 'age=0', 'age=1', 'age=2', 'age=3', 'age=4', 'age=missing']
        >>> coder.encode(pl.DataFrame({"sex": [None, "X"], "age": [20, 90]})).astype(int).tolist()
        [[0, 0, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1, 0]]
        """
        parts = [np.zeros((people.height, 0))]
        for name, values in self.values.items():
            column = people[name]
            missing = column.is_null().to_numpy()
            if isinstance(values, np.ndarray):
                band = np.searchsorted(
                    values, column.cast(pl.Float64).fill_null(0.0).to_numpy(), side="right"
                )
                hot = (band[:, None] == np.arange(len(values) + 1)) & ~missing[:, None]
            else:
                text = column.cast(pl.String)
                hot = (
                    np.stack([(text == value).fill_null(value=False).to_numpy() for value in values], axis=1)
                    if values
                    else np.zeros((people.height, 0), dtype=bool)
                )
            parts += [hot.astype(np.float64), missing[:, None].astype(np.float64)]
        return np.concatenate(parts, axis=1)


def attribute_of(people: pl.DataFrame, name: str) -> pl.Series:
    """Give an attribute of people.

    Raises
    ------
    DataError
        If people have none of the name, or its values are lists.
    """
    if name not in people.columns:
        raise DataError(f"people have no attribute {name}", fix=f"take one of {', '.join(people.columns)}")
    column = people[name]
    if column.dtype.is_nested():
        raise DataError(f"values are {column.dtype} and must be text or numbers", column=name)
    return column


def encoder(people: pl.DataFrame, attributes: tuple[str, ...]) -> Encoder:
    """Learn the columns from training respondents.

    Parameters
    ----------
    people
        Their attributes.
    attributes
        Those to encode.

    Raises
    ------
    DataError
        If people have no such attribute, or its values are lists.
    """
    values: dict[str, tuple[str, ...] | np.ndarray] = {}
    for name in attributes:
        column = attribute_of(people, name)
        if column.dtype.is_numeric():
            cuts = np.arange(1, _BANDS) / _BANDS
            there = column.drop_nulls().to_numpy().astype(np.float64)
            values[name] = np.unique(np.quantile(there, cuts)) if there.size else np.array([])
        else:
            counts = (
                column.drop_nulls()
                .cast(pl.String)
                .value_counts()
                .sort("count", name, descending=[True, False])
            )
            values[name] = tuple(counts.filter(pl.col("count") >= _FEWEST)[name].to_list())
    return Encoder(values)
