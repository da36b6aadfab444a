"""TOML files into records, with the line of what is wrong."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from populace.errors import DataError

__all__ = ["TOKEN", "check_token", "line_of", "read_text", "read_toml"]

T = TypeVar("T")
TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""What an id may be: it stands in policies, audits and file names, where nothing has to be escaped."""
_PATH = re.compile(r" - at `(?:key in )?`?(\$[^`]*)`?")
_UNKNOWN = re.compile(r"unknown field `([^`]+)`")
_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


def read_text(path: Path) -> str:
    """Read a file as UTF-8.

    Raises
    ------
    DataError
        If it is missing, not to be read, or not UTF-8.
    """
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise DataError("there is no such file", file=path) from error
    except UnicodeDecodeError as error:
        raise DataError("this is not UTF-8", file=path, fix="save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"this cannot be read ({error.strerror})", file=path) from error


def read_toml(path: Path, kind: type[T]) -> T:
    """Read a TOML file as a record; the error of a malformed one names the line.

    Raises
    ------
    DataError
        If it is no TOML, a key is unknown, or a value is of the wrong kind.
    """
    text = read_text(path)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = _AT.search(str(error))
        line = int(at[1]) if at and at[1] else len(text.splitlines()) or 1
        raise DataError(_AT.sub("", str(error)), file=path, row=line, fix="mend the TOML") from error
    except RecursionError as error:
        raise DataError("this is nested too deeply", file=path) from error
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        what = _PATH.sub("", str(error)).removeprefix("Object ")
        raise DataError(what, file=path, row=_line(text, str(error)), fix="see docs/bounds.md") from error


def _line(text: str, told: str) -> int | None:
    """Find the line of a key from the path that a validation error gives, as `$.wish[2].topic`."""
    found = _PATH.search(told)
    keys: list[Any] = re.findall(r"(\w+)(?:\[(\d+)\])?", found[1].lstrip("$")) if found else []
    unknown = _UNKNOWN.search(told)
    if unknown:
        keys.append((unknown[1], ""))
    lines = text.splitlines()
    at = last = None
    for name, index in keys:
        pattern = re.compile(rf"^\s*(?:\[+\s*)?[\"']?{re.escape(name)}[\"']?\s*(?:=|\.|\]|$)")
        hits = [place for place, line in enumerate(lines) if pattern.search(line) and place >= (at or 0)]
        place = int(index) if index else 0
        if not hits:
            break
        at = last = hits[min(place, len(hits) - 1)]
    return None if last is None else last + 1


def line_of(path: object, *words: str) -> int | None:
    """Find the line of a TOML file on which a word stands, after other words; None where it is on none."""
    try:
        lines = Path(str(path)).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    at = 0
    for place, word in enumerate(words):
        pattern = re.compile(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])")
        hits = (row for row, line in enumerate(lines) if row >= at and pattern.search(line.partition("#")[0]))
        found = next(hits, None)
        if found is None and place == len(words) - 1:
            return None
        at = at if found is None else found
    return at + 1


def check_token(value: str, what: str, path: object, line: int | None = None) -> None:
    """Refuse an id that would have to be escaped somewhere.

    Raises
    ------
    DataError
        If it is one.
    """
    if not TOKEN.fullmatch(value):
        raise DataError(
            f"{what} {value!r} is no id",
            file=path,
            row=line,
            fix="use letters, digits, dots, dashes and underscores, at most 80",
        )
