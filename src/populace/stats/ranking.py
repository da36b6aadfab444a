"""A leaderboard that says which models the data can tell apart.

All pairs of models are compared on the rows both have, paired and by cluster. One matrix of decisions,
"this model is above that one", follows from it, with the chance of any wrong one held at 1 - level; groups
of tied models and intervals of ranks are both read from this matrix, and so never contradict each other:

- a model's rank lies between 1 + (models found above it) and M - (models found below it), for all models at
  once with the level's confidence (Mogstad, Romano, Shaikh and Wilhelm 2024, doi:10.1093/restud/rdad006);
- groups are the maximal sets of models of which no two were told apart, which is the letter display of Piepho
  (2004, doi:10.1198/1061860043515). Models that share a letter are tied; a model may carry several.

Two controls: `holm` over sign-flip p-values, which holds whatever the dependence, and `max-t`, the step-down
bootstrap of the largest studentised difference (Romano and Wolf 2005, doi:10.1198/016214504000000539), which
uses the dependence and finds more. Not being told apart is not being equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Bools, Floats, codes_of_clusters
from populace.stats._cliques import letters_of, maximal_cliques
from populace.stats._pairwise import Settings, estimates, flip_tests, step_down, sums_of_columns
from populace.stats.bootstrap import unit_of
from populace.stats.estimate import Estimate
from populace.stats.multiple import holm

__all__ = ["RankedModel", "RankedPair", "Ranking", "rank_models"]

Control = Literal["holm", "max-t"]


class RankedModel(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a leaderboard."""

    name: str
    """The model."""
    score: Estimate
    """Mean over the rows this model has."""
    rank: Estimate
    """1 + the models whose score is higher; the interval holds for all models at once."""
    letters: str
    """Groups it belongs to: models that share a letter were not told apart."""


class RankedPair(msgspec.Struct, frozen=True, kw_only=True):
    """Two models on the rows both have."""

    a: str
    """The model listed first."""
    b: str
    """The other."""
    difference: Estimate
    """Mean of a - b; nan where they share no row."""
    p_value: float
    """Two-sided, by sign flips of whole clusters."""
    p_holm: float
    """Adjusted over all pairs."""
    apart: bool
    """Whether the control told them apart."""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """A leaderboard, best first."""

    models: tuple[RankedModel, ...]
    """Sorted by score; equal scores in the order given."""
    pairs: tuple[RankedPair, ...]
    """All pairs, in the order of `models`."""
    groups: tuple[tuple[str, ...], ...]
    """Maximal sets of models not told apart; the letter of the first is `a`."""
    control: Control
    """How the chance of any wrong claim was held."""
    level: float
    """Confidence in all claims together."""
    method: str
    """How p-values and decisions were made."""


