"""Whether one model is better than another on every objective, when both were measured on some questions.

The Roadmap's Pareto improvement is about true values. Of measured ones it is a claim about all objectives at
once, so the test is that of an intersection-union (Berger 1982): each objective is tested alone at the level,
and the claim holds where every one of them does. Nothing need be adjusted for their number, and nothing is
gained by adding an objective. It is as good as the test of one mean: few questions and rare, large losses
deceive it (`improvement`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.pluralism.multi_objective._leads import Leads, leads
from populace.pluralism.multi_objective.points import ROUNDING, Directions, Floats
from populace.stats import Estimate, bootstrap_replicates

__all__ = ["Improvement", "dominates", "improvement"]


class Improvement(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of model A beside model B."""

    differences: tuple[Estimate, ...]
    """A less B on each objective, turned so that more is better."""
    p_values: tuple[float, ...]
    """One-sided: A is no better than B by more than minus the margin, an objective at a time; 1 where no
    spread is known."""
    p_value: float
    """Of the claim that A improves on B: the largest of them (with a margin, see `improvement`)."""
    least: Estimate
    """The smallest difference: above 0 where A is better on everything."""
    share: float
    """Share of resamples of the questions in which A is at least as good on all and better on one."""
    share_reversed: float
    """The same of B beside A."""
    verdict: Literal["improves", "is improved on", "trades off", "not settled"]
    """At the level of the intervals; `trades off` where each is better at something, for certain."""
    margin: float
    method: str


