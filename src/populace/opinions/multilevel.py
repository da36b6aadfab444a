r"""A multilevel multinomial regression on groups of people.

With :math:`x` the levels that a person has (one of each factor, and of each pair of factors),

.. math:: \log p_k \propto \alpha_k + \sum_f \theta_{f, x_f, k}, \qquad
          \theta_{f,l} \sim N(0, \sigma_f^2 I),

on contrasts of the options that sum to 0, so that no option is the first among equals. A factor's spread
:math:`\sigma_f` is estimated (empirical Bayes): levels that few answered are drawn to nothing, which is to
the mean of the others. Spreads maximise the likelihood with the effects integrated out by Laplace's method,
by EM's step :math:`\sigma_f^2 = (\|\hat\theta_f\|^2 + \mathrm{tr}\,\Sigma_f) / m_f` and a weak prior that
keeps them off 0. The posterior of the effects is the normal at the mode; that spreads are themselves
estimated is not in it.

References
----------
Gelman and Little (1997), Poststratification into many categories using hierarchical logistic regression.
Survey Methodology 23(2). Park, Gelman and Bafumi (2004), doi:10.1093/pan/mph024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.errors import DataError

__all__ = ["Design", "Multilevel", "design_of", "fit_multilevel"]

_FLAT = 1e-2
"""Precision of the constants."""
_PRIOR, _PRIOR_SCALE = 1.0, 0.1
"""The prior of a spread: so many effects of so large a square."""
_ROUNDS, _STEPS = 60, 25
_ENOUGH = 0.01
"""Relative change of the precisions below which they stand."""
_BETWEEN, _LONGER = 2, 1.6
"""Newton steps between two changes of the spreads, and how much longer than EM's own the changes are."""


@dataclass(frozen=True)
class Design:
    """Levels of factors and of their pairs.

    Attributes
    ----------
    factors
        Factor or pair -> its levels, in the order of the columns.
    """

    factors: dict[tuple[str, ...], tuple[str, ...]]

    @property
    def blocks(self) -> list[slice]:
        """Columns of each factor; the constant is column 0."""
        ends = 1 + np.cumsum([len(levels) for levels in self.factors.values()])
        return [
            slice(int(end) - len(levels), int(end))
            for end, levels in zip(ends, self.factors.values(), strict=True)
        ]

    def matrix(self, levels: pl.DataFrame) -> np.ndarray:
        """Give 0 and 1, the constant first; a level that is unknown or missing has 0 throughout.

        Returns
        -------
        Shape (n, 1 + levels).

        Examples
        --------
        >>> people = pl.DataFrame({"sex": ["F", "M", None]})
        >>> design_of(people, []).matrix(people).astype(int).tolist()
        [[1, 1, 0], [1, 0, 1], [1, 0, 0]]
        """
        parts = [np.ones((levels.height, 1))]
        for names, values in self.factors.items():
            label = _labels(levels, names)
            parts.append(
                np.stack([(label == value).fill_null(value=False).to_numpy() for value in values], axis=1)
            )
        return np.concatenate(parts, axis=1).astype(np.float64)


def _labels(levels: pl.DataFrame, names: tuple[str, ...]) -> pl.Series:
    return levels.select(pl.concat_str([pl.col(name) for name in names], separator=" x ")).to_series()


def design_of(levels: pl.DataFrame, pairs: Sequence[tuple[str, str]]) -> Design:
    """Take the levels that respondents have.

    Parameters
    ----------
    levels
        A column of text a factor.
    pairs
        Factors whose combinations have an effect of their own.

    Raises
    ------
    DataError
        If a pair names what is no factor.
    """
    factors: dict[tuple[str, ...], tuple[str, ...]] = {}
    for names in [*((name,) for name in levels.columns), *pairs]:
        unknown = [name for name in names if name not in levels.columns]
        if unknown:
            raise DataError(f"{unknown[0]} is no factor", fix=f"take some of {', '.join(levels.columns)}")
        values = tuple(_labels(levels, tuple(names)).drop_nulls().unique().sort().to_list())
        if len(values) > 1:
            factors[tuple(names)] = values
    return Design(factors)


@dataclass(frozen=True)
class Multilevel:
    """Effects and how well they are known.

    Attributes
    ----------
    design
        Levels.
    contrasts
        Shape (K, K - 1), orthonormal, columns summing to 0.
    effects
        Shape (columns, K - 1).
    covariance
        Shape (columns (K - 1), columns (K - 1)), of the flattened effects.
    spreads
        Factor -> its standard deviation on the scale of logits.
    """

    design: Design
    contrasts: np.ndarray
    effects: np.ndarray
    covariance: np.ndarray
    spreads: dict[tuple[str, ...], float]

    def shares(self, levels: pl.DataFrame) -> np.ndarray:
        """Predict shares of the options at the mode, shape (n, K)."""
        return _shares(self.design.matrix(levels), self.effects, self.contrasts)[0]

    def drawn(self, levels: pl.DataFrame, draws: int, rng: np.random.Generator) -> np.ndarray:
        """Draw shares from the posterior, shape (draws, n, K)."""
        half = np.linalg.cholesky(self.covariance)
        noise = rng.normal(size=(draws, len(half))) @ half.T
        matrix = self.design.matrix(levels)
        values = (self.effects.ravel() + noise).reshape(draws, *self.effects.shape)
        odds = matrix @ values @ self.contrasts.T
        table = np.exp(odds - odds.max(axis=2, keepdims=True))
        return table / table.sum(axis=2, keepdims=True)


