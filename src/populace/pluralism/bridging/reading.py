"""Votes from a file: a folder as Polis exports it, or a table of votes.

A table (CSV or Parquet) has a row a person: a column `person`, optionally `group` (a whole number; blank:
none), and a column a statement, named by its text. A vote is 1 (agree), -1 (disagree), 0 (pass) or blank (no
vote).
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.polis import read_polis
from populace.opinions.table import NONE
from populace.stats._arrays import Floats, Ints

__all__ = ["Conversation", "read_conversation"]

_BEFORE, _AFTER = 'Do you agree with this statement: "', '"?'


class Conversation(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Statements, people, and how they voted."""

    votes: Floats
    """Shape (people, statements): 1, -1, 0, nan."""
    people: tuple[str, ...]
    """Names of people."""
    statements: tuple[str, ...]
    """Texts."""
    groups: Ints | None
    """Group of each person as the file gives it, -1 for none; None where it gives none."""
    notes: tuple[str, ...]
    """What was left out, and who may be cited."""


def read_conversation(path: str | Path) -> Conversation:
    r"""Read a folder as Polis exports it, or a table of votes.

    Of a Polis folder the statements that moderators rejected are left out, where Polis sets every vote on
    them to 0 (a pass); everybody who voted at all stays.

    Raises
    ------
    DataError
        If the file is missing or broken, or a cell is no vote.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "votes.csv"
    >>> _ = path.write_text("person,More trees,Less noise\nann,1,-1\nbo,,0\n")
    >>> read_conversation(path).votes.tolist()
    [[1.0, -1.0], [nan, 0.0]]
    """
    path = Path(path)
    return _polis(path) if path.is_dir() else _plain(path)


def _polis(folder: Path) -> Conversation:
    opinions = read_polis(folder, least=1)
    codes = np.array([1.0, -1.0, 0.0, np.nan])
    votes = codes[np.where(opinions.answers == NONE, 3, opinions.answers)]
    people = opinions.people["person_id"].to_list()
    return Conversation(
        votes=votes,
        people=tuple(people),
        statements=tuple(item.question.removeprefix(_BEFORE).removesuffix(_AFTER) for item in opinions.items),
        groups=_polis_groups(folder / "participants-votes.csv", people),
        notes=(*opinions.notes, opinions.citation),
    )


def _polis_groups(path: Path, people: list[str]) -> Ints | None:
    """Read the groups that Polis itself found, where the export gives them."""
    table = pl.read_csv(path, infer_schema=False)
    if "group-id" not in table.columns:
        return None
    given = table["group-id"].cast(pl.Float64, strict=False).fill_null(-1).cast(pl.Int64).to_list()
    ids = [f"polis-{(name or '').strip()}" for name in table["participant"].to_list()]
    known = dict(zip(ids, given, strict=True))
    return np.array([known[name] for name in people], dtype=np.int64)


def _plain(path: Path) -> Conversation:
    table = _table(path)
    if "person" not in table.columns:
        raise DataError("this column is missing", file=path, column="person", fix="name a row a person")
    names = [name for name in table.columns if name not in ("person", "group")]
    if not names or not table.height:
        raise DataError("there are no votes", file=path, fix="give a column a statement and a row a person")
    columns = [_votes(table[name], path) for name in names]
    groups = None
    if "group" in table.columns:
        coded = table["group"].cast(pl.Float64, strict=False).fill_null(-1)
        if (coded != coded.floor()).any():
            raise DataError("a group is no whole number", file=path, column="group")
        groups = coded.cast(pl.Int64).to_numpy()
    return Conversation(
        votes=np.stack(columns, axis=1),
        people=tuple(str(name) for name in table["person"].to_list()),
        statements=tuple(names),
        groups=groups,
        notes=(),
    )


def _table(path: Path) -> pl.DataFrame:
    fix = "give a folder as Polis exports it, or a CSV or Parquet table of votes"
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False)
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path, fix=fix) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"this file cannot be read ({error})", file=path, fix=fix) from error


def _votes(column: pl.Series, path: Path) -> Floats:
    text = column.cast(pl.String).str.strip_chars()
    blank = text.is_null() | text.is_in(["", "NaN", "nan"])
    votes = text.cast(pl.Float64, strict=False)
    bad = (~blank & ~votes.is_in([1.0, 0.0, -1.0]).fill_null(False)).arg_true()
    if len(bad):
        row = int(bad[0])
        what = f"{column[row]!r} is no vote: 1 agree, -1 disagree, 0 pass, or blank"
        raise DataError(what, file=path, row=row + 1, column=column.name, fix="correct the value")
    return pl.select(pl.when(blank).then(None).otherwise(votes)).to_series().cast(pl.Float64).to_numpy()
