"""How much of the spread of ratings is not the options: the hidden context of who rates."""

from __future__ import annotations

import msgspec
import numpy as np

from populace.errors import DataError
from populace.pluralism.jury.intervals import over_jurors
from populace.pluralism.jury.jurors import Jury
from populace.pluralism.jury.scoring import drawn_weights
from populace.stats import Estimate
from populace.stats._arrays import Floats, divide
from populace.streams import stream

__all__ = ["hidden_context"]


def hidden_context(jury: Jury, *, draws: int = 1000, seed: int = 0, level: float = 0.95) -> Estimate:
    """Estimate the share of the variance of ratings that options do not explain: 1 - r^2.

    r^2 = Var(mu) / (Var(mu) + E[s^2]), mu the mean rating of an option and s^2 the variance between its
    raters
    (Siththaranjan, Laidlaw and Hadfield-Menell 2024, arXiv 2312.08358, who read both off a fitted model; here
    both are counted). 0: everybody rates alike; 1: options do not differ in the mean, people do.

    Means of few raters differ by chance: what chance adds to Var(mu), less what each juror adds to all means
    alike, is taken off, and s^2 has n - 1 below it. Jurors are resampled; options are taken as they are.

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
    own = ballots.weights
    value = float(_share(ballots.utilities, own[None], own)[0])
    drawn = _share(ballots.utilities, drawn_weights(own, draws, stream(seed, "pluralism.jury.context")), own)
    known = drawn[np.isfinite(drawn)]
    if len(known):
        # A resample of what was seen has no less noise than that: what it adds is known, and taken off.
        drawn = drawn - (known.mean() - value)
    found = over_jurors(
        value,
        drawn,
        (0.0, 1.0),
        n=int(ballots.rated.sum()),
        clusters=int((own > 0).sum()),
        seed=seed,
        level=level,
    )
    ends = np.clip([found.value, found.low, found.high], 0.0, 1.0).tolist()
    return msgspec.structs.replace(found, value=ends[0], low=ends[1], high=ends[2])


def _share(utilities: Floats, weights: Floats, own: Floats) -> Floats:
    """Give the share for every draw, shape (draws,); by chance it may be above 1.

    Parameters
    ----------
    weights
        Shape (draws, jurors): how often a juror was drawn, times its weight `own`, shape (jurors,).
    """
    there = ~np.isnan(utilities)
    counted, known = there.astype(np.float64), np.where(there, utilities, 0.0)
    mass = weights @ counted
    mean = divide(weights @ known, mass)
    # Kish's effective number of raters of each option.
    square = weights * own
    raters = divide(mass**2, square @ counted)
    spread = np.maximum(divide(weights @ known**2, mass) - mean**2, 0.0)
    # Of an option with one rater nothing is known of how raters differ.
    several = np.where(raters > 1 + 1e-9, raters, np.nan)
    within = np.nanmean(_blank(spread * several / (several - 1)), axis=1)
    between = np.nanvar(mean, axis=1) - _noise(counted, known, (square, mass, mean), raters)
    return divide(within, within + between)


def _noise(counted: Floats, known: Floats, drawn: tuple[Floats, Floats, Floats], raters: Floats) -> Floats:
    """Give how much means differ between options by chance, shape (draws,): the variance of means about their
    mean, from what each juror adds to it. What a juror adds to all means alike is not in it.
    """
    square, mass, mean = drawn
    options = mean.shape[1]
    each = square @ known**2 - 2 * mean * (square @ known) + mean**2 * (square @ counted)
    apart = divide(1.0, mass)
    shared = np.nan_to_num(apart) @ known.T - np.nan_to_num(apart * mean) @ counted.T
    alone = np.nansum(each * apart**2, axis=1)
    total = alone - (square * shared**2).sum(axis=1) / options
    size = np.nanmean(raters, axis=1)
    return np.maximum(total, 0.0) / options * divide(size, np.maximum(size - 1, 0.0))


def _blank(table: Floats) -> Floats:
    """Put 0 where a whole row is nan: then raters of no option are known to differ."""
    empty = np.isnan(table).all(axis=1, keepdims=True)
    return np.where(empty, 0.0, table)
