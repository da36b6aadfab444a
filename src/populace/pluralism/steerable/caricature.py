"""Does steering make groups differ more than they do, and those within a group less?

A caricature has the right direction and too much of it. For each question the answers of all groups together
vary by sum_k p_k (1 - p_k) (the chance that two people differ), and that splits exactly into what is between
groups and what is within them. A model's groups are held against people's:

- `exaggeration`: variance between the model's groups over that between people's; 1 is as people are. It asks
  nothing of the direction.
- `slope`: regression of the model's deviations from its own mean over groups on people's deviations from
  theirs: above 1 overshoots in the right direction, 0 does not know the groups, below 0 has them turned
  round.
- `within`: variance within the model's groups over that within people's; below 1, members are too alike.

Shares of few respondents differ by sampling, which makes groups of people look further apart than they are.
With `counts` that is taken off; without, exaggeration is too small.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.stats import Estimate
from populace.stats._arrays import Floats, divide
from populace.stats.crossed import crossed_ratio

__all__ = ["Caricature", "caricature"]


class Caricature(msgspec.Struct, frozen=True, kw_only=True):
    """Ratios of variances over all questions."""

    exaggeration: Estimate
    """Between the model's groups over between people's: a ratio of variances."""
    slope: Estimate
    """How far the model's groups move for each step of people's."""
    within: Estimate
    """Within the model's groups over within people's."""
    between_share_model: Estimate
    """Share of the model's variance that lies between groups."""
    between_share_human: Estimate
    """The same of people, without what sampling adds."""


def caricature(
    human: npt.ArrayLike,
    model: npt.ArrayLike,
    *,
    counts: npt.ArrayLike | None = None,
    level: float = 0.95,
) -> Caricature:
    """Hold the spread of a model's groups against that of people's.

    Parameters
    ----------
    human, model
        Shape (questions, groups, options): counts or shares, normalised here; options that a question does
        not have are 0. A question counts where every group has a distribution in both.
    counts
        Shape (questions, groups): respondents, or their effective number (Kish's) under weights; every one
        above 1. None takes shares for exact.
    level
        Of the intervals, which take questions as their clusters.

    Raises
    ------
    DataError
        If shapes differ, a number is below zero, there are fewer than two groups, or a count is too small.

    Examples
    --------
    People of two groups agree 40 and 60 times in a hundred, the model's 10 and 90 times.

    >>> found = caricature([[[0.4, 0.6], [0.6, 0.4]]] * 3, [[[0.1, 0.9], [0.9, 0.1]]] * 3)
    >>> round(found.exaggeration.value, 3), round(found.slope.value, 3), round(found.within.value, 3)
    (16.0, 4.0, 0.375)
    """
    people, played = _shares("human", human), _shares("model", model)
    if people.shape != played.shape:
        raise DataError(f"`human` has the shape {people.shape}, `model` {played.shape}")
    if people.shape[1] < 2:
        raise DataError("one group differs from none", fix="give two groups or more")
    there = ~(np.isnan(people).any(axis=(1, 2)) | np.isnan(played).any(axis=(1, 2)))
    noise = _noise(people, counts)
    people, played, noise = people[there], played[there], noise[there]
    questions = np.flatnonzero(there)
    (between, apart), (between_model, apart_model) = _split(people), _split(played)
    groups = people.shape[1]
    # A group's share is off by `noise`: its distance from the mean of all keeps 1 - 1/G of that.
    truly = between - noise.mean(axis=1) * (1 - 1 / groups)
    within = apart + noise.mean(axis=1)
    off = people - people.mean(axis=1, keepdims=True)
    crossed = (off * (played - played.mean(axis=1, keepdims=True))).sum(axis=(1, 2)) / groups

    def over(top: Floats, bottom: Floats) -> Estimate:
        made = crossed_ratio(top, bottom, questions, level=level)
        if made.defined and bottom.sum() <= 0:
            # What is seen between people's groups is no more than sampling: nothing to divide by.
            nan = float("nan")
            why = "no interval: people's groups differ by no more than sampling"
            return msgspec.structs.replace(made, value=nan, low=nan, high=nan, method=why)
        return made

    return Caricature(
        exaggeration=over(between_model, truly),
        slope=over(crossed, truly),
        within=over(apart_model, within),
        between_share_model=over(between_model, between_model + apart_model),
        between_share_human=over(truly, truly + within),
    )


def _split(shares: Floats) -> tuple[Floats, Floats]:
    """Split the variance of answers: between groups, and the mean within them, a number a question."""
    middle = shares.mean(axis=1, keepdims=True)
    between = ((shares - middle) ** 2).sum(axis=2).mean(axis=1)
    within = (shares * (1 - shares)).sum(axis=2).mean(axis=1)
    return between, within


def _noise(shares: Floats, counts: npt.ArrayLike | None) -> Floats:
    """Give the variance that sampling adds to shares, unbiased, shape (questions, groups)."""
    if counts is None:
        return np.zeros(shares.shape[:2])
    number = np.asarray(counts, dtype=np.float64)
    if number.shape != shares.shape[:2]:
        raise DataError(f"`counts` has the shape {number.shape}, and needs {shares.shape[:2]}")
    known = ~np.isnan(shares).any(axis=2)
    if not (number[known] > 1).all():
        raise DataError("a group of one respondent has no spread", fix="leave such groups out")
    return divide((shares * (1 - shares)).sum(axis=2), number - 1)


def _shares(name: str, given: npt.ArrayLike) -> Floats:
    table = np.asarray(given, dtype=np.float64)
    if table.ndim != 3:
        raise DataError(f"`{name}` has {table.ndim} dimensions and needs 3: questions, groups, options")
    if (table < 0).any() or np.isinf(table).any():
        raise DataError(f"`{name}` holds a number below zero, or an infinite one")
    return divide(table, table.sum(axis=2, keepdims=True))
