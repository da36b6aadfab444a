"""Statistics of pairs of what was said and what is true, and what each cell moves them by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["jackknifed", "macro_f1", "pearson", "spearman"]


def jackknifed(
    statistic: Callable[[np.ndarray, np.ndarray], float], truth: np.ndarray, said: np.ndarray
) -> tuple[float, np.ndarray]:
    """Give a statistic of pairs, and the linear term of each, summing to 0.

    Examples
    --------
    >>> value, moved = jackknifed(lambda a, b: float(b.mean()), np.zeros(4), np.array([0.0, 0, 0, 1]))
    >>> value, moved.round(4).tolist()
    (0.25, [-0.0625, -0.0625, -0.0625, 0.1875])
    """
    value, count = statistic(truth, said), len(truth)
    if count < 3 or np.isnan(value):
        return value, np.zeros(count)
    without = np.empty(count)
    keep = np.ones(count, dtype=bool)
    for place in range(count):
        keep[place] = False
        without[place] = statistic(truth[keep], said[keep])
        keep[place] = True
    without = np.where(np.isnan(without), value, without)
    moved = (count - 1) / count * (without.mean() - without)
    return value, moved


def pearson(truth: np.ndarray, said: np.ndarray) -> float:
    """Correlate; 0 where one side does not vary, which predicts nothing."""
    a, b = truth - truth.mean(), said - said.mean()
    size = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / size if size > 1e-12 else 0.0


def spearman(truth: np.ndarray, said: np.ndarray) -> float:
    """Correlate ranks; ties share their mean rank."""
    return pearson(_ranks(truth), _ranks(said))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[place]


def macro_f1(truth: np.ndarray, said: np.ndarray) -> float:
    """Average F1 over the polarities that occur or are said; nothing said (-1) is a miss, no class."""
    found = []
    for each in (0, 1, 2):
        right = float(((truth == each) & (said == each)).sum())
        both = float((truth == each).sum() + (said == each).sum())
        if both:
            found.append(2 * right / both)
    return float(np.mean(found)) if found else 0.0
