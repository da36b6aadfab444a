"""A leaderboard made of tests that know what its items share.

The form and the decisions are those of `populace.stats.rank_models`; the intervals and tests are whose it is
told. Here they are those of items that share persons and questions (`populace.stats.crossed`);
`populace.bench.dyadic_ranks` has those of items about two people. Pairs are adjusted by Holm.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec.structs import replace

from populace.stats import Estimate, holm
from populace.stats._cliques import letters_of, maximal_cliques
from populace.stats.crossed import crossed_mean, crossed_test
from populace.stats.ranking import RankedModel, RankedPair, Ranking

__all__ = ["rank_by", "rank_crossed"]

Floats = npt.NDArray[np.float64]
_CONTROL = "holm"


def rank_crossed(
    scores: Floats,
    persons: pl.Series,
    questions: pl.Series | None,
    *,
    names: Sequence[str],
    within: tuple[float, float] = (0.0, 1.0),
    seed: int = 0,
    level: float = 0.95,
) -> Ranking:
    """Rank models by mean score over items that share persons and questions, higher being better.

    Parameters
    ----------
    scores
        Shape (rows, models), nan where a model has none.
    persons, questions
        Of each row; None where questions are not known.
    names
        Name of each column.
    within
        What scores lie between.
    seed
        Of the sign flips of whole persons, which the tests are no surer than.

    Examples
    --------
    >>> people, prompts = (pl.Series([f"{side}{n}" for n in range(20)]) for side in "pq")
    >>> scores = np.stack([np.ones(20), np.arange(20) % 4 == 0], axis=1)
    >>> found = rank_crossed(scores, people, prompts, names=["ash", "bay"])
    >>> found.groups, found.pairs[0].difference.value
    ((('ash',), ('bay',)), 0.75)
    """
    who, what = persons.rank("dense"), None if questions is None else questions.rank("dense")
    shared = who.to_numpy(), None if what is None else what.to_numpy()
    reach = within[1] - within[0]

    def tested(one: Floats, other: Floats) -> tuple[Estimate, float]:
        found = crossed_test(one, other, *shared, within=(-reach, reach), seed=seed, level=level)
        return found.estimate, found.p_value

    return rank_by(
        scores,
        names,
        mean=lambda column: crossed_mean(column, *shared, within=within, level=level),
        tested=tested,
        method="two-way tests over persons and questions, two-sided",
        level=level,
    )


def rank_by(
    scores: Floats,
    names: Sequence[str],
    *,
    mean: Callable[[Floats], Estimate],
    tested: Callable[[Floats, Floats], tuple[Estimate, float]],
    method: str,
    level: float,
) -> Ranking:
    """Rank columns by their means, told apart by tests of every two, adjusted by Holm.

    Parameters
    ----------
    scores
        Shape (rows, models), nan where a model has none.
    mean
        Estimates a column.
    tested
        Estimates the difference of two columns, and gives its p-value; nan where there is no test.
    method
        How `tested` tests, in words.
    """
    own = [mean(column) for column in scores.T]
    order = sorted(range(len(names)), key=lambda m: -own[m].value if own[m].defined else np.inf)
    places = list(combinations(range(len(order)), 2))
    tests = [tested(scores[:, order[i]], scores[:, order[j]]) for i, j in places]
    adjusted = holm([p for _, p in tests])
    above = np.zeros((len(order), len(order)), dtype=np.bool_)
    for (i, j), (difference, _), p in zip(places, tests, adjusted.tolist(), strict=True):
        if p <= 1 - level and difference.value:
            above[(i, j) if difference.value > 0 else (j, i)] = True
    groups = maximal_cliques(~(above | above.T))
    letters, ranked = letters_of(groups, len(order)), [names[m] for m in order]
    by = f"simultaneous, {_CONTROL} over {len(places)} pairs, {method}"
    sorted_own = [own[each] for each in order]
    return Ranking(
        models=tuple(
            RankedModel(
                name=ranked[m], score=own[order[m]], rank=_rank(sorted_own, m, above, by), letters=letters[m]
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


def _rank(own: Sequence[Estimate], m: int, above: npt.NDArray[np.bool_], method: str) -> Estimate:
    mine = own[m]
    better = sum(other.value > mine.value for other in own)
    low, high = 1 + int(above[:, m].sum()), len(own) - int(above[m].sum())
    value, low, high = (float(each) if mine.defined else np.nan for each in (1 + better, low, high))
    return replace(mine, value=value, low=low, high=high, method=method)
