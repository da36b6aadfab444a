"""Opinions in one Parquet file, so that a large survey is read and labelled once.

A row is a respondent: `person_id`, `weight`, attributes, then a column of option numbers from 0 for each
item, `answer.NAME`, and for the other interview `retest.NAME`; null where there is no answer. Items with
their options, citation, licence and notes stand in the file's metadata. The same opinions give the same
bytes.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.canonical import canonical_bytes
from populace.errors import DataError
from populace.opinions.items import Item
from populace.opinions.table import NONE, Opinions

__all__ = ["is_saved", "load", "save"]

_KEY = "populace.opinions"
_ANSWER, _RETEST = "answer.", "retest."
_FORMAT = 1
_ROW_GROUP = 1 << 17
"""Rows of a group of the file: set, so that the bytes do not depend on how the table came about."""
_FIX = "make it with `populace opinions build`"


class _About(msgspec.Struct, frozen=True):
    """What the metadata say."""

    items: tuple[Item, ...]
    citation: str = ""
    licence: str = ""
    notes: tuple[str, ...] = ()
    format: int = _FORMAT


def save(opinions: Opinions, path: str | Path) -> None:
    """Write opinions: whole or not at all, same bytes each time.

    Parameters
    ----------
    opinions
        What people answered.
    path
        File to write, `.parquet`.

    Raises
    ------
    DataError
        If an attribute has the name of a column of answers, or the place may not be written.

    Examples
    --------
    >>> import tempfile
    >>> items = (Item(name="grass", question="Legal?", options=("Yes", "No")),)
    >>> people = pl.DataFrame({"person_id": ["a", "b"], "weight": [1.0, 2.0], "sex": ["Male", None]})
    >>> path = Path(tempfile.mkdtemp()) / "opinions.parquet"
    >>> save(Opinions(people, items, np.array([[1], [-1]]), citation="A poll"), path)
    >>> again = load(path)
    >>> again.items == items, again.answers.tolist(), again.people.equals(people), again.citation
    (True, [[1], [-1]], True, 'A poll')
    >>> pl.read_parquet(path).columns
    ['person_id', 'weight', 'sex', 'answer.grass']
    """
    clash = [name for name in opinions.people.columns if name.startswith((_ANSWER, _RETEST))]
    if clash:
        raise DataError("an attribute has the name of answers", column=clash[0], fix="rename it")
    columns = opinions.people.get_columns() + _columns(_ANSWER, opinions, opinions.answers)
    if opinions.retest is not None:
        columns += _columns(_RETEST, opinions, opinions.retest)
    about = _About(opinions.items, opinions.citation, opinions.licence, opinions.notes)
    with atomic_path(path) as temporary:
        pl.DataFrame(columns).rechunk().write_parquet(
            temporary,
            compression="zstd",
            row_group_size=_ROW_GROUP,
            metadata={_KEY: canonical_bytes(msgspec.to_builtins(about)).decode()},
        )


def load(path: str | Path) -> Opinions:
    """Read opinions written by `save`, and check every code.

    Raises
    ------
    DataError
        If the file is missing, holds no opinions or others than its items, or a code is no option.
    """
    path = Path(path)
    try:
        about = msgspec.json.decode(pl.read_parquet_metadata(path)[_KEY], type=_About)
        frame = pl.read_parquet(path)
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path, fix=_FIX) from error
    except (KeyError, OSError, pl.exceptions.PolarsError, msgspec.MsgspecError) as error:
        raise DataError("this is no file of opinions", file=path, fix=_FIX) from error
    if about.format != _FORMAT:
        raise DataError(
            f"the file has format {about.format}, and this version reads {_FORMAT}", file=path, fix=_FIX
        )
    if not about.items:
        raise DataError("the file has no items", file=path, fix=_FIX)
    wanted = ["person_id", "weight", *(f"{_ANSWER}{item.name}" for item in about.items)]
    missing = [name for name in wanted if name not in frame.columns]
    if missing:
        raise DataError("this column is missing", file=path, column=missing[0], fix=_FIX)
    asked_again = any(name.startswith(_RETEST) for name in frame.columns)
    people = frame.select(name for name in frame.columns if not name.startswith((_ANSWER, _RETEST)))
    try:
        return Opinions(
            people,
            about.items,
            _codes(_ANSWER, about.items, frame),
            _codes(_RETEST, about.items, frame) if asked_again else None,
            citation=about.citation,
            licence=about.licence,
            notes=about.notes,
        )
    except DataError as error:
        raise DataError(error.what, file=path, row=error.row, column=error.column, fix=_FIX) from error


def is_saved(path: str | Path) -> bool:
    """Say whether a file holds opinions written by `save`; a missing or other file does not."""
    try:
        return _KEY in pl.read_parquet_metadata(path)
    except (OSError, pl.exceptions.PolarsError):
        return False


def _columns(prefix: str, opinions: Opinions, codes: np.ndarray) -> list[pl.Series]:
    """Lay codes out as columns of the smallest whole numbers that hold all options."""
    found = []
    for place, item in enumerate(opinions.items):
        kind = pl.Int8 if item.size <= np.iinfo(np.int8).max else pl.Int16
        column = pl.Series(f"{prefix}{item.name}", codes[:, place]).cast(kind)
        found.append(column.set(column == NONE, None))
    return found


def _codes(prefix: str, items: tuple[Item, ...], frame: pl.DataFrame) -> np.ndarray:
    """Read codes, shape (N, M); an item without a column was not asked."""
    codes = np.full((frame.height, len(items)), NONE, dtype=np.int16)
    for place, item in enumerate(items):
        column = frame.get_column(f"{prefix}{item.name}", default=None)
        if column is None:
            continue
        if not column.dtype.is_integer():
            raise DataError(f"holds {column.dtype} where numbers of options are wanted", column=column.name)
        small = column.cast(pl.Int16, strict=False)
        lost = (small.is_null() & column.is_not_null()).arg_true()
        if lost.len():
            first = int(lost[0])
            raise DataError(f"{column[first]} is no option", row=first + 1, column=column.name)
        codes[:, place] = small.fill_null(NONE).to_numpy()
    return codes
