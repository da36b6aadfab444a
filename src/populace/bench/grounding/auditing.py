"""What would explain the accuracy of a model that plays people: itself without them, and cheap statistics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from populace.bench.grounding.cells import Grounds, read_grounds
from populace.bench.grounding.respondents import NOBODY, STRANGER
from populace.bench.grounding.scoring import above, estimate_of
from populace.bench.result import Finding
from populace.bench.scoring import mean_of, rate
from populace.bench.task import Counting
from populace.opinions.attainable import attained
from populace.opinions.scores import individual_scores
from populace.stats import Estimate

__all__ = ["findings_of"]

_UNANSWERED = 0.05
_LESS = {
    NOBODY: ("as nobody", "the model's answers when it is told of no person"),
    STRANGER: ("as a stranger", "the model's answers when it is told of another person"),
}


def findings_of(items: pl.DataFrame, counting: Counting) -> list[Finding]:
    """Hold the model against those who know less, and against statistics that know the same."""
    grounds, found = read_grounds(items), []
    if grounds.richest in grounds.tables and grounds.cells.any():
        found += [*_knowing_less(grounds, counting), *_knowing_the_same(grounds, counting)]
    return [*found, *_orders(items, grounds, counting), _unanswered(items, grounds, counting)]


def _knowing_less(grounds: Grounds, counting: Counting) -> Iterator[Finding]:
    differences = above(grounds, grounds.richest, _LESS, counting)
    scores = _accuracies(grounds, [grounds.richest, *differences], counting)
    for arm, (difference, _) in differences.items():
        name, what = _LESS[arm]
        yield Finding(
            name=name,
            what=what,
            shortcut=scores[arm],
            beside=scores[grounds.richest],
            passed=difference.low > 0,
            why=f"fails unless the accuracy is higher for sure; the difference is {difference}",
        )


def _knowing_the_same(grounds: Grounds, counting: Counting) -> Iterator[Finding]:
    """Hold the model against the best of the statistics with the same inputs, chosen on other people."""
    arm, bases = grounds.richest, [base for base in grounds.beside(grounds.richest) if base in grounds.tables]
    if not bases:
        return
    made = attained(
        grounds.opinions,
        grounds.split,
        grounds.tables,
        model=arm,
        baselines=bases,
        ceiling=arm,
        seed=counting.seed,
        level=counting.level,
        **grounds.shared,
    )
    best = max(made.baseline, key=lambda base: made.baseline[base])
    scores = _accuracies(grounds, [arm, best], counting)
    yield Finding(
        name="statistics",
        what=f"the best statistics with the same inputs ({best})",
        shortcut=scores[best],
        beside=scores[arm],
        passed=not made.gain.high < 0,
        why="fails where the accuracy of the best, chosen on other people, is higher for sure; "
        f"the model's is above it by {made.gain}",
    )


def _accuracies(grounds: Grounds, arms: list[str], counting: Counting) -> dict[str, Estimate]:
    made = individual_scores(
        grounds.opinions,
        grounds.split,
        grounds.some(arms),
        measures=("accuracy",),
        **grounds.shared,
        **counting.settings(),
    )
    return {row["predictor"]: estimate_of(row) for row in made.iter_rows(named=True)}


def _orders(items: pl.DataFrame, grounds: Grounds, counting: Counting) -> Iterator[Finding]:
    """Hold what the order of options changes against what another person changes."""
    rows = items.filter(arm=grounds.richest).drop_nulls("between_orders")
    if not rows.height or STRANGER not in grounds.tables:
        return
    keys = ["persona_id", "prompt_id"]
    other = items.filter(arm=STRANGER).select(*keys, other="p").drop_nulls()
    both = rows.join(other, on=keys, how="inner", maintain_order="left")
    moved = [
        float(np.abs(a.to_numpy() - b.to_numpy()).sum() / 2)
        for a, b in zip(both["p"], both["other"], strict=True)
    ]
    person = mean_of(both.with_columns(pl.Series("moved", moved, dtype=pl.Float64)), "moved", counting)
    order = mean_of(rows, "between_orders", counting)
    yield Finding(
        name="order of options",
        what="how far the distribution moves when the options are turned round (total variation)",
        shortcut=order,
        beside=person,
        passed=not order.value > person.value,
        why="fails where the order of the options moves the answers more than another person does; "
        "the mean over both orders is scored",
    )


def _unanswered(items: pl.DataFrame, grounds: Grounds, counting: Counting) -> Finding:
    rows = items.filter(arm=grounds.richest)
    share = rate(rows, rows["outcome"] != "answered", counting)
    return Finding(
        name="unanswered",
        what="questions that were refused, or whose call failed",
        shortcut=share,
        passed=not share.value > _UNANSWERED,
        why=f"fails above {_UNANSWERED:.0%}: those who are answered for may be others than those who are not",
    )
