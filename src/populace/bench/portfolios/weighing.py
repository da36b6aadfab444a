"""How people of a run weigh the traits: inferred from what they chose, spread evenly, or from a table.

What is inferred is inferred twice, from choices on either half of the questions: one half says whom a person
is sent to, the other what that was worth to them. Were both the same, chance alone would make people differ,
and sending them to different models would seem to pay.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from populace.bench.portfolios.candidates import EVEN
from populace.bench.scoring import value
from populace.bench.user_tables import read_table
from populace.errors import DataError, StudyError
from populace.portfolio.learning import learn
from populace.portfolio.minimum import spread_weights
from populace.portfolio.people import read_people
from populace.portfolio.prior import Prior

__all__ = ["WEIGHT", "Weighed", "even_rows", "leads_in", "rows_of_table", "weighed"]

WEIGHT = "weight: "
"""How the columns of items that hold weights begin."""
_EVENLY = 70


class Weighed(NamedTuple):
    """People of a run."""

    names: list[str]
    halves: tuple[np.ndarray, np.ndarray]
    """Weights as either half of the questions tells them, shape (people, traits) each."""
    sampled: bool
    """Whether they are a sample of people, or weights spread evenly."""
    groups: dict[str, np.ndarray]
    """Name -> who is in it."""


def even_rows(traits: list[str]) -> pl.DataFrame:
    """Spread weights evenly: rows of items that are nobody's."""
    weights = spread_weights(len(traits), _EVENLY)
    columns = {WEIGHT + name: weights[:, place] for place, name in enumerate(traits)}
    return pl.DataFrame({"part": ["weight"] * len(weights), **columns})


def rows_of_table(path: str, traits: list[str]) -> pl.DataFrame:
    """Read who weighs the traits how: `persona_id`, and a column a trait; other columns may say a group.

    Raises
    ------
    StudyError, DataError
        If a column is missing or broken.
    """
    table = read_table(path, "people")
    if "persona_id" not in table.columns:
        raise DataError("there is no column `persona_id`", file=path, fix="say who is who")
    if table["persona_id"].is_duplicated().any() or table["persona_id"].null_count():
        raise DataError(
            "a person comes twice, or has no name", file=path, column="persona_id", fix="give a row each"
        )
    if table.height < 2:
        raise StudyError("there is nobody to compare", fix="give two people or more")
    people = read_people(table, traits, file=path)
    columns = {WEIGHT + name: people.weights[:, place] for place, name in enumerate(traits)}
    ids = table["persona_id"].cast(pl.String)
    return pl.DataFrame({"part": pl.repeat("weight", len(ids), eager=True), "persona_id": ids, **columns})


def leads_in(
    items: pl.DataFrame, scores: np.ndarray, arms: list[str], questions: list[str]
) -> tuple[pl.DataFrame, np.ndarray]:
    """Give the choices between two answers that were decided, and what led there, shape (choices, traits).

    A lead is of what was preferred over what was not, by the scores of the very answers.
    """
    rows = items.filter(pl.col("part") == "choice", pl.col("prompt_id").is_in(questions))
    rows = rows.with_columns(value("critic").alias("first")).filter(pl.col("first").is_in([0.0, 1.0]))
    place = {name: at for at, name in enumerate(arms)}
    at = {name: number for number, name in enumerate(questions)}
    one, other = ([place[arm] for arm in rows[name]] for name in ("arm", "arm_other"))
    asked = [at[name] for name in rows["prompt_id"]]
    leads = scores[one, asked] - scores[other, asked]
    return rows, np.where(rows["first"].to_numpy()[:, None] == 1.0, leads, -leads)


def weighed(
    items: pl.DataFrame, scores: np.ndarray, arms: list[str], questions: list[str], half: np.ndarray
) -> Weighed | None:
    """Give people and their weights; None where somebody was to choose and nobody did.

    Parameters
    ----------
    half
        Shape (questions,), 0 or 1.
    """
    given = items.filter(pl.col("part") == "weight")
    if given.height:
        columns = [name for name in items.columns if name.startswith(WEIGHT)]
        known = given.select(columns).to_numpy()
        sampled = "persona_id" in given.columns
        names = given["persona_id"].to_list() if sampled else [f"{EVEN} {n:03}" for n in range(len(known))]
        return Weighed(names, (known, known), sampled, {})
    asked = items.filter(pl.col("part") == "choice")
    rows, leads = leads_in(items, scores, arms, questions)
    # Where nothing could be asked, since nothing was answered, everybody is as before.
    if rows.is_empty() and (asked["critic"] != "unasked").any():
        return None
    people = asked.unique("persona_id", maintain_order=True).sort("persona_id")
    names = people["persona_id"].to_list()
    groups = {
        name.removeprefix("in:"): people[name].fill_null(value=False).to_numpy()
        for name in items.columns
        if name.startswith("in:")
    }
    which = half[[questions.index(name) for name in rows["prompt_id"]]] if rows.height else np.empty(0, int)
    whose = rows["persona_id"].to_numpy()
    found = [inferred(names, whose[which == part], leads[which == part]) for part in (0, 1)]
    return Weighed(names, (found[0], found[1]), True, groups)


def inferred(names: list[str], whose: np.ndarray, leads: np.ndarray) -> np.ndarray:
    """Infer the weights of people, with the prior of all of them together: shape (people, traits)."""
    traits = leads.shape[1]
    own = [leads[whose == name] for name in names]
    if not len(leads):
        return np.tile(Prior.even(traits).mean, (len(names), 1))
    return learn(own, traits)[1]
