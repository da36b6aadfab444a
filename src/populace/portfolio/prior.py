"""What is known of users' weights before they say anything: even, or as a population's."""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.portfolio.people import People

__all__ = ["SHARPNESSES", "Prior", "fitted"]

SHARPNESSES = tuple(float(each) for each in np.geomspace(0.5, 64, 8).round(3))
"""What `sharpness` is looked for among, where it is not stated."""
_VIRTUAL = 2.0
"""People with weights drawn evenly that stand beside a population, so that few of them say not too much."""


class Prior(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of users' weights before they say anything.

    Examples
    --------
    >>> Prior.even(3).concentration
    (1.0, 1.0, 1.0)
    >>> told = Prior.of([[0.7, 0.3], [0.6, 0.4], [0.8, 0.2], [0.65, 0.35]])
    >>> told.mean[0] > 0.6
    True
    """

    concentration: tuple[float, ...]
    """Of a Dirichlet distribution, one a trait; 1 everywhere is the uniform one."""
    sharpness: tuple[float, ...] = SHARPNESSES
    """Values that `sharpness` may have where it is not stated."""
    shares: tuple[float, ...] = ()
    """Their probabilities; alike if empty."""
    people: int = 0
    """How many it was learned from."""

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
        if len(self.concentration) < 2 or not all(0 < each < np.inf for each in self.concentration):
            raise DataError("a prior needs a concentration above 0 for each of two traits or more")
        if not self.sharpness or not all(0 < each < np.inf for each in self.sharpness):
            raise DataError("values of sharpness must be above 0, at least one")
        shares = np.array(self.shares)
        if self.shares and (
            len(shares) != len(self.sharpness) or (shares < 0).any() or abs(shares.sum() - 1) > 1e-6
        ):
            raise DataError("shares must be one for each sharpness, at least 0, and sum to 1")

    @property
    def mean(self) -> tuple[float, ...]:
        """Expected weights."""
        total = sum(self.concentration)
        return tuple(each / total for each in self.concentration)

    @classmethod
    def even(cls, traits: int) -> Prior:
        """Give the uniform distribution."""
        return cls(concentration=(1.0,) * traits)

    @classmethod
    def of(cls, weights: npt.ArrayLike, survey: npt.ArrayLike | None = None) -> Prior:
        """Fit people whose weights are known, shape (people, traits), by maximum likelihood.

        Two people with weights drawn evenly are added, so that a handful does not pass for certainty.
        """
        found = People.of(weights, survey=survey)
        logs = np.log(np.clip(found.weights, 1e-3, None))
        share = found.survey / found.survey.sum()
        return cls(concentration=fitted(share @ logs, len(found.weights)), people=len(found.weights))


def fitted(expected: np.ndarray, people: int, start: np.ndarray | None = None) -> tuple[float, ...]:
    """Fit a Dirichlet distribution to expected logs (Minka's fixed point), with the virtual people."""
    from scipy.special import digamma, polygamma

    traits = len(expected)
    even = np.full(traits, digamma(1.0) - digamma(float(traits)))
    goal = (people * expected + _VIRTUAL * even) / (people + _VIRTUAL)
    alpha = np.ones(traits) if start is None else start
    for _ in range(200):
        right = digamma(alpha.sum()) + goal
        # The inverse of digamma, by Newton's method from Minka's start.
        new = np.where(right >= -2.22, np.exp(right) + 0.5, -1 / (right - digamma(1.0)))
        for _ in range(5):
            new = np.maximum(new - (digamma(new) - right) / polygamma(1, new), 1e-4)
        if np.abs(new - alpha).max() < 1e-6:
            break
        alpha = new
    return tuple(np.clip(alpha, 0.05, 500).tolist())
