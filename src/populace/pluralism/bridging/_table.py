"""What every part of this package does to a table of votes: check it, count it, resample its people."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["checked_groups", "checked_votes", "draws_of_people", "sparse"]

_BLOCK = 1 << 22
"""Numbers of a block of draws: 32 MB."""


def checked_votes(votes: npt.ArrayLike) -> Floats:
    """Return votes as floats, shape (people, statements), or say which cell is none.

    Raises
    ------
    DataError
        If the table is not a table, is empty, or holds anything but 1, 0, -1 and nan.
    """
    try:
        table = np.asarray(votes, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"votes are not numbers ({error})", fix="use 1, 0, -1, and nan for no vote"
        ) from error
    if table.ndim != 2 or not table.size:
        raise DataError(f"votes have shape {table.shape} and need (people, statements)")
    bad = np.argwhere(~(np.isnan(table) | (table == 1) | (table == 0) | (table == -1)))
    if len(bad):
        row, column = (int(place) for place in bad[0])
        raise DataError(
            f"{table[row, column]:g} is no vote",
            row=row + 1,
            column=str(column),
            fix="use 1 (agree), -1 (disagree), 0 (pass), and nan for no vote",
        )
    return table


def checked_groups(groups: npt.ArrayLike, people: int) -> tuple[Ints, Ints]:
    """Return groups coded 0, 1, ... (-1: in none), and their labels in order.

    Raises
    ------
    DataError
        If there is not one a person, one is no whole number, or nobody is in any.
    """
    given = np.asarray(groups)
    if given.shape != (people,):
        raise DataError(f"groups have shape {given.shape}", fix=f"give one a person, {people:,} in all")
    if given.dtype.kind == "f":
        given = np.where(np.isnan(given), -1, given)
    if given.dtype.kind not in "biuf" or (given != np.floor(given)).any():
        raise DataError("a group is no whole number", fix="number the groups from 0; -1 or nan is in none")
    labels = np.unique(given[given >= 0]).astype(np.int64)
    if not len(labels):
        raise DataError("nobody is in a group")
    coded = np.searchsorted(labels, given).astype(np.int64)
    coded[given < 0] = -1
    return coded, labels


def draws_of_people(rng: np.random.Generator, people: int, draws: int, cells: int) -> Iterator[Floats]:
    """Yield how often each person is drawn, in blocks of shape (draws, people)."""
    block = max(1, _BLOCK // max(people, cells))
    chances = np.full(people, 1 / people)
    for start in range(0, draws, block):
        yield rng.multinomial(people, chances, size=min(block, draws - start)).astype(np.float64)


def sparse(table: Floats, seen: Bools) -> Any:
    """Return the entries that were seen, as a scipy table by rows."""
    rows, columns = np.nonzero(seen)
    module: Any = importlib.import_module("scipy.sparse")
    return module.csr_array((table[rows, columns], (rows, columns)), shape=table.shape)
