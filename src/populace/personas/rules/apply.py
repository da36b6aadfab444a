"""Applying the rules: removal by the hard ones, flags and weights by the soft ones.

One pass over the frame evaluates every rule; nothing else in the room looks at an expression.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.personas.rules.rates import rates
from populace.personas.rules.registry import RULES, Kind
from populace.personas.schema import COLUMNS

__all__ = ["apply_rules", "broken_rules", "shuffled", "soften", "with_flags"]

_FIRM = 1e-12


def broken_rules(frame: pl.DataFrame, kind: Kind | None = None) -> pl.DataFrame:
    """Evaluate every rule on every row.

    Parameters
    ----------
    frame
        Every attribute as a column (`populace.personas.frames.complete`).
    kind
        Only the `hard` or the `soft` rules.

    Returns
    -------
    polars.DataFrame
        One Boolean column per rule, True where the row breaks it, rows as in `frame`.
    """
    chosen = {name: each for name, each in RULES.items() if kind in (None, each.kind)}
    return frame.select(each.expression.alias(name) for name, each in chosen.items())


def apply_rules(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int], dict[str, int]]:
    """Remove every row that breaks a hard rule.

    Parameters
    ----------
    frame
        Every attribute as a column.

    Returns
    -------
    tuple
        The rows that break none, in order; per hard rule, rows removed under its name (the first rule a row
        breaks); per rule, hard or soft, rows of `frame` that break it at all.

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> people = complete(pl.DataFrame({"age": [9, 40], "marital_status": ["Married", "Married"]}))
    >>> kept, removed, broken = apply_rules(people)
    >>> kept["age"].to_list(), removed["married-under-15"]
    ([40], 1)
    """
    broken = broken_rules(frame)
    totals = {name: int(broken[name].sum()) for name in RULES}
    first: dict[str, int] = {}
    clean = pl.Series(values=[True], dtype=pl.Boolean).new_from_index(0, frame.height)
    for name, each in RULES.items():
        if each.kind == "hard":
            first[name] = int((broken[name] & clean).sum()) if totals[name] else 0
            clean = clean & ~broken[name] if totals[name] else clean
    return frame.filter(clean), first, totals


def with_flags(frame: pl.DataFrame, column: str = "implausible") -> pl.DataFrame:
    """Add the names of the soft rules that each row breaks, as a list; empty for nearly everyone.

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> people = complete(pl.DataFrame({"age": [19, 40], "marital_status": ["Widowed", "Widowed"]}))
    >>> with_flags(people)["implausible"].to_list()
    [['widowed-under-30'], []]
    """
    broken = broken_rules(frame, "soft")
    names = [pl.when(pl.col(name)).then(pl.lit(name)) for name in broken.columns]
    flags = broken.select(pl.concat_list(names).list.drop_nulls().alias(column)).to_series()
    return frame.with_columns(flags)


def soften(frame: pl.DataFrame, *, passes: int = 20) -> pl.DataFrame:
    """Weight down the rows that break a soft rule more often than real people do.

    Where the weighted share of a rule exceeds the share measured among real people, its rows lose weight
    until the two agree; a rule that real people break as often, or more often, moves nothing. The sum of the
    weights stays.

    Parameters
    ----------
    frame
        Every attribute as a column, and `weight`.
    passes
        Rounds over the rules, since one row may break several.

    Returns
    -------
    polars.DataFrame
        The same rows with new weights.

    Raises
    ------
    DataError
        If there is no column `weight`, or the weights sum to nothing.
    """
    if "weight" not in frame.columns:
        raise DataError("there is no column of weights", column="weight", fix="add one, of ones")
    weight = frame["weight"].to_numpy().astype(np.float64)
    total = float(weight.sum())
    if not total > 0:
        raise DataError("the weights sum to nothing", column="weight", fix="give at least one weight above 0")
    broken = broken_rules(frame, "soft")
    measured = rates()
    hit = {name: broken[name].to_numpy() for name in broken.columns if broken[name].any()}
    targets = {name: share for name in hit if (share := measured[name].real) is not None}
    for _ in range(passes):
        moved = False
        for name, share in targets.items():
            inside = float(weight[hit[name]].sum())
            outside = float(weight.sum()) - inside
            # A rule that everyone breaks has nobody to be measured against.
            if outside > 0 and inside > share * (inside + outside) * (1 + _FIRM):
                weight[hit[name]] *= share * outside / ((1 - share) * inside)
                moved = True
        if not moved:
            break
    return frame.with_columns(pl.Series("weight", weight * (total / weight.sum())))


def shuffled(frame: pl.DataFrame, rng: np.random.Generator, columns: Sequence[str] = COLUMNS) -> pl.DataFrame:
    """Permute attributes, each by itself: the same margins, drawn apart.

    What the rules find in the result is how often people contradict themselves when attributes are joined
    without regard to one another, which is what a filter such as PERSONA's has to clean up after.

    Parameters
    ----------
    frame
        Every attribute as a column.
    rng
        One permutation a column is drawn from it.
    columns
        Attributes to permute; by default all of them.

    Examples
    --------
    >>> people = pl.DataFrame({"age": [3, 50, 70], "sex": ["Male", "Female", "Female"]})
    >>> sorted(shuffled(people, np.random.default_rng(0), ["age"])["age"].to_list())
    [3, 50, 70]
    """
    return frame.with_columns(frame[name].gather(rng.permutation(frame.height)) for name in columns)
