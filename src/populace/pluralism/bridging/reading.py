"""Votes from a file: a folder as Polis exports it, or a table of votes.

A table (CSV, Parquet or JSONL) has a row a person: a column `person`, optionally `group` (a whole number or a
word; blank: none), and a column a statement, named by its text. Or it has a row a vote: `person`, `statement`
and `vote` (`juror`, `option` and `rating` will do as well), and perhaps `group`. A vote is 1 (agree), -1
(disagree), 0 (pass) or blank (no vote).
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.opinions.polis import read_polis
from populace.opinions.table import NONE
from populace.pluralism.bridging._people import read_people
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
    """Group of each person as the file gives it, -1 for none; words are numbered, as `notes` say. None where
    it gives none."""
    notes: tuple[str, ...]
    """What was left out, and who may be cited."""


def read_conversation(path: str | Path) -> Conversation:
    r"""Read a folder as Polis exports it, or a table of votes.

    Of a Polis folder the statements that moderators rejected are left out, where Polis sets every vote on
    them to 0 (a pass); everybody who voted at all stays.

    Raises
    ------
    DataError
        If the file is missing or broken, a cell is no vote, or somebody has no name or votes twice.

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
    what = "vote: 1 agree, -1 disagree, 0 pass, or blank"
    found = read_people(path, lambda votes: np.isin(votes, (1.0, 0.0, -1.0)), what, "votes")
    notes = (
        ["the column `weight` is not used: a map counts everybody once"] if found.weights is not None else []
    )
    if found.group_names:
        told = ", ".join(f"{n} {name}" for n, name in enumerate(found.group_names))
        notes.append(f"groups of the file, numbered: {told}")
    return Conversation(
        votes=found.values,
        people=found.people,
        statements=found.options,
        groups=found.groups,
        notes=tuple(notes),
    )
