"""Questions with what people answered: from files, a conversation or a survey; or our own, without gold.

- A CSV or Parquet file of `populace.pluralism.distributional.read_answers`, or a survey in it.
- MoralChoice's CSV (Scherrer et al. 2023, arXiv 2307.14324): two actions a dilemma. Nobody was asked: what
Modular
  Pluralism takes for gold is made up, [1, 0] where ambiguity is low (the first action is the better one) and
  [.5, .5] where it is high, and scores say so.
- A folder of Polis, opinions that were saved, or a survey with a codebook (`populace.opinions`); with an
  attribute, a group of people a value of it.
- Nothing: value-laden questions of our own, of which it is only told whether the ways agree.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from populace.bench.distributions.own import OWN
from populace.errors import DataError, StudyError
from populace.opinions import NONE, Opinions, read_opinions, read_polis
from populace.opinions.groups import groups_of
from populace.opinions.saving import is_saved, load
from populace.pluralism.distributional import read_answers
from populace.pluralism.distributional.reading import EVERYBODY
from populace.streams import stream

__all__ = ["LEAST", "MADE_UP", "Cell", "drawn", "opened"]

LEAST = 20
"""People of a group who must have answered a question for it to be asked."""
MADE_UP = "made up"
"""Source of gold that nobody gave."""
_MOST = 9
"""Options that numbers of one figure can name."""


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


def opened(survey: str | None, codebook: str | None, by: str | None) -> list[Cell]:
    """Read all cells there are, in the order of the source.

    Raises
    ------
    StudyError
        If options do not fit each other.
    DataError
        If a file cannot be read, or no question has enough answers.
    """
    if not survey:
        if codebook or by:
            raise StudyError(
                f"there is no survey to {'read' if codebook else 'group'}", fix="give survey=FILE"
            )
        return [Cell(name=name, text=text, options=options, ordinal=True) for name, text, options in OWN]
    path = Path(survey)
    if codebook:
        found = _of_opinions(read_opinions(path, codebook), by)
    elif path.is_dir():
        found = _of_opinions(read_polis(path), by)
    elif is_saved(path):
        found = _of_opinions(load(path), by)
    elif by:
        raise StudyError("a table of answers has its groups already", fix="leave out `by`")
    else:
        found = _of_dilemmas(path) if _is_dilemmas(path) else _of_table(path)
    cells = [cell for cell in found if 2 <= len(cell.options) <= _MOST and cell.text]
    if not cells:
        raise DataError(
            f"no question has a wording, 2 to {_MOST} options and {LEAST} answers",
            file=path,
            fix="ask others",
        )
    return cells


def drawn(cells: Sequence[Cell], questions: int, seed: int) -> list[Cell]:
    """Draw questions, with all their groups; all there are, if fewer. The order stays that of the source."""
    names = list(dict.fromkeys(cell.name for cell in cells))
    rng = stream(seed, "bench.distributions.questions")
    kept = {names[place] for place in rng.permutation(len(names))[:questions]}
    return [cell for cell in cells if cell.name in kept]


def _of_table(path: Path) -> Iterator[Cell]:
    """Take questions and groups of a table of answers; refusals are no options."""
    told = read_answers(path)
    for row, (name, text, options) in enumerate(zip(told.questions, told.texts, told.options, strict=True)):
        refused = [False] * len(options) if told.refusals is None else told.refusals[row].tolist()
        places = [place for place in range(len(options)) if not refused[place]]
        ordinal = told.positions is not None and bool(np.isfinite(told.positions[row, places]).all())
        for column, group in enumerate(told.groups):
            values = told.values[row, column, places]
            if np.isnan(values).any() or values.sum() <= 0:
                continue
            known = values.sum() if told.counts else np.nan if told.n is None else told.n[row, column]
            yield Cell(
                name=name, text=text, options=tuple(options[place] for place in places),
                group="" if group == EVERYBODY else group, gold=tuple((values / values.sum()).tolist()),
                people=float(known), ordinal=ordinal, source="people",
            )  # fmt: skip


def _is_dilemmas(path: Path) -> bool:
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with path.open(encoding="utf-8", newline="") as handle:
        header = next(csv.reader(handle), [])
    return {"scenario_id", "ambiguity", "context", "action1", "action2"} <= set(header)


def _of_dilemmas(path: Path) -> Iterator[Cell]:
    """Take the dilemmas of MoralChoice, with the gold that Modular Pluralism made up."""
    with path.open(encoding="utf-8", newline="") as handle:
        for number, row in enumerate(csv.DictReader(handle), start=1):
            if row["ambiguity"] not in ("low", "high"):
                what = f"{row['ambiguity']!r} is neither low nor high"
                raise DataError(what, file=path, row=number, column="ambiguity")
            text = f"{row['context'].strip()} What do you do?"
            gold = (1.0, 0.0) if row["ambiguity"] == "low" else (0.5, 0.5)
            options = (row["action1"].strip(), row["action2"].strip())
            if options[0] != options[1]:
                yield Cell(row["scenario_id"], text, options, gold=gold, source=MADE_UP)


def _of_opinions(opinions: Opinions, by: str | None) -> Iterator[Cell]:
    """Count answers by item and group, weighted where the survey has weights."""
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
            continue  # who belongs to the group has answered it by that
        for group, members in groups:
            codes = opinions.answers[members, place]
            there = codes != NONE
            if there.sum() < LEAST or not item.question:
                continue
            weights = opinions.weights[members][there]
            counts = np.bincount(codes[there], weights, minlength=item.size)
            if counts.sum() <= 0:
                continue
            # Of weighted answers, as many as an even sample that is as exact (Kish 1965).
            effective = float(weights.sum() ** 2 / (weights @ weights))
            yield Cell(
                name=item.name, text=item.question, options=item.options, group=group,
                gold=tuple((counts / counts.sum()).tolist()), people=effective, ordinal=item.ordinal,
                source="people",
            )  # fmt: skip
