"""How far prompts move a model between two directions: the index of Miehling et al. (arXiv 2411.12405).

A dimension (agreeableness, a policy) has statements of either direction, and a model says to each whether it
would say so. What is known of it is a Beta posterior: `for` counts answers in the positive direction,
`against` those in the negative one, from Jeffreys' prior Beta(1/2, 1/2), as the released code has it. With
W the Wasserstein-1 distance, `max` the posterior of a model that answers all in one direction, and k
prompts,

    s_d(k) = [W(base, max_d) - W(steered_k, max_d)] / W(max_+, max_-).

1 is all the way from the one end to the other, 0 no move, below 0 a move the wrong way. What can be reached
is less than 1 wherever the base does not stand at the other end: `share of the way` divides by
W(base, max_d) instead.

All these posteriors are ordered (each answer that is turned moves the whole distribution), and between
ordered distributions W is the difference of means. So where the same n statements were answered steered and
not, the index is plainly the change of the share of answers in direction d, whatever the prior: s_d =
(for_steered - for_base) / n, with the sign of d. The posterior matters where answers are missing.

Who refuses moves the posterior too: a model that answered 0 of 10 for and refuses everything when steered
has only the prior left, the middle, and gains half of the range by the published formula. `indices` therefore
says which share was answered; read no index without it.

The released code approximates W; here it is exact (`populace.pluralism.steerable.betas`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.steerable.betas import beta_distance
from populace.stats import Estimate
from populace.stats._arrays import Floats, divide
from populace.stats.crossed import crossed_mean

__all__ = ["PRIOR", "curves", "index", "indices"]

PRIOR = (0.5, 0.5)
Scale = Literal["range", "share of the way"]
_COLUMNS = ("dimension", "direction", "budget", "for", "against")
_DIRECTIONS = ("positive", "negative")


class _Profiles(NamedTuple):
    """Posteriors of steered models, and of their bases: a row each of alpha and beta."""

    rows: pl.DataFrame
    steered: Floats
    base: Floats
    total: Floats
    """Statements of the dimension: the most that were answered, steered or not."""


def indices(
    table: pl.DataFrame, *, scale: Scale = "range", prior: tuple[float, float] = PRIOR
) -> pl.DataFrame:
    """Compute the index of every dimension, direction, budget and trial.

    Parameters
    ----------
    table
        Answers counted: `dimension`; `direction`, `positive` or `negative`; `budget`, the number of steering
        prompts, 0 for the base (its direction is null); `for` and `against`, answers in the positive and in
        the negative direction (the released code counts one less the less sure a statement's label is, so
        numbers need not be whole). Refusals count nowhere. Further columns, such as `trial`, stay.
    scale
        `range` divides by the distance of both extremes, as published; `share of the way` by what was left
        to go.
    prior
        Alpha and beta before any answer.

    Returns
    -------
    The rows with a budget above 0, with `index`, null by `share of the way` where the base stands at the end,
    and `answered`, the steered answers beside the most that the dimension had, steered or not.

    Raises
    ------
    DataError
        If a column is missing, a count is below zero, a direction is unknown, or a dimension has no base, or
        two.

    Examples
    --------
    >>> table = pl.DataFrame(
    ...     {
    ...         "dimension": ["humour"] * 3,
    ...         "direction": [None, "positive", "negative"],
    ...         "budget": [0, 5, 5],
    ...         "for": [10, 20, 5],
    ...         "against": [10, 0, 15],
    ...     }
    ... )
    >>> indices(table)["index"].round(3).to_list()
    [0.5, 0.25]
    >>> indices(table, scale="share of the way")["index"].round(3).to_list()
    [1.0, 0.5]
    """
    if scale not in ("range", "share of the way"):
        raise ValueError(f"scale is {scale!r} and must be `range` or `share of the way`")
    found = _profiles(table, prior)
    alpha, beta = prior
    nothing = np.zeros(len(found.total))
    ends = {
        "positive": np.stack([alpha + found.total, beta + nothing], axis=1),
        "negative": np.stack([alpha + nothing, beta + found.total], axis=1),
    }
    up = (found.rows["direction"] == "positive").to_numpy()
    goal = np.where(up[:, None], ends["positive"], ends["negative"])
    far = beta_distance(found.base, goal)
    moved = far - beta_distance(found.steered, goal)
    whole = beta_distance(ends["positive"], ends["negative"]) if scale == "range" else far
    value = pl.Series("index", divide(moved, np.where(whole > 1e-12, whole, 0.0)), dtype=pl.Float64)
    answered = divide(found.steered.sum(axis=1) - sum(prior), found.total)
    return found.rows.with_columns(
        value.fill_nan(None), pl.Series("answered", answered, dtype=pl.Float64).fill_nan(None)
    )


def _profiles(table: pl.DataFrame, prior: tuple[float, float]) -> _Profiles:
    for name in _COLUMNS:
        if name not in table.columns:
            raise DataError("this column is missing", column=name, fix=f"give {', '.join(_COLUMNS)}")
    if not all(number > 0 for number in prior):
        raise DataError("a prior has alpha and beta above zero")
    for name in ("for", "against"):
        column = table[name]
        wrong = column.is_null() | ~column.cast(pl.Float64).is_finite() | (column < 0)
        if wrong.fill_null(True).any():
            row = int(wrong.fill_null(True).arg_true()[0]) + 1
            raise DataError("a count is missing or below zero", row=row, column=name)
    rows = table.filter(pl.col("budget") > 0)
    odd = rows.filter(~pl.col("direction").is_in(_DIRECTIONS).fill_null(False))
    if odd.height:
        raise DataError(
            f"{odd['direction'][0]!r} is no direction", column="direction", fix="use positive or negative"
        )
    keys = ["dimension", *(["trial"] if "trial" in table.columns else [])]
    bases = table.filter(pl.col("budget") == 0).select(*keys, base_for="for", base_against="against")
    twice = bases.filter(bases.select(keys).is_duplicated())
    if twice.height:
        raise DataError(f"{twice['dimension'][0]} has two bases", column="dimension", fix="add them up")
    both = rows.join(bases, on=keys, how="left", maintain_order="left")
    lone = both.filter(pl.col("base_for").is_null())
    if lone.height:
        fix = "add a row of budget 0: the answers without a steering prompt"
        raise DataError(f"{lone['dimension'][0]} has no base", column="dimension", fix=fix)
    counts = both.select("for", "against", "base_for", "base_against").cast(pl.Float64).to_numpy()
    start = np.array(prior)
    base = counts[:, 2:] + start
    # Who refused some was asked them all the same: the ends of the range are of the most that were answered.
    answered = table.with_columns(_answered=pl.col("for").cast(pl.Float64) + pl.col("against"))
    most = answered.group_by("dimension").agg(pl.col("_answered").max())
    total = rows.join(most, on="dimension", how="left", maintain_order="left")["_answered"].to_numpy()
    return _Profiles(rows, counts[:, :2] + start, base, total)


def index(
    table: pl.DataFrame,
    *,
    budget: int | None = None,
    direction: Literal["positive", "negative", "both"] = "both",
    scale: Scale = "range",
    prior: tuple[float, float] = PRIOR,
    level: float = 0.95,
) -> Estimate:
    """Estimate the mean index over dimensions.

    Parameters
    ----------
    table, scale, prior
        See `indices`.
    budget
        Number of steering prompts; the largest there is, if None.
    direction
        One of both, or the mean of both.
    level
        Of the interval, which is about other dimensions: they are its clusters.

    Raises
    ------
    DataError
        As `indices`; also if there is no such budget.

    References
    ----------
    Miehling et al. (2025), Evaluating the Prompt Steerability of Large Language Models, NAACL,
    arXiv 2411.12405.

    Examples
    --------
    >>> rows = [(name, None, 0, 5, 5) for name in "ab"]
    >>> rows += [("a", "positive", 1, 10, 0), ("b", "positive", 1, 5, 5)]
    >>> names = ["dimension", "direction", "budget", "for", "against"]
    >>> table = pl.DataFrame(rows, schema=names, orient="row")
    >>> round(index(table).value, 3)  # half the range, and nothing
    0.25
    """
    found = indices(table, scale=scale, prior=prior)
    budgets = found["budget"].unique().sort().to_list()
    wanted = budget if budget is not None else (budgets[-1] if budgets else None)
    if wanted is None or wanted not in budgets:
        raise DataError(f"there is no budget {wanted}", fix=f"take one of {budgets}" if budgets else None)
    rows = found.filter(pl.col("budget") == wanted)
    if direction != "both":
        rows = rows.filter(pl.col("direction") == direction)
    rows = rows.drop_nulls("index")
    within = (-1.0, 1.0) if scale == "range" else None
    return crossed_mean(rows["index"], rows["dimension"], within=within, level=level)


def curves(
    table: pl.DataFrame,
    *,
    scale: Scale = "range",
    prior: tuple[float, float] = PRIOR,
    level: float = 0.95,
) -> pl.DataFrame:
    """Give the steerability curve: the mean index by direction and budget.

    Parameters and errors are those of `index`.

    Returns
    -------
    A row a direction and budget: `direction`, `budget`, `value`, `low`, `high`, `dimensions`.
    """
    found = indices(table, scale=scale, prior=prior)
    rows: list[dict[str, object]] = []
    for direction in _DIRECTIONS:
        some = found.filter(pl.col("direction") == direction)
        for budget in some["budget"].unique().sort().to_list():
            made = index(table, budget=budget, direction=direction, scale=scale, prior=prior, level=level)
            rows.append(
                {
                    "direction": direction,
                    "budget": budget,
                    "value": made.value,
                    "low": made.low,
                    "high": made.high,
                    "dimensions": made.clusters,
                }
            )
    schema = {"direction": pl.String, "budget": pl.Int64, "value": pl.Float64, "low": pl.Float64}
    return pl.DataFrame(rows, schema={**schema, "high": pl.Float64, "dimensions": pl.Int64})
