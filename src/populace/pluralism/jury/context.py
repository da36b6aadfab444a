"""How much of the spread of ratings is not the options: the hidden context of who rates."""

from __future__ import annotations

import numpy as np

from populace.errors import DataError
from populace.pluralism.jury.jurors import Jury
from populace.pluralism.jury.scoring import drawn_weights
from populace.stats import Estimate
from populace.stats._arrays import Floats, divide
from populace.stats.bootstrap import estimate_from_replicates
from populace.streams import stream

__all__ = ["hidden_context"]


def hidden_context(jury: Jury, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> Estimate:
    """Estimate the share of the variance of ratings that options do not explain: 1 - r^2.

    r^2 = Var(mu) / (Var(mu) + E[s^2]), mu the mean rating of an option and s^2 the variance between its
    raters
    (Siththaranjan, Laidlaw and Hadfield-Menell 2024, arXiv 2312.08358, who read both off a fitted model; here
    both are counted). 0: everybody rates alike; 1: options do not differ in the mean, people do.

    Jurors are resampled; options are taken as they are.

    Raises
    ------
    DataError
        If the ballots are not cardinal, or there is one option.

    Examples
    --------
    >>> hidden_context(Jury([[1, 0], [1, 0], [1, 0]])).value, hidden_context(Jury([[1, 0], [0, 1]])).value
    (0.0, 1.0)
    """
    ballots = jury.ballots
    if ballots.kind != "cardinal" or len(jury.options) < 2:
        raise DataError("hidden context is a share of the variance of cardinal ratings of several options")
    value = float(_share(ballots.utilities, ballots.weights[None])[0])
    weights = drawn_weights(ballots.weights, draws, stream(seed, "pluralism.jury.context"))
    jurors = len(ballots.weights)
    return estimate_from_replicates(
        value,
        _share(ballots.utilities, weights),
        n=int(ballots.rated.sum()),
        clusters=jurors,
        draws=draws,
        seed=seed,
        level=level,
        unit="juror",
    )


def _share(utilities: Floats, weights: Floats) -> Floats:
    there = ~np.isnan(utilities)
    known = np.where(there, utilities, 0.0)
    mass = weights @ there.astype(np.float64)
    mean = divide(weights @ known, mass)
    within = np.maximum(divide(weights @ known**2, mass) - mean**2, 0.0)
    explained = np.nanvar(mean, axis=1)
    inside = np.nanmean(within, axis=1)
    return divide(inside, inside + explained)
