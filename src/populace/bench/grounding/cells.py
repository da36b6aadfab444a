"""The items of a run of `grounded`, as the functions of `populace.opinions` take them.

Scores follow from the table of items alone, so people, questions, answers and predictions are taken from it:
`read_grounds` puts together what was asked, and one table of predictions an arm.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from populace.bench.grounding.predicting import AGAIN, CARRIED
from populace.errors import DataError
from populace.opinions import NONE, Item, Opinions, Split
from populace.opinions.ceiling import CarriedOver

__all__ = ["Grounds", "Line", "read_grounds"]

_COLUMNS = ("persona_id", "weight", "prompt_id", "options", "ordinal", "truth", "retest", "arm", "kind", "p",
            "outcome", "between_orders", "between_wordings", "told", "line")  # fmt: skip


@dataclass(frozen=True)
class Line(CarriedOver):
    """Agreement carried over to the items of a run, whose shares are those of the training respondents."""

    design: np.ndarray
    """Shape (M, 3): 1, share of the commonest answer, 1 / options."""

    def design_of(self, opinions: Opinions) -> np.ndarray:
        """Give the design that was stored with the run."""
        return self.design


@dataclass(frozen=True)
class Grounds:
    """What was asked, and what every arm says of it.

    Attributes
    ----------
    opinions, split
        Of the tested alone; the answers are those that were asked.
    tables
        Arm -> shape (tests, K), nan where it says nothing.
    kinds
        Arm -> `model`, `baseline` or `ceiling`.
    cells
        Shape (tests, M), what is scored: what was asked, and for no arm failed.
    failed
        Arm -> cells in which a call failed; they are scored for nobody.
    line
        Agreement carried over, where nobody was asked twice.
    """

    opinions: Opinions
    split: Split
    tables: dict[str, np.ndarray]
    kinds: dict[str, str]
    cells: np.ndarray
    failed: dict[str, int]
    line: Line | None

    def of(self, kind: str) -> list[str]:
        """Name the arms of a kind, in the order of the run."""
        return [arm for arm, each in self.kinds.items() if each == kind]

    def some(self, arms: Collection[str]) -> dict[str, np.ndarray]:
        """Take the tables of some arms."""
        return {arm: self.tables[arm] for arm in arms}

    @property
    def shared(self) -> dict[str, Any]:
        """The arguments that all scores share: a refusal says nothing, which is every option alike."""
        return {"cells": self.cells, "refusals": "uniform"}

    @property
    def richest(self) -> str:
        """The arm in which the model is told most of the person."""
        return [arm for arm in self.of("model") if arm != "stranger"][-1]

    def beside(self, design: str) -> list[str]:
        """Name the baselines that were given the same inputs as an arm of the model."""
        return [arm for arm in self.of("baseline") if arm.endswith(f", {design}")]


def read_grounds(items: pl.DataFrame) -> Grounds:
    """Take apart the items of a run.

    An arm all of whose calls failed is left out, so that it takes no cell from the others.

    Raises
    ------
    DataError
        If a column is missing.
    """
    missing = [name for name in _COLUMNS if name not in items.columns]
    if missing:
        raise DataError("these are no items of grounded", column=missing[0], fix="run the task again")
    people = items.select(pl.exclude("item_id", *_COLUMNS[2:])).unique("persona_id", maintain_order=True)
    asked = items.select("prompt_id", "options", "ordinal").unique("prompt_id").sort("prompt_id")
    questions = tuple(
        Item(name=name, options=tuple(map(str, range(size))), ordinal=ordinal)
        for name, size, ordinal in asked.iter_rows()
    )
    person = {who: place for place, who in enumerate(people["persona_id"])}
    column = {name: place for place, name in enumerate(asked["prompt_id"])}
    answers = np.full((people.height, len(questions)), NONE, dtype=np.int16)
    retest = answers.copy()
    opinions = Opinions(people.rename({"persona_id": "person_id"}), questions, answers)
    tables, kinds, failed, line = {}, {}, {}, None
    cells, lost = np.zeros(answers.shape, dtype=bool), np.zeros(answers.shape, dtype=bool)
    for (name,), rows in items.group_by("arm", maintain_order=True):
        arm, at = str(name), (_places(rows["persona_id"], person), _places(rows["prompt_id"], column))
        answers[at], retest[at] = rows["truth"], rows["retest"].fill_null(NONE)
        cells[at] = True
        if arm == CARRIED:
            line = rows["line"][0].to_numpy()
            continue
        none = (rows["outcome"] == "failed").to_numpy()
        failed[arm], kinds[arm] = int(none.sum()), rows["kind"][0]
        if none.all():
            continue
        lost[at[0][none], at[1][none]] = True
        tables[arm] = _table(opinions, *at, rows["p"])
    twice = retest if AGAIN in tables else None
    opinions = replace(opinions, answers=answers, retest=twice)
    split = Split(np.arange(0), np.arange(people.height), cells, np.where(cells, -1, -1))
    return Grounds(
        opinions, split, tables, kinds, cells & ~lost, failed, _line(line, opinions, tables.get("population"))
    )


def _places(names: pl.Series, places: dict[str, int]) -> np.ndarray:
    return names.replace_strict(places, return_dtype=pl.Int64).to_numpy()


def _table(opinions: Opinions, rows: np.ndarray, columns: np.ndarray, p: pl.Series) -> np.ndarray:
    table = np.full((len(opinions), int(opinions.starts[-1])), np.nan)
    for row, column, given in zip(rows, columns, p, strict=True):
        if given is not None:
            start = opinions.starts[column]
            table[row, start : start + opinions.sizes[column]] = given
    return table


def _line(numbers: np.ndarray | None, opinions: Opinions, population: np.ndarray | None) -> Line | None:
    """Put together the line that was carried over; the shares of answers are what the population arm says."""
    if numbers is None or population is None:
        return None
    shares = np.nanmax(population, axis=0)
    mode = np.maximum.reduceat(shares, opinions.starts[:-1])
    design = np.stack([np.ones(len(mode)), mode, 1 / opinions.sizes], axis=1)
    return Line(
        coefficients=numbers[:3],
        covariance=numbers[3:12].reshape(3, 3),
        spread=float(numbers[12]),
        items=int(numbers[13]),
        people=int(numbers[14]),
        design=design,
    )
