"""Rules held against `comparison`: copies, length, chance, one answer for all, and either person's choice.

A row is one person's answer beside the other's; the two rows of a couple follow each other. Every rule that
looks at no person gives both answers to one of the two, and is right in one half by design.
"""

from __future__ import annotations

import polars as pl

from populace.bench.dyads import dyadic_mean
from populace.bench.result import Finding
from populace.bench.rules import words_in
from populace.bench.scoring import scored
from populace.bench.task import Counting
from populace.bench.wording import ALIKE, near_duplicates
from populace.stats import Estimate

__all__ = [
    "COPYING",
    "LONGER",
    "chance_rule",
    "copying_rule",
    "either_person",
    "mean_of",
    "numbered",
    "one_answer",
    "right_of",
]


def _larger(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """1 where the first is larger, 0 where the second is, half where neither, null where one is missing."""
    return (
        pl.when(one > other)
        .then(1.0)
        .when(one < other)
        .then(0.0)
        .when(one.is_not_null() & other.is_not_null())
        .then(0.5)
    )


COPYING = _larger(pl.col("copied"), pl.col("copied_other"))
"""Gives an answer to the person with whose description it has more words in common."""
LONGER = _larger(words_in("answer"), words_in("rival"))
"""Chooses the longer answer."""


def numbered(items: pl.DataFrame) -> pl.DataFrame:
    """Number the people in the order of their ids: the same intervals, and faster than text."""
    people = pl.concat([items["persona_id"], items["other_id"].alias("persona_id")]).rank("dense")
    people = people.cast(pl.Int64)
    return items.with_columns(people.head(items.height), people.tail(items.height).alias("other_id"))


def mean_of(items: pl.DataFrame, what: pl.Expr, counting: Counting) -> Estimate:
    """Average something over rows, with an interval that knows that couples share people."""
    rows = items.select("persona_id", "other_id", what.cast(pl.Float64).alias("what"))
    return dyadic_mean(rows["what"], rows["persona_id"], rows["other_id"], level=counting.level)


def right_of(items: pl.DataFrame, name: str, counting: Counting) -> Estimate:
    """Share of outcomes that are the owner's: half for ties, 0 where the owner was not answered."""
    return mean_of(items, scored(items, name), counting)


def copying_rule(items: pl.DataFrame, counting: Counting) -> Finding:
    """Hold the share right against copies of the description."""
    right, rule = right_of(items, "whose", counting), mean_of(items, COPYING, counting)
    explains = rule.defined and rule.low > 0.5 and rule.value - 0.5 >= (right.value - 0.5) / 2
    return Finding(
        name="copying rule",
        what="gives an answer to the person with whose description it has more runs of three words"
        " in common, and tosses a coin where none has more",
        shortcut=rule,
        beside=right,
        passed=right.defined and not explains,
        why="fails where the rule is right by at least half of what the judge is above one half,"
        " and its interval lies above one half",
    )


def one_answer(items: pl.DataFrame, counting: Counting) -> Finding:
    """Look for couples who are answered alike."""
    couples = items.filter(pl.int_range(pl.len()) % 2 == 0).drop_nulls(["answer", "rival"])
    same = [float(near_duplicates(one, two)) for one, two in couples.select("answer", "rival").iter_rows()]
    found = mean_of(couples.with_columns(pl.Series("same", same, dtype=pl.Float64)), pl.col("same"), counting)
    return Finding(
        name="one answer for all",
        what=f"share of pairs whose two answers are near-duplicates (apart by {ALIKE} at most)",
        shortcut=found,
        passed=found.defined and not found.value > 0.5,
        why="fails where more than half of the pairs were answered alike",
    )


def chance_rule(items: pl.DataFrame, counting: Counting) -> Finding:
    """Hold the share right against a coin."""
    right = right_of(items, "whose", counting)
    return Finding(
        name="chance",
        what="tosses a coin for whose an answer is: one half is right; beside it is what the judge has",
        shortcut=Estimate(
            value=0.5,
            low=0.5,
            high=0.5,
            level=counting.level,
            n=right.n,
            clusters=right.clusters,
            method="exact",
        ),
        beside=right,
        passed=right.defined and right.low > 0.5,
        why="fails unless the interval of the share right lies above one half",
    )


def either_person(items: pl.DataFrame, counting: Counting) -> Finding:
    """Look for couples of whom both choose the same answer, as all do for a judge that plays nobody."""
    couples = items.with_columns(theirs=pl.col("choice").shift(-1)).filter(pl.int_range(pl.len()) % 2 == 0)
    both = pl.col("choice", "theirs")
    there = couples.filter(pl.all_horizontal(both.is_in(["first", "second", "tie"]))).height
    decided = couples.filter(pl.all_horizontal(both.is_in(["first", "second"])))
    # Own and other change places from one row of a couple to the next: unlike outcomes are one answer.
    found = mean_of(decided, pl.col("choice") != pl.col("theirs"), counting)
    return Finding(
        name="shuffled persona",
        what="has the other person choose: share of pairs of which both choose the same answer",
        shortcut=found,
        beside=right_of(items, "choice", counting),
        passed=there > 0 and not (found.defined and found.low > 0.9),
        why="fails where they are more than nine in ten, and the interval says so: then the choice is not the"
        " person's",
    )
