"""Logistic regression, one multinomial model an item.

Inputs are the attributes, 0 and 1, and the answers that are known, less their means and reduced to the
first principal components of the training respondents' answers; what is missing is 0. Where a person's own
answers may be told, every training respondent stands there a few times, each time telling as many answers
as the tested will and being asked others, so that no item ever tells of itself.

The models are fitted with L-BFGS, each on those who answered. The ridge is chosen on training respondents
left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from populace.opinions.features import Encoder, encoder
from populace.opinions.predictor import Inputs
from populace.opinions.predictors.factors import softmax
from populace.opinions.predictors.masks import left_out, log_score, masked
from populace.opinions.table import NONE, Opinions
from populace.streams import stream

__all__ = ["Logistic", "regress"]

_RIDGES = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
_ROUNDS = 60
_FREE = 1e-3
"""Penalty of the constants: enough that an option nobody chose stays finite."""
_CHOICE_ITEMS = 40
"""Items that the ridge is chosen on at most."""


@dataclass(frozen=True)
class Logistic:
    """Multinomial logistic regression by item.

    Parameters
    ----------
    ridges
        Penalties that are tried, from strong to weak, until a weaker one no longer helps; half of it times
        the squared coefficients is added to the negative log likelihood (weights of mean 1). Constants are
        free.
    columns
        Principal components that known answers are reduced to at most.
    copies
        How often a training respondent stands there with other answers told, where answers are told.
    """

    ridges: tuple[float, ...] = _RIDGES
    columns: int = 60
    copies: int = 2
    seed: int = 0
    name: str = field(default="logistic")

    def fit(self, train: Opinions, inputs: Inputs) -> Regressed:
        """Choose the ridge on respondents left out, then learn from all."""
        rng = stream(self.seed, "opinions.logistic")
        coder = encoder(train.people, inputs.attributes)
        apart = left_out(len(train), rng)
        ridge = self.ridges[0]
        if apart.any() and len(self.ridges) > 1:
            # Items that most people answered say most about the ridge.
            most = np.argsort(-train.answered.sum(axis=0), kind="stable")[:_CHOICE_ITEMS]
            ridge = self._chosen(train, apart, np.sort(most), coder, inputs, rng)
        return self._learned(train, coder, inputs, ridge, rng)

    def _chosen(
        self,
        train: Opinions,
        apart: np.ndarray,
        some: np.ndarray,
        coder: Encoder,
        inputs: Inputs,
        rng: np.random.Generator,
    ) -> float:
        inner, outer = train.take(~apart), train.take(apart)
        known, asked = masked(outer, inputs.known, rng, asked=1.0 if inputs.known else 0.2)
        chosen = np.zeros(len(train.items), dtype=bool)
        chosen[some] = True
        asked &= chosen
        best, ridge = -np.inf, self.ridges[0]
        state = rng.bit_generator.state
        for tried in self.ridges:
            rng.bit_generator.state = state
            gain = log_score(
                outer,
                self._learned(inner, coder, inputs, tried, rng, chosen).predict(outer.people, known),
                asked,
            )
            if gain <= best:
                break
            best, ridge = gain, tried
        return ridge

    def _learned(
        self,
        train: Opinions,
        coder: Encoder,
        inputs: Inputs,
        ridge: float,
        rng: np.random.Generator,
        chosen: np.ndarray | None = None,
    ) -> Regressed:
        told = inputs.known is None or inputs.known > 0
        parts = []
        for _ in range(self.copies if told else 1):
            known, asked = masked(train, inputs.known, rng, asked=1.0) if told else (None, train.answered)
            if inputs.known is None:
                known, asked = masked(train, None, rng)
            parts.append((known, asked))
        asked = np.concatenate([asked for _, asked in parts])
        base = np.log(train.shares(prior=1.0))
        turn = _components(_centred(train, train.answers, base), self.columns, rng) if told else None
        reader = Regressed(train.take([]), coder, turn, np.zeros((0, 0)), base)
        inside = np.concatenate([reader.inside(train.people, known) for known, _ in parts])
        weights = np.tile(train.weights / (train.weights.mean() or 1.0), len(parts)) / len(parts)
        codes = np.where(asked, np.tile(train.answers, (len(parts), 1)), NONE)
        if chosen is not None:
            codes[:, ~chosen] = NONE
        return replace(reader, coefficients=regress(inside, codes, train.sizes, weights, ridge, base))


@dataclass(frozen=True)
class Regressed:
    """Coefficients of all items.

    Attributes
    ----------
    turn
        Shape (K, components), what known answers are reduced to; None where none are told.
    coefficients
        Shape (inputs + 1, K), the last row the constants, beside the log shares `base`.
    """

    opinions: Opinions
    """For its items only."""
    coder: Encoder
    turn: np.ndarray | None
    coefficients: np.ndarray
    base: np.ndarray

    def inside(self, people: pl.DataFrame, known: np.ndarray | None) -> np.ndarray:
        """Give the inputs of people, the constant last: shape (n, inputs + 1)."""
        parts = [self.coder.encode(people)]
        if self.turn is not None and known is not None:
            parts.append(_centred(self.opinions, known, self.base) @ self.turn)
        return np.concatenate([*parts, np.ones((people.height, 1))], axis=1)

    def predict(self, people: pl.DataFrame, known: np.ndarray) -> np.ndarray:
        """Give probabilities from attributes and known answers."""
        odds = self.base + self.inside(people, known) @ self.coefficients
        return softmax(odds, self.opinions.starts[:-1], self.opinions.sizes)


def regress(
    inside: np.ndarray,
    codes: np.ndarray,
    sizes: np.ndarray,
    weights: np.ndarray,
    ridge: float,
    base: np.ndarray,
) -> np.ndarray:
    """Fit a multinomial regression with a ridge to each item.

    Parameters
    ----------
    inside
        Shape (n, F), inputs; the last column is the constant and is not penalised.
    codes
        Shape (n, M), answers, `NONE` where there is none.
    sizes
        Shape (M,), options of each item.
    weights
        Shape (n,).
    ridge
        Penalty; half of it times the squared coefficients is added to the negative log likelihood.
    base
        Shape (K,), log odds from which the coefficients start.

    Returns
    -------
    Shape (F, K). Items without an answer have 0.
    """
    starts = np.concatenate([[0], np.cumsum(sizes)])
    found = np.zeros((inside.shape[1], int(starts[-1])))
    for item in range(len(sizes)):
        rows = np.flatnonzero(codes[:, item] != NONE)
        if rows.size:
            part = slice(starts[item], starts[item + 1])
            found[:, part] = _one(inside[rows], codes[rows, item], weights[rows], ridge, base[part])
    return found


def _one(
    inside: np.ndarray, codes: np.ndarray, weights: np.ndarray, ridge: float, base: np.ndarray
) -> np.ndarray:
    """Fit one item: shape (F, options)."""
    from scipy.optimize import minimize

    shape, places = (inside.shape[1], len(base)), np.arange(len(codes))
    penalty = np.full((shape[0], 1), ridge)
    penalty[-1] = _FREE
    # Scaled by the curvature at the population's shares, so that a step is as long in every direction.
    counts = weights @ inside**2
    scale = 1 / np.sqrt(counts[:, None] * (np.exp(base) * (1 - np.exp(base))) + penalty)
    heavy = weights[:, None]

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        values = flat.reshape(shape) * scale
        odds = inside @ values + base
        odds -= odds.max(axis=1, keepdims=True)
        table = np.exp(odds)
        totals = table.sum(axis=1)
        likelihood = weights @ (odds[places, codes] - np.log(totals))
        table /= totals[:, None]
        table[places, codes] -= 1.0
        slope = inside.T @ (table * heavy) + penalty * values
        return float(0.5 * (penalty * values**2).sum() - likelihood), (slope * scale).ravel()

    options = {"maxiter": _ROUNDS, "ftol": 1e-7, "gtol": 1e-5}
    found = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options)
    return found.x.reshape(shape) * scale


def _centred(opinions: Opinions, known: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Give known answers as 0 and 1 less the population's shares; what is not known is 0, its mean."""
    there = np.repeat(known != NONE, opinions.sizes, axis=1)
    return opinions.one_hot(known) - np.where(there, np.exp(base), 0.0)


def _components(table: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Find the first principal components (subspace iteration), scaled to variances of 1 at most."""
    most = min(most, *table.shape)
    narrow = table.astype(np.float32)
    basis = rng.normal(size=(table.shape[1], min(most + 8, *table.shape))).astype(np.float32)
    for _ in range(3):
        basis = np.linalg.qr(narrow.T @ (narrow @ basis))[0]
    _, values, turned = np.linalg.svd(narrow @ basis, full_matrices=False)
    largest = float(values.max(initial=0.0)) / np.sqrt(len(table)) or 1.0
    return (basis @ turned.T)[:, :most].astype(np.float64) / largest
