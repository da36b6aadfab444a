"""Respondents of a survey as a model is told of them, and what of theirs is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from populace.bench.grounding.asking import Told
from populace.bench.options import known as known_options
from populace.bench.options import listed, switched, whole_numbers
from populace.bench.task import Bench
from populace.errors import DataError, StudyError
from populace.opinions import NONE, POLITICAL, Inputs, Item, Opinions, Split, inputs_of, read_opinions, split
from populace.opinions.groups import groups_of
from populace.opinions.polis import read_polis
from populace.opinions.saving import is_saved, load
from populace.opinions.twins import hidden_twins, twins
from populace.personas.frames import complete
from populace.streams import stream

__all__ = ["NOBODY", "STATISTICS", "STRANGER", "Plan", "planned"]

NOBODY, STRANGER = "nobody", "stranger"
"""Arms in which the model is told of no person, and of another."""
_OPTIONS = (
    "survey",
    "codebook",
    "later",
    "respondents",
    "asked",
    "questions",
    "known",
    "wordings",
    "leaks",
    "unworded",
    "year",
    "statistics",
)
STATISTICS = ("own group", "latent classes", "logistic", "boosting", "completion")
"""Ways to predict from what a model is told."""
_ASKED = 5
"""Questions of each respondent, where enough answers are left to be told."""
_TWICE = 30
"""People with two answers that an item needs to be asked, where there is a second interview."""


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
    open
        Shape (M,), the items that have a wording and that no attribute tells.
    statistics
        Of `STATISTICS`; empty for all there are.
    seed
        Of the draw of strangers.
    """

    opinions: Opinions
    split: Split
    designs: tuple[Inputs, ...]
    cells: pl.DataFrame
    wordings: int
    leaks: bool
    open: np.ndarray
    statistics: tuple[str, ...] = ()
    seed: int = 0

    @cached_property
    def leaking(self) -> np.ndarray:
        """Answers that tell what is asked of their person: shape (tests, M); none where leaks are wanted."""
        if self.leaks:
            return np.zeros(self.split.asked.shape, dtype=bool)
        return hidden_twins(self.split.asked, twins(self.opinions.take(self.split.train)))

    @cached_property
    def hidden(self) -> np.ndarray:
        """Answers of the tested that a model is not told: shape (tests, M).

        Those without a wording; those that an attribute tells already; and those that leak.
        """
        return self.leaking | ~self.open

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
        again = np.full(opinions.answers.shape, NONE) if opinions.retest is None else opinions.retest
        said = pl.Series("retest", again[rows, columns], dtype=pl.Int16)
        people = opinions.people[rows].rename({"person_id": "persona_id"})
        return people.select("persona_id", "weight", pl.exclude("persona_id", "weight")).with_columns(
            pl.Series("item_id", range(len(rows)), dtype=pl.Int64),
            pl.Series("prompt_id", [opinions.items[c].name for c in columns], dtype=pl.String),
            pl.Series("options", opinions.sizes[columns], dtype=pl.Int64),
            pl.Series("ordinal", [opinions.items[c].ordinal for c in columns], dtype=pl.Boolean),
            pl.Series("truth", opinions.answers[rows, columns], dtype=pl.Int16),
            said.set(said == NONE, None),
        )

    def told(self, bench: Bench) -> dict[str, list[Told]]:
        """Describe the tested in every design, and as nobody and as a stranger: arm -> one a person."""
        described = {political: self._described(bench, political=political) for political in (False, True)}
        found: dict[str, list[Told]] = {NOBODY: [Told()] * len(self.split.test)}
        for design in self.designs:
            answers = self.split.known(self.opinions, design.known, hide=self.hidden)
            found[design.name] = self._told(described, design, np.arange(len(self.split.test)), answers)
        others = self._others()
        # Of a stranger is told what may be told of the person: not the answer that is asked.
        parts = replace(self.split, test=self.split.test[others], rank=self.split.rank[others])
        richest = self.designs[-1]
        answers = parts.known(self.opinions, richest.known, hide=self.hidden | self.split.asked)
        found[STRANGER] = self._told(described, richest, others, answers)
        return found

    def _described(self, bench: Bench, *, political: bool) -> list[str]:
        if not any(design.attributes for design in self.designs):
            return [""] * len(self.split.test)
        people = complete(self.opinions.people[self.split.test].select(pl.exclude("weight")))
        rows = people.with_columns(pl.col("person_id").alias("persona_id"))
        profiles = replace(bench, personas=rows).profiles(leave_out=() if political else POLITICAL)
        return [profiles[who] for who in rows["persona_id"]]

    def _told(
        self, described: Mapping[bool, list[str]], design: Inputs, whom: np.ndarray, answers: np.ndarray
    ) -> list[Told]:
        """Put people into words: whose description, and which answers, shape (tests, M)."""
        profiles = described[bool(set(design.attributes) & set(POLITICAL))]
        return [
            Told(profiles[who] if design.attributes else "", self._answers(row))
            for who, row in zip(whom, answers, strict=True)
        ]

    def _others(self) -> np.ndarray:
        """Give each of the tested another: all stand in one ring, in an order of chance."""
        ring = stream(self.seed, "grounded.strangers").permutation(len(self.split.test))
        others = np.empty_like(ring)
        others[ring] = np.roll(ring, -1)
        return others

    def _answers(self, codes: np.ndarray) -> tuple[tuple[str, str], ...]:
        """Put known answers into words."""
        items = self.opinions.items
        return tuple(
            (items[place].question, items[place].options[codes[place]])
            for place in np.flatnonzero(codes != NONE)
        )