def improvement(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    questions: npt.ArrayLike | None = None,
    people: npt.ArrayLike | None = None,
    *,
    directions: Directions = "max",
    margin: float = 0.0,
    within: tuple[float, float] | None = None,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> Improvement:
    """Test whether A is a Pareto improvement on B.

    Without a margin the claim is that A is better on every objective: the largest one-sided p-value tests it.
    With a margin it is that A is worse by no more than the margin on any, and better on at least one: the
    p-value is the larger of the largest one against the margin and of the smallest one against 0, times the
    number of objectives (Bonferroni).

    Parameters
    ----------
    a, b
        Scores of the same rows, shape (rows, objectives).
    questions, people
        What rows share, one entry a row; every row is a question of its own if left out.
    directions
        `max` or `min`, for all objectives or one each.
    margin
        Loss that counts as none, in the units of every objective.
    within
        What every lead lies between, (-1, 1) for scores from 0 to 1: intervals are then those of `dominates`.
    level
        Of the intervals; a verdict has one-sided tests at (1 - level) / 2.
    draws, seed
        Of the resamples behind `share`.

    Notes
    -----
    Where all rows agree on an objective they say nothing of its spread: its p-value is 1 without `within`.
    With it, rows that might differ lie at worst at the bound, and Clopper and Pearson (1934) say how many
    those may be. Where rows differ, the test is one of a mean by Student's t, or Wilson's interval, and rare
    large losses that few rows show deceive both: where one lead in 20 is -1.9 and the others 0.1 (mean 0),
    "improves" is said of 0.09 (t) and 0.14 (Wilson) of 400 samples of 100 rows, instead of 0.025.

    Raises
    ------
    DataError
        If shapes differ, scores are malformed, or a lead is not `within`.
    ValueError
        If the margin is negative, or level or draws are out of range.

    References
    ----------
    Berger (1982), "Multiparameter hypothesis testing and acceptance sampling", Technometrics 24(4).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> b = rng.normal(size=(100, 2))
    >>> better = b + rng.normal([0.5, 0.4], 1, size=(100, 2))
    >>> found = improvement(better, b)
    >>> found.verdict, found.p_value < 0.01
    ('improves', True)
    """
    if margin < 0:
        raise ValueError(f"the margin is {margin} and must not be negative")
    rows = leads(a, b, questions, people, directions, within=within)
    differences = rows.differences(level)
    alone = rows.p_values(margin)
    p_value = _joint(alone, rows.p_values(0.0), margin)
    share, reverse = _resampled(rows.gain, rows.one, draws, seed)
    return Improvement(
        differences=differences,
        p_values=tuple(alone),
        p_value=p_value,
        least=_least(rows, level),
        share=share,
        share_reversed=reverse,
        verdict=_verdict(rows, p_value, margin, (1 - level) / 2),
        margin=margin,
        method=f"intersection-union test, {differences[0].method}; share of {draws} resampled question sets",
    )


def dominates(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    questions: npt.ArrayLike | None = None,
    people: npt.ArrayLike | None = None,
    *,
    directions: Directions = "max",
    within: tuple[float, float] | None = None,
    level: float = 0.95,
) -> Estimate:
    """Estimate the smallest of A's leads over B: above 0 where A is better on every objective.

    The low end is the lowest of the objectives' own, which holds without adjusting; the high end is the
    lowest of ends adjusted for their number (Bonferroni), since any of them may be the smallest.
    Parameters and errors are those of `improvement`, but a score may be missing (nan): the row then counts
    for the other objectives. `within` is what every lead lies between: with it intervals are Wilson's
    (`populace.stats.crossed`), and there is one also where all rows agree.

    Examples
    --------
    >>> print(dominates([[1, 3], [2, 2], [3, 4]], [[0, 3], [2, 1], [1, 3]]))
    0.667 [-1.484, 2.735] (95 %, n=3, 3 clusters)
    """
    return _least(leads(a, b, questions, people, directions, within=within, gaps=True), level)


def _least(rows: Leads, level: float) -> Estimate:
    each = rows.differences(level)
    above = [estimate.high for estimate in rows.differences(1 - (1 - level) / rows.gain.shape[1])]
    unknown = [estimate for estimate in each if not estimate.defined]
    if unknown:
        return unknown[0]
    smallest = min(each, key=lambda estimate: estimate.value)
    # As numpy has it: where one end is unknown, so is the smallest of them.
    return msgspec.structs.replace(
        smallest,
        low=float(np.min([estimate.low for estimate in each])),
        high=float(np.min(above)),
        method=f"smallest of {len(each)}: intersection-union below, Bonferroni above; {smallest.method}",
    )


def _joint(alone: Sequence[float], at_all: Sequence[float], margin: float) -> float:
    """Test the claim of all objectives: none worse by more than the margin, and one better at all."""
    return max(*alone, min(1.0, len(at_all) * min(at_all))) if margin else max(alone)


def _resampled(gain: Floats, one: npt.NDArray[np.int64], draws: int, seed: int) -> tuple[float, float]:
    sums = np.zeros((int(one.max()) + 1, gain.shape[1]))
    np.add.at(sums, one, gain)
    # A mean has the sign of its sum; one that differs from 0 by rounding has none.
    found = bootstrap_replicates(sums, lambda total: total, draws=draws, seed=seed)
    found = np.where(np.abs(found) <= ROUNDING * np.abs(gain).sum(axis=0), 0.0, found)
    better = (found >= 0).all(axis=1) & (found > 0).any(axis=1)
    worse = (found <= 0).all(axis=1) & (found < 0).any(axis=1)
    return float(better.mean()), float(worse.mean())


def _verdict(
    rows: Leads, p_value: float, margin: float, tail: float
) -> Literal["improves", "is improved on", "trades off", "not settled"]:
    if p_value <= tail:
        return "improves"
    turned = rows.turned
    if _joint(turned.p_values(margin), turned.p_values(0.0), margin) <= tail:
        return "is improved on"
    # One certain lead and one certain lag, each beyond the margin, adjusted for the number of objectives.
    strict = tail / rows.gain.shape[1]
    if min(rows.p_values(-margin)) <= strict and min(turned.p_values(-margin)) <= strict:
        return "trades off"
    return "not settled"
