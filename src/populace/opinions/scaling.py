r"""Scalings that make probabilities keep their promise.

With q the probabilities of an item's options, a scaling gives

.. math:: p_k \propto \exp(w_k \log q_k + b_k).

`temperature` has one w for all options and no b (w is 1 / temperature; Guo et al. 2017, arXiv 1706.04599);
`vector` has a w and a b of each option. `pooled`, they are shared: temperature by all items, vector by items
that have as many options (which finds a liking for a place, as language models have). `item`, every item has
its own, drawn to the pooled ones by a Gaussian prior whose strength is chosen on respondents left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from populace.errors import DataError
from populace.opinions.table import Opinions

__all__ = ["Kind", "Per", "Scaling", "fit_scaling"]

Kind: TypeAlias = Literal["temperature", "vector"]
Per: TypeAlias = Literal["pooled", "item"]

_FLOOR = 1e-6
"""Probabilities below count as this much."""
_STRENGTHS = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 1e5)
"""Precisions of the prior, in answers of mean weight; the last leaves what is pooled."""
_LOOSE = 1.0
"""Precision of the prior of what is pooled."""
_CHOICE_ITEMS = 40
"""Items that the strength is chosen on at most."""
_STEPS, _ENOUGH = 30, 1e-6
"""Newton steps at most, and the gain in log likelihood below which no more are taken."""


@dataclass(frozen=True)
class Scaling:
    """Factors and offsets of all options.

    Attributes
    ----------
    slopes, offsets
        Shape (K,).
    starts, sizes
        Of the items.
    strength
        Of the prior that items of their own were drawn by; 0 where there are none.
    """

    slopes: np.ndarray
    offsets: np.ndarray
    starts: np.ndarray
    sizes: np.ndarray
    strength: float = 0.0

    def apply(self, table: np.ndarray) -> np.ndarray:
        """Scale a table of predictions, shape (n, K); nan stays nan.

        Examples
        --------
        >>> one = Scaling(np.full(2, 2.0), np.zeros(2), np.array([0, 2]), np.array([2]))
        >>> one.apply(np.array([[0.75, 0.25]])).round(6).tolist()
        [[0.9, 0.1]]
        """
        odds = self.slopes * np.log(np.maximum(table, _FLOOR)) + self.offsets
        firsts = self.starts[:-1]
        odds -= np.repeat(np.maximum.reduceat(odds, firsts, axis=1), self.sizes, axis=1)
        raised = np.exp(odds)
        return raised / np.repeat(np.add.reduceat(raised, firsts, axis=1), self.sizes, axis=1)


def fit_scaling(
    opinions: Opinions,
    table: np.ndarray,
    asked: np.ndarray,
    *,
    kind: Kind = "temperature",
    per: Per = "pooled",
    rng: np.random.Generator,
) -> Scaling:
    """Fit a scaling by penalised likelihood, with the survey's weights.

    Parameters
    ----------
    opinions
        Respondents whose answers are known. Their predictions must not have been learned from these answers.
    table
        Shape (N, K), what was predicted of them; nan where nothing was.
    asked
        Shape (N, M), the answers to fit to.
    kind, per
        See this module.
    rng
        Halves the respondents that the strength is chosen on.

    Raises
    ------
    DataError
        If shapes do not fit, or kind or per is unknown.
    """
    if kind not in ("temperature", "vector") or per not in ("pooled", "item"):
        raise DataError(f"no scaling is {kind}, {per}", fix="take temperature or vector, pooled or item")
    shape = (len(opinions), int(opinions.starts[-1]))
    if table.shape != shape or asked.shape != opinions.answers.shape:
        raise DataError(f"predictions of the shape {table.shape} do not fit people and options {shape}")
    answers = _Answers(opinions, table, asked & opinions.answered)
    pooled = _pooled(answers, kind, np.arange(len(opinions)))
    if per == "pooled":
        return pooled
    strength = _chosen(answers, kind, rng)
    return _own(answers, kind, pooled, strength, np.arange(len(opinions)), range(len(opinions.items)))


class _Answers:
    """Cells by item: log probabilities, answers, weights."""

    def __init__(self, opinions: Opinions, table: np.ndarray, asked: np.ndarray) -> None:
        self.starts, self.sizes = opinions.starts, opinions.sizes
        self.count = len(opinions)
        weights = opinions.weights / (opinions.weights.mean() or 1.0)
        self.logs, self.codes, self.weights, self.people = [], [], [], []
        for item, (start, size) in enumerate(zip(self.starts, self.sizes, strict=False)):
            part = table[:, start : start + size]
            rows = np.flatnonzero(asked[:, item] & ~np.isnan(part).any(axis=1))
            self.logs.append(np.log(np.maximum(part[rows], _FLOOR)))
            self.codes.append(opinions.answers[rows, item].astype(np.int64))
            self.weights.append(weights[rows])
            self.people.append(rows)

    def of(self, items: np.ndarray | range, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take the cells of items, all of one size, and of some respondents."""
        inside = np.zeros(self.count, dtype=bool)
        inside[rows] = True
        keep = [inside[self.people[item]] for item in items]
        return (
            np.concatenate([self.logs[item][some] for item, some in zip(items, keep, strict=True)]),
            np.concatenate([self.codes[item][some] for item, some in zip(items, keep, strict=True)]),
            np.concatenate([self.weights[item][some] for item, some in zip(items, keep, strict=True)]),
        )


