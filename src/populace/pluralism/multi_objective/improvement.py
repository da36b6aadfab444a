"""Whether one model is better than another on every objective, when both were measured on some questions.

The Roadmap's Pareto improvement is about true values. Of measured ones it is a claim about all objectives at
once, so the test is that of an intersection-union (Berger 1982): each objective is tested alone at the level,
and the claim holds where every one of them does. Nothing need be adjusted for their number, and nothing is
gained by adding an objective.
"""

from __future__ import annotations

import math
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.points import Directions, Floats, oriented
from populace.stats import Estimate, bootstrap_replicates
from populace.stats.crossed import crossed_mean

__all__ = ["Improvement", "dominates", "improvement"]


class Improvement(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of model A beside model B."""

    differences: tuple[Estimate, ...]
    """A less B on each objective, turned so that more is better."""
    p_values: tuple[float, ...]
    """One-sided: A is no better than B by more than minus the margin, an objective at a time."""
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
    level
        Of the intervals; a verdict has one-sided tests at (1 - level) / 2.
    draws, seed
        Of the resamples behind `share`.

    Raises
    ------
    DataError
        If shapes differ or scores are malformed.
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
    gain, one, two = _paired(a, b, questions, people, directions)
    differences = tuple(crossed_mean(column, one, two, within=None, level=level) for column in gain.T)
    scarce = len(np.unique(one)) if two is None else _scarcer(one, two)
    alone = [_one_sided(each, margin, scarce) for each in differences]
    at_all = [_one_sided(each, 0.0, scarce) for each in differences]
    p_value = max(alone)
    if margin:
        p_value = max(p_value, min(1.0, len(at_all) * min(at_all)))
    share, reverse = _resampled(gain, one, draws, seed)
    return Improvement(
        differences=differences,
        p_values=tuple(alone),
        p_value=p_value,
        least=_least(gain, one, two, level),
        share=share,
        share_reversed=reverse,
        verdict=_verdict(differences, p_value, margin, (1 - level) / 2, scarce),
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
    return _least(*_paired(a, b, questions, people, directions, gaps=True), level, within)


def _least(
    gain: Floats,
    one: npt.NDArray[np.int64],
    two: npt.NDArray[np.int64] | None,
    level: float,
    within: tuple[float, float] | None = None,
) -> Estimate:
    wide = 1 - (1 - level) / gain.shape[1]
    each = [crossed_mean(column, one, two, within=within, level=level) for column in gain.T]
    above = [crossed_mean(column, one, two, within=within, level=wide).high for column in gain.T]
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


def _paired(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    questions: npt.ArrayLike | None,
    people: npt.ArrayLike | None,
    directions: Directions,
    *,
    gaps: bool = False,
) -> tuple[Floats, npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
    missing = np.zeros((), dtype=np.bool_)
    if gaps:
        one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if one.shape == other.shape:
            missing = np.asarray(np.isnan(one) | np.isnan(other))
            a, b = np.where(missing, 0.0, one), np.where(missing, 0.0, other)
    ours, theirs = oriented(a, directions, name="a"), oriented(b, directions, name="b")
    if ours.shape != theirs.shape or ours.ndim != 2:
        fix = "give both on the same rows, (rows, objectives)"
        raise DataError(f"`a` has the shape {ours.shape} and `b` {theirs.shape}", fix=fix)
    first = np.arange(len(ours)) if questions is None else _coded("questions", questions, len(ours))
    gain: Floats = np.where(missing, np.nan, ours - theirs)
    return gain, first, None if people is None else _coded("people", people, len(ours))


def _coded(name: str, labels: npt.ArrayLike, rows: int) -> npt.NDArray[np.int64]:
    given = np.asarray(labels)
    if given.shape != (rows,):
        raise DataError(f"`{name}` has the shape {given.shape} and needs ({rows},)", fix="give one a row")
    return np.unique(given, return_inverse=True)[1].astype(np.int64)


def _scarcer(one: npt.NDArray[np.int64], two: npt.NDArray[np.int64]) -> int:
    kinds = [len(np.unique(each)) for each in (one, two)]
    return kinds[0] if kinds[1] < 2 else min(kinds)


def _one_sided(estimate: Estimate, margin: float, scarce: int) -> float:
    """Give the p-value of a difference above minus the margin, from its symmetric interval."""
    from scipy import special  # pyright: ignore[reportMissingTypeStubs]

    student: Any = special

    lead = estimate.value + margin
    if math.isnan(estimate.low):
        # All rows agree, or there is one cluster: no spread is known, and each cluster is a coin.
        return 0.5**scarce if lead > 0 else 1.0
    degrees = max(1, scarce - 1)
    error = (estimate.high - estimate.low) / 2 / float(student.stdtrit(degrees, (1 + estimate.level) / 2))
    return float(student.stdtr(degrees, -lead / error))


def _resampled(gain: Floats, one: npt.NDArray[np.int64], draws: int, seed: int) -> tuple[float, float]:
    sums = np.zeros((int(one.max()) + 1, gain.shape[1]))
    np.add.at(sums, one, gain)
    # A mean has the sign of its sum.
    found = bootstrap_replicates(sums, lambda total: total, draws=draws, seed=seed)
    better = (found >= 0).all(axis=1) & (found > 0).any(axis=1)
    worse = (found <= 0).all(axis=1) & (found < 0).any(axis=1)
    return float(better.mean()), float(worse.mean())


def _verdict(
    differences: tuple[Estimate, ...], p_value: float, margin: float, tail: float, scarce: int
) -> Literal["improves", "is improved on", "trades off", "not settled"]:
    if p_value <= tail:
        return "improves"
    turned = [
        msgspec.structs.replace(each, value=-each.value, low=-each.high, high=-each.low)
        for each in differences
    ]
    against = [_one_sided(each, margin, scarce) for each in turned]
    wins = [_one_sided(each, 0.0, scarce) for each in turned]
    if max(against) <= tail and (not margin or min(1.0, len(wins) * min(wins)) <= tail):
        return "is improved on"
    # One certain lead and one certain lag, each beyond the margin, adjusted for the number of objectives.
    strict = tail / len(differences)
    if min(_one_sided(each, -margin, scarce) for each in differences) <= strict and (
        min(_one_sided(each, -margin, scarce) for each in turned) <= strict
    ):
        return "trades off"
    return "not settled"
