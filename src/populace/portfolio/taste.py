r"""A user's weights from pairs: a Bayesian logistic model on the simplex.

A user prefers one response to another with the probability :math:`\sigma(s\, w \cdot (r - r'))`, for scores r
and weights w on the simplex (Bradley and Terry 1952); s is how surely the better one is picked. With a chance
`lapse` the answer is a coin's. The prior of w is a Dirichlet distribution: uniform, or that of a population,
so that few answers tell much of one more of its people. Nothing has to converge: the posterior is kept on a
lattice of the simplex. Where so few of its points carry the posterior that they would be too coarse, points
are drawn about it, and weighed by what they were drawn from.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.minimum import spread_weights
from populace.portfolio.prior import Prior
from populace.streams import stream

__all__ = ["Belief", "Feedback", "believe", "differences", "intervals_of", "lattice", "likelihoods"]

LATTICE = 4000
_CARRY = 150
"""Points that are to carry a posterior at least, by its effective sample size."""
_DRAWN, _ROUNDS = 6000, 4

Feedback: TypeAlias = Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]
"""Scores, shape (traits,) each, of the response that was preferred and of the one that was not."""


@dataclass(frozen=True)
class Belief:
    """A posterior of weights.

    Attributes
    ----------
    points
        Shape (n, traits).
    shares
        Shape (n,), posterior probabilities.
    heights
        Shape (n,), log densities, but for a constant.
    sharpness
        Expected, geometric mean.
    """

    points: np.ndarray
    shares: np.ndarray
    heights: np.ndarray
    sharpness: float
    judge: Any = None

    @property
    def carried_by(self) -> float:
        """Effective number of points."""
        return float(1 / np.square(self.shares).sum())

    def quantiles(self, level: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Give the ends of an interval of each weight."""
        low, high = intervals_of(self.points, self.shares[None], level)
        return tuple(low[0].tolist()), tuple(high[0].tolist())

    def holds(self, weights: npt.ArrayLike, level: float) -> bool:
        """Say whether weights lie in the smallest region that has so much of the posterior."""
        order = np.argsort(-self.heights, kind="stable")
        place = int(np.searchsorted(np.cumsum(self.shares[order]), level).clip(max=len(order) - 1))
        inside = np.maximum(np.asarray(weights, dtype=np.float64), 1e-6)
        return bool(self.judge((inside / inside.sum())[None])[0] >= self.heights[order[place]] - 1e-12)


def believe(
    leads: np.ndarray,
    prior: Prior,
    *,
    sharpness: float | None,
    lapse: float = 0.0,
    points: np.ndarray | None = None,
) -> Belief:
    """Give the posterior.

    Parameters
    ----------
    leads
        Shape (n, traits), scores of what was preferred less those of what was not (`differences`).
    sharpness
        Stated, or None: each of the prior's values, by how likely it makes the answers.
    lapse
        Chance that an answer is a coin's.
    points
        A lattice; the usual one if None.

    Examples
    --------
    >>> sure = believe(np.array([[1.0, -1.0]] * 6), Prior.even(2), sharpness=4.0)
    >>> float(sure.shares @ sure.points[:, 0]) > 0.7
    True
    """
    if sharpness is not None and not sharpness > 0:
        raise ValueError(f"sharpness is {sharpness} and must be above 0")
    if not 0 <= lapse < 1:
        raise ValueError(f"lapse is {lapse}: a chance from 0 up to 1")
    strengths = np.array(prior.sharpness if sharpness is None else (sharpness,))
    odds = np.log(prior.shares) if prior.shares and sharpness is None else np.zeros(len(strengths))
    slope = np.array(prior.concentration) - 1

    def parts(where: np.ndarray) -> np.ndarray:
        said = likelihoods(where, leads, strengths, lapse)
        return said + odds + (np.log(where) @ slope)[:, None]

    def judge(where: np.ndarray) -> np.ndarray:
        return np.logaddexp.reduce(parts(where), axis=1)

    where = lattice(leads.shape[1]) if points is None else points
    heights, drawn_from = judge(where), np.zeros(len(where))
    for turn in range(_ROUNDS):
        shares = _normal(heights - drawn_from)
        if points is not None or 1 / np.square(shares).sum() >= _CARRY:
            break
        where, drawn_from = _about(where, shares, turn)
        heights = judge(where)
    shares = _normal(heights - drawn_from)
    table = parts(where)
    within = np.exp(table - table.max(axis=1, keepdims=True))
    of_strength = shares @ (within / within.sum(axis=1, keepdims=True))
    middle = float(np.exp(of_strength @ np.log(strengths)))
    return Belief(points=where, shares=shares, heights=heights, sharpness=middle, judge=judge)


