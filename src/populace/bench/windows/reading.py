"""Windows of the user's own, from any of these.

**TOML**, the form of the built-in file: a `[[question]]` each, with `text`, `perspectives` (a list of texts;
or of tables with `text` or `texts`, `share`, `name`) and, if wanted, `shares` (a list) and `topic`.

**CSV, Parquet or JSONL**, a row a text: `question`, `text`; `perspective` where a view has several texts, or
a name; `share` where somebody counted, the same in all rows of a perspective; `topic`.

**JSON**, a list of questions as in the TOML form; or with `question`, `affirming_statement` and
`negating_statement`, as the Habermas Machine's questions are released: two views, without shares. Where a
release has the same statement twice (one of its 5,645 questions), the question is left out.

**A folder** of a Polis conversation (`populace.bench.windows.polis`).
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from populace.bench.user_tables import read_table
from populace.bench.windows.polis import polis_window
from populace.errors import DataError
from populace.pluralism.overton import Perspective, Window

__all__ = ["read_windows"]

_FORMS = "give .toml, .json, .jsonl, .csv, .parquet, or the folder of a Polis conversation"
_HABERMAS = ("affirming_statement", "negating_statement")


def read_windows(path: str | Path) -> list[Window]:
    r"""Read the windows of a file, or of a folder.

    Raises
    ------
    DataError
        If it cannot be read, a field is missing, a question is there twice, or a window is none.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> rows = "question,text,share\nTea or coffee?,Tea is better.,3\nTea or coffee?,Coffee is better.,1\n"
    >>> _ = place.write_text(rows)
    >>> [(each.question, each.weights) for each in read_windows(place)]
    [('Tea or coffee?', (0.75, 0.25))]
    """
    place = Path(path)
    if place.is_dir():
        return [polis_window(place)]
    if place.suffix.lower() in (".csv", ".parquet", ".jsonl"):
        found = _of_table(read_table(place, "windows"), place)
    else:
        records = enumerate(_records(place), 1)
        found = [_of_record(each, row, place) for row, each in records if not _one_sided(each)]
    seen = set[str]()
    for row, each in enumerate(found, 1):
        if each.question in seen:
            raise DataError(f"the question {each.question!r} is there twice", file=place, row=row)
        seen.add(each.question)
    if not found:
        raise DataError("there is no question", file=place, fix="write at least one")
    return found


def _records(place: Path) -> Sequence[Any]:
    """Read the questions of TOML or JSON."""
    try:
        if place.suffix.lower() == ".toml":
            found = tomllib.loads(place.read_text("utf-8")).get("question")
        elif place.suffix.lower() == ".json":
            found = json.loads(place.read_text("utf-8"))
        else:
            raise DataError(f"windows cannot be read from {place.suffix or 'this'}", file=place, fix=_FORMS)
    except FileNotFoundError as error:
        raise DataError("there is no such file of windows", file=place, fix=_FORMS) from error
    except (OSError, ValueError) as error:
        raise DataError(f"these windows cannot be read ({error})", file=place) from error
    if not isinstance(found, list):
        raise DataError("there is no list of questions", file=place, fix="write [[question]] before each")
    return found


def _one_sided(record: Any) -> bool:
    """Whether a released question has one statement for both sides."""
    said = [record.get(name) for name in _HABERMAS] if isinstance(record, Mapping) else []
    return len(said) == 2 and None not in said and len({str(each).casefold() for each in said}) == 1


def _of_record(record: Any, row: int, place: Path) -> Window:
    """Read a question with its perspectives."""
    if not isinstance(record, Mapping):
        raise DataError("a question is no table", file=place, row=row, fix="give text and perspectives")
    if all(name in record for name in ("question", *_HABERMAS)):
        given: Any = [record[name] for name in _HABERMAS]
        record = {"text": record["question"], "perspectives": given, "topic": record.get("topic")}
    text, given = record.get("text"), record.get("perspectives")
    if not isinstance(text, str) or not text.strip():
        raise DataError("a question has no text", file=place, row=row, column="text", fix="write it")
    if not isinstance(given, list) or not given:
        raise DataError(
            "a question has no perspectives", file=place, row=row, column="perspectives", fix="list them"
        )
    shares = record.get("shares", [None] * len(given))
    if not isinstance(shares, list) or len(shares) != len(given):
        raise DataError(f"there are not {len(given)} shares", file=place, row=row, column="shares")
    try:
        perspectives = tuple(_perspective(each, share) for each, share in zip(given, shares, strict=True))
        topic = record.get("topic")
        return Window(
            question=text.strip(),
            perspectives=perspectives,
            topic=None if topic is None else str(topic),
            source=place.name,
        )
    except DataError as error:
        raise DataError(error.what, file=place, row=row, fix=error.fix) from error


def _perspective(given: Any, share: Any) -> Perspective:
    """Read a perspective: a text, or a table."""
    if isinstance(given, str):
        given = {"text": given, "share": share}
    if not isinstance(given, Mapping):
        raise DataError(f"{given!r} is no perspective", fix="give a text, or a table with text and share")
    texts = given.get("texts", [given["text"]] if "text" in given else [])
    share = given.get("share", share)
    if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
        raise DataError("a perspective has no text", fix="give text, or a list of texts")
    if share is not None and (isinstance(share, bool) or not isinstance(share, int | float)):
        raise DataError(f"the share {share!r} is no number", fix="give a number, or leave it out")
    return Perspective(
        texts=tuple(each.strip() for each in texts),
        share=None if share is None else float(share),
        name=str(given.get("name", "")),
    )


def _of_table(table: pl.DataFrame, place: Path) -> list[Window]:
    """Read a row a text."""
    for name in ("question", "text"):
        if name not in table.columns:
            raise DataError("this column is missing", file=place, column=name, fix="give question and text")
        empty = table[name].cast(pl.String).str.strip_chars().replace("", None).is_null().arg_true()
        if len(empty):
            raise DataError("a cell is empty", file=place, row=int(empty[0]) + 1, column=name)
    rows = table.with_row_index("row", offset=1).with_columns(pl.col("question", "text").cast(pl.String))
    if "perspective" not in rows.columns:
        rows = rows.with_columns(perspective=pl.col("text"))
    found = []
    for (question,), part in rows.group_by("question", maintain_order=True):
        perspectives = tuple(
            Perspective(
                texts=tuple(text.strip() for text in each["text"].to_list()),
                share=_share(each, place),
                name="" if each["perspective"][0] == each["text"][0] else str(each["perspective"][0]),
            )
            for _, each in part.group_by("perspective", maintain_order=True)
        )
        topic = str(part["topic"][0]) if "topic" in part.columns and part["topic"][0] is not None else None
        try:
            found.append(
                Window(
                    question=str(question).strip(), perspectives=perspectives, topic=topic, source=place.name
                )
            )
        except DataError as error:
            raise DataError(error.what, file=place, row=int(part["row"][0]), fix=error.fix) from error
    return found


def _share(rows: pl.DataFrame, place: Path) -> float | None:
    """Read the one share of a perspective."""
    if "share" not in rows.columns:
        return None
    text = rows["share"].cast(pl.String).str.strip_chars().replace("", None)
    number = text.cast(pl.Float64, strict=False)
    bad = (text.is_not_null() & number.is_null()).arg_true()
    row = int(rows["row"][int(bad[0])]) if len(bad) else int(rows["row"][0])
    if len(bad):
        raise DataError(f"{text[int(bad[0])]!r} is no share", file=place, row=row, column="share")
    known = number.drop_nulls().unique()
    if len(known) > 1:
        what = "a perspective has several shares"
        raise DataError(what, file=place, row=row, column="share", fix="give one in all its rows")
    return float(known[0]) if len(known) else None
