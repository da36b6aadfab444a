"""Answers from a file of the user's: who said what, by question, option and group.

A CSV or Parquet file with a row an option: `question`, `option`, and one of `count` (people, or draws),
`share` or `probability`; where there are some, `group`, `n` (people behind a share), `position` (where the
option lies on an ordered scale), `refusal` (true where the option is one) and `text` (the question in words).
An option that a group lacks has nothing; one that nobody chose may be left out as long as another group has
it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.distributional.planning import Laid
from populace.stats._arrays import Bools, Floats

__all__ = ["EVERYBODY", "Answers", "read_answers"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", float, str)

EVERYBODY = "everybody"
"""Name of the group where a file has none."""
_VALUES = ("count", "share", "probability")
_TRUE = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}


@dataclass(frozen=True)
class Answers:
    """Distributions by question and group.

    Attributes
    ----------
    questions
        Names, in the order of the file.
    texts
        The questions in words; their names where the file has none.
    options
        Of each question, in the order of the file.
    groups
        Names.
    values
        Shape (questions, groups, options), nan beyond a question's options and where a group was not asked.
    counts
        Whether values are numbers of people.
    n
        Shape (questions, groups), people behind shares; None where the file does not say.
    positions
        Shape (questions, options); None where no option has a position.
    refusals
        Shape (questions, options); None where nothing is one.
    """

    questions: tuple[str, ...]
    texts: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]
    groups: tuple[str, ...]
    values: Floats
    counts: bool
    n: Floats | None = None
    positions: Floats | None = None
    refusals: Bools | None = None

    def settings(self) -> Laid:
        """Give what `score` needs to know of people's side."""
        found: Laid = {"counts": self.counts}
        if self.refusals is not None:
            found["refusals"] = self.refusals
        if self.n is not None:
            found["respondents"] = self.n
        return found


def read_answers(path: str | Path) -> Answers:
    r"""Read a file of answers, laid out as this module says.

    Raises
    ------
    DataError
        If the file is missing or laid out otherwise, a value is no number from 0 up, an option is there
        twice, or what must be alike differs between rows (a question's text, an option's position or whether
        it is a refusal, the `n` of a question and group); names the row and column.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "people.csv"
    >>> table = "question,option,group,count\ntax,up,old,30\ntax,down,old,70\ntax,up,young,5\n"
    >>> _ = file.write_text(table)
    >>> found = read_answers(file)
    >>> found.options, found.groups, found.values.tolist()
    ((('up', 'down'),), ('old', 'young'), [[[30.0, 70.0], [5.0, 0.0]]])
    """
    file = Path(path)
    frame = _frame(file)
    kind = next(name for name in _VALUES if name in frame.columns)
    rows: dict[tuple[str, str, str], tuple[float, int]] = {}
    options: dict[str, dict[str, int]] = {}
    extra: dict[str, dict[tuple[str, str], float]] = {"position": {}, "refusal": {}}
    texts: dict[str, str] = {}
    numbers: dict[tuple[str, str], float] = {}
    for row, given in enumerate(frame.iter_rows(named=True), start=1):
        question, option = (_named(given, name, file, row) for name in ("question", "option"))
        group = str(given.get("group") or "").strip() or EVERYBODY
        options.setdefault(question, {}).setdefault(option, len(options[question]))
        if (question, group, option) in rows:
            raise DataError(f"{option!r} of {question!r} is there twice", file=file, row=row, column="option")
        rows[question, group, option] = _number(given[kind], file, row, kind), row
        if text := str(given.get("text") or "").strip():
            _alike(texts, question, text, f"the text of {question!r}", file, row, "text")
        if given.get("n") not in (None, ""):
            number, what = _number(given["n"], file, row, "n"), f"the number of people of {question!r}"
            if number < 1:
                raise DataError(f"{what} is below 1", file=file, row=row, column="n", fix="leave it empty")
            _alike(numbers, (question, group), number, f"{what} in the group {group!r}", file, row, "n")
        _extra(extra, given, (question, option), file, row)
    return _laid_out(rows, options, texts, numbers, extra, counts=kind == "count", file=file)


