"""Scores of models that answered other questions, compared as if all had answered all.

score(m, x) = a_m + b_x by least squares; the adjusted score is a_m plus the mean b_x. What the fit needs
of a question is a sum over questions, so that a draw of the bootstrap is a weighted sum and one small
eigenproblem, and draws are made for all models at once.
"""

from __future__ import annotations

import numpy as np

from populace.stats import Estimate
from populace.stats._arrays import Floats
from populace.stats.bootstrap import bootstrap_replicates, doubted, estimate_from_replicates

__all__ = ["MOST_MODELS", "adjusted", "told"]

MOST_MODELS = 200
"""Models that are adjusted for questions at most: the fit of each draw costs their cube."""
_RANK = 1e-9
"""Eigenvalue, beside the largest, that is rounding and no connection between models."""


def adjusted(scores: Floats, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> list[Estimate]:
    """Adjust scores for questions: what each model would reach on all of them.

    Parameters
    ----------
    scores
        Shape (questions, models), from 0 to 1; nan where there is none.
    draws, seed, level
        Bootstrap over questions.

    Returns
    -------
    An estimate a model; undefined where shared questions do not link all models, or they are more than 200.

    Examples
    --------
    The second model answered only the hard question, and was better at it by 0.2:

    >>> import numpy as np
    >>> [round(each.value, 3) for each in adjusted(np.array([[0.9, np.nan], [0.1, 0.3]]))]
    [0.5, 0.7]
    """
    given, size = np.asarray(scores, dtype=np.float64), scores.shape[1]
    given = given[~np.isnan(given).all(axis=1)]
    if size > MOST_MODELS or not len(given):
        why = f"more than {MOST_MODELS} models" if len(given) else "no score"
        return [_none(int((~np.isnan(column)).sum()), len(given), level, why) for column in given.T]
    counts = _normal_equations(given)
    values = _fitted(counts.sum(axis=0)[None], size)[0]
    # One resample of the questions serves all models.
    replicates = np.empty((0, size))
    if len(given) > 1 and not np.isnan(values).any():
        replicates = bootstrap_replicates(counts, lambda total: _fitted(total, size), draws=draws, seed=seed)
    return [
        told(float(values[at]), replicates[:, at], given[:, at], len(given), draws, seed, level)
        for at in range(size)
    ]


def told(
    value: float, replicates: Floats, column: Floats, questions: int, draws: int, seed: int, level: float
) -> Estimate:
    """Give a value its interval; one of no width what so few questions can support."""
    found = estimate_from_replicates(
        value,
        replicates,
        n=int((~np.isnan(column)).sum()),
        clusters=questions,
        draws=draws,
        seed=seed,
        level=level,
        unit="question",
    )
    return doubted(found, 0.0, 1.0) if found.defined and questions > 1 else found


def _none(n: int, questions: int, level: float, why: str) -> Estimate:
    return Estimate(
        value=np.nan,
        low=np.nan,
        high=np.nan,
        level=level,
        n=n,
        clusters=questions,
        method=f"undefined: {why}",
    )


def _normal_equations(scores: Floats) -> Floats:
    """Sum up what a fit with question effects needs of each question, so that a resample is a sum.

    Swept of its question, a row of known models S is diag(1_S) - 1_S 1_S' / |S|; beside it stand the swept
    scores, the question's mean, who is in it, and 1.
    """
    known = ~np.isnan(scores)
    questions, models = scores.shape
    there = known.sum(axis=1).astype(np.float64)
    share = known / there[:, None]
    mean = np.where(known, scores, 0.0).sum(axis=1) / there
    swept = known[:, :, None] * np.eye(models) - known[:, :, None] * share[:, None, :]
    right = np.where(known, scores - mean[:, None], 0.0)
    one = np.ones((questions, 1))
    return np.concatenate([swept.reshape(questions, -1), right, share, mean[:, None], one], axis=1)


def _fitted(total: Floats, models: int) -> Floats:
    """Solve the normal equations: a_m plus the mean question effect, shape (draws, models)."""
    square = total[:, : models * models].reshape(-1, models, models)
    right, share, mean, count = np.split(
        total[:, models * models :], [models, 2 * models, 2 * models + 1], axis=1
    )
    values, vectors = np.linalg.eigh((square + square.transpose(0, 2, 1)) / 2)
    # One direction is free, since effects of models and questions share a constant.
    kept = values > _RANK * np.maximum(values[:, -1:], 1.0)
    inverse = np.divide(1.0, values, out=np.zeros_like(values), where=kept)
    inner = np.einsum("dij,di->dj", vectors, right) * inverse
    effect = np.einsum("dij,dj->di", vectors, inner)
    constant = (mean[:, 0] - (share * effect).sum(axis=1)) / count[:, 0]
    linked = kept.sum(axis=1) == models - 1
    return np.where(linked[:, None], effect + constant[:, None], np.nan)
