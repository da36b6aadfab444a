"""What would explain a portfolio's value away: one model, anybody's weights, length, place."""

from __future__ import annotations

import math

import polars as pl

from populace.bench.portfolios.candidates import TRAIT
from populace.bench.portfolios.held_out import LENGTH, ONE, OURS, SHUFFLED, HeldOut
from populace.bench.portfolios.measures import baselines, size_of
from populace.bench.portfolios.telling import told_ahead, told_rows
from populace.bench.result import Finding
from populace.bench.rules import length_rule, position_rule
from populace.bench.scoring import mean_of, rate
from populace.bench.silence import MOST
from populace.bench.task import Counting
from populace.stats import Estimate

__all__ = ["findings_of"]

_WHAT = {
    ONE: "answers everybody in one way, the best for all",
    SHUFFLED: "sends everybody by another's weights",
    LENGTH: "knows the shortest arm and the longest",
}


def findings_of(found: HeldOut | None, items: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Make the findings; where nothing could be measured none passes."""
    choices = items.filter(pl.col("part") == "choice")
    answers = items.filter(pl.col("part") == "answer")
    names = {ONE: ONE, SHUFFLED: SHUFFLED, LENGTH: "length rule"}
    findings = [_beaten(found, name, label, items) for name, label in names.items()]
    findings.append(_unread(answers.drop("persona_id", strict=False), counting))
    if choices.height:
        findings.append(position_rule(choices, "critic", counting))
        findings.append(length_rule(choices, "critic", "one", "other", counting, label="choices"))
        if found is not None:
            findings.append(_choices_told(found, items, counting))
    return findings


def _beaten(found: HeldOut | None, name: str, label: str, items: pl.DataFrame) -> Finding:
    if found is None:
        return Finding(
            name=label, what=_WHAT[name], shortcut=_none(), passed=False, why="fails: nothing was measured"
        )
    size = size_of(items)
    ours = found.values(OURS, size)
    theirs = baselines(found, size)[name][0]
    test = found.ahead(ours, theirs)
    return Finding(
        name=label,
        what=_WHAT[name],
        shortcut=found.mean(theirs),
        beside=found.mean(ours),
        passed=test.estimate.defined and test.estimate.low > 0,
        why=f"fails unless the interval of the portfolio's lead lies above 0: {test.estimate}",
    )


def _unread(answers: pl.DataFrame, counting: Counting) -> Finding:
    """Count the answers that a scorer cannot read: their questions are left out, and that could gain."""
    traits = [name for name in answers.columns if name.startswith(TRAIT)]
    unread = answers.select(pl.any_horizontal(pl.col(name).is_null() for name in traits)).to_series()
    found = rate(answers, unread, counting)
    return Finding(
        name="unread",
        what="answers in a way that a scorer of traits cannot read, another script for example: share",
        shortcut=found,
        passed=found.defined and found.value <= MOST,
        why="fails where they are more than one in twenty, or there are no items",
    )


def _choices_told(found: HeldOut, items: pl.DataFrame, counting: Counting) -> Finding:
    rows = told_rows(found, items)
    what = "tells a person's choices by another's weights: share of choices on held-out questions"
    if rows is None:
        return Finding(
            name="shuffled weights, choices",
            what=what,
            shortcut=_none(),
            passed=False,
            why="fails: no choice",
        )
    test = told_ahead(rows, counting)
    return Finding(
        name="shuffled weights, choices",
        what=what,
        shortcut=mean_of(rows, SHUFFLED, counting),
        beside=mean_of(rows, "own weights", counting),
        passed=test.estimate.defined and test.estimate.low > 0,
        why=f"fails unless the interval of the own weights' lead lies above 0: {test.estimate}",
    )


def _none() -> Estimate:
    return Estimate(
        value=math.nan,
        low=math.nan,
        high=math.nan,
        level=0.95,
        n=0,
        clusters=0,
        method="nothing was measured",
    )
