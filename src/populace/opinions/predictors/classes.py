"""Latent classes: opinion groups found in the answers alone.

Where people have no attributes (Polis) their answers are all that tells of them. A mixture of classes, each
with its own shares of every item, is fitted by EM; a person belongs to each class with the probability that
the known answers give, and is predicted by the classes' mixed shares. The shares of a class are shrunk to
the population's. The number of classes is chosen on training respondents left out.

References
----------
Lazarsfeld, Henry (1968). Latent Structure Analysis. Houghton Mifflin.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from populace.opinions.predictor import Inputs
from populace.opinions.predictors.masks import left_out, log_score, masked
from populace.opinions.table import Opinions
from populace.streams import stream

__all__ = ["Classes"]

_ROUNDS = 40
_PRIOR = 10.0
"""Answers of the population that stand in each class beside its own."""


@dataclass(frozen=True)
class Classes:
    """Latent class analysis; attributes are not used.

    Parameters
    ----------
    counts
        Numbers of classes that are tried, in this order, until more no longer help.
    """

    counts: tuple[int, ...] = (2, 3, 5, 8, 12)
    seed: int = 0
    name: str = field(default="latent classes")

    def fit(self, train: Opinions, inputs: Inputs) -> Mixed:
        """Choose the number of classes on respondents left out, then learn from all."""
        rng = stream(self.seed, "opinions.classes")
        apart = left_out(len(train), rng)
        best, count = -np.inf, self.counts[0]
        if apart.any():
            inner, outer = train.take(~apart), train.take(apart)
            known, asked = masked(outer, inputs.known, rng)
            for tried in self.counts:
                gain = log_score(outer, _mixture(inner, tried, self.seed).predict(outer.people, known), asked)
                if gain <= best:
                    break
                best, count = gain, tried
        return _mixture(train, count, self.seed)


@dataclass(frozen=True)
class Mixed:
    """Classes that were found.

    Attributes
    ----------
    sizes
        Shape (C,), shares of people.
    shares
        Shape (C, K), what each class answers.
    """

    opinions: Opinions
    """For its items only."""
    sizes: np.ndarray
    shares: np.ndarray

    def members(self, known: np.ndarray) -> np.ndarray:
        """Give the probability of each class from known answers: shape (n, C)."""
        return _members(self.opinions.one_hot(known), self.sizes, self.shares)

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Mix the classes' shares."""
        return self.members(known) @ self.shares


def _mixture(train: Opinions, count: int, seed: int) -> Mixed:
    weights = train.weights / (train.weights.mean() or 1.0)
    hot, everybody = train.one_hot(), train.shares(prior=1.0)
    members = stream(seed, "opinions.classes.start").dirichlet(np.full(count, 0.3), size=len(train))
    sizes, shares = np.full(count, 1 / count), np.tile(everybody, (count, 1))
    for _ in range(_ROUNDS):
        heavy = members * weights[:, None]
        sizes = (heavy.sum(axis=0) + 1.0) / (heavy.sum() + count)
        counts = heavy.T @ hot + _PRIOR * everybody
        shares = counts / np.repeat(np.add.reduceat(counts, train.starts[:-1], axis=1), train.sizes, axis=1)
        before, members = members, _members(hot, sizes, shares)
        if np.abs(members - before).max(initial=0) < 1e-3:
            break
    return Mixed(train.take([]), sizes, shares)


def _members(hot: np.ndarray, sizes: np.ndarray, shares: np.ndarray) -> np.ndarray:
    odds = hot @ np.log(shares).T + np.log(sizes)
    odds = np.exp(odds - odds.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
