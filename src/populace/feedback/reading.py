"""From the answers of a judge, seat by seat, to probabilities that the second answer is preferred.

A seat is one judge before one pair. What was answered comes as numbers: log-odds of the option shown second,
or verdicts for it (0, 1, one half for neither, nan where none can be read).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from populace.feedback.verdicts import probabilities

__all__ = ["Reading", "read"]


class Reading(NamedTuple):
    """The answers to one way of judging, by seat; nan where there is none."""

    original_first: np.ndarray
    """Probability of the revision, the original having been shown first."""
    revision_first: np.ndarray
    p: np.ndarray
    failed: np.ndarray
    """Whether a call is without an answer."""
    votes: np.ndarray
    """Written verdicts, ties among them; -1 for another way of judging."""
    mass: np.ndarray
    """Probability of the two numbers together, the smaller of both orders; nan for another way of judging."""


def read(
    way: str, answers: np.ndarray, lost: np.ndarray, nobody: np.ndarray, mass: np.ndarray | None = None
) -> Reading:
    """Read the answers to one way of judging.

    Parameters
    ----------
    answers, lost
        Shape (seats, calls of the way): what was answered, and whether a call is without an answer.
    nobody
        Seat of nobody before the same pair, shape (seats,); of the contrast of likelihoods.
    mass
        Shape (seats, calls of the way): of the two numbers, by choice.

    Examples
    --------
    >>> odds, lost = np.array([[2.0, -2.0]]), np.zeros((1, 2), dtype=bool)
    >>> read("choice", odds, lost, np.zeros(1, dtype=int)).p.round(3).tolist()
    [0.881]
    """
    missed: np.ndarray = np.any(lost, axis=1)
    none, unknown = np.full(len(answers), -1), np.full(len(answers), np.nan)
    if way == "samples":
        return _shares(answers, missed)
    if way == "choice":
        forward, backward = answers[:, 0], -answers[:, 1]
        first, second, p = map(probabilities, (forward, backward, (forward + backward) / 2))
        return Reading(first, second, p, missed, none, unknown if mass is None else mass.min(axis=1))
    # By likelihood contrast; the same for both orders, as there is none.
    contrast = probabilities(answers[:, 0] - answers[nobody, 0])
    return Reading(contrast, contrast, contrast, missed | missed[nobody], none, unknown)


def _shares(verdicts: np.ndarray, missed: np.ndarray) -> Reading:
    """Shares of written verdicts for the revision: one half of the columns an order, nan where none is."""
    orders = np.split(verdicts, 2, axis=1)
    given = [(~np.isnan(order)).sum(axis=1) for order in orders]
    second = [np.nansum(order, axis=1) for order in orders]
    with np.errstate(invalid="ignore"):  # no verdict in an order: 0 / 0 is the nan that is meant
        forward, backward = second[0] / given[0], (given[1] - second[1]) / given[1]
    none = np.full(len(verdicts), np.nan)
    return Reading(forward, backward, (forward + backward) / 2, missed, given[0] + given[1], none)
