"""Scores that somebody has: a table in the place of a model under test, and of whoever would judge it.

The table is that of `populace.pluralism.multi_objective.read_scores`: `model`, `question`, `objective`,
`score`, a row a score; or a column for each objective. For `trade-off` a column `weight` says how much the
objective weighed when the model was steered; empty for models that were not.

An item is a model and a question. Its scores stand in columns that begin with `OBJECTIVE`, from 0 (worst) to
1 (best): as they are, or on the scale that the settings `low` and `high` declare (the worst and the best
value of each objective; where less is better, `low` is the larger). Nothing is guessed from the scores at
hand: a weight, or a volume, would mean something else with every model more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from populace.bench.objectives.reading import read_long
from populace.bench.options import listed
from populace.bench.result import Finding, Score
from populace.bench.silence import MOST
from populace.bench.task import Bench, Counting
from populace.errors import DataError, StudyError
from populace.pluralism.multi_objective import Scale, Scores
from populace.pluralism.trade_off import Chebyshev, Linear, PMean, SteeringFunction
from populace.stats import Estimate
from populace.stats.crossed import crossed_mean

__all__ = [
    "OBJECTIVE",
    "SCORES",
    "WEIGHT",
    "function_of",
    "functions_in",
    "given_items",
    "missing",
    "nothing",
    "read_long",
    "weighed_items",
    "weighing",
    "whole",
]

SCORES = "scores"
"""The setting that names the table."""
OBJECTIVE, WEIGHT = "objective: ", "weight: "


def given_items(bench: Bench) -> pl.DataFrame:
    """Lay the table of the settings out as items, every model on every question.

    Returns
    -------
    polars.DataFrame
        `item_id`, `prompt_id`, `prompt`, `arm` (the model), `base`, and the objectives; null where there is
        no score.

    Raises
    ------
    DataError
        If the table is malformed, has no questions, or a score is not on its scale.
    StudyError
        If a setting means nothing, or there are fewer than two models or objectives.
    """
    path = str(bench.options[SCORES])
    scores = read_long(path)[1]
    names = listed(bench.options.get("objectives") or scores.objectives)
    if len(set(names)) < len(names):
        raise StudyError(f"an objective comes twice in {', '.join(names)}", fix="name each once")
    scores = scores.only(objectives=names)
    if not scores.questions:
        fix = "add a column `question`; of means, see `populace pluralism front`"
        raise DataError("these scores are not by question", file=path, fix=fix)
    for what, names in (("model", scores.models), ("objective", scores.objectives)):
        if len(names) < 2:
            raise StudyError(f"there is one {what} in {path}, {', '.join(names)}", fix="give at least two")
    base = str(bench.options.get("base") or scores.models[0])
    scores.only([base])
    values = _scaled(scores, bench.options, path)
    questions, count = list(scores.questions), len(scores.questions)
    frames = [
        pl.DataFrame(
            {
                "item_id": pl.Series(range(count), dtype=pl.Int64),
                "prompt_id": questions,
                "prompt": questions,
                "arm": [model] * count,
                "base": [base] * count,
                **{OBJECTIVE + name: values[row, :, at] for at, name in enumerate(scores.objectives)},
            }
        ).with_columns(pl.col(f"^{OBJECTIVE}.*$").fill_nan(None))
        for row, model in enumerate(scores.models)
    ]
    return pl.concat(frames)


def weighed_items(bench: Bench, family: str) -> pl.DataFrame:
    """Lay a table with weights out as `given_items` does, with the weights of each model beside.

    Parameters
    ----------
    family
        How weights were to be applied: `linear`, `chebyshev` or `geometric`.

    Returns
    -------
    polars.DataFrame
        Also `functions` (the family), and a column that begins with `WEIGHT` for each objective: null for a
        model that was not steered.
    """
    path = str(bench.options[SCORES])
    items = given_items(bench)
    names = _names(items, OBJECTIVE)
    weights = weighing(read_long(path)[0], names, path)
    if len(weights) < 2:
        raise DataError("fewer than two of these models were steered", file=path, column="weight")
    columns = {
        WEIGHT + name: [weights[arm][at] if arm in weights else None for arm in items["arm"]]
        for at, name in enumerate(names)
    }
    told = (pl.Series(name, column, dtype=pl.Float64) for name, column in columns.items())
    items = items.with_columns(*told, functions=pl.lit(family))
    if bench.options.get("base"):
        return items
    unsteered = items.filter(pl.col(WEIGHT + names[0]).is_null())["arm"]
    return items.with_columns(base=pl.lit(unsteered[0] if len(unsteered) else None, dtype=pl.String))


def weighing(table: pl.DataFrame, objectives: Sequence[str], path: object) -> dict[str, tuple[float, ...]]:
    """Read how much each objective weighed for each steered model: weights of the sum 1.

    Raises
    ------
    DataError
        If there is no column `weight`, or its numbers are none, negative, or not the same in all rows.

    Examples
    --------
    >>> rows = [("m", "q", "brief", 0.5, 30), ("m", "q", "kind", 0.1, 10), ("n", "q", "brief", 0.3, None)]
    >>> table = pl.DataFrame(rows, schema=["model", "question", "objective", "score", "weight"], orient="row")
    >>> weighing(table, ["brief", "kind"], "scores.csv")
    {'m': (0.75, 0.25)}
    """
    if "weight" not in table.columns:
        raise DataError("there is no column `weight`", file=path, fix="say how each objective weighed")
    if table["weight"].dtype.is_nested():
        fix = "write one number a cell"
        raise DataError("there are lists in it", file=path, column="weight", fix=fix)
    text = pl.col("weight").cast(pl.String).str.strip_chars().replace("", None)
    rows = table.select(pl.col("model", "objective").cast(pl.String), text)
    number = rows["weight"].cast(pl.Float64, strict=False)
    wrong = (rows["weight"].is_not_null() & ~number.is_finite().fill_null(False)).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise DataError(f"{rows['weight'][row]!r} is no number", file=path, row=row + 1, column="weight")
    rows = rows.with_columns(number.alias("weight")).drop_nulls("weight").unique(maintain_order=True)
    found: dict[str, tuple[float, ...]] = {}
    for (name,), part in rows.group_by("model", maintain_order=True):
        by = dict(part.select("objective", "weight").iter_rows())
        if len(by) < part.height:
            fix = "weigh every objective of a model alike in all rows"
            raise DataError(f"{name} has two weights for one objective", file=path, column="weight", fix=fix)
        vector = tuple(float(by.get(each, 0.0)) for each in objectives)
        if not sum(vector) > 0 or min(vector) < 0:
            raise DataError(f"the weights of {name} are {vector}", file=path, column="weight")
        found[str(name)] = tuple(each / sum(vector) for each in vector)
    return found


def functions_in(items: pl.DataFrame) -> dict[str, SteeringFunction]:
    """Make the steering functions of `weighed_items`, by model, in the order of their weights."""
    names = _names(items, WEIGHT)
    rows = items.unique("arm", keep="first", maintain_order=True).drop_nulls(WEIGHT + names[0])
    columns = [WEIGHT + name for name in names]
    rows = rows.sort(columns, maintain_order=True).select("arm", "functions", *columns)
    return {arm: function_of(family, weights) for arm, family, *weights in rows.iter_rows()}


def whole(items: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Keep the questions of which every arm has every score: who left the hard ones out gains nothing."""
    lost = pl.any_horizontal(pl.col(columns).is_null()).any().over("prompt_id")
    return items.filter(~lost) if items.height else items


