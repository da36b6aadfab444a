"""Candidates of the task `portfolio`: one model told to answer in several ways, scored by traits of texts.

Scores go from 0 to 1 by the range that a trait's scorer states, so that a weight means the same in every run.
An answer that is not there has 0 on every trait. One that a scorer cannot read (another script) has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from populace.bench.groups import CROSSED, Cells, read_groups
from populace.bench.options import known, listed, whole_numbers
from populace.bench.task import Bench
from populace.errors import PopulaceError, StudyError
from populace.traits import Scorer, scorer

__all__ = ["EVEN", "JUDGED", "OPTIONS", "STYLES", "TRAIT", "Settings", "scaled", "scores_in", "settings_of"]

STYLES = {
    "plain": "Answer the question directly, in a few plain sentences.",
    "brief": "Answer the question in one short sentence.",
    "detailed": "Answer the question at length, with many specifics and examples.",
    "courteous": "Answer the question warmly and courteously: thank whoever asks, and be kind.",
    "simple": "Answer the question in very short sentences of short, simple words.",
    "cheerful": "Answer the question cheerfully, and look at the bright side of things.",
    "careful": "Answer the question, and say of everything how certain it is.",
}
"""Ways to answer -> what the model is told."""
_ARMS = ("plain", "brief", "detailed", "courteous", "simple")
_TRAITS = ("brevity", "readability", "politeness")
TRAIT = "trait: "
"""How the columns of items that hold scores begin."""
JUDGED, EVEN = "judged", "even"
OPTIONS = ("arms", "traits", "size", "questions", "weights", "people", "groups")


class Settings(NamedTuple):
    """Options of a run, read."""

    arms: list[str]
    traits: list[Scorer]
    size: int
    questions: int
    weights: str
    """`judged`, `even`, or a file."""
    groups: list[Cells]


def settings_of(bench: Bench) -> Settings:
    """Read the options of a run.

    Raises
    ------
    StudyError
        If one is unknown, or means nothing.
    """
    given = bench.options
    known("portfolio", given, OPTIONS)
    arms = listed(given.get("arms") or _ARMS)
    for arm in arms:
        if arm not in STYLES:
            raise StudyError(f"there is no arm {arm!r}", fix=f"use some of {', '.join(STYLES)}")
    if len(set(arms)) < len(arms) or len(arms) < 2:
        raise StudyError(f"arms are {', '.join(arms)}", fix="name at least two, each once")
    names = listed(given.get("traits") or _TRAITS)
    if len({name.removeprefix("-") for name in names}) < len(names) or len(names) < 2:
        raise StudyError(f"traits are {', '.join(names)}", fix="name at least two, each once")
    try:
        traits = [scorer(name) for name in names]
    except PopulaceError as error:
        raise StudyError(error.what, fix=error.fix) from error
    for each in traits:
        if not np.isfinite((each.low, each.high)).all():
            raise StudyError(f"{each.name} has no range, so that a weight of it means nothing")
    size = _number("size", given.get("size", 3))
    if size > len(arms):
        raise StudyError(f"size is {size}, and there are {len(arms)} arms", fix="ask for fewer, or name arms")
    weights = _weights(given)
    groups = given.get("groups") or []
    read = read_groups([groups] if isinstance(groups, str) else groups)
    for group in read:
        if group.column.startswith(CROSSED):
            fix = "name each group: 'left: ideology == \"Liberal\"'"
            raise StudyError(f"{group.name!r} is a crossing, and regret is told by group", fix=fix)
    if read and weights != JUDGED:
        raise StudyError("groups are of people who choose", fix="leave `groups`, `weights` and `people` out")
    questions = _number("questions", given.get("questions", 20))
    if questions < 4:
        raise StudyError(f"{questions} questions are too few to hold half of them out", fix="ask at least 4")
    return Settings(arms, traits, size, questions, weights, read)


def scaled(trait: Scorer, answers: Sequence[str | None], prompts: Sequence[str]) -> list[float | None]:
    """Score answers from 0 to 1 by the trait's range: 0 without an answer, None where it cannot be read.

    Examples
    --------
    >>> scaled(scorer("brevity"), ["word " * 100, None], ["?", "?"])
    [0.5, 0.0]
    """
    raw = trait.score([text or "" for text in answers], list(prompts))
    shares = (raw - trait.low) / (trait.high - trait.low)
    return [
        0.0 if text is None else (None if np.isnan(share) else float(share))
        for text, share in zip(answers, shares, strict=True)
    ]


def scores_in(items: pl.DataFrame) -> tuple[np.ndarray, list[str], list[str], list[str]]:
    """Give the scores of items, shape (arms, questions, traits), with the names of the three.

    Questions of which an answer could not be read by a scorer are left out.
    """
    rows = items.filter(pl.col("part") == "answer")
    traits = [name for name in items.columns if name.startswith(TRAIT)]
    arms = rows["arm"].unique(maintain_order=True).to_list()
    whole = rows.group_by("prompt_id", maintain_order=True).agg(
        pl.any_horizontal(pl.col(name).is_null().any() for name in traits).alias("unread")
    )
    questions = sorted(whole.filter(~pl.col("unread"))["prompt_id"].to_list())
    kept = rows.filter(pl.col("prompt_id").is_in(questions))
    table = np.zeros((len(arms), len(questions), len(traits)))
    for place, arm in enumerate(arms):
        own = kept.filter(pl.col("arm") == arm).sort("prompt_id")
        table[place] = own.select(traits).to_numpy()
    return table, arms, questions, [name.removeprefix(TRAIT) for name in traits]


def _weights(given: Mapping[str, Any]) -> str:
    file, said = given.get("people"), given.get("weights")
    if file and said:
        raise StudyError("who weighs traits how is given twice", fix="give `people` or `weights`")
    if file:
        return str(file)
    if said not in (None, JUDGED, EVEN):
        raise StudyError(f"weights is {said!r}", fix=f"use {JUDGED} or {EVEN}, or give a table: people=FILE")
    return str(said or JUDGED)


def _number(name: str, value: object) -> int:
    found = whole_numbers(name, value)
    if len(found) != 1:
        raise StudyError(f"{name} holds {len(found)} numbers", fix="give one")
    return found[0]
