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
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats._arrays import Floats, Ints, as_labels, codes

__all__ = ["DawidSkene", "dawid_skene", "dawid_skene_votes"]

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
    array = as_labels("ratings", ratings, ndim=2)
    (coded,), labels = codes(array, categories=categories)
    item, rater = np.nonzero(coded >= 0)
    shape = (coded.shape[0], coded.shape[1])
    votes = coded[item, rater]
    return dawid_skene_votes(
        item, rater, votes, shape=shape, labels=labels, prior=prior, rounds=rounds, tolerance=tolerance
    )


def dawid_skene_votes(
    item: npt.ArrayLike,
    rater: npt.ArrayLike,
    label: npt.ArrayLike,
    *,
    shape: tuple[int, int],
    labels: Sequence[Any],
    prior: float = 0.0,
    rounds: int = 500,
    tolerance: float = 1e-8,
) -> DawidSkene:
    """Fit the model to a list of ratings: for many raters of few items each, where a table would be empty.

    Parameters
    ----------
    item, rater, label
        Of each rating, as numbers from 0, shape (ratings,).
    shape
        Numbers of items and raters.
    labels
        What the numbers of `label` stand for.
    prior, rounds, tolerance
        As for `dawid_skene`.

    Raises
    ------
    DataError
        If lengths differ or a number is out of range.

    Examples
    --------
    >>> dawid_skene_votes([0, 0, 1], [0, 1, 0], [1, 1, 0], shape=(2, 2), labels="ab").truth()
    ['b', 'a']
    """
    if not (prior >= 0 and np.isfinite(prior)):
        raise ValueError(f"prior is {prior} and must be at least 0")
    if rounds < 1:
        raise ValueError(f"rounds is {rounds} and must be at least 1")
    said = _Votes.of(item, rater, label, shape, len(labels))
    posterior = _majority(said)
    change, done = np.inf, 0
    shares, confusion = _maximise(said, posterior, prior)
    evidence = 0.0
    while done < rounds and change > tolerance:
        fresh, evidence = _expect(said, shares, confusion)
        change = float(np.abs(fresh - posterior).max(initial=0.0))
        posterior, done = fresh, done + 1
        shares, confusion = _maximise(said, posterior, prior)
    unrated = np.bincount(said.item, minlength=said.items) == 0
    return DawidSkene(
        labels=tuple(labels),
        posterior=np.where(unrated[:, None], np.nan, posterior),
        confusion=confusion,
        prevalence=shares,
        accuracy=np.einsum("rkk,k->r", confusion, shares),
        ratings=np.bincount(said.rater, minlength=said.raters).astype(np.int64),
        log_likelihood=evidence,
        rounds=done,
        converged=change <= tolerance,
        prior=float(prior),
    )


class _Votes(NamedTuple):
    """Ratings, one an element."""

    item: Ints
    rater: Ints
    label: Ints
    items: int
    raters: int
    labels: int

    @classmethod
    def of(
        cls,
        item: npt.ArrayLike,
        rater: npt.ArrayLike,
        label: npt.ArrayLike,
        shape: tuple[int, int],
        labels: int,
    ) -> _Votes:
        lists = [np.asarray(each, dtype=np.int64) for each in (item, rater, label)]
        if any(each.ndim != 1 or len(each) != len(lists[0]) for each in lists):
            raise DataError("`item`, `rater` and `label` must be lists of one length")
        for name, each, limit in zip(("item", "rater", "label"), lists, (*shape, labels), strict=True):
            if len(each) and not (each.min() >= 0 and each.max() < limit):
                raise DataError(f"a number of `{name}` is not from 0 to {limit - 1}")
        return cls(lists[0], lists[1], lists[2], shape[0], shape[1], labels)


def _majority(said: _Votes) -> Floats:
    """Return the shares of each item's ratings, shape (items, labels); even where nobody rated."""
    cells = said.item * said.labels + said.label
    counts = np.bincount(cells, minlength=said.items * said.labels).reshape(said.items, said.labels)
    return _rows(counts.astype(np.float64))


def _maximise(said: _Votes, posterior: Floats, prior: float) -> tuple[Floats, Floats]:
    """Return the shares of labels and each rater's table given the posterior."""
    size = said.labels
    rated = np.bincount(said.item, minlength=said.items) > 0
    shares = posterior[rated].mean(axis=0) if rated.any() else np.full(size, 1 / max(1, size))
    cells = said.rater * size + said.label
    tables = [
        np.bincount(cells, weights=posterior[said.item, k], minlength=said.raters * size) for k in range(size)
    ]
    counts = np.array(tables, dtype=np.float64).reshape(size, said.raters, size).swapaxes(0, 1)
    common = _rows(counts.sum(axis=0))
    return shares, _rows(counts + prior * shares[None, :, None] * common[None])


def _rows(counts: Floats) -> Floats:
    """Scale rows to sum to one; a row of nothing becomes even."""
    total = counts.sum(axis=-1, keepdims=True)
    even = np.full_like(counts, 1 / max(1, counts.shape[-1]))
    return np.divide(counts, total, out=even, where=total > 0)


def _expect(said: _Votes, shares: Floats, confusion: Floats) -> tuple[Floats, float]:
    """Return the posterior of the truth, shape (items, labels), and the log-likelihood of the ratings."""
    if not len(shares):
        return _majority(said), 0.0
    logs = np.log(np.maximum(confusion, _TINY))
    told = [
        np.bincount(said.item, weights=logs[said.rater, k, said.label], minlength=said.items)
        for k in range(said.labels)
    ]
    joint = np.log(np.maximum(shares, _TINY)) + np.stack(told, axis=1)
    top = joint.max(axis=1, keepdims=True)
    weight = np.exp(joint - top)
    total = weight.sum(axis=1, keepdims=True)
    return weight / total, float((top + np.log(total)).sum())
