"""Scores of single answers as functions of sums, so that they can be resampled and linearised.

A measure turns each cell into a few numbers that add up over cells, their sums into the score, and gives the
influence of each cell on it (the linear term), which is what a variance over clusters of any kind needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from populace.opinions.cells import Cells
from populace.stats.proper import brier_scores, hits, log_scores, ranked_scores

__all__ = ["MEASURES", "Measure", "weighted_ranks"]

_BINS = 10


class Measure(Protocol):
    """A score of predictions."""

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        ...

    @property
    def ordinal(self) -> bool:
        """Whether only ordinal items count."""
        ...

    @property
    def within(self) -> tuple[float, float] | None:
        """What the score lies between."""
        ...

    @property
    def biased(self) -> bool:
        """Whether resamples lie higher than the sample: then they give a spread, and no ends."""
        ...

    def rows(self, p: np.ndarray, cells: Cells) -> np.ndarray:
        """Turn padded predictions, shape (C, widest), into numbers that add up, shape (C, m)."""
        ...

    def value(self, totals: np.ndarray) -> np.ndarray:
        """Turn sums, shape (draws, m), into scores, shape (draws,); nan where they define none."""
        ...

    def influence(self, rows: np.ndarray) -> np.ndarray:
        """Give the linear term of each cell, shape (C,)."""
        ...


def _divide(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)


@dataclass(frozen=True)
class _Mean:
    """A weighted mean of a score of single cells."""

    score: Callable[..., np.ndarray]
    higher: bool
    within: tuple[float, float] | None
    ordinal: bool = False
    biased: bool = False

    def rows(self, p: np.ndarray, cells: Cells) -> np.ndarray:
        weights = np.where(cells.ordinal, cells.weights, 0.0) if self.ordinal else cells.weights
        return np.stack([weights * self.score(p, cells.truth, sizes=cells.sizes), weights], axis=1)

    def value(self, totals: np.ndarray) -> np.ndarray:
        return _divide(totals[:, 0], totals[:, 1])

    def influence(self, rows: np.ndarray) -> np.ndarray:
        total = rows.sum(axis=0)
        return _divide(rows[:, 0] - self.value(total[None]) * rows[:, 1], np.full(len(rows), total[1]))


@dataclass(frozen=True)
class _Calibration:
    """Expected calibration error of the likeliest option (Guo et al. 2017, arXiv 1706.04599).

    Biased upward where bins hold few cells, in resamples more so.
    """

    higher: bool = False
    within: tuple[float, float] | None = (0.0, 1.0)
    ordinal: bool = False
    biased: bool = True

    def rows(self, p: np.ndarray, cells: Cells) -> np.ndarray:
        sure = p.max(axis=1, initial=0.0)
        place = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
        rows = np.zeros((len(p), _BINS + 1))
        apart = sure - hits(p, cells.truth, sizes=cells.sizes)
        rows[np.arange(len(p)), place] = cells.weights * apart
        rows[:, _BINS] = cells.weights
        return rows

    def value(self, totals: np.ndarray) -> np.ndarray:
        return _divide(np.abs(totals[:, :_BINS]).sum(axis=1), totals[:, _BINS])

    def influence(self, rows: np.ndarray) -> np.ndarray:
        total = rows.sum(axis=0)
        moved = rows[:, :_BINS] @ np.sign(total[:_BINS]) - self.value(total[None]) * rows[:, _BINS]
        return _divide(moved, np.full(len(rows), total[_BINS]))


@dataclass(frozen=True)
class _Ranks:
    """Correlation within items, pooled, of the answer's place among those learned from and the predicted.

    An option's place is its ridit: the share of training respondents who answered below it and half of those
    who chose it (Bross 1958, doi:10.2307/2527727). That of a prediction is the mean over its options. Places
    do not depend on how many people an item was asked of; ranks among two people would. Both are centred by
    item on the whole sample, in every resample. Who predicts the same for everybody ranks nobody, and
    has none.
    """

    higher: bool = True
    within: tuple[float, float] | None = (-1.0, 1.0)
    ordinal: bool = True
    biased: bool = False

    def rows(self, p: np.ndarray, cells: Cells) -> np.ndarray:
        weights = np.where(cells.ordinal, cells.weights, 0.0)
        width = cells.ridits.shape[1]
        x = _centred((p[:, :width] * cells.ridits).sum(axis=1), cells.columns, weights)
        y = _centred(cells.ridits[np.arange(len(cells)), cells.truth], cells.columns, weights)
        return np.stack([weights * x * y, weights * x * x, weights * y * y], axis=1)

    def value(self, totals: np.ndarray) -> np.ndarray:
        product = np.maximum(totals[:, 1], 0) * np.maximum(totals[:, 2], 0)
        return np.clip(_divide(totals[:, 0], np.sqrt(product)), -1.0, 1.0)

    def influence(self, rows: np.ndarray) -> np.ndarray:
        total = rows.sum(axis=0)
        r = self.value(total[None])
        if np.isnan(r[0]):
            return np.full(len(rows), np.nan)
        moved = rows[:, 0] / np.sqrt(total[1] * total[2])
        return moved - r * (rows[:, 1] / total[1] + rows[:, 2] / total[2]) / 2


def _centred(values: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Take the weighted mean of each group off."""
    total = np.bincount(groups, weights=weights)
    mean = _divide(np.bincount(groups, weights=weights * values), total)[groups]
    # Sums differ in their last bits, which would tell people apart who are alike.
    return np.where(weights > 0, np.round(values - mean, 9), 0.0)


def weighted_ranks(values: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Rank values within groups by the weight below them, from 0 to 1, less the group's mean of 1/2.

    Ties share the middle of their weight. With weights alike these are Spearman's ranks, moved and scaled.

    Parameters
    ----------
    values, groups, weights
        Shape (n,); a group without weight has ranks of 0.

    Examples
    --------
    >>> weighted_ranks(np.array([5.0, 1.0, 5.0, 2.0]), np.array([0, 0, 0, 1]), np.ones(4)).round(3).tolist()
    [0.167, -0.333, 0.167, 0.0]
    """
    if not values.size:
        return np.zeros(0)
    order = np.lexsort((values, groups))
    v, g, w = values[order], groups[order], weights[order]
    new_group = np.concatenate([[True], g[1:] != g[:-1]])
    new_value = new_group | np.concatenate([[True], v[1:] != v[:-1]])
    below = np.cumsum(w) - w
    tie, group = np.cumsum(new_value) - 1, np.cumsum(new_group) - 1
    within = below[new_value][tie] - below[new_group][group]
    mid = within + np.bincount(tie, weights=w)[tie] / 2
    total = np.bincount(group, weights=w)[group]
    ranks = np.empty(values.size)
    ranks[order] = np.divide(mid, total, out=np.full(values.size, 0.5), where=total > 0) - 0.5
    # Sums of weights differ in their last bits, which would rank people who are alike.
    return np.round(ranks, 9)


MEASURES: dict[str, Measure] = {
    "accuracy": _Mean(hits, higher=True, within=(0.0, 1.0)),
    "log score": _Mean(log_scores, higher=True, within=None),
    "Brier score": _Mean(brier_scores, higher=False, within=(0.0, 2.0)),
    "ranked probability score": _Mean(ranked_scores, higher=False, within=(0.0, 1.0), ordinal=True),
    "calibration error": _Calibration(),
    "rank correlation": _Ranks(),
}
