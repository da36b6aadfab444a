"""Released files as text: tables, objects, and lists that Python printed."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from populace.errors import DataError

__all__ = ["add", "literal", "read_csv", "read_object"]


def read_object(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    DataError
        If the file is missing, is no JSON or holds something else.
    """
    try:
        read = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        raise DataError("there is no such file", file=file) from None
    except ValueError as error:
        raise DataError(f"this is no JSON ({error})", file=file, row=getattr(error, "lineno", None)) from None
    if not isinstance(read, dict):
        raise DataError("the file holds no object of questions", file=file)
    return read


def read_csv(file: Path, columns: Iterable[str]) -> pl.DataFrame:
    """Read a CSV as text, and see that columns are there.

    Raises
    ------
    DataError
        If the file is missing or no table, or lacks a column.
    """
    if not file.is_file():
        raise DataError("there is no such file", file=file, fix="point to the released files")
    try:
        frame = pl.read_csv(file, infer_schema_length=0)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"the file cannot be read ({error})", file=file) from None
    for name in columns:
        if name not in frame.columns:
            raise DataError("a column is missing", file=file, column=name)
    return frame


def literal(text: str | None, kind: type, file: Path, row: int, column: str) -> Any:
    """Read a list or dictionary printed as Python does, `defaultdict(<class 'list'>, {...})` too."""
    inner = (text or "").strip()
    if inner.startswith("defaultdict(") and "{" in inner:
        inner = inner[inner.index("{") : inner.rindex("}") + 1]
    try:
        found = ast.literal_eval(inner)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        found = None
    if not isinstance(found, kind):
        what = f"this is no {'list' if kind is list else 'dictionary'} as Python prints it: {inner[:60]!r}"
        raise DataError(what, file=file, row=row, column=column)
    return found


def add(notes: dict[str, int], what: str, count: int = 1) -> None:
    """Count what is worth a note."""
    notes[what] = notes.get(what, 0) + count