def nothing(measure: str, counting: Counting) -> list[Score]:
    """Give the headline of items in which no question is whole: one that is undefined."""
    lost = Estimate(
        value=np.nan,
        low=np.nan,
        high=np.nan,
        level=counting.level,
        n=0,
        clusters=0,
        method="no interval: undefined for these data",
    )
    return [Score(measure=measure, estimate=lost, note="no question has all scores of all arms")]


def missing(items: pl.DataFrame, counting: Counting) -> Finding:
    """Count the questions that are left out because some model has no score of them.

    Examples
    --------
    >>> rows = pl.DataFrame({"prompt_id": ["q", "q", "r", "r"], "arm": ["a", "b"] * 2})
    >>> found = missing(rows.with_columns(pl.Series("objective: x", [1.0, 1.0, 0.5, None])), Counting())
    >>> found.passed, found.shortcut.value
    (False, 0.5)
    """
    columns = [OBJECTIVE + name for name in _names(items, OBJECTIVE)]
    lost = items.group_by("prompt_id", maintain_order=True).agg(
        pl.any_horizontal(pl.col(columns).is_null()).any().cast(pl.Float64).alias("lost")
    )
    found = crossed_mean(lost["lost"], lost["prompt_id"], within=(0.0, 1.0), level=counting.level)
    return Finding(
        name="missing scores",
        what="share of the questions that some model has not all scores of: all are scored without them",
        shortcut=found,
        passed=found.defined and found.value <= MOST,
        why="fails where they are more than one in twenty: who leaves the hard ones out chooses the rest",
    )


def _names(items: pl.DataFrame, prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in items.columns if name.startswith(prefix)]


def function_of(family: str, weights: Sequence[float]) -> SteeringFunction:
    """Make a steering function of a family: `linear`, `chebyshev` or `geometric`.

    Examples
    --------
    >>> function_of("geometric", (0.5, 0.5)).name
    'p-mean 0 50/50'
    """
    if family == "chebyshev":
        # On a scale from 0 to 1 nothing beats 1.
        return Chebyshev(tuple(weights), ideal=(1.0,) * len(weights))
    return Linear(tuple(weights)) if family == "linear" else PMean(tuple(weights), 0.0)


def _scaled(scores: Scores, options: Mapping[str, Any], path: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    low, high = (_ends(options.get(name), name, scores) for name in ("low", "high"))
    if (low is None) != (high is None):
        raise StudyError("a scale has two ends", fix="give both low and high")
    count = len(scores.objectives)
    scale = Scale.declared([0.0] * count if low is None else low, [1.0] * count if high is None else high)
    found = scale.apply(scores.values)
    # A hair beyond an end is rounding.
    outside = (found < -1e-9) | (found > 1 + 1e-9)
    if outside.any():
        model, question, at = (int(each[0]) for each in np.nonzero(outside))
        raise DataError(
            f"{scores.models[model]} has {scores.values[model, question, at]:g} for {scores.objectives[at]} "
            f"on {scores.questions[question]}, which is not between {scale.low[at]:g} and {scale.high[at]:g}",
            file=path,
            fix="declare what is worst and best of each objective: --option low=0,100 --option high=10,0",
        )
    return np.clip(found, 0.0, 1.0)


def _ends(given: Any, name: str, scores: Scores) -> list[float] | None:
    if given is None:
        return None
    parts = listed(given)
    try:
        numbers = [float(each) for each in parts]
    except ValueError:
        raise StudyError(f"{name} is {given!r}, which is no list of numbers", fix="write 0,0") from None
    if len(numbers) != len(scores.objectives):
        aims = ", ".join(scores.objectives)
        raise StudyError(f"{name} has {len(numbers)} numbers", fix=f"give one each for {aims}")
    return numbers
