"""A leaderboard over items that are about two people each, who are in other items too.

The form and the decisions are those of `populace.stats.rank_models`; intervals and tests know that items
share people (`populace.bench.dyads`): dyadic cluster-robust variances, two-sided t-tests, Holm.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec.structs import replace
from scipy.stats import t as student

from populace.bench.dyads import disjoint_pairs, dyadic_mean, dyadic_ratio
from populace.stats import Estimate, holm
from populace.stats._cliques import letters_of, maximal_cliques
from populace.stats.ranking import RankedModel, RankedPair, Ranking

__all__ = ["rank_couples"]

Floats = npt.NDArray[np.float64]
_CONTROL = "holm"


def rank_couples(
    scores: Floats, first: pl.Series, second: pl.Series, *, names: Sequence[str], level: float = 0.95
) -> Ranking:
    """Rank models by mean score, higher being better.

    Parameters
    ----------
    scores
        Shape (rows, models), from -1 to 1, nan where a model has none.
    first, second
        The two people of each row.
    names
        Name of each column.

    Examples
    --------
    >>> one, other = (pl.Series([f"{side}{n}" for n in range(20)]) for side in "ab")
    >>> scores = np.stack([np.ones(20), np.arange(20) % 4 == 0], axis=1)
    >>> found = rank_couples(scores, one, other, names=["ash", "bay"])
    >>> found.groups, found.pairs[0].difference.value
    ((('ash',), ('bay',)), 0.75)
    """
    people = pl.concat([first, second]).rank("dense").to_numpy().astype(np.int64)
    ends = people[: len(first)], people[len(first) :]
    own = [dyadic_mean(column, *ends, level=level) for column in scores.T]
    order = sorted(range(len(names)), key=lambda m: -own[m].value if own[m].defined else np.inf)
    places = list(combinations(range(len(order)), 2))
    tests = [_tested(scores[:, order[i]] - scores[:, order[j]], *ends, level) for i, j in places]
    adjusted = holm([p for _, p in tests])
    above = np.zeros((len(order), len(order)), dtype=np.bool_)
    for (i, j), (difference, _), p in zip(places, tests, adjusted.tolist(), strict=True):
        if p <= 1 - level and difference.value:
            above[(i, j) if difference.value > 0 else (j, i)] = True
    groups = maximal_cliques(~(above | above.T))
    letters = letters_of(groups, len(order))
    ranked = [names[m] for m in order]
    method = "dyadic t-tests, two-sided"
    return Ranking(
        models=tuple(
            RankedModel(
                name=ranked[m],
                score=own[order[m]],
                rank=_rank(
                    [own[each] for each in order],
                    m,
                    above,
                    f"simultaneous, holm over {len(places)} pairs, {method}",
                ),
                letters=letters[m],
            )
            for m in range(len(order))
        ),
        pairs=tuple(
            RankedPair(
                a=ranked[i],
                b=ranked[j],
                difference=difference,
                p_value=p_value,
                p_holm=float(p),
                apart=bool(above[i, j] or above[j, i]),
            )
            for (i, j), (difference, p_value), p in zip(places, tests, adjusted, strict=True)
        ),
        groups=tuple(tuple(ranked[m] for m in group) for group in groups),
        control=_CONTROL,
        level=level,
        method=f"{method}; {_CONTROL} at {1 - level:.3g}",
    )


def _tested(
    difference: Floats, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], level: float
) -> tuple[Estimate, float]:
    """Estimate a mean difference, and test it against none."""
    there = ~np.isnan(difference)
    first, second = first[there], second[there]
    found = dyadic_ratio(difference[there], np.ones(int(there.sum())), first, second, level=level)
    if not found.defined or np.isnan(found.low):
        return found, 1.0 if found.defined else float("nan")
    if found.low < found.high:
        reach = float(student.ppf((1 + level) / 2, found.clusters - 1))
        error = (found.high - found.value) / reach
        return found, float(2 * student.sf(abs(found.value) / error, found.clusters - 1))
    # No two rows differ: as many trials as there are couples without a person in common.
    trials = disjoint_pairs(first, second)
    unseen = 1 - ((1 - level) / 2) ** (1 / trials)
    doubted = replace(
        found,
        low=found.value - unseen * (found.value + 1),
        high=found.value + unseen * (1 - found.value),
        method=f"Clopper-Pearson, {trials} pairs without a person in common: all rows agree",
    )
    return doubted, 0.5 ** (trials - 1) if found.value else 1.0


def _rank(own: Sequence[Estimate], m: int, above: npt.NDArray[np.bool_], method: str) -> Estimate:
    mine = own[m]
    better = sum(other.value > mine.value for other in own)
    low, high = 1 + int(above[:, m].sum()), len(own) - int(above[m].sum())
    value, low, high = (float(each) if mine.defined else np.nan for each in (1 + better, low, high))
    return replace(mine, value=value, low=low, high=high, method=method)
