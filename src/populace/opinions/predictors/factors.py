r"""People as points, answers as the odds that follow from where they stand.

The probability that person i gives answer k to item j is a softmax over the options of the item,

.. math:: p_{ijk} \propto \bar p_{jk} \exp(v_{jk}^\top u_i), \qquad u_i \sim N(B^\top z_i, I),

with :math:`\bar p` the population's shares and :math:`z_i` the attributes: a multidimensional
nominal-response model with a latent regression. Around the population's shares an answer's score is its
one-hot residual and its information the multinomial's covariance :math:`H_j = \mathrm{diag}(\bar p_j) -
\bar p_j \bar p_j^\top`: each item brings the noise of its own, and nothing about it is guessed. So what is
known of a person gives a Gaussian

.. math:: u_i \mid y_i \sim N(m_i, S_i), \quad S_i^{-1} = I + \sum_j V_j^\top H_j V_j, \quad
          m_i = S_i (B^\top z_i + \sum_j V_j^\top (y_{ij} - \bar p_j)),

which stays near the prior while little is known. Items are ridge regressions on these points *with* their
uncertainty (EM), and the prior's covariance is estimated each round and taken into the loadings
(parameter-expanded EM). When somebody is folded in, a few Newton steps with the exact softmax improve
:math:`m_i`.

References
----------
Bock (1972). Estimating Item Parameters and Latent Ability when Responses Are Scored in Two or More Nominal
Categories. Psychometrika 37. Liu, Rubin, Wu (1998). Parameter Expansion to Accelerate EM: the PX-EM
Algorithm. Biometrika 85. Khan, Bouchard, Murphy, Marlin (2010). Variational Bounds for Mixed-Data Factor
Analysis. NIPS 23.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from populace.opinions.table import NONE, Opinions

__all__ = ["Factors", "Scores", "learn", "scores", "sharpened", "softmax"]

_STEPS = 5
_DAMPING = 0.7
"""Share of a Newton step that is taken; the curvature is that at the population's shares."""
_RIDGE = 50.0
"""Respondents that the prior of an attribute's effect counts for."""


@dataclass(frozen=True)
class Factors:
    """What was learned of items and attributes.

    Attributes
    ----------
    sizes, starts
        Shape (M,) and (M + 1,), options of each item and where they begin.
    mean
        Shape (K,), the population's shares.
    items
        Shape (K, rank), loadings of the options; their mean over an item, weighted by its shares, is 0.
    attributes
        Shape (columns, rank), where the attributes place people.
    sharpness
        Factor of the loadings in the odds of a prediction.
    """

    sizes: np.ndarray
    starts: np.ndarray
    mean: np.ndarray
    items: np.ndarray
    attributes: np.ndarray
    grams: np.ndarray
    """Shape (M, rank (rank + 1) / 2), the information of each item, upper triangles."""
    sharpness: float = 1.0

    @property
    def rank(self) -> int:
        """Number of factors."""
        return self.items.shape[1]

    def fold(self, known: np.ndarray, prior: np.ndarray | None = None) -> np.ndarray:
        """Place people by what is known of them.

        Parameters
        ----------
        known
            Shape (n, M), codes, `NONE` where nothing is known.
        prior
            Shape (n, rank), where the attributes place them; the origin by default.

        Returns
        -------
        Shape (n, rank). Where nothing is known it is the prior.
        """
        prior = np.zeros((len(known), self.rank)) if prior is None else prior
        told = np.flatnonzero((known != NONE).any(axis=0))
        if not told.size:
            return prior.copy()
        part = known[:, told]
        there, sizes = part != NONE, self.sizes[told]
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        options = np.repeat(self.starts[told] - starts, sizes) + np.arange(int(sizes.sum()))
        rows, columns = np.nonzero(there)
        hot = np.zeros((len(part), options.size), dtype=np.float32)
        hot[rows, starts[columns] + part[rows, columns]] = 1.0
        mean, items = self.mean[options].astype(np.float32), self.items[options].astype(np.float32)
        cells = np.repeat(there, sizes, axis=1)
        inverse = np.linalg.inv(
            _full(there.astype(np.float32) @ self.grams[told], self.rank) + np.eye(self.rank)
        )
        points, table = prior, np.where(cells, mean, 0)
        for step in range(_STEPS):
            slope = ((hot - table) @ items).astype(np.float64) + (prior - points)
            points = points + (_DAMPING if step else 1.0) * (inverse @ slope[:, :, None])[:, :, 0]
            odds = np.log(mean) + points.astype(np.float32) @ items.T
            table = np.where(cells, softmax(odds, starts, sizes), 0)
        return points

    def predict(self, points: np.ndarray) -> np.ndarray:
        """Give people at these points (n, rank) the probabilities of all options: shape (n, K)."""
        odds = np.log(self.mean) + self.sharpness * (points @ self.items.T)
        return softmax(odds, self.starts[:-1], self.sizes)