def planned(bench: Bench, opinions: Opinions | None = None) -> Plan:
    """Read the survey and draw what is asked.

    Parameters
    ----------
    bench
        Its `options` are the task's.
    opinions
        In the place of a file.

    Raises
    ------
    StudyError
        If the settings do not fit.
    DataError, CodebookError
        If the survey cannot be read, or too few people answered enough.
    """
    options = bench.options
    known_options("grounded", options, _OPTIONS)
    leaks = switched("leaks", options.get("leaks", False))
    people, wordings = (
        _one(name, options.get(name, usual)) for name, usual in (("respondents", 40), ("wordings", 1))
    )
    counts, statistics = (0, *_counts(options.get("known", "3,10"))), _statistics(options)
    if people < 2:
        raise StudyError("one respondent has no stranger", fix="give --option respondents=2 or more")
    opinions = _opened(options) if opinions is None else opinions
    designs = _designs(opinions, counts)
    fit = _open(opinions, designs[-1].attributes, leaks=leaks)
    may = _may_be_asked(opinions, fit, options, bench.seed)
    given = int(np.median((opinions.answered & fit).sum(axis=1)[may.any(axis=1)]))
    asked = _one("asked", options.get("asked", min(_ASKED, max(given - max(counts), 1))))
    parts = split(opinions, test=people, asked=asked, least=max(counts), items=may, seed=bench.seed)
    person, item = np.nonzero(parts.asked)
    cells = pl.DataFrame({"person": person, "item": item})
    return Plan(opinions, parts, designs, cells, wordings, leaks, fit, statistics, bench.seed)


def _one(name: str, value: Any) -> int:
    """Read a setting that is one whole number."""
    found = whole_numbers(name, value)
    if len(found) > 1:
        raise StudyError(f"{name} is one number, and {len(found)} are given")
    return found[0]


def _counts(value: Any) -> list[int]:
    """Read how many own answers are told: none, if it is 0."""
    return [] if str(value).strip() == "0" else whole_numbers("known", value)


