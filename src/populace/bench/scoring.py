"""From verdicts to scores, alike in all tasks.

Who does not answer is not satisfying: where the target gave no answer its score is 0, whatever a judge said,
so that silence where it would fail gains nothing. Where the judge gave no verdict there is no score.

Items share persons and questions, and at one question often the very answer. All intervals and tests here
know both (`populace.stats.crossed`); `clusters` of an estimate counts persons.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from populace.bench.elicit import Verdict
from populace.bench.result import Score
from populace.bench.task import Counting
from populace.stats import Estimate, PairedTest
from populace.stats.crossed import crossed_mean, crossed_test

__all__ = ["above", "bookkeeping", "columns", "compared", "mean_of", "rate", "scored", "share", "value"]

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


def scored(items: pl.DataFrame, name: str) -> pl.Expr:
    """Read an outcome about the target's answer as a number: `value`, but 0 where there is no answer.

    Where nothing that was answered was asked about (nobody, by likelihood), nothing is scored.

    Parameters
    ----------
    items
        The outcome `name`; and `answer`, null where the target gave none. Without it, `value` alone.

    Examples
    --------
    >>> rows = pl.DataFrame({"answer": ["yes", "no", None], "critic": ["first", "failed", "unasked"]})
    >>> rows.select(scored(rows, "critic")).to_series().to_list()
    [1.0, None, 0.0]
    """
    if "answer" not in items.columns:
        return value(name)
    asked = items.filter(pl.col("answer").is_not_null())[name] != "unasked"
    if len(asked) and not asked.any():
        return pl.lit(None, dtype=pl.Float64)
    return pl.when(pl.col("answer").is_null()).then(0.0).otherwise(value(name))


def share(items: pl.DataFrame, name: str, counting: Counting) -> Estimate:
    """Share of items for which the first option holds: half of a tie, 0 without an answer (`scored`)."""
    rows = items.with_columns(scored(items, name).alias("_scored"))
    return mean_of(rows, "_scored", counting)


def rate(items: pl.DataFrame, found: pl.Series, counting: Counting) -> Estimate:
    """Share of items that are true in `found`, a row an item."""
    return mean_of(items.with_columns(found.cast(pl.Float64).alias("_rate")), "_rate", counting)


def mean_of(items: pl.DataFrame, name: str, counting: Counting) -> Estimate:
    """Mean of a column of numbers from 0 to 1, over personas and questions; missing ones are left out.

    Examples
    --------
    >>> rows = pl.DataFrame({"persona_id": list("aabb"), "prompt_id": list("qrqr"), "x": [1.0, 0, 1, 1]})
    >>> mean_of(rows, "x", Counting()).method
    "two-way clusters (2 x 2), Wilson's interval with t, 1 degrees"
    """
    return crossed_mean(items[name], *(items[each] for each in _shared(items)), level=counting.level)


def compared(items: pl.DataFrame, ours: str, theirs: str, counting: Counting) -> PairedTest:
    """Test whether two columns of numbers from 0 to 1 differ in mean, on rows that have both."""
    shared = (items[each] for each in _shared(items))
    return crossed_test(items[ours], items[theirs], *shared, seed=counting.seed, level=counting.level)


def above(items: pl.DataFrame, name: str, arm: str, base: str, counting: Counting, *, measure: str) -> Score:
    """Difference of two arms on the same items, by `item_id`."""
    rows = items.with_columns(scored(items, name).alias("value"))
    rows = rows.select("item_id", *_shared(items), "arm", "value")
    ours, theirs = (rows.filter(pl.col("arm") == each).drop("arm") for each in (arm, base))
    both = ours.join(theirs, on=["item_id", *_shared(items)], suffix="_base", maintain_order="left")
    test = compared(both, "value", "value_base", counting)
    return Score(measure=measure, arm=arm, estimate=test.estimate, p_value=test.p_value)


def bookkeeping(items: pl.DataFrame, name: str, arm: str, counting: Counting) -> list[Score]:
    """Shares of ties, refusals, failed calls, and of questions that could not be asked."""
    scores = []
    for outcome in _UNDECIDED:
        estimate = rate(items, items[name] == outcome, counting)
        scores.append(Score(measure=f"{name}_{outcome}", arm=arm, estimate=estimate))
    return scores


def _shared(items: pl.DataFrame) -> list[str]:
    """Name what items share: persons, and questions where they are named."""
    return [name for name in ("persona_id", "prompt_id") if name in items.columns]
