r"""Matrix completion: people who answered alike so far answer alike further.

With :math:`y_{ij}` the one-hot answer of person i to item j, :math:`\bar y_j` the population's shares and
:math:`z_i` the attributes,

.. math:: y_{ij} \approx \bar y_j + V_j u_i, \qquad u_i \sim N(B z_i, I), \quad V_j \sim N(0, \lambda^{-1} I).

Alternating ridge regressions: persons given items, items given persons, attributes given persons. One matrix
product gives the normal equations of all persons at once (of all items likewise), so that a sweep over 1,800 people
and 850 items takes a fraction of a second. A new person is folded in by the same regression from the answers that
are known; with none known what is left is :math:`B z_i`, and without attributes the population.

Rank, strength of the prior and the temperature that turns the linear prediction into probabilities are chosen on
respondents left out of the training set, told as much as the tested will be.

References
----------
Mazumder, Hastie, Tibshirani (2010). Spectral Regularization Algorithms for Learning Large Incomplete Matrices. JMLR
11. Hastie, Mazumder, Lee, Zadeh (2015). Matrix Completion and Low-Rank SVD via Fast Alternating Least Squares. JMLR
16. Fithian, Mazumder (2018). Flexible Low-Rank Statistical Modeling with Missing Data and Side Information.
Statistical Science 33(2).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from populace.opinions.features import Encoder, encoder
from populace.opinions.predictor import Inputs
from populace.opinions.table import NONE, Opinions
from populace.streams import stream

__all__ = ["Completion"]

_SWEEPS = 15
_FLOOR = 1e-3
"""Least probability of an option, before the rest is scaled to 1."""
_TEMPERATURES = (0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.5)
_LEFT_OUT = 0.15
_MASKS = 2


@dataclass(frozen=True)
class Completion:
    """Low-rank factors of people and items, with side information.

    Parameters
    ----------
    ranks, strengths
        What is tried; the strength is the prior's, of persons and items alike.
    """

    ranks: tuple[int, ...] = (2, 4, 8, 16)
    strengths: tuple[float, ...] = (3.0, 8.0, 20.0)
    seed: int = 0
    name: str = field(default="completion")

    def fit(self, train: Opinions, inputs: Inputs) -> _Factors:
        """Choose rank and strength on respondents left out, then learn from all."""
        rng = stream(self.seed, "opinions.completion")
        coder = encoder(train.people, inputs.attributes)
        apart = rng.random(len(train)) < _LEFT_OUT
        inner, outer = train.take(~apart), train.take(apart)
        known, asked = _masked(outer, inputs.known, rng)
        best, chosen = -np.inf, (self.ranks[0], self.strengths[0], 1.0)
        for rank in self.ranks:
            for strength in self.strengths:
                factors = _learn(inner, coder, rank, strength, self.seed)
                linear = factors.linear(outer.people, known)
                for temperature in _TEMPERATURES:
                    gain = _log_score(outer, _probabilities(outer, linear, temperature), asked)
                    if gain > best:
                        best, chosen = gain, (rank, strength, temperature)
        rank, strength, temperature = chosen
        return _learn(train, coder, rank, strength, self.seed, temperature)


@dataclass(frozen=True)
class _Factors:
    opinions: Opinions
    """For its items only."""
    coder: Encoder
    mean: np.ndarray
    """Shape (K,)."""
    items: np.ndarray
    """Shape (K, rank)."""
    attributes: np.ndarray
    """Shape (columns + 1, rank)."""
    temperature: float

    def linear(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Predict before probabilities are made of it: shape (n, K)."""
        prior = _design(self.coder, people) @ self.attributes
        persons = _persons(self.opinions, known, self.mean, self.items, prior)
        return self.mean + persons @ self.items.T

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Fold people in from what is known of them."""
        return _probabilities(self.opinions, self.linear(people, known), self.temperature)


def _design(coder: Encoder, people: pl.DataFrame) -> np.ndarray:
    return np.concatenate([np.ones((people.height, 1)), coder.encode(people)], axis=1)


def _learn(
    train: Opinions, coder: Encoder, rank: int, strength: float, seed: int, temperature: float = 1.0
) -> _Factors:
    """Alternate the three regressions."""
    weights = train.weights / train.weights.mean()
    mean = train.shares(prior=1.0)
    design = _design(coder, train.people)
    items = stream(seed, "opinions.completion.start").normal(size=(int(train.starts[-1]), rank)) * 0.1
    ridge = 10.0 * np.eye(design.shape[1])
    ridge[0, 0] = 1e-6
    solved = np.linalg.solve(design.T @ (design * weights[:, None]) + ridge, (design * weights[:, None]).T)
    attributes = np.zeros((design.shape[1], rank))
    residual = np.where(np.repeat(train.answered, train.sizes, axis=1), train.one_hot() - mean, 0.0)
    for _ in range(_SWEEPS):
        persons = _persons(train, train.answers, mean, items, design @ attributes, residual)
        attributes = solved @ persons
        items = _items(train, residual, persons, weights, strength)
    return _Factors(train.take([]), coder, mean, items, attributes, temperature)


def _persons(
    opinions: Opinions,
    known: np.ndarray,
    mean: np.ndarray,
    items: np.ndarray,
    prior: np.ndarray,
    residual: np.ndarray | None = None,
) -> np.ndarray:
    """Regress what is known of each person on the items, around the prior: shape (n, rank)."""
    rank = items.shape[1]
    there = known != NONE
    if residual is None:
        residual = np.where(np.repeat(there, opinions.sizes, axis=1), opinions.one_hot(known) - mean, 0.0)
    outer = np.add.reduceat(items[:, :, None] * items[:, None, :], opinions.starts[:-1], axis=0)
    grams = (there.astype(np.float64) @ outer.reshape(len(outer), -1)).reshape(-1, rank, rank)
    # The noise of a one-hot answer is about its variance, a quarter at most: a person's own prior weighs as much.
    grams += _NOISE * np.eye(rank)
    return np.linalg.solve(grams, (residual @ items + _NOISE * prior)[:, :, None])[:, :, 0]


_NOISE = 0.2


def _items(
    train: Opinions, residual: np.ndarray, persons: np.ndarray, weights: np.ndarray, strength: float
) -> np.ndarray:
    """Regress the answers to each item on the persons: shape (K, rank)."""
    rank = persons.shape[1]
    outer = ((persons * weights[:, None])[:, :, None] * persons[:, None, :]).reshape(len(persons), -1)
    grams = (train.answered.T.astype(np.float64) @ outer).reshape(-1, rank, rank) + strength * np.eye(rank)
    sides = residual.T @ (persons * weights[:, None])
    return np.einsum("krs,ks->kr", np.repeat(np.linalg.inv(grams), train.sizes, axis=0), sides)


def _probabilities(opinions: Opinions, linear: np.ndarray, temperature: float) -> np.ndarray:
    """Turn linear predictions into probabilities of each item: clipped, sharpened, scaled."""
    raised = np.clip(linear, _FLOOR, 1.0) ** (1.0 / temperature)
    totals = np.add.reduceat(raised, opinions.starts[:-1], axis=1)
    return raised / np.repeat(totals, opinions.sizes, axis=1)


def _masked(outer: Opinions, known: int | None, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Hide a fifth of each person's answers, and of the rest all but `known`."""
    luck = np.where(outer.answered, rng.random(outer.answers.shape), 2.0)
    given = outer.answered.sum(axis=1)
    place = np.argsort(np.argsort(luck, axis=1, kind="stable"), axis=1, kind="stable")
    hidden = np.ceil(0.2 * given)[:, None]
    asked = outer.answered & (place < hidden)
    last = given[:, None] if known is None else hidden + known
    told = outer.answered & ~asked & (place < last)
    return np.where(told, outer.answers, NONE), asked


def _log_score(opinions: Opinions, table: np.ndarray, asked: np.ndarray) -> float:
    rows, columns = np.nonzero(asked)
    found = table[rows, opinions.starts[columns] + opinions.answers[rows, columns]]
    return float(np.average(np.log(found), weights=opinions.weights[rows]))