def _statistics(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Read which statistics are wanted."""
    wanted = tuple(str(each) for each in listed(options.get("statistics", "")))
    odd = [name for name in wanted if name not in (*STATISTICS, "none")]
    if odd or ("none" in wanted and len(wanted) > 1):
        usual = f"use some of {', '.join(STATISTICS)}; or none"
        raise StudyError(f"statistics is {', '.join(wanted)!r}", fix=usual)
    return wanted


def _open(opinions: Opinions, attributes: tuple[str, ...], *, leaks: bool) -> np.ndarray:
    """Find the items that have a wording and that no attribute tells, shape (M,).

    An attribute tells an item that is read from the same column, and (unless leaks are wanted) one that it is
    a twin of, such as party in seven steps where party in three is told.
    """
    told = set(attributes)
    fit = np.array([bool(item.question) and not told & set(item.same_as) for item in opinions.items])
    places = np.flatnonzero(fit)
    columns = [groups_of(opinions.people, name) for name in attributes]
    texts = [
        (column.name, column) for column in columns if column.n_unique() - bool(column.null_count()) >= 2
    ]
    if leaks or not texts or not places.size:
        return fit
    some = opinions.only([opinions.items[place].name for place in places])
    values = [column.drop_nulls().unique().sort().to_list() for _, column in texts]
    # Attributes as items, under names that no item has.
    items = [
        Item(name=f"\0{name}", options=tuple(each)) for (name, _), each in zip(texts, values, strict=True)
    ]
    codes = [
        column.replace_strict(
            dict(zip(each, range(len(each)), strict=True)), default=NONE, return_dtype=pl.Int16
        )
        for (_, column), each in zip(texts, values, strict=True)
    ]
    answers = np.concatenate(
        [some.answers, np.stack([each.fill_null(NONE).to_numpy() for each in codes], axis=1)], axis=1
    )
    both = replace(some, items=(*some.items, *items), answers=answers, retest=None)
    fit[places] = ~twins(both)[: places.size, places.size :].any(axis=1)
    return fit


def _may_be_asked(opinions: Opinions, fit: np.ndarray, options: Mapping[str, Any], seed: int) -> np.ndarray:
    """Find which answers may be asked, shape (N, M).

    Those to open items, if `questions` says so only to some; where people were asked twice, answers that they
    gave twice, so that the ceiling stands beside every cell.
    """
    may = np.broadcast_to(fit, opinions.answers.shape).copy()
    if opinions.retest is not None:
        twice = opinions.answered & (opinions.retest != NONE)
        may &= twice & (twice.sum(axis=0) >= _TWICE)
    if options.get("questions"):
        places = np.flatnonzero(may.any(axis=0))
        wanted = _one("questions", options["questions"])
        if wanted > len(places):
            raise StudyError(f"{wanted} questions are wanted, and {len(places)} can be asked")
        drawn = stream(seed, "grounded.questions").choice(places, wanted, replace=False)
        may &= np.isin(np.arange(len(opinions.items)), drawn)
    if not may.any():
        raise DataError(
            "no item can be asked: none has a wording, or attributes tell the answers to all",
            fix="add questions to the codebook",
        )
    return may


def _opened(options: Mapping[str, Any]) -> Opinions:
    if not options.get("survey"):
        raise StudyError("grounded needs a survey", fix="give --option survey=FILE --option codebook=NAME")
    path = Path(str(options["survey"]))
    if path.is_dir() or is_saved(path):
        stray = [name for name in ("codebook", "later", "unworded", "year") if name in options]
        if stray:
            what = "a folder of Polis has" if path.is_dir() else "opinions that were saved take"
            raise StudyError(f"{what} no {stray[0]}", fix="leave it out, or name a survey's file")
        return _read(path, _stamp(path), None, later=False, unworded=False, year=None)
    if not options.get("codebook"):
        raise StudyError("nothing says how the survey is to be read", fix="give --option codebook=NAME")
    year = options.get("year")
    return _read(
        path,
        _stamp(path),
        str(options["codebook"]),
        later=switched("later", options.get("later", False)),
        unworded=switched("unworded", options.get("unworded", True)),
        year=None if year is None else _one("year", year),
    )


def _stamp(path: Path) -> tuple[int, ...]:
    """Say which state of a file or folder is meant; a missing one has none."""
    if not path.exists():
        return ()
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return tuple(number for each in files for number in (each.stat().st_mtime_ns, each.stat().st_size))


@lru_cache(maxsize=1)
def _read(
    path: Path, stamp: tuple[int, ...], codebook: str | None, *, later: bool, unworded: bool, year: int | None
) -> Opinions:
    """Read a survey once: a run begins its procedure twice, and a large file takes 20 s to read."""
    if codebook is None:
        return read_polis(path) if path.is_dir() else load(path)
    return read_opinions(path, codebook, later=later, unworded=unworded, year=year)


def _designs(opinions: Opinions, counts: tuple[int, ...]) -> tuple[Inputs, ...]:
    """List the designs: demographics, with party and ideology, and with own answers.

    Raises
    ------
    StudyError
        If there is nothing to tell.
    """
    bare, full = (inputs_of(opinions.people, political=political) for political in (False, True))
    found = [bare] if bare.attributes and bare != full else []
    found += [Inputs(full.attributes, count) for count in counts if full.attributes or count]
    if not found:
        raise StudyError(
            "there is nothing to tell of these people: they have no attributes, and no answers may be known",
            fix="give --option known=3,10",
        )
    return tuple(found)
