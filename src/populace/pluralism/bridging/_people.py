"""A table of what people said of options (or statements), wide or long, read and checked once.

Wide: a row a person, a column `person` (or `juror`), and a column an option, named by it. Long: a row an
answer, with `person` (or `juror`), `option` (or `statement`) and `rating` (or `vote`). Either may have
`group` and `weight`, one of each person. CSV, Parquet or JSONL. A table is long where it has all three
columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["People", "read_people"]

_PERSON, _OPTION, _VALUE = ("person", "juror"), ("option", "statement"), ("rating", "vote")
_EXACT = 2.0**53
_FIX = "give a folder as Polis exports it, or a CSV, Parquet or JSONL table"


_Key = TypeVar("_Key")


class People(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What people said of options."""

    values: Floats
    """Shape (people, options), nan where a person said nothing."""
    people: tuple[str, ...]
    options: tuple[str, ...]
    groups: Ints | None
    """Whole numbers as the file gives them, -1 for none; words are numbered in their order. None where the
    file has no groups."""
    group_names: tuple[str, ...]
    """Of groups given as words."""
    weights: Floats | None


def read_people(path: Path, fits: Callable[[Floats], Bools], what: str, noun: str) -> People:
    """Read a table.

    Parameters
    ----------
    fits
        Which of the numbers are allowed.
    what
        What a number that is not is told to be no.
    noun
        What the cells are called: `votes`, `ratings`.

    Raises
    ------
    DataError
        With file, row and column, where the table cannot be read, a person or an option has no name or two
        entries, a cell is not allowed, or a person is of two groups or weights.
    """
    table = _opened(path)
    person, option, value = (_one_of(table, names) for names in (_PERSON, _OPTION, _VALUE))
    if person is None:
        fix = "name a row a person (`juror` will do, too)"
        raise DataError("this column is missing", file=path, column="person", fix=fix)
    if not table.height:
        raise DataError(f"there are no {noun}", file=path, fix="give a row a person, or a row an answer")
    names = _names(table, person, path)
    if option is not None and value is not None:
        return _long(table, names, (option, value), path, fits, what)
    options = [name for name in table.columns if name not in (person, "group", "weight")]
    if not options:
        raise DataError(f"there are no {noun}", file=path, fix="give a column an option and a row a person")
    _refuse_twice(names, lambda name: f"{name!r} has two rows", path, person)
    groups, words = _groups(table, path)
    columns = [_numbers(table[name], path, fits, what) for name in options]
    return People(
        values=np.stack(columns, axis=1),
        people=tuple(names),
        options=tuple(options),
        groups=groups,
        group_names=words,
        weights=_weights(table, path),
    )


def _long(
    table: pl.DataFrame,
    names: list[str],
    columns: tuple[str, str],
    path: Path,
    fits: Callable[[Floats], Bools],
    what: str,
) -> People:
    option, value = columns
    if "question" in table.columns and table["question"].n_unique() > 1:
        told = f"there are {table['question'].n_unique()} questions in this table"
        raise DataError(told, file=path, column="question", fix="keep the rows of one of them")
    told_of = _names(table, option, path)
    pairs = list(zip(names, told_of, strict=True))
    _refuse_twice(pairs, lambda pair: f"{pair[0]!r} has two answers on {pair[1]!r}", path, value)
    people, options = list(dict.fromkeys(names)), list(dict.fromkeys(told_of))
    at, place = ({name: n for n, name in enumerate(each)} for each in (people, options))
    rows = np.array([at[name] for name in names])
    values = np.full((len(people), len(options)), np.nan)
    values[rows, [place[name] for name in told_of]] = _numbers(table[value], path, fits, what)
    first = np.unique(rows, return_index=True)[1]
    groups, words = _groups(table, path)
    weights = _weights(table, path)
    for name, each in (("group", groups), ("weight", weights)):
        if each is not None and (bad := np.flatnonzero(each != each[first][rows])).size:
            row = int(bad[0])
            told = f"{names[row]!r} has two: {table[name][int(first[rows[row]])]} and {table[name][row]}"
            raise DataError(told, file=path, row=row + 1, column=name, fix="give each person one")
    return People(
        values=values,
        people=tuple(people),
        options=tuple(options),
        groups=None if groups is None else groups[first],
        group_names=words,
        weights=None if weights is None else weights[first],
    )