def rank_models(
    scores: npt.ArrayLike,
    clusters: npt.ArrayLike | None = None,
    *,
    names: Sequence[str] | None = None,
    control: Control = "holm",
    flips: int = 9999,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Ranking:
    """Rank models by mean score, with ties, simultaneous rank intervals and all paired tests.

    Parameters
    ----------
    scores
        Shape (rows, models), higher is better; row i is the same item for every model. A missing score (nan)
        leaves the row out for that model and for its pairs; where models miss different rows, the paired
        tests may disagree with the order of the means, so prefer rows that all have.
    clusters
        Cluster of each row, usually the persona; None resamples rows.
    names
        Name of each column; None numbers them from 0.
    control
        How the chance of any wrong claim is held: `holm`, or `max-t`. A pair is never told apart unless its
        own sign-flip p-value is at most 1 - level, which keeps `max-t` honest with few clusters.
    flips
        Random sign flips, at least 1; the smallest p-value is 1 / (flips + 1), which times the number of
        pairs must be below 1 - level for `holm` to tell any apart.
    draws, seed, level
        See `cluster_bootstrap`.

    Raises
    ------
    DataError
        If lengths differ, there are no models, a name comes twice, or a score is infinite or no number.
    ValueError
        If `flips` or `draws` is below 1, `level` not between 0 and 1, or the control unknown.

    Examples
    --------
    >>> scores = [[1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0], [1, 1, 0]]
    >>> ranking = rank_models(scores, names=["ash", "bay", "cob"])
    >>> [(model.name, model.letters, model.rank.low, model.rank.high) for model in ranking.models]
    [('ash', 'a', 1.0, 2.0), ('bay', 'a', 1.0, 2.0), ('cob', 'b', 3.0, 3.0)]
    """
    if flips < 1 or draws < 1 or not 0 < level < 1:
        raise ValueError("`flips` and `draws` must be at least 1, and `level` between 0 and 1")
    if control not in ("holm", "max-t"):
        raise ValueError(f"control is {control!r} and must be 'holm' or 'max-t'")
    table = _scores(scores)
    labels = _names(names, table.shape[1])
    code, cluster_names = codes_of_clusters(clusters, np.ones(len(table), dtype=np.bool_))
    unit = unit_of(clusters)
    settings = Settings(draws, seed, level, unit)
    own, _ = estimates(*sums_of_columns(table.T, code, len(cluster_names)), settings)
    order = sorted(range(len(labels)), key=lambda m: -own[m].value if own[m].defined else np.inf)
    places = list(combinations(range(len(order)), 2))
    columns = (table[:, order[i]] - table[:, order[j]] for i, j in places)
    sums, counts = sums_of_columns(columns, code, len(cluster_names))
    differences, replicates = estimates(sums, counts, settings)
    p_values = flip_tests(sums, flips, seed)
    p_holm = holm(p_values)
    value = np.array([difference.value for difference in differences])
    if control == "holm":
        apart = p_holm <= 1 - level
    else:
        apart = step_down(value, replicates, 1 - level) & (p_values <= 1 - level)
    above = _above(value, apart & (value != 0), places, len(order))
    groups = maximal_cliques(~(above | above.T))
    letters = letters_of(groups, len(order))
    ranked = [labels[m] for m in order]
    rank_method = f"simultaneous, {control} over {len(places)} pairs, {unit} sign flips"
    return Ranking(
        models=tuple(
            RankedModel(
                name=ranked[m],
                score=own[order[m]],
                rank=_rank(own, order, m, above, level, rank_method, seed),
                letters=letters[m],
            )
            for m in range(len(order))
        ),
        pairs=tuple(
            RankedPair(
                a=ranked[i],
                b=ranked[j],
                difference=differences[place],
                p_value=float(p_values[place]),
                p_holm=float(p_holm[place]),
                apart=bool(above[i, j] or above[j, i]),
            )
            for place, (i, j) in enumerate(places)
        ),
        groups=tuple(tuple(ranked[m] for m in group) for group in groups),
        control=control,
        level=level,
        method=_method(unit, len(table), len(cluster_names), len(places), flips, control, level),
    )


def _method(
    unit: str, rows: int, clusters: int, pairs: int, flips: int, control: Control, level: float
) -> str:
    """Say how, and whether so many pairs could be told apart at all."""
    every = clusters < 63 and 1 << clusters <= flips
    smallest = 2 / (1 << clusters) if every else 1 / (1 + flips)
    told = f"all {1 << clusters}" if every else f"{flips} random"
    method = f"{unit} sign flips, two-sided, {told}; {control} at {1 - level:.3g}"
    factor = pairs if control == "holm" else 1
    if rows and factor * smallest > 1 - level:
        remedy = f"more {unit}s" if every else "more flips"
        method += f"; no pair could be told apart, it takes {remedy}"
    return method


def _above(value: Floats, apart: Bools, places: list[tuple[int, int]], size: int) -> Bools:
    """Return which model was found above which, shape (models, models)."""
    above = np.zeros((size, size), dtype=np.bool_)
    for (i, j), difference, told in zip(places, value, apart, strict=True):
        if told and difference > 0:
            above[i, j] = True
        elif told and difference < 0:
            above[j, i] = True
    return above


def _rank(
    own: list[Estimate], order: list[int], m: int, above: Bools, level: float, method: str, seed: int
) -> Estimate:
    mine = own[order[m]]
    better = sum(other.value > mine.value for other in own)
    low, high = 1 + int(above[:, m].sum()), len(own) - int(above[m].sum())
    return Estimate(
        value=float(1 + better) if mine.defined else np.nan,
        low=float(low) if mine.defined else np.nan,
        high=float(high) if mine.defined else np.nan,
        level=level,
        n=mine.n,
        clusters=mine.clusters,
        method=method,
        seed=seed,
    )


def _scores(scores: npt.ArrayLike) -> Floats:
    try:
        table = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`scores` is not a table of numbers ({error})") from error
    if table.ndim != 2 or not table.shape[1]:
        raise DataError(f"`scores` has shape {table.shape} and needs rows and models")
    if np.isinf(table).any():
        raise DataError("`scores` holds an infinite number")
    return table


def _names(names: Sequence[str] | None, models: int) -> list[str]:
    labels = [str(model) for model in range(models)] if names is None else list(names)
    if len(labels) != models:
        raise DataError(f"`names` has {len(labels)} names for {models} columns of scores")
    if len(set(labels)) < models:
        raise DataError("`names` names a model twice")
    return labels
