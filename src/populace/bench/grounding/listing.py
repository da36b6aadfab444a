"""The rows of a table or figure of `grounded`: arms in their order, under what they know, by a short name."""

from __future__ import annotations

from typing import NamedTuple

from populace.bench.grounding.predicting import AGAIN, CARRIED, RETEST
from populace.bench.grounding.respondents import NOBODY, STATISTICS, STRANGER
from populace.bench.grounding.scoring import NO_PERSON
from populace.bench.result import TaskResult

__all__ = ["Row", "rows_of"]

ALONE, STATISTIC, MODEL, PERSON = (
    "nobody is looked at",
    "statistics",
    "the model, told of",
    "the person's other answer",
)
"""Sections."""
_CEILING = {AGAIN: "said again", RETEST: "as a forecast", CARRIED: "carried over"}


class Row(NamedTuple):
    """An arm as a reader sees it."""

    arm: str
    section: str
    label: str


def rows_of(result: TaskResult) -> list[Row]:
    """List the arms of a result: of statistics those that know what the richest arm of the model knows."""
    scores = [score for score in result.scores if score.measure == "accuracy" and not score.group]
    there, richest = list(dict.fromkeys(score.arm for score in scores)), result.headline.arm
    found = [Row(arm, ALONE, arm) for arm in NO_PERSON]
    found += [Row(f"{name}, {richest}", STATISTIC, _short(name)) for name in STATISTICS]
    found += [
        Row(arm, STATISTIC, f"{_short(arm.partition(',')[0])}, all")
        for arm in there
        if arm.endswith("all answers")
    ]
    others = {*NO_PERSON, *_CEILING, NOBODY, STRANGER, richest}
    models = [arm for arm in there if "," not in arm and arm not in others]
    found += [
        Row(arm, MODEL, f"{arm} own answers" if arm.isdecimal() else arm)
        for arm in (NOBODY, STRANGER, *models, richest)
    ]
    found += [Row(arm, PERSON, label) for arm, label in _CEILING.items()]
    return [row for row in found if row.arm in there]


def _short(name: str) -> str:
    return name.removeprefix("latent ")
