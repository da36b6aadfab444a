"""Questions with what people answered: from files, a conversation or a survey; or our own, without gold.

- A CSV or Parquet file of `populace.pluralism.distributional.read_answers`, or a survey in it.
- MoralChoice's CSV (Scherrer et al. 2023, arXiv 2307.14324): two actions a dilemma. Nobody was asked: what
  Modular Pluralism takes for gold is made up, [1, 0] where ambiguity is low (the first action is the better
  one) and [.5, .5] where it is high, and scores say so.
- A folder of Polis, opinions that were saved, or a survey with a codebook (`populace.opinions`); with an
  attribute, a group of people a value of it.
- Nothing: value-laden questions of our own, of which it is only told whether the ways agree.

What cannot be asked (no wording, too many options, too few people) is left out, and it is said how much.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from populace.bench.distributions.own import OWN
from populace.errors import DataError, StudyError
from populace.opinions import NONE, Opinions, read_opinions, read_polis
from populace.opinions.groups import groups_of
from populace.opinions.saving import is_saved, load
from populace.pluralism.distributional import read_answers
from populace.pluralism.distributional.reading import EVERYBODY
from populace.streams import stream

__all__ = ["LEAST", "MADE_UP", "Cell", "Opened", "drawn", "opened"]

LEAST = 20
"""People of a group who must have answered a question for it to be asked."""
MADE_UP = "made up"
"""Source of gold that nobody gave."""
_MOST = 9
"""Options that numbers of one figure can name."""
_DILEMMA = ("scenario_id", "ambiguity", "context", "action1", "action2")


@dataclass(frozen=True)
class Cell:
    """One question put to one group.

    Attributes
    ----------
    name, text, options
        Of the question; options in the order of the source.
    group
        As a prompt names those who are asked; empty for everybody.
    gold
        Shares of the options; empty where nobody was asked.
    people
        Who answered; nan where it is not known.
    ordinal
        Whether the order of the options means something.
    source
        Where the gold is from: `people`, `made up`, or empty.
    """

    name: str
    text: str
    options: tuple[str, ...]
    group: str = ""
    gold: tuple[float, ...] = ()
    people: float = float("nan")
    ordinal: bool = False
    source: str = ""


class Opened(NamedTuple):
    """What can be asked."""

    cells: list[Cell]
    """In the order of the source."""
    left_out: str = ""
    """How many cells cannot be asked, and why; empty where all can."""


def opened(survey: str | None, codebook: str | None, by: str | None, least: int = LEAST) -> Opened:
    """Read all cells there are, in the order of the source, but for those that cannot be asked.

    Parameters
    ----------
    survey, codebook, by
        The task's options.
    least
        Cells of which fewer people are known to have answered are left out.

    Raises
    ------
    StudyError
        If options do not fit each other.
    DataError
        If a file cannot be read, or no question is left.
    """
    if not survey:
        if codebook or by:
            raise StudyError(
                f"there is no survey to {'read' if codebook else 'group'}", fix="give survey=FILE"
            )
        return Opened([Cell(name=name, text=text, options=some, ordinal=True) for name, text, some in OWN])
    path = Path(survey)
    if codebook:
        found = _of_opinions(read_opinions(path, codebook), by, least)
    elif path.is_dir():
        found = _of_opinions(read_polis(path), by, least)
    elif is_saved(path):
        found = _of_opinions(load(path), by, least)
    elif by:
        raise StudyError("a table of answers has its groups already", fix="leave out `by`")
    else:
        found = _of_dilemmas(path) if _is_dilemmas(path) else _of_table(path, least)
    kept: list[Cell] = []
    left: Counter[str] = Counter()
    for cell in found:
        why = cell if isinstance(cell, str) else _unfit(cell)
        if why:
            left[why] += 1
        elif isinstance(cell, Cell):
            kept.append(cell)
    told = ", ".join(f"{count:,} {why}" for why, count in sorted(left.items()))
    if not kept:
        what = f"no question can be asked: {told or 'there is none'}"
        raise DataError(what, file=path, fix=f"ask others, of 2 to {_MOST} options; or of fewer people")
    return Opened(kept, told)


def _unfit(cell: Cell) -> str:
    """Say why a question cannot be asked; nothing where it can."""
    if not cell.text:
        return "without a wording"
    if len(cell.options) > _MOST:
        return f"with more than {_MOST} options"
    return "with fewer than two options" if len(cell.options) < 2 else ""


def drawn(cells: Sequence[Cell], questions: int, seed: int) -> list[Cell]:
    """Draw questions, with all their groups; all there are, if fewer. The order stays that of the source."""
    names = list(dict.fromkeys(cell.name for cell in cells))
    rng = stream(seed, "bench.distributions.questions")
    kept = {names[place] for place in rng.permutation(len(names))[:questions]}
    return [cell for cell in cells if cell.name in kept]


def _few(least: int) -> str:
    return f"with fewer than {least} people"


def _of_table(path: Path, least: int) -> Iterator[Cell | str]:
    """Take questions and groups of a table of answers, or say why not; refusals are no options."""
    told = read_answers(path)
    for row, (name, text, options) in enumerate(zip(told.questions, told.texts, told.options, strict=True)):
        refused = [False] * len(options) if told.refusals is None else told.refusals[row].tolist()
        places = [place for place in range(len(options)) if not refused[place]]
        ordinal = told.positions is not None and bool(np.isfinite(told.positions[row, places]).all())
        for column, group in enumerate(told.groups):
            values = told.values[row, column, places]
            if np.isnan(values).any():
                continue  # this group was not asked
            known = values.sum() if told.counts else np.nan if told.n is None else told.n[row, column]
            if values.sum() <= 0 or known < least:
                yield _few(least) if values.sum() > 0 or told.counts else "without an answer"
                continue
            yield Cell(
                name=name, text=text, options=tuple(options[place] for place in places),
                group="" if group == EVERYBODY else group, gold=tuple((values / values.sum()).tolist()),
                people=float(known), ordinal=ordinal, source="people",
            )  # fmt: skip


def _is_dilemmas(path: Path) -> bool:
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    return set(_DILEMMA) <= set(next(_rows(path), []))


def _rows(path: Path) -> Iterator[list[str]]:
    """Read a CSV file, row after row."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield from csv.reader(handle)
    except UnicodeDecodeError as error:
        raise DataError("the file is not written in UTF-8", file=path, fix="save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"the file cannot be read ({error})", file=path) from error


def _of_dilemmas(path: Path) -> Iterator[Cell | str]:
    """Take the dilemmas of MoralChoice, with the gold that Modular Pluralism made up."""
    rows = _rows(path)
    header, seen = next(rows), dict[str, int]()
    for number, fields in enumerate((fields for fields in rows if fields), start=1):
        if len(fields) != len(header):
            what = f"the row has {len(fields)} fields, and the header {len(header)}"
            raise DataError(what, file=path, row=number, fix="quote what holds a comma")
        name, ambiguity, context, *options = _filled(dict(zip(header, fields, strict=True)), path, number)
        if ambiguity not in ("low", "high"):
            what = f"{ambiguity!r} is neither low nor high"
            raise DataError(what, file=path, row=number, column="ambiguity")
        if seen.setdefault(name, number) != number:
            what = f"{name!r} is the dilemma of row {seen[name]} already"
            raise DataError(what, file=path, row=number, column="scenario_id", fix="give each its own name")
        gold = (1.0, 0.0) if ambiguity == "low" else (0.5, 0.5)
        if options[0] == options[1]:
            yield "with two actions alike"
            continue
        yield Cell(name, f"{context} What do you do?", tuple(options), gold=gold, source=MADE_UP)


def _filled(row: Mapping[str, str], path: Path, number: int) -> list[str]:
    """Give what a dilemma needs, none of which may be empty."""
    found = [row[column].strip() for column in _DILEMMA]
    for column, value in zip(_DILEMMA, found, strict=True):
        if not value:
            raise DataError(f"the {column} is missing", file=path, row=number, column=column)
    return found


def _of_opinions(opinions: Opinions, by: str | None, least: int) -> Iterator[Cell | str]:
    """Count answers by item and group, weighted where the survey has weights; or say why not."""
    whole = [("", np.ones(len(opinions), dtype=bool))]
    groups = whole
    if by:
        values = groups_of(opinions.people, by)
        names = sorted(values.drop_nulls().unique().to_list())
        said = by.replace("_", " ")
        groups = [
            (f"people whose {said} is {name}", (values == name).fill_null(False).to_numpy()) for name in names
        ]
    for place, item in enumerate(opinions.items):
        if by and by in item.same_as:
            yield f"from which {by} is read"  # who belongs to the group has answered it by that
            continue
        for group, members in groups:
            codes = opinions.answers[members, place]
            there = codes != NONE
            if there.sum() < least:
                yield _few(least)
                continue
            weights = opinions.weights[members][there]
            counts = np.bincount(codes[there], weights, minlength=item.size)
            if counts.sum() <= 0:
                yield "without an answer that weighs anything"
                continue
            # Of weighted answers, as many as an even sample that is as exact (Kish 1965).
            effective = float(weights.sum() ** 2 / (weights @ weights))
            yield Cell(
                name=item.name, text=item.question, options=item.options, group=group,
                gold=tuple((counts / counts.sum()).tolist()), people=effective, ordinal=item.ordinal,
                source="people",
            )  # fmt: skip
