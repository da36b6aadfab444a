"""Labelled texts of a file that stays where it is: read, counted, never printed or copied."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from populace.bounds.hazards import hazard, hazards
from populace.canonical import file_hash
from populace.errors import DataError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ANY", "Labelled", "read_labelled"]

ANY = "any"
"""The label of a text that is unsafe, of which nobody said by which hazard."""
_TEXTS = ("text", "prompt", "prompt_text", "response", "final_prompt", "Goal", "Behavior", "goal")
_LABELS = ("label", "hazard", "hazards", "unsafe", "is_unsafe", "category")
_SAFE = frozenset({"safe", "0", "false", "no", "none", "benign", "negative"})
_UNSAFE = frozenset({"unsafe", "1", "true", "yes", "harmful", "positive", ANY})

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,39}")
_MOST_GROUPS, _LONG_GROUP = 50, 60
"""A part's name is printed: a column with more of them, or with longer ones, may be one of texts."""


class Labelled(NamedTuple):
    """Texts and what they have."""

    texts: list[str]
    labels: list[str]
    """Name of a hazard, `any`, or "" for none."""
    groups: list[str]
    name: str
    """The file's name, without its folder, and the start of its hash."""

    def __repr__(self) -> str:
        return f"Labelled({self.name!r}, {len(self.texts)} texts)"

    __str__ = __repr__


def read_labelled(
    path: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    group: str | None = None,
    all_unsafe: bool = False,
) -> Labelled:
    """Read a set.

    Parameters
    ----------
    path
        CSV (its delimiter may be a semicolon or a tab), JSONL or Parquet.
    text, label, group
        Names of columns; by default the first of the usual names that is there (`type` for groups). A label
        is safe or unsafe (0 or 1, ...), or a hazard's name, alias or Llama Guard number.
    all_unsafe
        The set has no labels: every text is unsafe.

    Raises
    ------
    DataError
        If the file cannot be read, a column is not there, or a label is not understood. Texts are never
        quoted.
    """
    file = Path(path)
    frame = _frame(file)
    words = _column(frame, text, _TEXTS, "text", file)
    texts = ["" if value is None else str(value) for value in frame[words].to_list()]
    if not texts:
        raise DataError("there are no texts in it", file=file)
    if all_unsafe:
        labels = [ANY] * len(texts)
    else:
        column = _column(frame, label, _LABELS, "label", file)
        labels = [_label(value, file, row, column) for row, value in enumerate(frame[column].to_list(), 1)]
    groups = _groups(frame, group, len(texts), file)
    return Labelled(texts, labels, groups, f"{file.name}@{file_hash(file)[:8]}")


def _frame(file: Path) -> pl.DataFrame:
    import polars as pl

    if not file.is_file():
        raise DataError("there is no such file", file=file)
    try:
        if file.suffix == ".parquet":
            return pl.read_parquet(file)
        if file.suffix in (".jsonl", ".ndjson"):
            return pl.read_ndjson(file, infer_schema_length=None)
        if file.suffix not in (".csv", ".tsv"):
            raise DataError(
                "cannot read this kind of file", file=file, fix="give .csv, .tsv, .jsonl or .parquet"
            )
        with file.open("rb") as source:
            head = source.readline()
        signs = [(head.count(sign), sign.decode()) for sign in (b",", b";", b"\t")]
        return pl.read_csv(file, infer_schema=False, separator=max(signs)[1])
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        # What Polars says of a bad line may quote it.
        kind = type(error).__name__
        fix = "give a CSV, JSONL or Parquet file with a header"
        raise DataError(f"it is no table ({kind})", file=file, fix=fix) from None


def _names(frame: pl.DataFrame) -> str:
    """Name the columns, if all look like names: without a header, the first line is a text and its label."""
    if all(_NAME.fullmatch(name) for name in frame.columns):
        return ", ".join(frame.columns)
    return f"its {frame.width} columns (not all of them have names that can be told: is there a header?)"


def _column(frame: pl.DataFrame, given: str | None, usual: tuple[str, ...], what: str, file: Path) -> str:
    for name in (given,) if given else usual:
        if name in frame.columns:
            return name
    told = f"no column {given!r}" if given else f"no column that is usual for a {what}"
    fix = f"name the {what} column, one of {_names(frame)}"
    raise DataError(f"there is {told}", file=file, fix=fix)


def _groups(frame: pl.DataFrame, given: str | None, count: int, file: Path) -> list[str]:
    name = given or "type"
    if name not in frame.columns:
        if given is None:
            return [""] * count
        raise DataError(f"there is no column {name!r}", file=file, fix=f"name one of {_names(frame)}")
    found = [str(value) for value in frame[name].to_list()]
    if len(set(found)) > _MOST_GROUPS or max(map(len, found)) > _LONG_GROUP:
        if given is None:
            return [""] * count
        fix = f"give a column of at most {_MOST_GROUPS} short words"
        raise DataError("this column is no kind of texts", file=file, column=name, fix=fix)
    return found


def _label(value: object, file: Path, row: int, column: str) -> str:
    told = "" if value is None else str(value).strip().lower()
    if not told:
        # Nobody said that it is safe.
        fix = "say of each text what it is, safe or none too"
        raise DataError("there is no label", file=file, row=row, column=column, fix=fix)
    if told in _SAFE:
        return ""
    if told in _UNSAFE:
        return ANY
    try:
        return hazard(told).name
    except DataError:
        fix = f"use safe, unsafe or one of {', '.join(hazards())}"
        raise DataError("this label is not understood", file=file, row=row, column=column, fix=fix) from None