def softmax(odds: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Turn log odds (n, K) into probabilities within each item."""
    odds = odds - np.repeat(np.maximum.reduceat(odds, starts, axis=1), sizes, axis=1)
    np.exp(odds, out=odds)
    odds /= np.repeat(np.add.reduceat(odds, starts, axis=1), sizes, axis=1)
    return odds


@dataclass(frozen=True)
class Scores:
    """What all fits to the same respondents share."""

    opinions: Opinions
    weights: np.ndarray
    mean: np.ndarray
    there: np.ndarray
    residual: np.ndarray
    """Shape (N, K), one-hot answers without the shares, 0 where there is none."""
    design: np.ndarray
    effects: np.ndarray
    """Shape (columns, N): times the points it gives the effects of the attributes."""
    start: np.ndarray
    """Shape (N, largest rank), the first left singular vectors, each of unit variance."""


def scores(train: Opinions, design: np.ndarray, rank: int, rng: np.random.Generator) -> Scores:
    """Prepare fits of up to `rank` factors.

    Parameters
    ----------
    train
        Respondents.
    design
        Shape (N, columns), attributes; the first column is the constant.
    """
    weights = train.weights / (train.weights.mean() or 1.0)
    mean = train.shares(prior=2.0)
    residual = train.one_hot().astype(np.float32)
    residual -= np.where(np.repeat(train.answered, train.sizes, axis=1), mean, 0).astype(np.float32)
    ridge = np.full(design.shape[1], _RIDGE)
    ridge[0] = 1e-6
    weighted = design * weights[:, None]
    effects = np.linalg.solve(design.T @ weighted + np.diag(ridge), weighted.T)
    counts = np.repeat(train.answered.sum(axis=0), train.sizes)
    scaled = residual / np.sqrt(mean * counts + 1.0).astype(np.float32)
    start = _directions(scaled, min(rank, *scaled.shape), rng)
    there = train.answered.astype(np.float32)
    return Scores(train, weights, mean, there, residual, design, effects, start)


def _directions(table: np.ndarray, rank: int, rng: np.random.Generator) -> np.ndarray:
    """Find the first left singular vectors by subspace iteration (Halko, Martinsson, Tropp 2011)."""
    basis = rng.normal(size=(table.shape[1], min(rank + 8, *table.shape))).astype(np.float32)
    for _ in range(3):
        basis = np.linalg.qr(table.T @ (table @ basis))[0]
    left = np.linalg.svd(table @ basis, full_matrices=False)[0]
    return left[:, :rank].astype(np.float64) * np.sqrt(len(table))


def learn(data: Scores, rank: int, strength: float, sweeps: int) -> Factors:
    """Alternate items, people and attributes.

    Parameters
    ----------
    data
        What to learn from.
    rank
        Number of factors; no more than the data were prepared for.
    strength
        Precision of the loadings' prior.
    sweeps
        Rounds.
    """
    points = data.start[:, :rank]
    count, rank = points.shape
    spread = np.zeros((count, rank, rank))
    attributes = data.effects @ points
    factors = _items(data, points, spread, strength, attributes)
    for _ in range(sweeps):
        prior = data.design @ attributes
        spread = np.linalg.inv(_full(data.there @ factors.grams, rank) + np.eye(rank))
        sides = (data.residual @ factors.items.astype(np.float32)).astype(np.float64) + prior
        points = (spread @ sides[:, :, None])[:, :, 0]
        attributes = data.effects @ points
        # The prior's covariance, taken into the points so that it is the identity again.
        rest = points - data.design @ attributes
        weighted = data.weights[:, None]
        covariance = (np.einsum("n,nrs->rs", data.weights, spread) + (rest * weighted).T @ rest) / count
        whiten = np.linalg.inv(np.linalg.cholesky(covariance + 1e-9 * np.eye(rank)))
        points, attributes = points @ whiten.T, attributes @ whiten.T
        spread = whiten @ spread @ whiten.T
        factors = _items(data, points, spread, strength, attributes)
    return factors


def _items(
    data: Scores, points: np.ndarray, spread: np.ndarray, strength: float, attributes: np.ndarray
) -> Factors:
    """Regress the answers to each item on the points, with their uncertainty."""
    opinions, mean, rank = data.opinions, data.mean, points.shape[1]
    upper = np.triu_indices(rank)
    squares = points[:, upper[0]] * points[:, upper[1]] + spread[:, upper[0], upper[1]]
    weights = data.weights[:, None]
    grams = _full(data.there.T @ (squares * weights).astype(np.float32), rank)
    sides = (data.residual.T @ (points * weights).astype(np.float32)).astype(np.float64)
    # diag(mean) stands for H: the two agree on loadings of mean 0, which the solution has but for the ridge.
    each = mean[:, None, None] * np.repeat(grams, opinions.sizes, axis=0) + strength * np.eye(rank)
    items = np.linalg.solve(each, sides[:, :, None])[:, :, 0]
    starts = opinions.starts[:-1]
    items -= np.repeat(np.add.reduceat(mean[:, None] * items, starts, axis=0), opinions.sizes, axis=0)
    products = (items[:, upper[0]] * mean[:, None]) * items[:, upper[1]]
    information = np.add.reduceat(products, starts, axis=0).astype(np.float32)
    return Factors(opinions.sizes, opinions.starts, mean, items, attributes, information)


def sharpened(factors: Factors, sharpness: float) -> Factors:
    """Give the same factors with another sharpness."""
    return replace(factors, sharpness=sharpness)


def _full(upper: np.ndarray, rank: int) -> np.ndarray:
    """Make symmetric matrices (n, rank, rank) of their upper triangles."""
    rows, columns = np.triu_indices(rank)
    place = np.empty((rank, rank), dtype=np.int64)
    place[rows, columns] = place[columns, rows] = np.arange(rows.size)
    return upper[:, place.ravel()].reshape(-1, rank, rank).astype(np.float64)