def fit_multilevel(levels: pl.DataFrame, counts: np.ndarray, design: Design) -> Multilevel:
    """Fit effects and spreads.

    Parameters
    ----------
    levels
        A row a group of people.
    counts
        Shape (n, K), how many of each group chose each option; need not be whole.
    design
        Levels to fit.
    """
    size = counts.shape[1]
    contrasts = _contrasts(size)
    matrix = design.matrix(levels)
    wide, deep = matrix.shape[1], size - 1
    precision = np.full(wide, _FLAT)
    precision[1:] = 4.0
    effects = np.zeros((wide, deep))
    total = counts.sum(axis=0) + 0.5
    effects[0] = np.log(total / total.sum()) @ contrasts
    covariance = np.eye(wide * deep)
    for _ in range(_ROUNDS):
        effects, covariance = _mode(matrix, counts, contrasts, effects, precision, steps=_BETWEEN)
        own = np.diag(covariance).reshape(wide, deep)
        fresh = precision.copy()
        for block in design.blocks:
            squares = float((effects[block] ** 2 + own[block]).sum())
            many = (block.stop - block.start) * deep
            wanted = (many + _PRIOR) / (squares + _PRIOR * _PRIOR_SCALE)
            # EM's steps are short; somewhat longer ones lead to the same place.
            fresh[block] = precision[block] * (wanted / precision[block]) ** _LONGER
        moved = np.abs(np.log(fresh / precision)).max(initial=0.0)
        precision = fresh
        if moved < _ENOUGH:
            break
    effects, covariance = _mode(matrix, counts, contrasts, effects, precision)
    spreads = {
        names: float(precision[block.start] ** -0.5)
        for names, block in zip(design.factors, design.blocks, strict=True)
    }
    return Multilevel(design, contrasts, effects, covariance, spreads)


def _contrasts(size: int) -> np.ndarray:
    """Give orthonormal columns that sum to 0 (Helmert's)."""
    found = np.zeros((size, size - 1))
    for column in range(size - 1):
        found[: column + 1, column] = 1.0
        found[column + 1, column] = -(column + 1.0)
        found[:, column] /= np.sqrt((column + 1.0) * (column + 2.0))
    return found


def _shares(matrix: np.ndarray, effects: np.ndarray, contrasts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give shares and their logarithms, shape (n, K)."""
    odds = matrix @ effects @ contrasts.T
    odds -= odds.max(axis=1, keepdims=True)
    logs = odds - np.log(np.exp(odds).sum(axis=1, keepdims=True))
    return np.exp(logs), logs


def _mode(
    matrix: np.ndarray,
    counts: np.ndarray,
    contrasts: np.ndarray,
    effects: np.ndarray,
    precision: np.ndarray,
    steps: int = _STEPS,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the mode by Newton's method, and the inverse of the curvature at the last step."""
    from scipy.linalg import cho_factor, cho_solve

    totals = counts.sum(axis=1)
    wide, deep = effects.shape
    prior = np.repeat(precision, deep)

    def gain(values: np.ndarray) -> float:
        return float((counts * _shares(matrix, values, contrasts)[1]).sum() - prior @ values.ravel() ** 2 / 2)

    best, factor = gain(effects), None
    for _ in range(steps):
        p = _shares(matrix, effects, contrasts)[0]
        slope = matrix.T @ ((counts - totals[:, None] * p) @ contrasts) - precision[:, None] * effects
        factor = cho_factor(np.diag(prior) + _curvature(matrix, p, totals, contrasts))
        step = cho_solve(factor, slope.ravel()).reshape(wide, deep)
        found = gain(effects + step)
        while found < best - 1e-9 and np.abs(step).max() > 1e-9:
            step /= 2
            found = gain(effects + step)
        effects, moved, best = effects + step, found - best, found
        if moved < 1e-7:
            break
    return effects, cho_solve(factor, np.eye(wide * deep))


def _curvature(matrix: np.ndarray, p: np.ndarray, totals: np.ndarray, contrasts: np.ndarray) -> np.ndarray:
    """Give the information of the counts, shape (columns (K - 1), columns (K - 1))."""
    wide, deep = matrix.shape[1], contrasts.shape[1]
    first = p @ contrasts
    found = np.zeros((wide, deep, wide, deep))
    for one in range(deep):
        for other in range(one + 1):
            both = p @ (contrasts[:, one] * contrasts[:, other]) - first[:, one] * first[:, other]
            part = matrix.T @ (matrix * (totals * both)[:, None])
            found[:, one, :, other] = found[:, other, :, one] = part
    return found.reshape(wide * deep, wide * deep)
