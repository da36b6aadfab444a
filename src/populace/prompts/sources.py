"""Read prompts from the built-in set, PRISM, or any CSV, JSONL or Parquet file; write them as Parquet.

Each reader yields `(row, cells)` and stops at the first row it cannot read; one place turns the cells
into `Prompt` records and says which cell was wrong. Columns named like ours (`topic`, `controversy`,
`source`, `licence` or `license`, `split`) are taken over where a file has them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from populace.atomic import atomic_path
from populace.errors import DataError
from populace.prompts.builtin import builtin
from populace.prompts.records import Grade, Prompt, Split, clean, split_of, to_frame

__all__ = ["TEXT_COLUMNS", "load", "save"]

TEXT_COLUMNS = ("text", "prompt", "question", "instruction", "opening_prompt")
"""Names under which a text column is looked for, in this order."""

# Columns taken over from a file: what a cell must be, as a type and in words.
_OPTIONAL: dict[str, tuple[Any, str]] = {
    "topic": (str, "a text"),
    "controversy": (Grade, "a grade from 0 to 3"),
    "source": (str, "a text"),
    "licence": (str, "a text"),
    "license": (str, "a text"),
    "split": (Split, "train or test"),
}
_PRISM = frozenset({"conversation_id", "conversation_type", "opening_prompt"})

Row = tuple[int, dict[str, Any]]


def load(source: str | Path = "builtin", *, column: str | None = None) -> pl.DataFrame:
    r"""Read prompts and drop repeated texts, the first occurrence staying.

    Parameters
    ----------
    source
        `"builtin"`, or a `.csv`, `.jsonl` or `.parquet` file. PRISM's `conversations.jsonl` is recognised
        by its columns: its `opening_prompt` is read, with source `PRISM` and licence `CC BY 4.0`.
    column
        Column that holds the text; by default the first of `TEXT_COLUMNS` that the file has.

    Returns
    -------
    pl.DataFrame
        Shape (prompts, 7), with the columns of `SCHEMA`. What a file does not say is null, except
        `source` (the file's name) and `split` (decided by the text).

    Raises
    ------
    DataError
        If the file is missing, unreadable, empty or without a text column, or a cell is out of range.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "mine.csv"
    >>> _ = path.write_text("question,topic\nIs it fair to tip less at lunch?,Money\n")
    >>> load(path).select("text", "topic", "source").row(0)
    ('Is it fair to tip less at lunch?', 'Money', 'mine.csv')
    """
    if source == "builtin":
        return builtin()
    path = Path(source)
    if not path.is_file():
        raise DataError("there is no such file", file=path, fix='give a file that exists, or "builtin"')
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError("this kind of file is not known", file=path, fix=f"use one of {', '.join(_READERS)}")
    try:
        table = to_frame(_prompts(reader(path), path, column))
    except OSError as error:
        raise DataError(f"the file cannot be read: {error}", file=path, fix="check its permissions") from None
    if table.is_empty():
        raise DataError("the file has no rows", file=path, fix="give a file with at least one prompt")
    return table


def save(frame: pl.DataFrame, path: str | Path) -> None:
    """Write prompts to a Parquet file that is whole or absent; `load` reads the same table back.

    Raises
    ------
    DataError
        If `path` does not end in `.parquet` or may not be written.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "prompts.parquet"
    >>> save(builtin(), path)
    >>> load(path).equals(builtin())
    True
    """
    if Path(path).suffix.lower() != ".parquet":
        raise DataError("prompts are written as Parquet", file=path, fix="end the name in .parquet")
    with atomic_path(path) as temporary:
        frame.write_parquet(temporary)


def _prompts(rows: Iterator[Row], path: Path, column: str | None) -> Iterator[Prompt]:
    for row, cells in rows:
        column = column or _text_column(cells, path)
        prism = cells.keys() >= _PRISM
        told = {name: _cell(cells, name, path, row) for name in _OPTIONAL}
        text = _text(cells, column, path, row)
        yield Prompt(
            text=text,
            topic=told["topic"],
            controversy=told["controversy"],
            source=told["source"] or ("PRISM" if prism else path.name),
            licence=told["licence"] or told["license"] or ("CC BY 4.0" if prism else None),
            split=told["split"] or split_of(text),
        )


def _text_column(cells: dict[str, Any], path: Path) -> str:
    found = next((name for name in TEXT_COLUMNS if name in cells), None)
    if found is None:
        has = ", ".join(cells) or "none"
        raise DataError(
            f"no text column among {', '.join(TEXT_COLUMNS)} (the columns are: {has})",
            file=path,
            fix="name the column that holds the text",
        )
    return found


def _text(cells: dict[str, Any], column: str, path: Path, row: int) -> str:
    if column not in cells:
        has = ", ".join(cells) or "none"
        raise DataError(
            f"there is no such column (the columns are: {has})",
            file=path,
            row=row,
            column=column,
            fix="name a column that every row has",
        )
    value = cells[column]
    if value is not None and not isinstance(value, str):
        raise DataError(
            f"expected a text, found {value!r:.60}", file=path, row=row, column=column, fix="give a text"
        )
    text = clean(value or "")
    if not text:
        raise DataError("the text is empty", file=path, row=row, column=column, fix="remove the row")
    return text


def _cell(cells: dict[str, Any], name: str, path: Path, row: int) -> Any:
    value = cells.get(name)
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    kind, described = _OPTIONAL[name]
    try:
        # Not strict: a CSV writes the grade 2 as text.
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        raise DataError(
            f"expected {described}, found {value!r:.60}",
            file=path,
            row=row,
            column=name,
            fix="mend the value, or rename the column if it means something else",
        ) from None


def _read_csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle, strict=True)
        row = 0
        try:
            header = next(reader, [])
            for row, values in enumerate(reader, start=1):
                if values and len(values) != len(header):
                    raise DataError(
                        f"{len(values)} values under {len(header)} column names",
                        file=path,
                        row=row,
                        fix="quote texts that contain a comma",
                    )
                if values:
                    yield row, dict(zip(header, values, strict=True))
        except csv.Error as error:
            raise DataError(
                f"broken CSV: {error}", file=path, row=row + 1, fix="mend the quotes in this row"
            ) from None
        except UnicodeDecodeError:
            # Text is decoded in blocks, so the row is not known.
            raise DataError("the file is not UTF-8", file=path, fix="save the file as UTF-8") from None


def _read_jsonl(path: Path) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(dict[str, Any])
    with path.open("rb") as handle:
        for row, line in enumerate(handle, start=1):
            if not line.strip():
                continue
            try:
                yield row, decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DataError(
                    f"not a JSON object: {error}", file=path, row=row, fix="mend or remove this line"
                ) from None


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        table = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"broken Parquet: {error}", file=path, fix="write the file again") from None
    yield from enumerate(table.iter_rows(named=True), start=1)


_READERS: dict[str, Callable[[Path], Iterator[Row]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