def _frame(file: Path) -> pl.DataFrame:
    if not file.is_file():
        raise DataError("there is no such file of answers", file=file, fix="give a .csv or .parquet file")
    try:
        if file.suffix.lower() == ".parquet":
            frame = pl.read_parquet(file)
        elif file.suffix.lower() == ".csv":
            frame = pl.read_csv(file, infer_schema=False)
        else:
            raise DataError(f"answers are not read from {file.suffix or 'such'} files", file=file,
                            fix="give a .csv or .parquet file")  # fmt: skip
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"the file cannot be read ({error})", file=file) from error
    for name in ("question", "option"):
        if name not in frame.columns:
            raise DataError(
                "a column is missing", file=file, column=name, fix="give question, option and count"
            )
    kinds = [name for name in _VALUES if name in frame.columns]
    if len(kinds) != 1:
        what = "no column holds values" if not kinds else f"{' and '.join(kinds)} both hold values"
        raise DataError(what, file=file, fix=f"give one of {', '.join(_VALUES)}")
    if frame.is_empty():
        raise DataError("the file holds no row", file=file)
    return frame


def _named(given: Mapping[str, Any], name: str, file: Path, row: int) -> str:
    text = "" if given[name] is None else str(given[name]).strip()
    if not text:
        raise DataError(f"a {name} is missing", file=file, row=row, column=name)
    return text


def _number(value: Any, file: Path, row: int, column: str) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        found = -1.0
    if not (np.isfinite(found) and found >= 0):
        raise DataError(f"{value!r} is no number from 0 up", file=file, row=row, column=column)
    return found


def _extra(
    extra: dict[str, dict[tuple[str, str], float]],
    given: Mapping[str, Any],
    key: tuple[str, str],
    file: Path,
    row: int,
) -> None:
    """Read what is said of an option itself, which must be alike in all groups."""
    for name, found in extra.items():
        value = given.get(name)
        if value is None or str(value).strip() == "":
            continue
        try:
            read = float(_TRUE[str(value).strip().lower()]) if name == "refusal" else float(value)
        except (KeyError, ValueError):
            read = math.nan
        if not math.isfinite(read):
            fix = "write true or false" if name == "refusal" else "write a number, or nothing"
            raise DataError(f"{value!r} is no {name}", file=file, row=row, column=name, fix=fix)
        _alike(found, key, read, f"the {name} of {key[1]!r}", file, row, name)


def _alike(known: dict[K, V], key: K, value: V, what: str, file: Path, row: int, column: str) -> None:
    """Keep what is said first, and refuse a row that says otherwise."""
    first = known.setdefault(key, value)
    if first != value:
        raise DataError(
            f"{what} differs: {first!r} before, {value!r} here", file=file, row=row, column=column,
            fix="write it alike in all rows, or in one",
        )  # fmt: skip


def _laid_out(
    rows: Mapping[tuple[str, str, str], tuple[float, int]],
    options: Mapping[str, Mapping[str, int]],
    texts: Mapping[str, str],
    numbers: Mapping[tuple[str, str], float],
    extra: Mapping[str, Mapping[tuple[str, str], float]],
    *,
    counts: bool,
    file: Path,
) -> Answers:
    questions, groups = tuple(options), tuple(dict.fromkeys(group for _, group, _ in rows))
    at, whose = ({name: place for place, name in enumerate(some)} for some in (questions, groups))
    width = max(len(each) for each in options.values())
    values = np.full((len(questions), len(groups), width), np.nan)
    for question, group in dict.fromkeys((question, group) for question, group, _ in rows):
        values[at[question], whose[group], : len(options[question])] = 0.0
    for (question, group, option), (value, _) in rows.items():
        values[at[question], whose[group], options[question][option]] = value
    for question, names in options.items():
        if len(names) < 2:
            row = next(row for (name, _, _), (_, row) in rows.items() if name == question)
            raise DataError(f"{question!r} has one option", file=file, row=row, fix="leave it out")
    n = np.full((len(questions), len(groups)), np.nan)
    for (question, group), value in numbers.items():
        n[at[question], whose[group]] = value
    found: dict[str, Floats] = {}
    for name, given in extra.items():
        table = np.full((len(questions), width), 0.0 if name == "refusal" else np.nan)
        for (question, option), value in given.items():
            table[at[question], options[question][option]] = value
        if given:
            found[name] = table
    return Answers(
        questions, tuple(texts.get(name, name) for name in questions),
        tuple(tuple(each) for each in options.values()), groups, values, counts,
        n if numbers and not counts else None, found.get("position"),
        found["refusal"] > 0 if "refusal" in found else None,
    )  # fmt: skip
