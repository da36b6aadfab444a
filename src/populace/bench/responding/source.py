"""Where responses are read from: a survey with its codebook, Polis, OpinionQA, RFPN, saved opinions."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from populace.bench.options import switched, whole_numbers
from populace.bench.responding.opinion_qa import read_people
from populace.bench.responding.rfpn import Replies, read_rfpn
from populace.errors import DataError, StudyError
from populace.opinions import Opinions, load, read_opinions, read_polis
from populace.opinions.saving import is_saved

__all__ = ["one_number", "opened"]

_FORMATS = ("auto", "survey", "polis", "opinionqa", "rfpn", "saved")


def opened(options: Mapping[str, Any]) -> Opinions | Replies:
    """Read what the settings `survey`, `format`, `codebook`, `later` and `year` name.

    Raises
    ------
    StudyError
        If nothing is named, no format has the name, or a survey comes without a codebook.
    DataError, CodebookError
        If it is not there, or cannot be read.
    """
    if not options.get("survey"):
        fix = "give --option survey=FILE_OR_FOLDER"
        raise StudyError("response-prediction needs data", fix=fix)
    path, form = Path(str(options["survey"])), str(options.get("format", "auto"))
    if form not in _FORMATS:
        raise StudyError(f"no format is {form!r}", fix=f"use one of {', '.join(_FORMATS)}")
    if not path.exists():
        raise DataError("there is no such file or folder", file=path, fix="correct --option survey=")
    if form == "auto":
        form = _guessed(path)
    if form == "survey" and not options.get("codebook"):
        raise StudyError("nothing says how the survey is to be read", fix="give --option codebook=NAME")
    year = options.get("year")
    return _read(
        path,
        _stamp(path),
        form,
        str(options.get("codebook", "")),
        later=switched("later", options.get("later", False)),
        year=None if year is None else one_number("year", year),
    )


def one_number(name: str, value: Any) -> int:
    """Read a setting that is one whole number from 1 up.

    Raises
    ------
    StudyError
        If it is another.
    """
    found = whole_numbers(name, value)
    if len(found) > 1:
        raise StudyError(f"{name} is one number, and {len(found)} are given")
    return found[0]


def _guessed(path: Path) -> str:
    """Tell a format by what is there."""
    if path.is_dir():
        marks = {
            "info.csv": "opinionqa",
            "comments.csv": "polis",
            "train.json": "rfpn",
            "train.jsonl": "rfpn",
        }
        return next((form for mark, form in marks.items() if (path / mark).is_file()), "polis")
    return "saved" if path.is_file() and is_saved(path) else "survey"


def _stamp(path: Path) -> tuple[int, ...]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return tuple(number for each in files for number in (each.stat().st_mtime_ns, each.stat().st_size))


@lru_cache(maxsize=1)
def _read(
    path: Path, stamp: tuple[int, ...], form: str, codebook: str, *, later: bool, year: int | None
) -> Opinions | Replies:
    """Read data once: a run begins its procedure twice."""
    if form == "survey":
        return read_opinions(path, codebook, later=later, year=year)
    return {"polis": read_polis, "opinionqa": read_people, "rfpn": read_rfpn, "saved": load}[form](path)
