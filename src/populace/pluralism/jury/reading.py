"""Juries from a table: a row a rating.

Columns: `juror`, `option`, `rating` (a number, more is better; empty or absent = not rated), and where there
are any `question`, `group` (one of each juror) and `weight` (likewise). CSV, Parquet or JSONL.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.jury.jurors import Jury

__all__ = ["Question", "read_juries"]

_ENDINGS = (".csv", ".parquet", ".jsonl")


class Question(NamedTuple):
    """One question of a table."""

    name: str
    """Empty where the table has one jury."""
    jury: Jury
    jurors: tuple[str, ...]
    groups: tuple[str | None, ...]
    """Of each juror; empty where the table has none."""
    left_out: tuple[str, ...] = ()
    """Who and what the table names without a single rating, and is not in the jury, each with the reason."""


def read_juries(table: str | Path | pl.DataFrame, **settings: Any) -> list[Question]:
    """Read juries, one a question, in the order of the file.

    Parameters
    ----------
    table
        A file, or a table of its columns.
    settings
        Of `Jury`: `kind`, `zero`, `scale`.

    Raises
    ------
    DataError
        With file, row and column, where the table is not of that form: a column missing, a rating that is no
        number, somebody who rated an option twice, or who is of two groups.

    Examples
    --------
    >>> rows = {"juror": ["ann", "ann", "bo"], "option": ["a", "b", "a"], "rating": [3, 1, 2]}
    >>> read_juries(pl.DataFrame(rows))[0].jury
    Jury(2 jurors, 2 options, cardinal, 1 of 4 ratings missing)
    """
    path = None if isinstance(table, pl.DataFrame) else Path(table)
    rows = table if isinstance(table, pl.DataFrame) else _opened(Path(table))
    rows = _checked(rows, path)
    found: list[Question] = []
    for (name,), part in rows.group_by("question", maintain_order=True):
        found.append(_question(str(name), part, path, settings))
    return found


def _opened(path: Path) -> pl.DataFrame:
    ending = path.suffix.lower()
    if ending not in _ENDINGS:
        raise DataError(
            f"ratings cannot be read from {path.suffix or 'this'}",
            file=path,
            fix="give .csv, .parquet or .jsonl",
        )
    if not path.is_file():
        raise DataError("there is no such file of ratings", file=path, fix="give a file that exists")
    try:
        if ending == ".csv":
            return pl.read_csv(path, infer_schema=False)
        return (
            pl.read_parquet(path) if ending == ".parquet" else pl.read_ndjson(path, infer_schema_length=None)
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"these ratings cannot be read ({error})", file=path) from error


def _checked(rows: pl.DataFrame, path: Path | None) -> pl.DataFrame:
    for name in ("juror", "option", "rating"):
        if name not in rows.columns:
            raise DataError(
                "the table has no such column",
                file=path,
                column=name,
                fix="name it `juror`, `option` or `rating`",
            )
    if not rows.height:
        raise DataError("the table has no rows", file=path)
    rows = rows.with_row_index("row", offset=1)
    if "question" not in rows.columns:
        rows = rows.with_columns(question=pl.lit(""))
    for name in ("question", "juror", "option"):
        rows = rows.with_columns(pl.col(name).cast(pl.String))
        if rows[name].null_count():
            row = int(rows.filter(pl.col(name).is_null())["row"][0])
            raise DataError(
                "this is empty", file=path, row=row, column=name, fix="fill it in, or leave the row out"
            )
    for name in ("rating", "weight"):
        if name in rows.columns:
            rows = _numbers(rows, name, path)
    twice = rows.filter(pl.struct("question", "juror", "option").is_duplicated())
    if twice.height:
        first = twice.row(1, named=True)
        told = f"{first['juror']} rated {first['option']} twice"
        raise DataError(told, file=path, row=first["row"], column="rating", fix="keep one of them")
    return rows


def _numbers(rows: pl.DataFrame, name: str, path: Path | None) -> pl.DataFrame:
    given = rows[name]
    if given.dtype == pl.String:
        given = given.str.strip_chars().replace("", None)
    try:
        number = given.cast(pl.Float64, strict=False)
    except pl.exceptions.PolarsError as error:
        told = f"these are no numbers but {given.dtype}"
        raise DataError(told, file=path, column=name, fix="give a number a row") from error
    wrong = (given.is_not_null() & number.is_null()).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            f"{given[row]!r} is no number",
            file=path,
            row=row + 1,
            column=name,
            fix="give a number, or leave it empty",
        )
    return rows.with_columns(number.alias(name))


def _question(name: str, part: pl.DataFrame, path: Path | None, settings: dict[str, Any]) -> Question:
    jurors: list[str] = part["juror"].unique(maintain_order=True).to_list()
    options: list[str] = part["option"].unique(maintain_order=True).to_list()
    table = np.full((len(jurors), len(options)), np.nan)
    at = (
        {label: place for place, label in enumerate(jurors)},
        {label: place for place, label in enumerate(options)},
    )
    rows = [at[0][each] for each in part["juror"]]
    columns = [at[1][each] for each in part["option"]]
    table[rows, columns] = part["rating"].fill_null(float("nan")).to_numpy()
    weights = _each(part, "weight", jurors, path)
    groups = _each(part, "group", jurors, path)
    if weights is not None and any(weight is None for weight in weights):
        raise DataError("a juror has no weight", file=path, column="weight", fix="give every juror one")
    heard = ~np.isnan(table).all(axis=1)
    kept = np.flatnonzero(heard).tolist()
    if not kept:
        raise DataError(f"nobody rated anything{f' of {name}' if name else ''}", file=path, column="rating")
    rated = ~np.isnan(table).all(axis=0)
    names = [options[n] for n in np.flatnonzero(rated).tolist()]
    own = None if weights is None else [weights[n] for n in kept]
    labels = [jurors[n] for n in kept]
    try:
        jury = Jury(table[heard][:, rated], names, own, **settings)
    except DataError as error:
        raise _placed(error, name, part, labels, path) from error
    told = tuple(str(groups[n]) if groups[n] is not None else None for n in kept) if groups else ()
    lost = [f"option {options[n]} (nobody rated it)" for n in np.flatnonzero(~rated).tolist()]
    lost += [f"juror {jurors[n]} (rated nothing)" for n in np.flatnonzero(~heard).tolist()]
    return Question(name, jury, tuple(labels), told, tuple(lost))


def _placed(
    error: DataError, question: str, part: pl.DataFrame, jurors: list[str], path: Path | None
) -> DataError:
    """Say where in the table an error is: of a rating, its row; of an option, its name."""
    what = f"{error.what}, in the question {question!r}" if question else error.what
    row, column = None, None
    if error.row is not None and error.column is not None:
        at = part.filter(juror=jurors[error.row - 1], option=error.column)
        row, column = int(at["row"][0]), "rating"
    elif error.column is not None:
        what = f"{error.column}: {what}"
    return DataError(what, file=path, row=row, column=column, fix=error.fix)


def _each(part: pl.DataFrame, name: str, jurors: list[str], path: Path | None) -> list[Any] | None:
    """Give the one value of each juror of a column."""
    if name not in part.columns:
        return None
    found: dict[str, Any] = {}
    for row, juror, value in part.select("row", "juror", name).iter_rows():
        if found.setdefault(juror, value) != value:
            told = f"{juror} has two: {found[juror]!r} and {value!r}"
            raise DataError(told, file=path, row=row, column=name, fix="give each juror one")
    return [found[juror] for juror in jurors]
