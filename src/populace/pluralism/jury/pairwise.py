"""How much of a jury prefers each option to each other: what all majority rules read.

A juror who rated both options and rated `a` higher prefers it; equal ratings are a tie; who did not rate both
says nothing of them. 2,000 jurors and 1,000 options are two thousand million comparisons: ratings become
small integers, and a juror's whole square of comparisons is added at once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from populace.stats._arrays import Bools, Floats

__all__ = ["Pairwise", "pairwise", "pairwise_of_draws"]

_FEW = 32
"""Weights that are so few that jurors of equal weight are counted together."""
_BLOCK = 1 << 21
"""Comparisons of jurors that are held at once for many juries."""
_DIGITS = 12
"""Digits of margins, as shares of the jury: what is apart by less is a tie."""


class Pairwise(NamedTuple):
    """Preferences between options; the last two axes are the options."""

    wins: Floats
    """Share of the jury's weight that prefers the row to the column."""
    ties: Floats
    """Share that rated both alike."""
    paths: Floats | None = None
    """Strengths of paths of majorities, where they are known
    (`populace.pluralism.jury.majority.beat_paths`)."""

    @property
    def margins(self) -> Floats:
        """Share that prefers the row less the share that prefers the column."""
        apart = self.wins - np.swapaxes(self.wins, -1, -2)
        return np.round(apart, _DIGITS) + 0.0


def pairwise(utilities: Floats, weights: Floats) -> Pairwise:
    """Count preferences.

    Parameters
    ----------
    utilities
        Shape (jurors, options), NaN = not rated.
    weights
        Shape (jurors,).

    Examples
    --------
    >>> pairwise(np.array([[2.0, 1.0], [1.0, 2.0], [3.0, 3.0], [1.0, np.nan]]), np.ones(4)).wins.tolist()
    [[0.0, 0.25], [0.25, 0.0]]
    """
    keep = weights > 0
    ranks, there, weight = _ranked(utilities[keep]), ~np.isnan(utilities[keep]), weights[keep]
    wins = np.zeros((utilities.shape[1],) * 2)
    distinct, group = np.unique(weight, return_inverse=True)
    if len(distinct) <= _FEW:
        for place, each in enumerate(distinct):
            wins += each * _counted(ranks[group == place], there[group == place])
    else:
        wins = _weighed(ranks, there, weight)
    total = weight.sum()
    presence = there.astype(np.float64)
    both = total if there.all() else (presence * weight[:, None]).T @ presence
    ties = both - wins - wins.T
    np.fill_diagonal(ties, 0.0)
    return Pairwise(wins / total, np.round(ties / total, _DIGITS) + 0.0)


def pairwise_of_draws(utilities: Floats, weights: Floats) -> Pairwise:
    """Count preferences of many juries, shape (draws, jurors), of the same jurors: few options only."""
    jurors, options = utilities.shape
    share = weights / weights.sum(axis=1, keepdims=True)
    shape = (len(weights), options, options)
    wins, ties = np.zeros((2, len(weights), options * options))
    block = max(1, _BLOCK // options**2)
    for start in range(0, jurors, block):
        some, part = utilities[start : start + block], share[:, start : start + block]
        one, other = some[:, :, None], some[:, None, :]
        wins += part @ (one > other).reshape(len(some), -1).astype(np.float64)
        ties += part @ (one == other).reshape(len(some), -1).astype(np.float64)
    wins, ties = wins.reshape(shape), ties.reshape(shape)
    ties[:, np.arange(options), np.arange(options)] = 0.0
    return Pairwise(wins, ties)


def _ranked(utilities: Floats) -> npt.NDArray[Any]:
    """Replace each juror's ratings by dense ranks from 1, and what is missing by 0, in as few bytes as hold
    them.
    """
    order = np.argsort(utilities, axis=1)
    ranked = np.take_along_axis(utilities, order, axis=1)
    steps = np.ones(ranked.shape, dtype=np.int32)
    steps[:, 1:] = ranked[:, 1:] != ranked[:, :-1]
    dense = np.cumsum(steps, axis=1, dtype=np.int32)
    ranks = np.empty_like(dense)
    np.put_along_axis(ranks, order, dense, axis=1)
    ranks[np.isnan(utilities)] = 0
    kind = np.uint8 if ranks.max(initial=0) < 255 else np.uint16 if ranks.max() < 65_535 else np.int32
    return ranks.astype(kind)


def _counted(ranks: npt.NDArray[Any], there: Bools) -> Floats:
    """Count the jurors who prefer the row: blocks of 255, so that a byte holds the sum."""
    options = ranks.shape[1]
    # Where all of a juror's ratings differ, who does not prefer the row prefers the column: half is enough.
    strict = bool(there.all()) and bool((ranks.max(axis=1, initial=0) == options).all())
    # What is missing is below nobody as a row, being 0, and as a column above everybody.
    columns = np.where(there, ranks, np.iinfo(ranks.dtype).max)
    total = np.zeros((options, options), dtype=np.int64)
    # A band of rows stays in the cache while the jurors pass.
    band = max(1, (1 << 17) // options)
    for low in range(0, options, band):
        high, first = min(low + band, options), low if strict else 0
        seen = np.empty((high - low, options - first), dtype=np.bool_)
        counted = seen.view(np.uint8)
        for start in range(0, len(ranks), 255):
            block = np.zeros(seen.shape, dtype=np.uint8)
            for one, other in zip(
                ranks[start : start + 255, low:high], columns[start : start + 255, first:], strict=True
            ):
                np.greater(one[:, None], other[None, :], out=seen)
                np.add(block, counted, out=block)
            total[low:high, first:] += block
    if strict:
        total = np.triu(total, 1) + np.tril(len(ranks) - total.T, -1)
    return total.astype(np.float64)


def _weighed(ranks: npt.NDArray[Any], there: Bools, weight: Floats) -> Floats:
    columns = np.where(there, ranks, np.iinfo(ranks.dtype).max)
    wins = np.empty((ranks.shape[1],) * 2)
    for option in range(ranks.shape[1]):
        wins[option] = weight @ (ranks[:, option : option + 1] > columns)
    return wins
