"""What many people's answers teach: a prior for the next of them, and the weights of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from populace.errors import DataError
from populace.portfolio.prior import SHARPNESSES, Prior, fitted
from populace.portfolio.taste import Feedback, differences, lattice, likelihoods

__all__ = ["learn", "population_prior"]

_EM_ROUNDS, _EM_LATTICE = 60, 500


def population_prior(
    feedback: Sequence[Feedback], traits: int, *, sharpness: float | None = None, lapse: float = 0.0
) -> Prior:
    """Learn the prior from what many people preferred (empirical Bayes, by expectation-maximisation).

    The Dirichlet distribution and the shares of sharpness are those that make everybody's answers likeliest,
    but for two people with weights drawn evenly that are added.

    Raises
    ------
    DataError
        If nobody said anything, or a score is broken.

    Examples
    --------
    >>> one = [((0.9, 0.1), (0.1, 0.9))] * 12  # prefers the first trait
    >>> learned = population_prior([one] * 10, traits=2)
    >>> learned.mean[0] > 0.6, learned.people
    (True, 10)
    """
    said = [differences(each, traits) for each in feedback]
    said = [each for each in said if len(each)]
    if not said:
        raise DataError("nobody preferred anything", fix="give the pairs of at least one person")
    return learn(said, traits, sharpness=sharpness, lapse=lapse)[0]


def learn(
    said: Sequence[np.ndarray], traits: int, *, sharpness: float | None = None, lapse: float = 0.0
) -> tuple[Prior, np.ndarray]:
    """Learn the prior of people, and the expected weights of each: shape (people, traits).

    Parameters
    ----------
    said
        Of each person, shape (n, traits), as `differences` gives them; one at least said something.
    """
    where = lattice(traits, _EM_LATTICE)
    logs = np.log(where)
    strengths = np.array(SHARPNESSES if sharpness is None else (sharpness,))
    spoke = [place for place, each in enumerate(said) if len(each)]
    tables = np.stack([likelihoods(where, said[place], strengths, lapse) for place in spoke])
    tables = np.exp(tables - tables.max(axis=(1, 2), keepdims=True))
    concentration, shares = np.ones(traits), np.full(len(strengths), 1 / len(strengths))
    for _ in range(_EM_ROUNDS):
        prior = np.exp(logs @ (concentration - 1))
        by_point = (tables @ shares) * prior
        mass = by_point.sum(axis=1)
        expected = (by_point / mass[:, None]).mean(axis=0) @ logs
        by_strength = (np.einsum("ips,p->is", tables, prior) * shares / mass[:, None]).sum(axis=0)
        before = concentration
        concentration = np.array(fitted(expected, len(spoke), before))
        # One more person, of any sharpness.
        shares = (by_strength + 1 / len(strengths)) / (len(spoke) + 1)
        if np.abs(concentration - before).max() < 1e-3 * before.max():
            break
    by_point = (tables @ shares) * np.exp(logs @ (concentration - 1))
    learned = Prior(
        concentration=tuple(concentration.tolist()),
        sharpness=tuple(strengths.tolist()),
        shares=tuple((shares / shares.sum()).tolist()),
        people=len(spoke),
    )
    means = np.tile(learned.mean, (len(said), 1))
    means[spoke] = by_point @ where / by_point.sum(axis=1, keepdims=True)
    return learned, means
