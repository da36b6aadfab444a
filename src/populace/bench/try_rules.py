"""Rules held against `pass-at-k`: guesses, the judge's error, and tries that are one."""

from __future__ import annotations

import msgspec
import polars as pl

from populace.bench.result import Finding
from populace.bench.scoring import mean_of
from populace.bench.task import Counting
from populace.bench.tries import PERSONA, gain, judged, noisy

__all__ = ["alike_rule", "guessing_rule", "judge_rule"]


def guessing_rule(tries: pl.DataFrame, nobody: pl.DataFrame, k: int, counting: Counting) -> Finding:
    """Hold the score against as many tries that know nobody."""
    more = gain(tries, nobody, k, counting).estimate
    return Finding(
        name="nobody",
        what=f"tries {k} times without knowing who asks",
        shortcut=judged(nobody, k, counting),
        beside=judged(tries, k, counting),
        passed=more.defined and more.low > 0,
        why=f"fails unless knowing the person gains something at k={k}; it gains {more}",
    )


def judge_rule(tries: pl.DataFrame, k: int, counting: Counting) -> Finding:
    """Hold the score against what the judge's error alone would pass."""
    found = noisy(tries, k, counting)
    value, low, high = (1 - (1 - end) ** k for end in (found.error.value, found.error.low, found.error.high))
    passed = found.error.defined and found.judged.low > high
    return Finding(
        name="judge's error",
        what=f"passes {k} tries of which none suits, by the judge's error alone",
        shortcut=msgspec.structs.replace(found.error, value=value, low=low, high=high),
        beside=found.judged,
        passed=passed,
        why="fails unless the score at the judge's word lies above it, interval from interval; also where "
        "the error is a coin's, or unknown, as by likelihood",
    )


def alike_rule(items: pl.DataFrame, counting: Counting) -> Finding:
    """Share of pairs of tries of an item that say the same, word for word."""
    said = items.filter(pl.col("answer").is_not_null(), arm=PERSONA)
    keys = ["item_id", "persona_id", "prompt_id"]
    same = said.group_by(*keys, "answer", maintain_order=True).len()
    pairs = (pl.col("len") * (pl.col("len") - 1)).sum().alias("same")
    rows = same.group_by(*keys, maintain_order=True).agg(pairs, pl.col("len").sum())
    rows = rows.filter(pl.col("len") > 1)
    share = rows.with_columns(share=pl.col("same") / (pl.col("len") * (pl.col("len") - 1)))
    found = mean_of(share, "share", counting)
    return Finding(
        name="tries alike",
        what="says the same again, word for word: two tries of one item",
        shortcut=found,
        passed=said.height > 0 and not (found.defined and found.low > 0.9),
        why="fails where more than nine in ten pairs of tries are one answer: then k tries are one",
    )