def differences(feedback: Feedback, traits: int) -> np.ndarray:
    """Read feedback: scores of what was preferred less those of what was not, shape (n, traits).

    Raises
    ------
    DataError
        If it is no list of pairs of scores of these traits, or a score is missing or infinite.
    """
    if not len(feedback):
        return np.empty((0, traits))
    try:
        table = np.asarray([[one, other] for one, other in feedback], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError("feedback must be pairs of scores, the preferred one first") from error
    if table.ndim != 3 or table.shape[1:] != (2, traits):
        raise DataError(f"feedback must be pairs of {traits} scores, the preferred one first")
    bad = ~np.isfinite(table).all(axis=(1, 2))
    if bad.any():
        raise DataError("a score is missing or infinite", row=int(np.flatnonzero(bad)[0]) + 1)
    return table[:, 0] - table[:, 1]


def intervals_of(points: np.ndarray, shares: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Give the ends of intervals of each weight, for many posteriors on the same points.

    Points that have one weight alike are one step of its distribution. A point stands for what lies about it,
    so that half of its share is below; between steps, and from the outermost ones to 0 and 1, the
    distribution runs straight. Points keep off the border, weights need not.

    Parameters
    ----------
    points
        Shape (n, traits).
    shares
        Shape (users, n).

    Returns
    -------
    Lower and upper ends, shape (users, traits).

    Examples
    --------
    >>> low, high = intervals_of(lattice(2, 4), np.full((1, 4), 0.25), 0.5)
    >>> low.tolist(), high.tolist()
    ([[0.25, 0.25]], [[0.75, 0.75]])
    """
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    ends = np.empty((2, len(shares), points.shape[1]))
    for trait, column in enumerate(points.T):
        steps, place = np.unique(np.round(column, 12), return_inverse=True)
        parts = np.stack([np.bincount(place, row, len(steps)) for row in shares])
        reached = np.cumsum(parts, axis=1) - parts / 2
        for user, row in enumerate(reached):
            ends[:, user, trait] = np.interp(tails, np.r_[0.0, row, 1.0], np.r_[0.0, steps, 1.0])
    return ends[0], ends[1]


def likelihoods(
    where: np.ndarray, leads: np.ndarray, strengths: np.ndarray, lapse: float = 0.0
) -> np.ndarray:
    """Give the log-likelihood of what was preferred, shape (points, strengths)."""
    lead = where @ leads.T
    said = np.stack([-np.logaddexp(0, -strength * lead) for strength in strengths], axis=1)
    if lapse:
        said = np.log(lapse / 2 + (1 - lapse) * np.exp(said))
    return said.sum(axis=2)


@functools.lru_cache(maxsize=16)
def lattice(traits: int, most: int = LATTICE) -> np.ndarray:
    """Give points of the simplex that stand for parts of about one size, none on its border: (n, traits).

    Examples
    --------
    >>> lattice(2, 4).tolist()
    [[0.125, 0.875], [0.375, 0.625], [0.625, 0.375], [0.875, 0.125]]
    """
    if traits < 2:
        raise DataError("with one trait there is nothing to weigh", fix="give two traits or more")
    corners = spread_weights(traits, most)
    steps = round(1 / corners[corners > 0].min())
    found = (corners * steps + 0.5) / (steps + traits / 2)
    found.setflags(write=False)
    return found


def _about(where: np.ndarray, shares: np.ndarray, turn: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw points about a posterior, from a Dirichlet distribution of its mean and twice its variance."""
    from scipy.special import gammaln

    mean = shares @ where
    variance = shares @ np.square(where - mean)
    # A posterior on one point of the lattice has no width of its own: take the lattice's.
    variance = np.maximum(variance, np.square(0.02 * mean))
    total = max(float(np.median(mean * (1 - mean) / (2 * variance))) - 1, len(mean) / 2)
    alpha = np.maximum(mean * total, 0.3)
    drawn = stream(0, "portfolio.taste", turn).dirichlet(alpha, _DRAWN)
    drawn = np.clip(drawn, 1e-9, None)
    drawn /= drawn.sum(axis=1, keepdims=True)
    heights = np.log(drawn) @ (alpha - 1) + gammaln(alpha.sum()) - gammaln(alpha).sum()
    return drawn, heights


def _normal(logs: np.ndarray) -> np.ndarray:
    shares = np.exp(logs - logs.max())
    return shares / shares.sum()
