"""What every part of this package does to a table of votes: check it, count it, resample its people."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["checked_groups", "checked_level", "checked_votes", "known", "sparse"]


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
    fix = "number the groups from 0; -1 or nan is in none"
    if given.dtype.kind not in "biuf":
        raise DataError("groups are no numbers", fix=fix)
    bad = np.flatnonzero(~np.isfinite(given) | (given != np.floor(given)))
    if len(bad):
        raise DataError(f"group {given[bad[0]]} is no whole number", row=int(bad[0]) + 1, fix=fix)
    labels = np.unique(given[given >= 0]).astype(np.int64)
    if not len(labels):
        raise DataError("nobody is in a group")
    coded = np.searchsorted(labels, given).astype(np.int64)
    coded[given < 0] = -1
    return coded, labels


def checked_level(level: float) -> float:
    """Return the coverage of an interval, or say that it is none.

    Raises
    ------
    DataError
        If it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise DataError(f"an interval cannot hold a share of {level:g}", fix="give a level such as 0.95")
    return float(level)


def known(name: str, value: object, allowed: Sequence[object]) -> None:
    """Refuse what is not among the words (or numbers) of a choice.

    Raises
    ------
    DataError
        If it is not.
    """
    if value not in allowed:
        raise DataError(f"`{name}` is {value!r}", fix=f"give one of {', '.join(map(str, allowed))}")


def sparse(table: Floats, seen: Bools) -> Any:
    """Return the entries that were seen, as a scipy table by rows."""
    rows, columns = np.nonzero(seen)
    module: Any = importlib.import_module("scipy.sparse")
    return module.csr_array((table[rows, columns], (rows, columns)), shape=table.shape)
