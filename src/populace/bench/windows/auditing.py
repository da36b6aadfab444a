"""What would explain a coverage away: matches found anywhere, the bare question, length, a blind matcher."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from populace.bench.result import Finding
from populace.bench.silence import MOST, unanswered
from populace.bench.task import Counting
from populace.bench.windows.laying import QUESTION, WINDOW
from populace.bench.windows.scoring import (
    arms_of,
    coverage_of,
    gain,
    gain_at_equal_length,
    judged,
    tables_of,
)
from populace.pluralism.overton import above, matched
from populace.stats.crossed import crossed_mean, crossed_ratio

__all__ = ["findings_of"]

_HALF = 0.5
_KNOWN = 0.9
"""Perspectives that a matcher must recognise in their own words."""
_CONFUSED = 0.2
"""Other perspectives of the same question that it may take for one."""


def findings_of(items: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Make every audit that the items allow."""
    arms = arms_of(items)
    found = [_floor(items, arm, counting) for arm in arms if arm != "again"]
    found.append(_echo(items, arms[0], counting))
    found += [_recognised(items, counting), _confused(items, counting)]
    found += _lengths(items, arms, counting)
    found.append(unanswered(items.filter(kind="model"), counting))
    if items["matcher"][0] == "judge":
        found += [_unjudged(items, counting), _turned(items, counting)]
    return found


def _floor(items: pl.DataFrame, arm: str, counting: Counting) -> Finding:
    """Hold an arm's coverage against that of another question's window by the same answers."""
    rows = judged(items.filter(kind="model", arm=arm)).filter(pl.col("other_scores").is_not_null())
    what = "covers another question's window as well as its own"
    why = "fails where the coverage of its own window is not above it, and half of it at least, for sure"
    if not rows.height:
        nothing = crossed_mean(pl.Series([], dtype=pl.Float64), pl.Series([], dtype=pl.String))
        return Finding(name=f"noise floor, {arm}", what=what, shortcut=nothing, passed=False, why=why)
    own, other = coverage_of(rows, counting), coverage_of(rows, counting, "other_scores")
    apart = crossed_mean(
        own.table["coverage"] - other.table["coverage"],
        rows["prompt_id"],
        within=(-1.0, 1.0),
        level=counting.level,
    )
    stands = apart.low > 0 and other.coverage.value <= _HALF * own.coverage.value
    return Finding(
        name=f"noise floor, {arm}",
        what=what,
        shortcut=other.coverage,
        beside=own.coverage,
        passed=bool(stands),
        why=why,
    )


def _echo(items: pl.DataFrame, arm: str, counting: Counting) -> Finding:
    """Hold coverage against that of the question's own words."""
    echo = judged(items.filter(kind="control", arm=QUESTION))
    rows = judged(items.filter(kind="model", arm=arm)).join(
        echo.select("prompt_id"), on="prompt_id", how="semi", maintain_order="left"
    )
    echo = echo.join(rows.select("prompt_id"), on="prompt_id", how="semi", maintain_order="left")
    what, why = "says the question again", "fails where the answer's coverage is not above it for sure"
    if not rows.height:
        nothing = crossed_mean(pl.Series([], dtype=pl.Float64), pl.Series([], dtype=pl.String))
        return Finding(name="the question itself", what=what, shortcut=nothing, passed=False, why=why)
    own, other = coverage_of(rows, counting), coverage_of(echo, counting)
    return Finding(
        name="the question itself",
        what=what,
        shortcut=other.coverage,
        beside=own.coverage,
        passed=bool(above(own, other).low > 0),
        why=why,
    )


def _recognised(items: pl.DataFrame, counting: Counting) -> Finding:
    """Show the matcher every perspective in its own words."""
    rows = judged(items.filter(kind="control", arm=WINDOW))
    empty = pl.Series([], dtype=pl.Float64), pl.Series([], dtype=pl.String)
    found = coverage_of(rows, counting).coverage if rows.height else crossed_mean(*empty)
    return Finding(
        name="the window itself",
        what="the matcher's coverage of a window by its own perspectives",
        shortcut=found,
        passed=found.defined and found.value >= _KNOWN,
        why="fails below nine in ten, or where the matcher was shown none: then it knows no view",
    )


def _confused(items: pl.DataFrame, counting: Counting) -> Finding:
    """Count how often the matcher takes one perspective of a question for another."""
    rows = judged(items.filter(kind="control", arm=WINDOW))
    wrong, pairs = [], []
    for table, owners, rule, threshold in zip(
        tables_of(rows), rows["owners"].to_list(), rows["rule"], rows["threshold"], strict=True
    ):
        # Of every pair by itself: a rule that pairs one to one would hide what else is near.
        del rule
        other = np.arange(len(table))[:, None] != np.array(owners)
        found = matched(table, "max", threshold).pairs
        wrong.append(float((found & other).sum()))
        pairs.append(float(other.sum()))
    ids = rows["prompt_id"]
    found = crossed_ratio(wrong, pairs, ids, within=(0.0, 1.0), level=counting.level)
    return Finding(
        name="one view for another",
        what="pairs of different perspectives on one question that the matcher takes for the same",
        shortcut=found,
        passed=found.defined and found.value <= _CONFUSED,
        why="fails above one in five, or where there are no such pairs: a matcher that sees only the subject"
        " gives every view to whoever speaks of it",
    )


def _lengths(items: pl.DataFrame, arms: list[str], counting: Counting) -> Iterator[Finding]:
    """Hold the gain of an arm against that at equal length."""
    for arm in arms[1:]:
        if arm == "again":
            continue
        whole, equal = (test(items, arm, arms[0], counting).estimate for test in (gain, gain_at_equal_length))
        bought = whole.low > 0 and not equal.value > 0
        yield Finding(
            name=f"length rule, {arm}",
            what=f"covers more than {arms[0]} by writing more: its gain at as many sentences",
            shortcut=equal,
            beside=whole,
            passed=whole.defined and not bought,
            why=f"fails where it covers more than {arms[0]} for sure, and not at as many sentences",
        )


def _unjudged(items: pl.DataFrame, counting: Counting) -> Finding:
    rows = items.filter(pl.col("pairs") > 0)
    found = crossed_ratio(
        rows["refused"] + rows["failed"],
        rows["pairs"],
        rows["prompt_id"],
        within=(0.0, 1.0),
        level=counting.level,
    )
    return Finding(
        name="unjudged",
        what="gives no verdict: share of what the judge was asked",
        shortcut=found,
        passed=found.defined and found.value <= MOST,
        why="fails where they are more than one in twenty, or nothing was judged",
    )


def _turned(items: pl.DataFrame, counting: Counting) -> Finding:
    rows = items.filter(pl.col("pairs") > 0).with_columns(
        decided=pl.col("pairs") - pl.col("refused") - pl.col("failed")
    )
    found = crossed_ratio(
        rows["turned"], rows["decided"], rows["prompt_id"], within=(0.0, 1.0), level=counting.level
    )
    return Finding(
        name="position rule",
        what="chooses by the place an option is shown in: verdicts that turn round with the order",
        shortcut=found,
        passed=found.defined and found.value <= _HALF,
        why="fails where most verdicts turn round with the order, or nothing was judged",
    )
