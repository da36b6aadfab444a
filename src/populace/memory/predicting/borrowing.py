r"""A question that nobody answered: what its words, and those of questions like it, say of it.

Of each question that was answered the factors know the shares and the loadings of its options. Over the words
of question and option these are smooth in a Gaussian process,

.. math:: f(x) \sim GP(0, k), \qquad \hat f(x) = k(x, X) (K + \lambda I)^{-1} f(X),

with the kernel of `likeness`: log shares with one :math:`\lambda`, loadings with another. What no known
question resembles stays at nothing: every option alike, whoever answers. The settings are chosen by the log
score of people left out, each question predicted from all others (leave one out in closed form).

References
----------
Rasmussen, Williams (2006). Gaussian Processes for Machine Learning, section 5.4.2 (leave-one-out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from populace.memory.predicting.likeness import Words, likeness
from populace.opinions import NONE, Item, Opinions
from populace.opinions.predictors.factors import Factors
from populace.opinions.predictors.masks import log_score

__all__ = ["Borrowing", "borrowed", "chosen_borrowing", "told_apart"]

_GAMMAS = (1.0, 2.0, 5.0)
_RIDGES = (0.1, 0.3, 1.0, 3.0)
_SHARPNESS = (0.5, 1.0, 1.5, 2.0, 2.5)


@dataclass(frozen=True)
class Borrowing:
    """How much is borrowed.

    Attributes
    ----------
    gamma
        How fast questions become unlike.
    shares, loadings
        Ridge of the log shares and of the loadings; endless where nothing is borrowed.
    sharpness
        Factor of the borrowed loadings.
    """

    gamma: float = 5.0
    shares: float = 1.0
    loadings: float = 1.0
    sharpness: float = 1.0


def borrowed(
    factors: Factors, items: Sequence[Item], known: np.ndarray, words: Words, how: Borrowing
) -> Factors:
    """Give items that nobody answered the shares and loadings of those that are worded alike.

    Parameters
    ----------
    factors
        Of all items; those of the others are not looked at.
    items
        M items.
    known
        Shape (M,), the items that people answered.
    words
        Where questions and options lie.
    how
        How much is borrowed.

    Returns
    -------
    The factors with other shares and loadings where nothing was known.
    """
    lacking = np.flatnonzero(~known)
    worded = np.flatnonzero(known & np.array([bool(item.question) for item in items], dtype=bool))
    if not lacking.size:
        return factors
    there, gone = told_apart(factors, worded), told_apart(factors, lacking)
    targets = _targets(factors, worded, there)
    found = np.zeros((gone.size, targets.shape[1]))
    if worded.size:
        some, others = (
            [items[place] for place in lacking.tolist()],
            [items[place] for place in worded.tolist()],
        )
        among = likeness(words, others, others).kernel(how.gamma).astype(np.float64)
        across = likeness(words, some, others).kernel(how.gamma).astype(np.float64)
        for columns, ridge in ((slice(0, 1), how.shares), (slice(1, None), how.loadings)):
            if np.isfinite(ridge):
                inverse = np.linalg.solve(among + ridge * np.eye(len(among)), targets[:, columns])
                found[:, columns] = across @ inverse
    return _placed(factors, lacking, gone, found, how.sharpness)


def told_apart(factors: Factors, places: np.ndarray) -> np.ndarray:
    """List the options of items among all options."""
    sizes = factors.sizes[places]
    inside = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.repeat(factors.starts[places], sizes) + inside


def _targets(factors: Factors, places: np.ndarray, options: np.ndarray) -> np.ndarray:
    """Log shares, centred within each item, and loadings: shape (k, 1 + rank)."""
    logs = np.log(factors.mean[options])
    sizes = factors.sizes[places]
    if places.size:
        firsts = np.cumsum(sizes) - sizes
        logs = logs - np.repeat(np.add.reduceat(logs, firsts) / sizes, sizes)
    return np.column_stack([logs, factors.items[options]])


def _placed(
    factors: Factors, places: np.ndarray, options: np.ndarray, found: np.ndarray, sharpness: float
) -> Factors:
    """Put shares and loadings in their places, and the information that follows from them."""
    sizes = factors.sizes[places]
    firsts = np.cumsum(sizes) - sizes
    odds = np.exp(found[:, 0] - np.repeat(np.maximum.reduceat(found[:, 0], firsts), sizes))
    shares = odds / np.repeat(np.add.reduceat(odds, firsts), sizes)
    loadings = sharpness * found[:, 1:]
    loadings -= np.repeat(np.add.reduceat(shares[:, None] * loadings, firsts, axis=0), sizes, axis=0)
    mean, items, grams = factors.mean.copy(), factors.items.copy(), factors.grams.copy()
    mean[options], items[options] = shares, loadings
    upper = np.triu_indices(factors.rank)
    products = (loadings[:, upper[0]] * shares[:, None]) * loadings[:, upper[1]]
    grams[places] = np.add.reduceat(products, firsts, axis=0)
    return replace(factors, mean=mean, items=items, grams=grams)


def chosen_borrowing(
    factors: Factors,
    outer: Opinions,
    points: np.ndarray,
    asked: np.ndarray,
    words: Words,
) -> Borrowing:
    """Choose how much is borrowed, on people whose answers were not learned from.

    Parameters
    ----------
    factors
        Of other people.
    outer
        The people left out.
    points
        Shape (n, rank), where what is known places them.
    asked
        Shape (n, M), the answers to predict; each question as if nobody had answered it.
    words
        Where questions and options lie.
    """
    worded = np.flatnonzero(
        (outer.answered.any(axis=0)) & np.array([bool(item.question) for item in outer.items], dtype=bool)
    )
    nothing = Borrowing(shares=np.inf, loadings=np.inf)
    if worded.size < 5:
        return nothing
    options, some = told_apart(factors, worded), [outer.items[place] for place in worded.tolist()]
    targets, alike = _targets(factors, worded, options), likeness(words, some, some)
    asks = asked & np.isin(np.arange(len(outer.items)), worded)
    if not (asks & (outer.answers != NONE)).any():
        return nothing

    def scored(found: np.ndarray, sharpness: float) -> float:
        tried = _placed(factors, worded, options, found, sharpness)
        return log_score(outer, replace(tried, sharpness=1.0).predict(points), asks)

    # First how the shares are borrowed, then beside them the loadings.
    left = {
        (gamma, ridge): _left_out(
            alike.kernel(gamma).astype(np.float64), ridge, targets, factors.sizes[worded]
        )
        for gamma in _GAMMAS
        for ridge in _RIDGES
    }
    bare = np.zeros_like(targets)
    best, at = scored(bare, 1.0), nothing
    for (gamma, ridge), found in left.items():
        tried = bare.copy()
        tried[:, 0] = found[:, 0]
        if (gain := scored(tried, 1.0)) > best:
            best, at = gain, Borrowing(gamma, ridge, np.inf)
    shares = bare[:, 0] if at is nothing else left[at.gamma, at.shares][:, 0]
    gammas = _GAMMAS if at is nothing else (at.gamma,)
    for gamma in gammas:
        for ridge in _RIDGES:
            tried = left[gamma, ridge].copy()
            tried[:, 0] = shares
            for sharpness in _SHARPNESS:
                if (gain := scored(tried, sharpness)) > best:
                    best, at = gain, Borrowing(gamma, at.shares, ridge, sharpness)
    return at


def _left_out(kernel: np.ndarray, ridge: float, targets: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Predict the options of each item from those of all others: shape (k, 1 + rank)."""
    inverse = np.linalg.inv(kernel + ridge * np.eye(len(kernel)))
    weighted = inverse @ targets
    found, end = np.empty_like(targets), np.cumsum(sizes)
    for start, stop in zip(end - sizes, end, strict=True):
        block = inverse[start:stop, start:stop]
        found[start:stop] = targets[start:stop] - np.linalg.solve(block, weighted[start:stop])
    return found