def _pooled(answers: _Answers, kind: Kind, rows: np.ndarray) -> Scaling:
    """Fit what items share."""
    wide = int(answers.starts[-1])
    by_size = [np.flatnonzero(answers.sizes == size) for size in np.unique(answers.sizes)]
    parts = [answers.of(items, rows) for items in by_size]
    slope = _slope(parts, 1.0, _LOOSE)
    slopes, offsets = np.full(wide, slope), np.zeros(wide)
    if kind == "vector":
        for items, (logs, codes, weights) in zip(by_size, parts, strict=True):
            w, b = _vector(
                logs, codes, weights, np.full(logs.shape[1], slope), np.zeros(logs.shape[1]), _LOOSE
            )
            for item in items:
                part = slice(answers.starts[item], answers.starts[item + 1])
                slopes[part], offsets[part] = w, b
    return Scaling(slopes, offsets, answers.starts, answers.sizes)


def _own(
    answers: _Answers,
    kind: Kind,
    pooled: Scaling,
    strength: float,
    rows: np.ndarray,
    items: np.ndarray | range,
) -> Scaling:
    """Fit each item's own around what is pooled."""
    slopes, offsets = pooled.slopes.copy(), pooled.offsets.copy()
    for item in items:
        part = slice(answers.starts[item], answers.starts[item + 1])
        logs, codes, weights = answers.of(range(item, item + 1), rows)
        if not len(codes):
            continue
        if kind == "temperature":
            slopes[part] = _slope([(logs, codes, weights)], float(slopes[part][0]), strength)
        else:
            slopes[part], offsets[part] = _vector(logs, codes, weights, slopes[part], offsets[part], strength)
    return Scaling(slopes, offsets, answers.starts, answers.sizes, strength)


def _chosen(answers: _Answers, kind: Kind, rng: np.random.Generator) -> float:
    """Choose the strength by the log score of one half of the respondents under the fit of the other."""
    counts = np.array([len(codes) for codes in answers.codes])
    items = np.sort(np.argsort(-counts, kind="stable")[:_CHOICE_ITEMS])
    order = rng.permutation(answers.count)
    halves = order[: answers.count // 2], order[answers.count // 2 :]
    gains = np.zeros(len(_STRENGTHS))
    for inner, outer in (halves, halves[::-1]):
        pooled = _pooled(answers, kind, inner)
        for place, strength in enumerate(_STRENGTHS):
            found = _own(answers, kind, pooled, strength, inner, items)
            for item in items:
                part = slice(answers.starts[item], answers.starts[item + 1])
                logs, codes, weights = answers.of(range(item, item + 1), outer)
                odds = found.slopes[part] * logs + found.offsets[part]
                gains[place] += weights @ _log_p(odds, codes)
    return float(_STRENGTHS[int(np.argmax(gains))])


def _log_p(odds: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Give the log probability of each answer."""
    if not len(codes):
        return np.zeros(0)
    top = odds.max(axis=1)
    return odds[np.arange(len(codes)), codes] - top - np.log(np.exp(odds - top[:, None]).sum(axis=1))


def _slope(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], around: float, strength: float) -> float:
    """Fit one slope: Newton's method on its logarithm's scale, safe as the likelihood is concave in it."""
    slope = around
    for _ in range(30):
        first, second = strength * (slope - around), strength
        for logs, codes, weights in parts:
            if not len(codes):
                continue
            odds = slope * logs
            p = np.exp(odds - odds.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            mean = (p * logs).sum(axis=1)
            first -= weights @ (logs[np.arange(len(codes)), codes] - mean)
            second += weights @ ((p * logs**2).sum(axis=1) - mean**2)
        step = first / second
        slope = max(slope - step, slope / 4, 0.0)
        if abs(step) < 1e-7:
            break
    return float(slope)


def _vector(
    logs: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    slopes: np.ndarray,
    offsets: np.ndarray,
    strength: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit slopes and offsets around others: Newton's method, halving steps that do not help."""
    size, places = logs.shape[1], np.arange(len(codes))
    start = np.concatenate([slopes, offsets])
    inputs = np.concatenate([logs, np.ones_like(logs)], axis=1)

    def gain(values: np.ndarray) -> float:
        away = values - start
        return float(
            weights @ _log_p(values[:size] * logs + values[size:], codes) - strength / 2 * away @ away
        )

    values, best = start, gain(start)
    for _ in range(_STEPS):
        odds = values[:size] * logs + values[size:]
        p = np.exp(odds - odds.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        twice = np.concatenate([p, p], axis=1) * inputs
        heavy = twice * weights[:, None]
        # Options curve together: the variance of the inputs under p, plus the prior.
        own = np.einsum("nik,njk->ijk", heavy.reshape(-1, 2, size), inputs.reshape(-1, 2, size))
        curve = _blocks(own) + strength * np.eye(2 * size) - heavy.T @ twice
        missed = -p
        missed[places, codes] += 1.0
        slope = (np.concatenate([missed, missed], axis=1) * inputs * weights[:, None]).sum(axis=0)
        step = np.linalg.solve(curve, slope - strength * (values - start))
        found = gain(values + step)
        while found < best - 1e-9 and np.abs(step).max() > 1e-9:
            step = step / 2
            found = gain(values + step)
        values, moved, best = values + step, found - best, found
        if moved < _ENOUGH:
            break
    return values[:size], values[size:]


def _blocks(own: np.ndarray) -> np.ndarray:
    """Put diagonals, shape (2, 2, K), into the blocks of a matrix, shape (2K, 2K)."""
    return np.block([[np.diag(own[row, column]) for column in range(2)] for row in range(2)])
