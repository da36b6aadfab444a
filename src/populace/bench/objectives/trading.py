"""Scores of `trade-off` from its items: of rules, of verdicts, or of a table of the user's."""

from __future__ import annotations

import msgspec
import polars as pl

from populace.bench.objectives.given import OBJECTIVE, WEIGHT, functions_in, nothing, whole
from populace.bench.objectives.rules import RULES
from populace.bench.objectives.steering import functions_of
from populace.bench.result import Score
from populace.bench.task import Counting
from populace.pluralism.trade_off import SteeringFunction, TradeOff, score
from populace.stats import Estimate

__all__ = ["PLAIN", "columns_of", "divided", "scored_items", "scores_of", "steering_of"]

PLAIN = "plain"
"""The arm that is told no weights."""


def columns_of(items: pl.DataFrame) -> list[str]:
    """Name the columns of items that hold objectives: rules first, then those with names of their own.

    Examples
    --------
    >>> columns_of(pl.DataFrame(schema=["prompt_id", "objective: warmth", "brevity", "answer"]))
    ['brevity', 'objective: warmth']
    """
    own = [name for name in items.columns if name.startswith(OBJECTIVE)]
    return [*(name for name in items.columns if name in RULES), *own]


def steering_of(items: pl.DataFrame) -> dict[str, SteeringFunction]:
    """Give the steering functions of items, by arm."""
    if any(name.startswith(WEIGHT) for name in items.columns):
        return functions_in(items)
    families, divisions = (items[name][0] if items.height else None for name in ("functions", "divisions"))
    return functions_of(families, divisions, len(columns_of(items)))


def scored_items(items: pl.DataFrame, counting: Counting) -> TradeOff | None:
    """Score the items of a run, as the room does: outcomes by arm, on the questions that all arms have.

    None where there is no such question.
    """
    columns = columns_of(items)
    rows = whole(items, columns)
    if rows.is_empty():
        return None
    arms = items["arm"].unique(maintain_order=True).to_list()
    outcomes = {
        arm: rows.filter(pl.col("arm") == arm).sort("prompt_id").select(columns).to_numpy() for arm in arms
    }
    functions = steering_of(items)
    base = items["base"][0] if "base" in items.columns else PLAIN
    names = [name.removeprefix(OBJECTIVE) for name in columns]
    unsteered = base if base in arms and base not in functions else None
    return score(outcomes, functions, objectives=names, base=unsteered, **counting.settings())


def scores_of(found: TradeOff | None, counting: Counting) -> list[Score]:
    """List the scores, headline first; one that is undefined where nothing was scored."""
    if found is None:
        return nothing("value", counting)
    return _headlines(found) + _by_function(found) + _by_objective(found)


def divided(estimate: Estimate, by: int) -> Estimate:
    """Divide a value and its ends."""
    ends = {name: getattr(estimate, name) / by for name in ("value", "low", "high")}
    return msgspec.structs.replace(estimate, **ends)


def _headlines(found: TradeOff) -> list[Score]:
    count = len(found.functions)

    def mean(measure: str, arm: str, estimate: Estimate, note: str = "") -> Score:
        return Score(measure=measure, arm=arm, estimate=divided(estimate, count), note=note)

    best = ", ".join(found.best_constant)
    told = "baseline; mean over functions"
    scores = [
        Score(
            measure="value", estimate=found.mean, note="mean over functions of f of the model steered by f"
        ),
        mean("value", "shuffled weights", found.shuffled, f"{told}; steered outcomes dealt at random"),
        mean("value", "best constant", found.constant, f"{told}; chosen with hindsight: {best}"),
        *(mean("value", each.name, each.total, told) for each in found.constants),
        mean("ahead", "shuffled weights", found.ahead_of_shuffled),
        mean("ahead", "best constant", found.ahead_of_constant),
        *(mean("ahead", each.name, each.ahead) for each in found.constants),
        mean("regret", "", found.regret, "oracle with hindsight: never negative, too high by noise"),
        mean(
            "regret_held_out",
            "",
            found.regret_held_out,
            "oracle picks on one half, scored on the other: too low",
        ),
    ]
    for measure in ("attained", "own_best", "rank", "between", "side_effect"):
        scores.append(Score(measure=measure, estimate=getattr(found, measure)))
    return scores


def _by_function(found: TradeOff) -> list[Score]:
    scores = [
        Score(measure=name, arm=each.name, estimate=outcome)
        for each in found.constants
        for name, outcome in zip(found.objectives, each.outcome, strict=True)
    ]
    for each in found.functions:
        for name, outcome in zip(found.objectives, each.outcome, strict=True):
            scores.append(Score(measure=name, arm=each.function, estimate=outcome))
        note = f"best at hand: {', '.join(each.best_by)}"
        scores.append(Score(measure="value", arm=each.function, estimate=each.value))
        scores.append(Score(measure="regret", arm=each.function, estimate=each.regret, note=note))
    return scores


def _by_objective(found: TradeOff) -> list[Score]:
    scores = []
    for each in found.monotonicity:
        for measure in ("violated", "tau", "gap", "gain"):
            estimate = getattr(each, measure)
            scores.append(Score(measure=f"{each.objective}_{measure}", estimate=estimate))
    for side in found.side_effects:
        scores.append(Score(measure=f"{side.objective}_unasked", arm=side.function, estimate=side.change))
    return scores
