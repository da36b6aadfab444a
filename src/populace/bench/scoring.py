"""From verdicts to scores, alike in all tasks."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from populace import stats
from populace.bench.elicit import Verdict
from populace.bench.result import Score
from populace.bench.task import Counting
from populace.stats import Estimate

__all__ = ["above", "bookkeeping", "columns", "share", "value"]

_UNDECIDED = ("tie", "refused", "failed", "unasked")


def columns(name: str, verdicts: Sequence[Verdict]) -> list[pl.Series]:
    """Lay verdicts out as columns of the items: outcome, probability, and that in each order.

    Examples
    --------
    >>> [column.name for column in columns("critic", [Verdict(0.7, "first", (0.6, 0.8))])]
    ['critic', 'critic_p', 'critic_p_shown_first', 'critic_p_shown_second']
    """
    numbers = {
        "p": [verdict.p for verdict in verdicts],
        "p_shown_first": [verdict.orders[0] for verdict in verdicts],
        "p_shown_second": [verdict.orders[1] for verdict in verdicts],
    }
    told = [pl.Series(f"{name}_{key}", given, dtype=pl.Float64) for key, given in numbers.items()]
    return [pl.Series(name, [verdict.outcome for verdict in verdicts], dtype=pl.String), *told]


def value(name: str) -> pl.Expr:
    """Read an outcome as a number: 1 for the first option, 0 for the second, half for a tie, else null."""
    column = pl.col(name)
    first = pl.when(column == "first").then(1.0).when(column == "tie").then(0.5)
    return first.when(column == "second").then(0.0)


def share(items: pl.DataFrame, name: str, counting: Counting) -> Estimate:
    """Share of decided items for which the first option holds; clusters are personas."""
    rows = items.select(value(name).alias("value"), "persona_id").drop_nulls("value")
    whole = rows["value"].is_in([0.0, 1.0]).all()
    estimate = stats.proportion if whole else stats.mean
    return estimate(rows["value"], rows["persona_id"], **counting.settings())


def above(items: pl.DataFrame, name: str, arm: str, base: str, counting: Counting, *, measure: str) -> Score:
    """Difference of two arms on the same items, by `item_id`."""
    scored = items.select("item_id", "persona_id", "arm", value(name).alias("value"))
    ours, theirs = (scored.filter(pl.col("arm") == each).drop("arm") for each in (arm, base))
    both = ours.join(theirs, on=["item_id", "persona_id"], suffix="_base", maintain_order="left")
    test = stats.paired_test(both["value"], both["value_base"], both["persona_id"], **counting.settings())
    return Score(measure=measure, arm=arm, estimate=test.estimate, p_value=test.p_value)


def bookkeeping(items: pl.DataFrame, name: str, arm: str, counting: Counting) -> list[Score]:
    """Shares of ties, refusals, failed calls, and of questions that could not be asked."""
    scores = []
    for outcome in _UNDECIDED:
        said = (items[name] == outcome).cast(pl.Float64)
        estimate = stats.proportion(said, items["persona_id"], **counting.settings())
        scores.append(Score(measure=f"{name}_{outcome}", arm=arm, estimate=estimate))
    return scores
