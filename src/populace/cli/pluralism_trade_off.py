"""`populace pluralism trade-off`: how well steered models of a table follow their weights."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from populace.cli.pluralism_front import numbers, told

if TYPE_CHECKING:
    import polars as pl

    from populace.pluralism.trade_off import SteeringFunction, TradeOff

__all__ = ["trade_off"]


class Family(StrEnum):
    """Steering functions."""

    linear = "linear"
    chebyshev = "chebyshev"
    geometric = "geometric"


_Table = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="CSV, JSONL or Parquet with the columns model, question, objective, score, weight: the weight "
        "that the objective had when the model was steered, empty for models that were not.",
    ),
]


def trade_off(
    table: _Table,
    function: Annotated[Family, typer.Option(help="How weights were to be applied.")] = Family.linear,
    low: Annotated[
        str | None,
        typer.Option(help="Worst score of each objective, becoming 0: '0,0'.", metavar="NUMBERS"),
    ] = None,
    high: Annotated[
        str | None,
        typer.Option(help="Best score of each objective, becoming 1: '1,10'.", metavar="NUMBERS"),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="The unsteered model, for side effects.", metavar="MODEL")
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Resamples of the questions.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the resamples.")] = 0,
) -> None:
    """Score steered models by their own functions: value, regret, monotonicity, side effects.

    Objectives are taken as they are unless --low and --high say what 0 and 1 mean. Chebyshev's ideal is 1.
    """
    import numpy as np
    from rich.console import Console

    from populace.bench.user_tables import read_table
    from populace.errors import DataError
    from populace.pluralism.multi_objective import Scale, read_scores
    from populace.pluralism.trade_off import score

    given = read_table(table, "scores")
    scores = read_scores(given, file=table).shared()
    if "weight" not in given.columns:
        raise DataError("there is no column `weight`", file=table, fix="say how each objective weighed")
    functions = _functions(given, scores.objectives, function, table)
    if (low is None) != (high is None):
        raise DataError("a scale has two ends", fix="give --low and --high")
    scale = None
    if low is not None and high is not None:
        ends = [numbers(name, text, scores.objectives) for name, text in (("--low", low), ("--high", high))]
        for objective, *both in zip(scores.objectives, *ends, strict=True):
            if both[0] == both[1]:
                what = f"--low and --high of {objective} are both {both[0]:g}"
                raise DataError(what, fix="say what is worst and best of it")
        scale = Scale.declared(*ends)
    try:
        found = score(
            {name: np.asarray(values) for name, values in zip(scores.models, scores.values, strict=True)},
            functions,
            objectives=scores.objectives,
            scale=scale,
            base=base,
            draws=draws,
            seed=seed,
        )
    except DataError as error:  # its rows are questions, and no rows of the table
        at = f", {scores.questions[error.row - 1]}" if error.row and scores.questions else ""
        raise DataError(f"{error.what}{at}", file=table, column=error.column, fix=error.fix) from error
    console = Console()
    console.print(_laid(found))
    for line in _summary(found):
        console.print(line, markup=False, highlight=False)


def _functions(
    given: pl.DataFrame, objectives: tuple[str, ...], family: Family, path: Path
) -> dict[str, SteeringFunction]:
    from populace.bench.objectives.given import function_of, weighing

    return {
        name: function_of(family.value, weights)
        for name, weights in weighing(given, objectives, path).items()
    }


def _laid(found: TradeOff) -> Any:
    from rich.table import Table
    from rich.text import Text

    laid = Table()
    laid.add_column("model", overflow="fold")
    for name in ("weights", *found.objectives, "value", "regret"):
        laid.add_column(Text(name), justify="right")
    laid.add_column("best at hand", overflow="fold")
    for each in found.functions:
        laid.add_row(
            Text(each.function),
            "/".join(f"{100 * weight:.3g}" for weight in each.weights),
            *(told(one) for one in each.outcome),
            told(each.value),
            told(each.regret),
            Text(", ".join(each.best_by)),
        )
    return laid


def _summary(found: TradeOff) -> list[str]:
    lines = [
        f"sum of f(M_f): {told(found.total)}; objectives {found.scale}",
        f"the same outcomes dealt to weights at random: {told(found.shuffled)}; ahead of that by "
        f"{told(found.ahead_of_shuffled)}",
        f"best single model for all, {', '.join(found.best_constant)}: {told(found.constant)}; ahead of that "
        f"by {told(found.ahead_of_constant)}",
        f"regret {told(found.regret)} (hindsight: too high); with an oracle that picks on other questions "
        f"{told(found.regret_held_out)} (it errs: too low)",
        f"attained {told(found.attained)} (0: ignores the weights, 1: the oracle); rank {told(found.rank)}",
    ]
    for each in found.monotonicity:
        lines.append(
            f"{each.objective} over its weight: falls in {told(each.violated)} of pairs, ties in "
            f"{each.tied:.3f}, tau {told(each.tau)}, gains {told(each.gain)}"
        )
    for side in found.side_effects:
        lines.append(f"{side.objective}, not asked for by {side.function}: {told(side.change)}")
    return lines
