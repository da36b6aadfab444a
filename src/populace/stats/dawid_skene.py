"""Dawid and Skene: the truth behind several raters, and how often each of them says it.

Dawid and Skene (1979), "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm",
Applied Statistics 28, 20-28, doi:10.2307/2346806. Each item has one true label, each rater a table of what
they say given the truth; raters err independently given it. EM alternates the posterior of the truth (their
equation 2.5) with the tables (2.3) and the shares of labels (2.4).

A rater of ten items has too few for a table of their own, and maximum likelihood then makes of chance either
an oracle or a liar. So each table is pulled towards the raters' common one as if `prior` further ratings had
been seen with its errors; `prior=0` is the paper. What raters get wrong together, the model takes for true:
its truth is what raters would agree on, no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, Ints, as_labels, codes

__all__ = ["DawidSkene", "dawid_skene"]

_TINY = 1e-300


class DawidSkene(msgspec.Struct, frozen=True, kw_only=True):
    """What EM found."""

    labels: tuple[Any, ...]
    """Labels, in the order of every axis of labels."""
    posterior: Floats
    """Probability of each label given the ratings, shape (items, labels); nan where nobody rated."""
    confusion: Floats
    """What a rater says (last axis) given the truth, shape (raters, labels, labels)."""
    prevalence: Floats
    """Share of each true label, shape (labels,)."""
    accuracy: Floats
    """Chance that a rater says the truth, over true labels as prevalent as here, shape (raters,)."""
    ratings: Ints
    """Ratings that each rater gave, shape (raters,)."""
    log_likelihood: float
    """Of the ratings, without the prior's part."""
    rounds: int
    """Rounds of EM."""
    converged: bool
    """Whether the last round changed no posterior by more than the tolerance."""
    prior: float
    """Ratings that the common table counted for."""

    def truth(self, at_least: float = 0.5) -> list[Any]:
        """Give each item's likeliest label; None if not likelier than `at_least`, or nobody rated."""
        best = np.where(np.isnan(self.posterior), -1, self.posterior)
        if not best.shape[1]:
            return [None] * len(best)
        place, top = best.argmax(axis=1), best.max(axis=1)
        both = zip(place.tolist(), top.tolist(), strict=True)
        return [self.labels[p] if t > at_least else None for p, t in both]


def dawid_skene(
    ratings: npt.ArrayLike,
    *,
    categories: Sequence[Any] | None = None,
    prior: float = 0.0,
    rounds: int = 500,
    tolerance: float = 1e-8,
) -> DawidSkene:
    """Fit the model by EM, starting from the shares of each item's ratings (the majority, softly).

    Parameters
    ----------
    ratings
        Labels, shape (items, raters), with missing ones as `populace.stats.agreement` says.
    categories
        Every label that could be true; None takes those that were given, sorted.
    prior
        Ratings' worth of the raters' common table added to each rater's own, for each true label in
        proportion to its share. 0 is the paper's maximum likelihood; with few ratings a rater, some 5 to 10
        are wise. Raters who rate the same items as nobody else cannot be told apart without it.
    rounds, tolerance
        EM stops when no posterior moves by more than the tolerance, or after so many rounds.

    Raises
    ------
    DataError
        If `ratings` is not a table, or a label is not among `categories`.
    ValueError
        If `prior` is below 0 or `rounds` below 1.

    Examples
    --------
    Two who always say the truth, and one who tosses a coin.

    >>> found = dawid_skene([["y", "y", "n"], ["n", "n", "n"], ["y", "y", "y"], ["n", "n", "y"]])
    >>> found.truth(), found.accuracy.round(2).tolist()
    (['y', 'n', 'y', 'n'], [1.0, 1.0, 0.5])
    """
    if not (prior >= 0 and np.isfinite(prior)):
        raise ValueError(f"prior is {prior} and must be at least 0")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds} and must be at least 1")
    array = as_labels("ratings", ratings, ndim=2)
    (coded,), labels = codes(array, categories=categories)
    if coded.ndim != 2:
        raise DataError("`ratings` must have the shape (items, raters)")
    said = _one_hot(coded, len(labels))
    posterior = _majority(said)
    change, done = np.inf, 0
    shares, confusion = _maximise(said, posterior, prior)
    evidence = 0.0
    while done < rounds and change > tolerance:
        fresh, evidence = _expect(said, shares, confusion)
        change = float(np.abs(fresh - posterior).max(initial=0.0))
        posterior, done = fresh, done + 1
        shares, confusion = _maximise(said, posterior, prior)
    unrated = said.sum(axis=(1, 2)) == 0
    return DawidSkene(
        labels=tuple(labels),
        posterior=np.where(unrated[:, None], np.nan, posterior),
        confusion=confusion,
        prevalence=shares,
        accuracy=np.einsum("rkk,k->r", confusion, shares),
        ratings=said.sum(axis=(0, 2)).astype(np.int64),
        log_likelihood=evidence,
        rounds=done,
        converged=change <= tolerance,
        prior=float(prior),
    )


def _one_hot(coded: Ints, size: int) -> Floats:
    """Return who said what of which item, shape (items, raters, labels)."""
    said = np.zeros((*coded.shape, size))
    item, rater = np.nonzero(coded >= 0)
    said[item, rater, coded[item, rater]] = 1
    return said


def _majority(said: Floats) -> Floats:
    """Return the shares of each item's ratings; even where nobody rated."""
    counts = said.sum(axis=1)
    total = counts.sum(axis=1, keepdims=True)
    even = np.full_like(counts, 1 / max(1, counts.shape[1]))
    return np.divide(counts, total, out=even, where=total > 0)


def _maximise(said: Floats, posterior: Floats, prior: float) -> tuple[Floats, Floats]:
    """Return the shares of labels and each rater's table given the posterior."""
    rated = said.sum(axis=(1, 2)) > 0
    shares = (
        posterior[rated].mean(axis=0) if rated.any() else np.full(said.shape[2], 1 / max(1, said.shape[2]))
    )
    counts = np.einsum("ik,irl->rkl", posterior, said)
    common = _rows(counts.sum(axis=0))
    return shares, _rows(counts + prior * shares[None, :, None] * common[None])


def _rows(counts: Floats) -> Floats:
    """Scale rows to sum to one; a true label never met leaves every answer as likely."""
    total = counts.sum(axis=-1, keepdims=True)
    even = np.full_like(counts, 1 / max(1, counts.shape[-1]))
    return np.divide(counts, total, out=even, where=total > 0)


def _expect(said: Floats, shares: Floats, confusion: Floats) -> tuple[Floats, float]:
    """Return the posterior of the truth, shape (items, labels), and the log-likelihood of the ratings."""
    if not len(shares):
        return _majority(said), 0.0
    logs = np.log(np.maximum(confusion, _TINY))
    joint = np.log(np.maximum(shares, _TINY)) + np.einsum("irl,rkl->ik", said, logs)
    top = joint.max(axis=1, keepdims=True)
    weight = np.exp(joint - top)
    total = weight.sum(axis=1, keepdims=True)
    return weight / total, float((top + np.log(total)).sum())
