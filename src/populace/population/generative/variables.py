"""Variables of a generative model: how the values of a column become positions, and positions values.

Position 0 is null (*not applicable*, or no answer), which is drawn like any other value. The others are the
column's values in order. Three kinds of column are told apart:

- *nominal*: codes or texts without an order; where there are more than a tree can split on and the codebook
  knows major groups, the group is drawn first, and the code given the group;
- *ordered*: whole numbers with few different values (age, people in the household);
- *amount*: numbers with many different values, or with values that too few people gave
  (`populace.population.generative.amounts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.codebook import Codebook, Group
from populace.population.generative.amounts import Amounts, cut_amounts
from populace.population.generative.growth import MOST_NOMINAL, MOST_ORDERED

__all__ = ["Variable", "describe"]

_MOST_LISTED = 200
_MOST_RARE = 0.05
_TEXTS = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A column to draw."""

    name: str
    kind: Literal["nominal", "ordered", "amount"]
    values: list[int | str] = []
    """Values in order, null left out; empty for amounts."""
    groups: list[int] = []
    """Number of each value's major group, from 0; empty where there are none."""
    kin: list[int] = []
    """Number of each value's set of values that go together (`generative.kinship`), from 1; or empty."""
    amounts: Amounts | None = None

    @property
    def size(self) -> int:
        """Positions that the first tree draws: of groups or wide brackets, where there are any."""
        return int(self.grouped(np.array([self.whole - 1]))[0]) + 1 if self.amounts else self._groups

    @property
    def _groups(self) -> int:
        return 1 + (max(self.groups) + 1 if self.groups else len(self.values))

    @property
    def whole(self) -> int:
        """Number of positions, before grouping."""
        return self.amounts.size if self.amounts is not None else 1 + len(self.values)

    @property
    def staged(self) -> bool:
        """Whether a second tree draws the position within its group."""
        return bool(self.groups) or self.amounts is not None

    @property
    def splits(self) -> int:
        """Positions that later trees may split on; 0 where there are too many."""
        size = self.size if self.amounts is None else self.amounts.brackets + 1
        return size if size <= (MOST_ORDERED if self.ordered else MOST_NOMINAL) else 0

    @property
    def features(self) -> int:
        """How many features later trees have of it: its positions, and its sets of values."""
        return 1 + bool(self.kin)

    @property
    def ordered(self) -> bool:
        """Whether a split keeps the order of the positions."""
        return self.kind != "nominal"

    def encode(self, column: pl.Series) -> np.ndarray:
        """Give the position of every value of a column that is no amount, before grouping.

        Raises
        ------
        DataError
            At a value that was not among those described.
        """
        if not column.dtype.is_integer():
            column = column.cast(pl.String)
        places = {value: place for place, value in enumerate(self.values, start=1)}
        found = column.replace_strict(places, default=-1, return_dtype=pl.Int32)
        found = pl.select(pl.when(column.is_null()).then(0).otherwise(found)).to_series().to_numpy()
        if (found < 0).any():
            row = int(np.flatnonzero(found < 0)[0])
            raise DataError(f"{column[row]!r} was not among the values fitted", row=row + 1, column=self.name)
        return found

    def grouped(self, positions: np.ndarray) -> np.ndarray:
        """Give the positions that the first tree draws: of groups or wide brackets, where there are any."""
        if self.amounts is not None:
            return self.amounts.wide(positions)
        return np.append(0, np.array(self.groups) + 1)[positions] if self.groups else positions

    def gathered(self, positions: np.ndarray) -> np.ndarray:
        """Give the sets of positions that go together; null by itself."""
        return np.append(0, np.array(self.kin))[positions]

    def decode(self, positions: np.ndarray) -> pl.Series:
        """Give the values of positions before grouping."""
        text = bool(self.values) and isinstance(self.values[0], str)
        values = pl.Series([None, *self.values], dtype=pl.String if text else pl.Int32)
        return values.gather(positions.astype(np.uint32)).alias(self.name)


def describe(
    frame: pl.DataFrame,
    weight: np.ndarray,
    names: Sequence[str],
    book: Codebook | None = None,
    least: int = 1,
) -> list[Variable]:
    """Describe columns: their kind by codebook and type, their values by what occurs.

    Parameters
    ----------
    frame
        One row a record.
    weight
        (records,) weights, by which brackets are cut.
    names
        Columns, in drawing order.
    book
        Tells codes from numbers, and major groups; without it, texts are nominal and numbers ordered.
    least
        Fewest records that anything stored stands for. Numbers of which many were given by fewer people are
        drawn as amounts: of a small survey, few single ages could be told.

    Raises
    ------
    DataError
        If a column is missing, or is neither text nor number.
    """
    described: list[Variable] = []
    amounts: list[str] = []
    for name in names:
        if name not in frame.columns:
            raise DataError("this column is missing", column=name, fix="add it, or leave the variable out")
        column = frame[name]
        coded = book.variables.get(name) if book else None
        number = column.dtype.is_numeric() and not (coded and not coded.range)
        if number and (
            column.dtype.is_float() or column.n_unique() > _MOST_LISTED or _rare(column, least) > _MOST_RARE
        ):
            variable = Variable(name=name, kind="amount", amounts=cut_amounts(frame, name, weight, amounts))
            amounts.append(name)
        elif column.dtype.is_integer() or column.dtype in _TEXTS:
            variable = _listed(column, "ordered" if number else "nominal", coded.groups if coded else ())
        else:
            raise DataError(f"cannot model {column.dtype}", column=name, fix="leave the column out")
        described.append(variable)
    return described


def _rare(column: pl.Series, least: int) -> float:
    """Share of the records whose value is one of fewer than so many."""
    counts = column.drop_nulls().value_counts()["count"]
    return float(counts.filter(counts < least).sum()) / max(int(counts.sum()), 1)


def _listed(column: pl.Series, kind: Literal["nominal", "ordered"], groups: Sequence[Group]) -> Variable:
    if not column.dtype.is_integer():
        column = column.cast(pl.String)
    values = column.drop_nulls().unique().sort().to_list()
    variable = Variable(name=column.name, kind=kind, values=values)
    if variable.splits or not groups:
        return variable
    numbers = [next((n for n, g in enumerate(groups) if g.first <= v <= g.last), len(groups)) for v in values]
    used = sorted(set(numbers))
    return msgspec.structs.replace(variable, groups=[used.index(number) for number in numbers])
