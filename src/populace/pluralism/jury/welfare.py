"""Welfare of an option: what a whole jury gets from it, by rules that read utilities.

Every function takes utilities, shape (jurors, options) with NaN = not rated, and weights of jurors, shape
(draws, jurors), and gives welfare, shape (draws, options): one draw for the jury itself, many for resampled
ones. An option is valued by those who rated it: weights are renormalised over them. Where nobody of weight
rated it, welfare is nan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from populace.pluralism.jury.ties import ROUNDING, slack
from populace.stats._arrays import Floats, Ints, divide

__all__ = [
    "Distortion",
    "average",
    "gini",
    "leading",
    "leximin_order",
    "log_power_mean",
    "owa",
    "power_mean",
    "quantile",
    "rank_dependent",
    "rescaled",
    "tail",
    "worst",
]

Distortion: TypeAlias = Callable[[Floats], Floats]
"""Maps the share of the jury that is worst off, [0, 1], to the share of the weight it gets; increasing."""


def average(utilities: Floats, weights: Floats) -> Floats:
    """Give the weighted mean: utilitarian welfare (Harsanyi 1955, doi:10.1086/257678).

    Examples
    --------
    >>> average(np.array([[1.0, 4.0], [3.0, np.nan]]), np.ones((1, 2))).tolist()
    [[2.0, 4.0]]
    """
    there = ~np.isnan(utilities)
    if there.all():
        return weights @ utilities / weights.sum(axis=1, keepdims=True)
    total = weights @ np.where(there, utilities, 0.0)
    return divide(total, weights @ there.astype(np.float64))


def rescaled(utilities: Floats) -> Floats:
    """Rescale each juror's ratings so that the least is 0 and the greatest 1; who is indifferent gives 0.

    Averaged, this is relative utilitarianism (Dhillon and Mertens 1999, doi:10.1111/1468-0262.00033).
    """
    low = np.nanmin(utilities, axis=1, keepdims=True)
    width = np.nanmax(utilities, axis=1, keepdims=True) - low
    return (utilities - low) / np.where(width > 0, width, 1.0)


def power_mean(utilities: Floats, weights: Floats, p: float) -> Floats:
    """Give the power mean (mean of u^p)^(1/p), u measured from the zero point and not below it.

    p = 1 is the mean, 0 the geometric mean (Nash), -inf the minimum. Where p is 0 or below and somebody of
    weight has 0, it is 0, the limit. Atkinson (1970, doi:10.1016/0022-0531(70)90039-6): 1 - epsilon is p.

    Examples
    --------
    >>> power_mean(np.array([[1.0], [4.0]]), np.ones((1, 2)), 0).round(6).tolist()
    [[2.0]]
    >>> power_mean(np.array([[1.0], [3.0]]), np.ones((1, 2)), -1).round(6).tolist()  # harmonic
    [[1.5]]
    """
    if p == -np.inf:
        return worst(utilities, weights)
    if p == 1:
        return average(utilities, weights)
    return np.exp(log_power_mean(utilities, weights, p))


def log_power_mean(utilities: Floats, weights: Floats, p: float) -> Floats:
    """Give the logarithm of the power mean, which does not underflow; p is finite.

    Examples
    --------
    >>> log_power_mean(np.array([[0.0], [1.0]]), np.ones((1, 2)), 1e-6).round().tolist()
    [[-693147.0]]
    """
    with np.errstate(divide="ignore"):
        logs = np.log(utilities)
    dead = np.isneginf(logs)
    if p <= 0 and dead.any():
        logs = np.where(dead, 0.0, logs)
    found = _log_mean(logs, weights, p)
    if p <= 0 and dead.any():
        found[weights @ dead.astype(np.float64) > 0] = -np.inf
    return found


def _log_mean(logs: Floats, weights: Floats, p: float) -> Floats:
    if abs(p) < 1e-300:
        return average(logs, weights)
    # Relative to what weighs most, of each option: u^p of a very low p is above what a float can hold.
    ends = np.where(np.isnan(logs), -np.inf if p > 0 else np.inf, logs)
    end = ends.max(axis=0) if p > 0 else ends.min(axis=0)
    end = np.where(np.isfinite(end), end, 0.0)
    with np.errstate(divide="ignore"):
        return end + np.log1p(average(np.expm1(p * (logs - end)), weights)) / p


def worst(utilities: Floats, weights: Floats) -> Floats:
    """Give the least rating by somebody of weight: maximin (Rawls 1971)."""
    if (weights > 0).all():
        least = np.nanmin(utilities, axis=0)
        return np.broadcast_to(least, (len(weights), len(least))).copy()
    return rank_dependent(utilities, weights, lambda share: (share > 0).astype(np.float64))


def quantile(utilities: Floats, weights: Floats, q: float) -> Floats:
    """Give the least rating that at least a share q of the jury does not exceed (the inverse of its CDF)."""
    return rank_dependent(utilities, weights, lambda share: (share >= q - ROUNDING).astype(np.float64))


def tail(utilities: Floats, weights: Floats, alpha: float) -> Floats:
    """Give the mean of the worst-off share alpha: CVaR (Rockafellar and Uryasev 2000)."""
    return rank_dependent(utilities, weights, lambda share: np.minimum(share / alpha, 1.0))


def gini(utilities: Floats, weights: Floats) -> Floats:
    """Give mean times one less the Gini index: Weymark (1981), doi:10.1016/0165-4896(81)90018-4.

    Examples
    --------
    >>> gini(np.array([[0.0], [1.0]]), np.ones((1, 2))).tolist()  # 3/4 of the weight is the worst-off's
    [[0.25]]
    """
    return rank_dependent(utilities, weights, lambda share: share * (2 - share))


def owa(weights_by_rank: Floats) -> Distortion:
    """Turn weights of ranks, the worst-off first, into a distortion (Yager 1988, doi:10.1109/21.87068)."""
    cumulated = np.concatenate([[0.0], np.cumsum(weights_by_rank) / weights_by_rank.sum()])
    grid = np.linspace(0.0, 1.0, len(cumulated))
    return lambda share: np.interp(share, grid, cumulated)


def rank_dependent(utilities: Floats, weights: Floats, distortion: Distortion) -> Floats:
    """Weigh ratings by their rank: sum of u_(i) times what the distortion gives the i-th worst-off.

    Ratings of ties need no order, since the distortion adds up over them.
    """
    if len(weights) == 1 and (weights == weights[0, 0]).all() and not np.isnan(utilities).any():
        share = np.arange(len(utilities) + 1) / len(utilities)
        return (np.sort(utilities.T, axis=1) @ np.diff(distortion(share)))[None]
    found = np.empty((len(weights), utilities.shape[1]))
    order = np.argsort(utilities, axis=0)  # NaN last
    ranked = np.take_along_axis(utilities, order, axis=0)
    for option in range(utilities.shape[1]):
        value = ranked[:, option]
        there = len(value) - int(np.isnan(value).sum())
        mass = np.cumsum(weights[:, order[:there, option]], axis=1)
        share = divide(mass, mass[:, -1:])
        got = distortion(share)
        before = np.concatenate([distortion(np.zeros((len(weights), 1))), got[:, :-1]], axis=1)
        found[:, option] = (got - before) @ value[:there]
        found[~(mass[:, -1] > 0), option] = np.nan
    return found


def leximin_order(utilities: Floats, weights: Floats) -> list[int]:
    """Give the options that no other beats at the lowest level at which their juries differ.

    Levels are compared as distributions: of two options that one is better of which a smaller share of its
    raters is at or below the lowest level where the shares differ. For a complete jury of equal weights this
    is the lexicographic order of sorted ratings (Sen 1970). It is also the limit of p-means at -inf.

    Examples
    --------
    >>> leximin_order(np.array([[1.0, 1.0, 0.0], [5.0, 4.0, 9.0]]), np.ones(2))
    [0]
    """
    counts = weights > 0
    table, mass = utilities[counts], weights[counts]
    if (mass == mass[0]).all() and not np.isnan(table).any():
        ranked = np.sort(table, axis=0)
        kept: Ints = np.arange(table.shape[1], dtype=np.int64)
        for level in ranked:
            best = level[kept].max()
            kept = np.asarray(kept[level[kept] >= best], dtype=np.int64)
            if len(kept) == 1:
                break
        return kept.tolist()
    # Of an option that nobody of weight rated there is no least rating; fmin leaves it nan without a word.
    least = np.fmin.reduce(table, axis=0)
    kept = np.flatnonzero(least >= np.fmax.reduce(least))
    return _undominated(table, mass, kept.tolist())


def leading(scores: Floats) -> list[int]:
    """Give the places of the greatest scores; ties are told by 12 digits, and nan never leads."""
    known = scores[~np.isnan(scores)]
    if not len(known):
        return []
    best = known.max()
    return np.flatnonzero(scores >= best - slack(known)).tolist()


def _undominated(table: Floats, mass: Floats, kept: list[int]) -> list[int]:
    best: list[int] = []
    for option in kept:
        if not best or (beats := _lower_share(table, mass, option, best[0])) > 0:
            best = [option]
        elif beats == 0:
            best.append(option)
    return best


def _lower_share(table: Floats, mass: Floats, one: int, other: int) -> int:
    """Compare two options from below: 1 where `one` is better, -1 where `other` is, else 0."""
    levels = np.unique(table[:, [one, other]])
    levels = levels[~np.isnan(levels)]
    shares: list[Floats] = []
    for option in (one, other):
        there = ~np.isnan(table[:, option])
        at: Ints = np.asarray(np.searchsorted(levels, table[there, option]), dtype=np.int64)
        held = np.bincount(at, weights=mass[there], minlength=len(levels))
        shares.append(np.cumsum(held) / held.sum())
    apart = shares[1] - shares[0]
    differs = np.flatnonzero(np.abs(apart) > ROUNDING)
    return int(np.sign(apart[differs[0]])) if len(differs) else 0
