"""Tables of scores as people have them: CSV, Parquet or JSON lines; a column a trait, or a row a score.

Rows are counted from 1, a header not among them. What is empty, `NA` or `nan` is missing; what is no number,
or infinite, is refused with its row and column.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from populace.errors import DataError

__all__ = ["read_scores", "read_table", "scores_of", "traits_in"]

_READERS = {
    ".parquet": pl.read_parquet,
    ".jsonl": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".ndjson": lambda path: pl.read_ndjson(path, infer_schema_length=None),
    ".csv": lambda path: pl.read_csv(path, infer_schema=False),
}
_MISSING = ("", "na", "n/a", "nan", "null", "none", "-")
_BESIDE = frozenset(
    (
        *("prompt_id", "prompt", "response_id", "response", "candidate", "model", "system", "split"),
        *("sample", "name", "cut", "seed", "row", "id", "rank", "total", "n"),
    )
)
"""Columns that are no traits unless they are named as such."""


def read_table(path: str | Path) -> pl.DataFrame:
    """Read a file as it is; CSV as text throughout.

    Raises
    ------
    DataError
        If it is of another form, missing, empty, or cannot be read.
    """
    place = Path(path)
    reader = _READERS.get(place.suffix.lower())
    if reader is None:
        fix = "give .csv, .parquet or .jsonl"
        raise DataError(f"scores cannot be read from {place.suffix or 'this'}", file=path, fix=fix)
    if not place.is_file():
        raise DataError("there is no such file of scores", file=path, fix="give a file that exists")
    try:
        table = reader(place)
        if place.suffix.lower() == ".csv":
            _one_name_each(place)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"these scores cannot be read ({str(error).splitlines()[0]})", file=path) from error
    if table.is_empty():
        raise DataError("the table has no row", file=path)
    return table


def _one_name_each(path: Path) -> None:
    """Refuse a header that has a name twice: the reader would make up another for the second."""
    header = pl.read_csv(path, n_rows=1, has_header=False, infer_schema=False).row(0)
    names = [name for name in header if name]
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise DataError("two columns have this name", file=path, column=twice, fix="name each column once")


def read_scores(path: str | Path, keys: Sequence[str], traits: Sequence[str] | None = None) -> pl.DataFrame:
    """Read a table of scores, wide or long.

    Parameters
    ----------
    keys
        Columns that together name what was scored.
    traits
        Columns to read; all that hold numbers if left out. In a long table, the values of `trait` to keep.

    Returns
    -------
    The keys and what else stood beside them, and the traits as Float64, missing scores null.

    Raises
    ------
    DataError
        If a column is missing, a score is no number, or something is scored twice for one trait.
    """
    try:
        return scores_of(read_table(path), keys, traits)
    except DataError as error:
        raise DataError(error.what, file=path, row=error.row, column=error.column, fix=error.fix) from error


def scores_of(table: pl.DataFrame, keys: Sequence[str], traits: Sequence[str] | None = None) -> pl.DataFrame:
    """Do the same of a table in memory.

    Examples
    --------
    >>> long = pl.DataFrame({"candidate": ["a", "a", "b"], "trait": ["wit", "tact", "wit"],
    ...     "score": ["1", "0.5", "NA"]})
    >>> scores_of(long, ["candidate"]).rows()
    [('a', 1.0, 0.5), ('b', None, None)]
    """
    if traits is not None and len(set(traits)) < len(traits):
        name = next(name for place, name in enumerate(traits) if name in traits[:place])
        raise DataError(f"the trait {name!r} is named twice", fix="name each once")
    for key in keys:
        if key not in table.columns:
            told = ", ".join(table.columns)
            raise DataError(f"there is no column {key!r} among {told}", fix=f"name what was scored: {key}")
        empty = table[key].cast(pl.String).str.strip_chars().fill_null("") == ""
        if empty.any():
            raise DataError("what was scored is not named", row=_first(empty), column=key)
    if {"trait", "score"} <= set(table.columns):
        return _wide(table, keys, traits)
    wanted = list(traits) if traits is not None else traits_in(table, keys)
    lost = [name for name in wanted if name not in table.columns]
    if lost:
        raise DataError(f"there is no column {lost[0]!r}", fix=f"use some of {', '.join(table.columns)}")
    if not wanted:
        raise DataError(
            "no column holds numbers", fix="give a column a trait, or the columns trait and score"
        )
    found = table.with_columns(_numbers(table[name]) for name in wanted)
    twice = found.select(keys).is_duplicated()
    if twice.any():
        raise DataError("this is scored twice", row=_last(found.select(keys)), column=" and ".join(keys))
    return found.select([name for name in table.columns if name not in wanted] + wanted)


def _wide(table: pl.DataFrame, keys: Sequence[str], traits: Sequence[str] | None) -> pl.DataFrame:
    """Turn a row a score into a column a trait."""
    names = table["trait"].cast(pl.String)
    empty = names.fill_null("") == ""
    if empty.any():
        raise DataError("the trait is not named", row=_first(empty), column="trait")
    long = table.with_columns(names, _numbers(table["score"]))
    there = long["trait"].unique(maintain_order=True).to_list()
    wanted = there if traits is None else list(traits)
    lost = [name for name in wanted if name not in there]
    if lost:
        raise DataError(f"there is no trait {lost[0]!r}", column="trait", fix=f"use {', '.join(there)}")
    twice = long.select(*keys, "trait").is_duplicated()
    if twice.any():
        raise DataError("this is scored twice for one trait", row=_last(long.select(*keys, "trait")))
    taken = {*keys, "trait", "score"}
    beside = [name for name in long.columns if name not in taken and name in _BESIDE]
    base = long.select(*keys, *beside).unique(subset=keys, keep="first", maintain_order=True)
    for name in wanted:
        part = long.filter(pl.col("trait") == name).select(*keys, pl.col("score").alias(name))
        base = base.join(part, on=list(keys), how="left", maintain_order="left")
    return base


def traits_in(table: pl.DataFrame, keys: Sequence[str]) -> list[str]:
    """Give the columns that hold numbers and are not known to be something else."""
    found = []
    for name in table.columns:
        if name in keys or name.lower() in _BESIDE:
            continue
        column = table[name]
        if column.dtype == pl.String:
            numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
            if numbers.is_null().all():
                continue
        elif not column.dtype.is_numeric():
            continue
        found.append(name)
    return found


def _numbers(column: pl.Series) -> pl.Series:
    """Read a column as finite numbers, what is missing as null."""
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        told = ~(text.is_null() | text.str.to_lowercase().is_in(_MISSING))
        found = text.zip_with(told, pl.Series([None], dtype=pl.String)).cast(pl.Float64, strict=False)
        broken = told & found.is_null()
        if broken.any():
            row = _first(broken)
            raise DataError(f"{column[row - 1]!r} is no number", row=row, column=column.name)
    elif column.dtype.is_numeric():
        found = column.cast(pl.Float64).fill_nan(None)
    elif column.dtype == pl.Null:
        found = column.cast(pl.Float64)
    else:
        raise DataError(f"scores are numbers, and this is {column.dtype}", column=column.name)
    endless = found.is_infinite().fill_null(False)
    if endless.any():
        raise DataError("a score is infinite", row=_first(endless), column=column.name)
    return found.alias(column.name)


def _first(mask: pl.Series) -> int:
    return int(mask.arg_max() or 0) + 1


def _last(keys: pl.DataFrame) -> int:
    """Give the first row whose keys stood before."""
    return _first(~keys.select(pl.struct(pl.all()).is_first_distinct()).to_series())
