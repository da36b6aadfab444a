"""How near a model's distributions are to people's: a mean over questions, in a convention, its interval.

`score` is the mean, `cells` what it is the mean of, `score_groups` the same for many groups at once, with
their mean and their worst, from one resampling: a question brings all its groups along. `difference` pairs
two models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.distributional.conventions import Convention
from populace.pluralism.distributional.groups import Groups, worst_of
from populace.pluralism.distributional.measures import Positions
from populace.pluralism.distributional.planning import (
    Laid,
    Plan,
    estimated,
    finite,
    planned,
    scaled,
)
from populace.pluralism.distributional.resampling import Resample, drawn_of, ratio
from populace.pluralism.distributional.sampling import Correct
from populace.pluralism.distributional.table import Distributions
from populace.stats import Estimate
from populace.stats._arrays import Bools, Floats
from populace.stats.bootstrap import bootstrap_replicates, expanded_estimate
from populace.streams import stream

__all__ = ["cells", "difference", "score", "score_groups"]


def score(
    model: Distributions,
    human: Distributions,
    metric: str | Convention = "js_distance",
    base: float | None = None,
    weights: npt.ArrayLike | None = None,
    *,
    positions: Positions = None,
    correct: Correct = "none",
    resample: Resample = "questions",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    **laid: Unpack[Laid],
) -> Estimate:
    r"""Score a model's distributions against people's: the weighted mean over questions (and groups).

    Parameters
    ----------
    model, human
        Shape (questions, options), or (questions, groups, options); nan beyond a question's options, or a
        list of one array a question. See `aligned`.
    metric
        A plain metric (`js_distance`, `js_divergence`, `js_similarity`, `tv`, `w1_ordinal`, `closeness`,
        `kl`, `kl_reverse`, `cross_entropy`, `skill`, `argmax_match`), the name of a paper's convention
        (`CONVENTIONS` lists them), or a `Convention`.
    base
        Of the logarithm: 2 for a plain metric, the paper's for its convention.
    weights
        Shape (questions,), all alike by default.
    positions
        Where options lie: for W1 and closeness, which refuse options without an order.
    correct
        `none`, `analytic`, `jackknife` or `noise`: how the noise of small samples is taken off
        (`populace.pluralism.distributional.sampling`).
    resample
        `questions` (the interval is for other questions of the kind), `respondents` (for other people, the
        questions being what they are; so are the model's draws where `samples` says their number), or `both`:
        cautious, since what the noise of few people adds differs from question to question and is in the
        interval over questions already (about a quarter too wide with 25 people a question, held 98 %).
    draws, seed, level
        Resamples, their seed, coverage aimed at.
    **laid
        `order`, `refusals`, `missing`, `unanswered`, `counts`, `respondents`, `samples`: see `aligned`.

    Raises
    ------
    DataError
        As `aligned`; if a divergence is infinite, W1 has no order, a weight is below zero, or numbers of
        respondents are needed and not known.
    ValueError
        If a setting is unknown or out of range.

    Examples
    --------
    >>> people = [[60, 40], [10, 90], [50, 50]]
    >>> print(score([[0.5, 0.5], [0.3, 0.7], [0.5, 0.5]], people, "tv", counts=True))
    0.100 [0.000, 0.200] (95 %, n=3, 3 clusters)
    >>> score([[0.5, 0.5]], [[1.0, 0.0]], "roadmap").method
    'no interval: only one question'
    """
    plan = planned(model, human, metric, base, weights, positions, correct, laid)
    values, below = _values(plan), plan.base()
    top = np.nan_to_num(values) * plan.counted
    value = float(scaled(plan.how, ratio(np.array([top.sum(), below.sum()]))))
    drawn = _drawn(plan, below, resample, draws, seed, pooled=True)
    which = plan.counted > 0
    return estimated(plan, value, drawn[:, 0], which, resample=resample, draws=draws, seed=seed, level=level)


def score_groups(
    model: Distributions,
    human: Distributions,
    metric: str | Convention = "js_distance",
    base: float | None = None,
    weights: npt.ArrayLike | None = None,
    *,
    groups: Sequence[str] | None = None,
    positions: Positions = None,
    correct: Correct = "none",
    resample: Resample = "questions",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    **laid: Unpack[Laid],
) -> Groups:
    """Score every group of people at once; parameters and errors are those of `score`.

    The interval of the worst is for whichever group is truly worst off (`groups.worst_of`).

    Parameters
    ----------
    groups
        Names, in the order of the axis, no two alike; numbers by default.

    Examples
    --------
    >>> people = [[[0.9, 0.1], [0.5, 0.5]], [[0.2, 0.8], [0.6, 0.4]]]  # two questions, two groups
    >>> found = score_groups([[0.5, 0.5], [0.5, 0.5]], people, "tv", groups=["old", "young"])
    >>> [round(each.value, 2) for each in found.scores], round(found.worst.value, 2)
    ([0.35, 0.05], 0.35)
    """
    plan = planned(model, human, metric, base, weights, positions, correct, laid)
    values, below = _values(plan), plan.base()
    many = values.shape[1]
    names = tuple(str(place) for place in range(many)) if groups is None else tuple(groups)
    if len(names) != many:
        raise DataError(f"{len(names)} groups are named, and there are {many}")
    if len(set(names)) < many:
        raise DataError("two groups have one name", fix="give each its own")
    drawn = _drawn(plan, below, resample, draws, seed, pooled=False)
    top = (np.nan_to_num(values) * plan.counted).sum(axis=0)
    means = scaled(plan.how, ratio(np.stack([top, below.sum(axis=0)], axis=-1)))

    def made(value: float, replicates: Floats, some: Bools) -> Estimate:
        which = (plan.counted > 0) & some
        return estimated(
            plan, value, replicates, which, resample=resample, draws=draws, seed=seed, level=level
        )

    own = np.eye(many, dtype=np.bool_)
    scores = [made(float(mean), drawn[:, place], own[place]) for place, mean in enumerate(means)]
    # A group that answered nothing is no part of the mean; in the resamples alike.
    known = ~np.isnan(means)
    mean = made(float(means[known].mean()), np.nanmean(drawn[:, known], axis=1), known)
    return Groups(names, tuple(scores), mean, worst_of(scores, mean, plan.how), plan.how)


def cells(
    model: Distributions,
    human: Distributions,
    metric: str | Convention = "js_distance",
    base: float | None = None,
    *,
    positions: Positions = None,
    correct: Correct = "none",
    **laid: Unpack[Laid],
) -> Floats:
    """Give the number of every question, shape (questions,), or (questions, groups) where there are groups.

    What `convert` and `bounds` are for. Infinite divergences stay; parameters are those of `score`. `skill`
    has no such numbers, and `noise` corrects means only.

    Examples
    --------
    >>> cells([[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]], "js_distance").tolist()
    [1.0, 0.0]
    """
    plan = planned(model, human, metric, base, None, positions, correct, laid)
    if plan.how.aggregate or correct == "noise":
        what = plan.how.name if plan.how.aggregate else "the correction by noise"
        raise DataError(f"{what} is of many questions together", fix="use `score`")
    found = plan.cells(plan.table.model, plan.table.human)
    return found if plan.table.grouped else found[:, 0]


def difference(
    first: Distributions,
    second: Distributions,
    human: Distributions,
    metric: str | Convention = "js_distance",
    base: float | None = None,
    weights: npt.ArrayLike | None = None,
    *,
    positions: Positions = None,
    correct: Correct = "none",
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    **laid: Unpack[Laid],
) -> Estimate:
    """Say how far the first model's score lies above the second's, on the questions that both have.

    Both are resampled together, so that a hard question is hard for both. Parameters are those of `score`.

    Examples
    --------
    >>> people = [[0.6, 0.4], [0.2, 0.8], [0.5, 0.5]]
    >>> good, guess = [[0.6, 0.4], [0.3, 0.7], [0.4, 0.6]], [[0.5, 0.5]] * 3
    >>> round(difference(good, guess, people, "tv").value, 4)  # (0 + 0.1 + 0.1) / 3 - (0.1 + 0.3 + 0) / 3
    -0.0667
    """
    plans = [
        planned(each, human, metric, base, weights, positions, correct, laid) for each in (first, second)
    ]
    if correct == "noise":
        raise DataError("the correction by noise is of one mean", fix='take "jackknife" or "analytic"')
    values = [plan.cells(plan.table.model, plan.table.human) for plan in plans]
    both = np.asarray(plans[0].table.there & plans[1].table.there)
    parts: list[Floats] = []
    for plan, value in zip(plans, values, strict=True):
        finite(plan, value)
        parts.append(
            np.stack([(np.nan_to_num(value) * plan.counted * both).sum(1), (plan.base() * both).sum(1)], -1)
        )

    def apart(total: Floats) -> Floats:
        scores = [scaled(plans[0].how, ratio(total[..., place, :])) for place in (0, 1)]
        return scores[0] - scores[1]

    stacked = np.stack(parts, axis=1)
    used = stacked[both.any(axis=1)]
    drawn_seed = int(stream(seed, "pluralism.distributional.difference").integers(2**31))
    return expanded_estimate(
        float(apart(used.sum(axis=0))),
        bootstrap_replicates(used, apart, draws=draws, seed=drawn_seed),
        n=int(both.sum()),
        clusters=len(used),
        draws=draws,
        seed=seed,
        level=level,
        unit="question",
    )


def _values(plan: Plan) -> Floats:
    values = plan.cells(plan.table.model, plan.table.human)
    finite(plan, values)
    return values


def _drawn(plan: Plan, below: Floats, resample: Resample, draws: int, seed: int, *, pooled: bool) -> Floats:
    """Resample: shape (draws, groups), or (draws, 1) where all cells are one mean."""
    if resample not in ("questions", "respondents", "both"):
        raise ValueError(f"resample is {resample!r} and must be questions, respondents or both")
    table = plan.table
    if resample != "questions" and (np.isnan(table.respondents) & np.isnan(table.samples))[table.there].any():
        raise DataError(
            "nobody can be resampled: it is not known how many people stand behind the shares",
            fix="give counts=True with numbers of people, or respondents=N",
        )
    drawn = drawn_of(
        table, plan.cells, plan.counted, below, resample=resample, draws=draws, seed=seed, pooled=pooled
    )
    return scaled(plan.how, drawn)
