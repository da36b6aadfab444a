"""Opinions from a conversation on Polis, as it is exported.

A folder holds `comments.csv`, the statements that people wrote, and `participants-votes.csv`, a row a
participant and a column a statement: 1 agree, -1 disagree, 0 pass, blank where no vote was cast. The export
counts each participant's agreements and disagreements too; votes that do not add up to them are refused, or
an export with the signs turned round would read as the opposite opinions.

Statements that moderators rejected (`moderated` -1) are left out, accepted ones (1) and those that nobody
looked at (0) stay. Nothing is known of participants but their votes; all weigh the same, and they are no
sample of anybody.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.items import Item
from populace.opinions.table import NONE, Opinions

__all__ = ["read_polis"]

_VOTES, _COMMENTS = "participants-votes.csv", "comments.csv"
_OPTIONS = ("Agree", "Disagree", "Pass")
_CODES = {"1": 0, "-1": 1, "0": 2}
_LICENCE = "CC BY 4.0"
_CITATION = (
    "Data gathered using the Polis software (compdemocracy.org/polis), The Computational Democracy Project"
)


def read_polis(folder: str | Path, least: int = 20) -> Opinions:
    r"""Read who agreed with which statement.

    Parameters
    ----------
    folder
        Folder of the export.
    least
        Votes that a participant must have cast, on any statement, to be kept.

    Returns
    -------
    Items are statements, named `s` and the statement's number, in the order of their numbers; options are
    Agree, Disagree and Pass, which is no middle. People have an id and the weight 1.

    Raises
    ------
    DataError
        If a file is missing or broken, a column has no statement, a vote is none of 1, -1, 0 and blank, a
        participant or statement is there twice, votes do not add up to the export's own counts, or nobody
        voted often enough.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> statements = "comment-id,moderated,comment-body\n0,1,More trees\n1,-1,spam\n"
    >>> _ = (folder / "comments.csv").write_text(statements)
    >>> _ = (folder / "participants-votes.csv").write_text("participant,0,1\n7,-1,1\n8,,1\n9,1,0\n")
    >>> opinions = read_polis(folder, least=2)
    >>> opinions.items[0].question
    'Do you agree with this statement: "More trees"?'
    >>> opinions.people["person_id"].to_list(), opinions.answers.tolist()
    (['polis-7', 'polis-9'], [[1], [0]])
    """
    folder = Path(folder)
    statements = _statements(folder / _COMMENTS)
    votes = _table(folder / _VOTES, ("participant",))
    # Anything else that stands there (groups, counts, ids of another system) has a name that is no number.
    columns = [name for name in votes.columns if name.strip().isdigit()]
    if not columns:
        raise DataError("no column is a statement's number", file=folder / _VOTES, fix="export again")
    lacking = [name for name in columns if name.strip() not in statements]
    if lacking:
        raise DataError(
            f"the votes are on a statement that {_COMMENTS} does not have",
            file=folder / _VOTES,
            column=lacking[0],
            fix="give both files of one export",
        )
    codes = np.stack([_codes(votes, name, folder / _VOTES) for name in columns], axis=1)
    _check(votes, codes, folder / _VOTES)
    ids = _ids(votes, folder / _VOTES)
    order = sorted(range(len(columns)), key=lambda place: int(columns[place]))
    kept = [place for place in order if statements[columns[place].strip()]]
    often = (codes != NONE).sum(axis=1) >= least
    if not often.any() or not kept:
        what = f"nobody cast {least} votes" if kept else "moderators rejected every statement"
        raise DataError(what, file=folder / _VOTES, fix="ask for fewer" if kept else "give another export")
    people = pl.DataFrame({"person_id": ids.filter(pl.Series(often))}).with_columns(weight=pl.lit(1.0))
    items = tuple(_item(columns[place].strip(), statements[columns[place].strip()]) for place in kept)
    return Opinions(
        people,
        items,
        codes[often][:, kept],
        citation=_citation(folder),
        licence=_LICENCE,
        notes=(
            "participants chose to take part and vote: a sample of nobody; all weigh the same",
            f"{len(columns) - len(kept)} statements are left out: rejected by moderators, or empty",
            f"{len(often) - int(often.sum())} participants with fewer than {least} votes are left out",
        ),
    )


def _item(number: str, statement: str) -> Item:
    return Item(
        name=f"s{number}", question=f'Do you agree with this statement: "{statement}"?', options=_OPTIONS
    )


def _table(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """Read a file of the export as text.

    Raises
    ------
    DataError
        If it is missing or broken, or lacks a column.
    """
    fix = f"give the folder of a Polis export, with {_COMMENTS} and {_VOTES}"
    try:
        table = pl.read_csv(path, infer_schema=False)
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path, fix=fix) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"this file cannot be read ({error})", file=path, fix=fix) from error
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise DataError("this column is missing", file=path, column=absent[0], fix=fix)
    return table


def _statements(path: Path) -> dict[str, str]:
    """Read the statements: number -> text, empty where it was rejected or says nothing."""
    table = _table(path, ("comment-id", "moderated", "comment-body"))
    found: dict[str, str] = {}
    rows = table.select("comment-id", "moderated", "comment-body").iter_rows()
    for row, (number, moderated, body) in enumerate(rows, 1):
        key = (number or "").strip()
        if not key.isdigit():
            raise DataError(
                f"{number!r} is no number of a statement", file=path, row=row, column="comment-id"
            )
        if key in found:
            raise DataError(f"the statement {key} is there twice", file=path, row=row, column="comment-id")
        if (moderated or "").strip() not in ("-1", "0", "1"):
            what = f"{moderated!r} is none of -1 (rejected), 0 (not looked at) and 1 (accepted)"
            raise DataError(what, file=path, row=row, column="moderated", fix="correct the value")
        # A quotation mark within a statement would end the one around it.
        text = " ".join((body or "").replace('"', "'").split())
        found[key] = "" if moderated.strip() == "-1" else text
    return found


def _codes(votes: pl.DataFrame, name: str, path: Path) -> np.ndarray:
    """Number the options that participants chose."""
    text = votes[name].str.strip_chars().str.strip_suffix(".0")
    blank = text.is_null() | (text == "")
    codes = text.replace_strict(_CODES, default=None, return_dtype=pl.Int16)
    bad = (codes.is_null() & ~blank).arg_true()
    if len(bad):
        row = int(bad[0])
        what = f"{votes[name][row]!r} is no vote: 1 agree, -1 disagree, 0 pass, or blank"
        raise DataError(what, file=path, row=row + 1, column=name, fix="correct the value")
    return codes.fill_null(NONE).to_numpy()


def _check(votes: pl.DataFrame, codes: np.ndarray, path: Path) -> None:
    """Hold the votes against the counts that the export gives of each participant."""
    for column, option in (("n-agree", 0), ("n-disagree", 1)):
        if column not in votes.columns:
            continue
        counted = (codes == option).sum(axis=1)
        given = votes[column].cast(pl.Float64, strict=False).fill_null(np.nan).to_numpy()
        wrong = np.flatnonzero(given != counted)
        if len(wrong):
            row = int(wrong[0])
            raise DataError(
                f"{votes[column][row]} are counted and {counted[row]} votes are there",
                file=path,
                row=row + 1,
                column=column,
                fix="export again; where the signs of all votes are turned round, turn them back",
            )


def _ids(votes: pl.DataFrame, path: Path) -> pl.Series:
    """Name the participants."""
    ids = votes["participant"].str.strip_chars()
    for bad, what in (
        (ids.is_null() | (ids == ""), "a participant has no number"),
        (ids.is_duplicated(), "a participant is there twice"),
    ):
        if bad.any():
            row = int(bad.arg_true()[0])
            raise DataError(what, file=path, row=row + 1, column="participant", fix="correct the number")
    return pl.select(pl.format("polis-{}", ids)).to_series()


def _citation(folder: Path) -> str:
    """Cite the conversation by its subject and address, where the export says them."""
    try:
        with (folder / "summary.csv").open(encoding="utf-8", newline="") as handle:
            said = {row[0]: row[1] for row in csv.reader(handle) if len(row) == 2}
    except (OSError, UnicodeDecodeError, csv.Error):
        said = {}
    about = ", ".join(said[key] for key in ("topic", "url") if said.get(key))
    return f"{about}. {_CITATION}" if about else _CITATION