def _opened(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
        elif path.suffix == ".jsonl":
            table = pl.read_ndjson(path, infer_schema_length=None)
        else:
            table = pl.read_csv(path, infer_schema=False)
            head = pl.read_csv(path, infer_schema=False, has_header=False, n_rows=1).row(0)
            _refuse_twice([str(name) for name in head], lambda name: f"two columns are named {name!r}", path)
        return table.select(_text(table[name], path) for name in table.columns)
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path, fix=_FIX) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"this file cannot be read ({error})", file=path, fix=_FIX) from error


def _text(column: pl.Series, path: Path) -> pl.Series:
    """Return a column as stripped text, null where it is blank."""
    try:
        text = column.cast(pl.String).str.strip_chars()
    except pl.exceptions.PolarsError as error:
        told = f"this column holds {column.dtype}, neither numbers nor words"
        raise DataError(told, file=path, column=column.name) from error
    return text.set(text.is_in(["", "NaN", "nan"]).fill_null(True), None)


def _one_of(table: pl.DataFrame, names: tuple[str, ...]) -> str | None:
    return next((name for name in names if name in table.columns), None)


def _names(table: pl.DataFrame, column: str, path: Path) -> list[str]:
    blank = table[column].is_null().arg_true()
    if len(blank):
        fix = "give a name, or leave the row out"
        raise DataError("this is empty", file=path, row=int(blank[0]) + 1, column=column, fix=fix)
    return [str(name) for name in table[column].to_list()]


def _refuse_twice(
    keys: Sequence[_Key], told: Callable[[_Key], str], path: Path, column: str | None = None
) -> None:
    seen: set[_Key] = set()
    for n, key in enumerate(keys):
        if key in seen:
            row = None if column is None else n + 1
            raise DataError(told(key), file=path, row=row, column=column, fix="keep one of them")
        seen.add(key)


def _numbers(column: pl.Series, path: Path, fits: Callable[[Floats], Bools], what: str) -> Floats:
    numbers = column.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    bad = np.flatnonzero(column.is_not_null().to_numpy() & ~fits(numbers))
    if len(bad):
        told = f"{column[int(bad[0])]!r} is no {what}"
        raise DataError(told, file=path, row=int(bad[0]) + 1, column=column.name, fix="correct the value")
    return numbers


def _weights(table: pl.DataFrame, path: Path) -> Floats | None:
    if "weight" not in table.columns:
        return None
    blank = table["weight"].is_null().arg_true()
    if len(blank):
        fix = "give everybody one"
        raise DataError("this is empty", file=path, row=int(blank[0]) + 1, column="weight", fix=fix)
    return _numbers(table["weight"], path, lambda x: np.isfinite(x) & (x >= 0), "weight, 0 or more")


def _groups(table: pl.DataFrame, path: Path) -> tuple[Ints | None, tuple[str, ...]]:
    """Read groups: whole numbers, or words."""
    if "group" not in table.columns:
        return None, ()
    column = table["group"]
    numbers = column.cast(pl.Float64, strict=False)
    if numbers.null_count() > column.null_count():
        words = sorted(set(column.drop_nulls().to_list()))
        place = {word: n for n, word in enumerate(words)}
        return np.array([place.get(word, -1) for word in column.to_list()], dtype=np.int64), tuple(words)
    given = _numbers(column, path, lambda x: (np.abs(x) < _EXACT) & (x == np.floor(x)), "whole number")
    return np.where(np.isnan(given), -1, given).astype(np.int64), ()
