"""Labelled texts of a file that stays where it is: read, counted, never printed or copied."""

from __future__ import annotations

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
_SAFE = frozenset({"safe", "0", "false", "no", "none", "benign", "negative", ""})
_UNSAFE = frozenset({"unsafe", "1", "true", "yes", "harmful", "positive", ANY})


class Labelled(NamedTuple):
    """Texts and what they have."""

    texts: list[str]
    labels: list[str]
    """Name of a hazard, `any`, or "" for none."""
    groups: list[str]
    name: str
    """The file's name, without its folder, and the start of its hash."""


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
    kind = group or ("type" if "type" in frame.columns else None)
    if kind is not None and kind not in frame.columns:
        raise DataError(
            f"there is no column {kind!r}", file=file, fix=f"name one of {', '.join(frame.columns)}"
        )
    groups = [""] * len(texts) if kind is None else [str(value) for value in frame[kind].to_list()]
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
        head = file.open("rb").readline()
        signs = [(head.count(sign), sign.decode()) for sign in (b",", b";", b"\t")]
        return pl.read_csv(file, infer_schema=False, separator=max(signs)[1])
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        # What Polars says of a bad line may quote it.
        kind = type(error).__name__
        fix = "give a CSV, JSONL or Parquet file with a header"
        raise DataError(f"it is no table ({kind})", file=file, fix=fix) from None


def _column(frame: pl.DataFrame, given: str | None, usual: tuple[str, ...], what: str, file: Path) -> str:
    for name in (given,) if given else usual:
        if name in frame.columns:
            return name
    told = f"no column {given!r}" if given else f"no column that is usual for a {what}"
    fix = f"name the {what} column, one of {', '.join(frame.columns)}"
    raise DataError(f"there is {told}", file=file, fix=fix)


def _label(value: object, file: Path, row: int, column: str) -> str:
    told = "" if value is None else str(value).strip().lower()
    if told in _SAFE:
        return ""
    if told in _UNSAFE:
        return ANY
    try:
        return hazard(told).name
    except DataError:
        fix = f"use safe, unsafe or one of {', '.join(hazards())}"
        raise DataError("this label is not understood", file=file, row=row, column=column, fix=fix) from None
