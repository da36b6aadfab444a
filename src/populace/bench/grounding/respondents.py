"""Respondents of a survey as a model is told of them, and what of theirs is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace.bench.grounding.asking import Told
from populace.bench.options import known as known_options
from populace.bench.options import switched, whole_numbers
from populace.bench.task import Bench
from populace.errors import StudyError
from populace.opinions import NONE, POLITICAL, Inputs, Opinions, Split, inputs_of, read_opinions, split
from populace.personas.frames import complete

__all__ = ["Plan", "planned"]

_OPTIONS = (
    "survey",
    "codebook",
    "later",
    "people",
    "asked",
    "known",
    "wordings",
    "leaks",
    "unworded",
    "year",
)


@dataclass(frozen=True)
class Plan:
    """What a run of `grounded` asks.

    Attributes
    ----------
    opinions
        Of everybody: those who are learned from, and those tested.
    split
        Who is tested, what is asked of whom.
    designs
        What a prediction may use, in the order of tables.
    cells
        `person` (number among the tested) and `item` (number) of each cell, a row a cell.
    wordings
        Wordings of each question that are asked, the survey's own among them.
    leaks
        Whether answers that say nearly the same may be known.
    """

    opinions: Opinions
    split: Split
    designs: tuple[Inputs, ...]
    cells: pl.DataFrame
    wordings: int
    leaks: bool

    def hidden(self) -> np.ndarray:
        """Answers of the tested that nobody is told: shape (tests, M).

        Those without a wording, since a model cannot be told them; and unless leaks are wanted those that tell
        what is asked.
        """
        mute = np.array([not item.question for item in self.opinions.items])
        hidden = np.broadcast_to(mute, self.split.asked.shape).copy()
        if not self.leaks:
            told = {name for design in self.designs for name in design.attributes}
            hidden |= np.array([bool(told & set(item.same_as)) for item in self.opinions.items])
        return hidden

    def wordings_of(self, place: int) -> tuple[str, ...]:
        """List the wordings in which an item is asked, its own first."""
        item = self.opinions.items[place]
        return (item.question, *item.wordings)[: self.wordings]

    @property
    def everything(self) -> Inputs:
        """All there is to know of a person: what no model can be told in one prompt."""
        return Inputs(self.designs[-1].attributes, None)

    def frame(self) -> pl.DataFrame:
        """Give the cells: who was asked what, and what they said, at both interviews."""
        opinions, test = self.opinions, self.split.test
        rows, columns = test[self.cells["person"].to_numpy()], self.cells["item"].to_numpy()
        again = opinions.answers if opinions.retest is None else opinions.retest
        said = pl.Series("retest", again[rows, columns], dtype=pl.Int16)
        if opinions.retest is None:
            said = said.clear(len(said))
        people = opinions.people[rows].rename({"person_id": "persona_id"})
        return people.select("persona_id", "weight", pl.exclude("persona_id", "weight")).with_columns(
            pl.Series("prompt_id", [opinions.items[c].name for c in columns], dtype=pl.String),
            pl.Series("options", opinions.sizes[columns], dtype=pl.Int64),
            pl.Series("ordinal", [opinions.items[c].ordinal for c in columns], dtype=pl.Boolean),
            pl.Series("truth", opinions.answers[rows, columns], dtype=pl.Int16),
            said.set(said == NONE, None),
        )

    def told(self, bench: Bench) -> dict[str, list[Told]]:
        """Describe the tested in every design, and as nobody and as a stranger: arm -> one a person."""
        people = complete(self.opinions.people.select(pl.exclude("weight")))
        rows = people.with_columns(pl.col("person_id").alias("persona_id"))[self.split.test]
        described = {
            political: replace(bench, personas=rows).profiles(leave_out=() if political else POLITICAL)
            for political in (False, True)
        }
        order = rows["persona_id"].to_list()
        found: dict[str, list[Told]] = {"nobody": [Told()] * len(order)}
        for design in self.designs:
            political = bool(set(design.attributes) & set(POLITICAL))
            answers = self.split.known(self.opinions, design.known, hide=self.hidden())
            found[design.name] = [
                Told(described[political][who] if design.attributes else "", self._answers(row))
                for who, row in zip(order, answers, strict=True)
            ]
        last = found[self.designs[-1].name]
        found["stranger"] = [last[(place + 1) % len(last)] for place in range(len(last))]
        return found

    def _answers(self, codes: np.ndarray) -> tuple[tuple[str, str], ...]:
        """Put known answers into words; those of items without a wording cannot be told."""
        return tuple(
            (item.question, item.options[code])
            for item, code in zip(self.opinions.items, codes, strict=True)
            if code != NONE and item.question
        )


def planned(bench: Bench) -> Plan:
    """Read the survey and draw what is asked.

    Raises
    ------
    StudyError
        If the settings do not fit.
    DataError, CodebookError
        If the survey cannot be read.
    """
    options = bench.options
    known_options("grounded", options, _OPTIONS)
    if not options.get("survey"):
        raise StudyError("grounded needs a survey", fix="give --option survey=FILE --option codebook=NAME")
    leaks = switched("leaks", options.get("leaks", False))
    opinions = _opened(options)
    people, asked = (
        whole_numbers(name, options.get(name, usual))[0] for name, usual in (("people", 60), ("asked", 5))
    )
    counts = (0, *whole_numbers("known", options.get("known", "3,10")))
    designs = _designs(opinions, counts)
    told = {name for design in designs for name in design.attributes}
    may = np.array(
        [bool(item.question) and (leaks or not told & set(item.same_as)) for item in opinions.items]
    )
    parts = split(opinions, test=people, asked=asked, least=max(counts), items=may, seed=bench.seed)
    person, item = np.nonzero(parts.asked)
    cells = pl.DataFrame({"person": person, "item": item})
    wordings = whole_numbers("wordings", options.get("wordings", 1))[0]
    return Plan(opinions, parts, designs, cells, wordings, leaks)


def _opened(options: Mapping[str, Any]) -> Opinions:
    if not options.get("codebook"):
        raise StudyError("nothing says how the survey is to be read", fix="give --option codebook=NAME")
    year = options.get("year")
    return read_opinions(
        Path(str(options["survey"])),
        str(options["codebook"]),
        later=switched("later", options.get("later", False)),
        unworded=switched("unworded", options.get("unworded", True)),
        year=None if year is None else int(year),
    )


def _designs(opinions: Opinions, counts: tuple[int, ...]) -> tuple[Inputs, ...]:
    """List the designs: demographics, with party and ideology, and with own answers."""
    bare, full = (inputs_of(opinions.people, political=political) for political in (False, True))
    found = [bare] if bare.attributes and bare != full else []
    found += [Inputs(full.attributes, count) for count in counts if full.attributes or count]
    return tuple(found)
