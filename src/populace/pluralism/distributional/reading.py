"""Answers from a file of the user's: who said what, by question, option and group.

A CSV or Parquet file with a row an option: `question`, `option`, and one of `count` (people, or draws),
`share` or `probability`; where there are some, `group`, `n` (people behind a share), `position` (where the
option lies on an ordered scale), `refusal` (true where the option is one) and `text` (the question in words).
An option that a group lacks has nothing; one that nobody chose may be left out as long as another group has
it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.distributional.planning import Laid
from populace.stats._arrays import Bools, Floats

__all__ = ["EVERYBODY", "Answers", "read_answers", "side_by_side"]

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

    def only(self, questions: tuple[str, ...]) -> Answers:
        """Keep some questions, in this order."""
        places = [self.questions.index(name) for name in questions]
        n, positions = (None if each is None else each[places] for each in (self.n, self.positions))
        refusals = None if self.refusals is None else self.refusals[places]
        return Answers(
            questions, tuple(self.texts[at] for at in places), tuple(self.options[at] for at in places),
            self.groups, self.values[places], self.counts, n, positions, refusals,
        )  # fmt: skip

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
        twice, or a position or refusal differs between groups; names the row and column.

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
        group = str(given.get("group") or EVERYBODY)
        options.setdefault(question, {}).setdefault(option, len(options[question]))
        if (question, group, option) in rows:
            raise DataError(f"{option!r} of {question!r} is there twice", file=file, row=row, column="option")
        rows[question, group, option] = _number(given[kind], file, row, kind), row
        texts.setdefault(question, str(given.get("text") or question))
        if given.get("n") not in (None, ""):
            numbers[question, group] = _number(given["n"], file, row, "n")
        _extra(extra, given, (question, option), file, row)
    return _laid_out(rows, options, texts, numbers, extra, counts=kind == "count", file=file)


def side_by_side(model: Answers, human: Answers) -> tuple[Floats, Answers]:
    """Lay a model's answers beside people's by the names of questions, options and groups.

    Returns
    -------
    The model's values in the human order, shape (questions, groups, options), and people's on the questions
    that both have.

    Raises
    ------
    DataError
        If no question is in both, the model names an option that people's question lacks, or a group is
        missing on the model's side.

    Examples
    --------
    >>> nothing = dict(texts=("q",), groups=("everybody",), counts=False)
    >>> people = Answers(("q",), options=(("yes", "no"),), values=np.array([[[0.7, 0.3]]]), **nothing)
    >>> model = Answers(("q",), options=(("no", "yes"),), values=np.array([[[0.1, 0.9]]]), **nothing)
    >>> side_by_side(model, people)[0].tolist()
    [[[0.9, 0.1]]]
    """
    shared = tuple(name for name in human.questions if name in model.questions)
    if not shared:
        raise DataError("no question is in both files", fix="give them the same names in `question`")
    theirs = human.only(shared)
    alike = model.groups == (EVERYBODY,)
    absent = [name for name in human.groups if name not in model.groups]
    if absent and not alike:
        raise DataError(
            f"the model has no group {absent[0]!r}", fix="give it, or leave out the column `group`"
        )
    found = np.full(theirs.values.shape, np.nan)
    for place, name in enumerate(shared):
        at = model.questions.index(name)
        to = {option: number for number, option in enumerate(theirs.options[place])}
        strange = [option for option in model.options[at] if option not in to]
        if strange:
            raise DataError(
                f"the model answers {strange[0]!r} to {name!r}, which is no option of people's",
                column="option",
                fix=f"name the options as people's file does: {', '.join(map(repr, to))}",
            )
        for number, group in enumerate(human.groups):
            values = model.values[at, 0 if alike else model.groups.index(group)]
            if np.isnan(values).all():
                continue
            found[place, number, : len(to)] = 0.0
            for option, value in zip(model.options[at], values, strict=False):
                found[place, number, to[option]] = value
    return found, theirs


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
        except (KeyError, ValueError) as error:
            fix = "write true or false" if name == "refusal" else "write a number"
            raise DataError(f"{value!r} is no {name}", file=file, row=row, column=name, fix=fix) from error
        if found.setdefault(key, read) != read:
            raise DataError(f"the {name} of {key[1]!r} differs", file=file, row=row, column=name)


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
        questions, tuple(texts[name] for name in questions), tuple(tuple(each) for each in options.values()),
        groups, values, counts, n if numbers and not counts else None, found.get("position"),
        found["refusal"] > 0 if "refusal" in found else None,
    )  # fmt: skip
