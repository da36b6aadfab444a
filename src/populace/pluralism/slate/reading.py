"""A jury from a file: votes on statements, or ratings of options.

A table (CSV or Parquet) has a row a person: a column `person`, optionally `weight`, and a column an option,
named by it, with numbers, or blank where the person did not rate it. A folder is a Polis export, whose votes
are 1, -1 and 0.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from populace.errors import DataError
from populace.stats._arrays import Floats

__all__ = ["Ratings", "read_ratings"]


class Ratings(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A table of ratings; `choose` and `check` take it as a jury."""

    utilities: Floats
    """Shape (people, options), nan where an option was not rated."""
    options: tuple[str, ...]
    """Names."""
    weights: Floats | None
    """Of people; None where all weigh the same."""


def read_ratings(path: str | Path) -> Ratings:
    r"""Read ratings.

    Raises
    ------
    DataError
        If the file is missing or broken, or a cell is no number.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "ratings.csv"
    >>> _ = path.write_text("person,plain,kind\nann,5,2\nbo,,4\n")
    >>> read_ratings(path).utilities.tolist()
    [[5.0, 2.0], [nan, 4.0]]
    """
    path = Path(path)
    if path.is_dir():
        from populace.pluralism.bridging.reading import read_conversation

        talk = read_conversation(path)
        return Ratings(utilities=talk.votes, options=talk.statements, weights=None)
    fix = "give a folder as Polis exports it, or a CSV or Parquet table of ratings"
    try:
        table = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path, fix=fix) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"this file cannot be read ({error})", file=path, fix=fix) from error
    if "person" not in table.columns:
        raise DataError("this column is missing", file=path, column="person", fix="name a row a person")
    names = [name for name in table.columns if name not in ("person", "weight", "group")]
    if not names or not table.height:
        raise DataError("there are no ratings", file=path, fix="give a column an option and a row a person")
    numbers = table.select(_numbers(table[name], path) for name in names)
    weights = _numbers(table["weight"], path).to_numpy() if "weight" in table.columns else None
    return Ratings(utilities=numbers.to_numpy(), options=tuple(names), weights=weights)


def _numbers(column: pl.Series, path: Path) -> pl.Series:
    text = column.cast(pl.String).str.strip_chars()
    blank = text.is_null() | text.is_in(["", "NaN", "nan"])
    numbers = text.cast(pl.Float64, strict=False)
    bad = (~blank & ~numbers.is_finite().fill_null(False)).arg_true()
    if len(bad):
        row = int(bad[0])
        raise DataError(
            f"{column[row]!r} is no number", file=path, row=row + 1, column=column.name, fix="correct it"
        )
    return numbers.fill_null(float("nan"))
