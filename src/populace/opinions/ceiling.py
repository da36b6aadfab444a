"""How well people repeat themselves: the same person's other answer as a prediction of this one.

Two tables come of it. `repeated` says the other answer again: its accuracy is the rate of agreement.
`Retest` makes a distribution of the other answer, from the changes of the training respondents, so that it
has a log score too. Where people were asked years apart, both hold real change: they are a reference, not a
bound, and a model that knows how people lean may pass the first, since who repeats noise is wrong more
often than who says what is likely.

Items that were never asked twice get the agreement that the items of a panel have (`carry_over`): a line in
the share of the commonest answer and in 1 / options, with the error of a prediction. It is carried over
from other questions, perhaps from other people and another span of time, and every record of it says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.intervals import reach
from populace.opinions.table import NONE, Opinions
from populace.stats.estimate import Estimate

__all__ = ["CarriedOver", "Changes", "Retest", "carry_over", "repeated"]

_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e6)
_OWN = 30.0
"""Answers that the mean stability of all items counts for beside an item's own."""


def repeated(opinions: Opinions, retest: np.ndarray) -> np.ndarray:
    """Predict that people say what they said in the other interview.

    Parameters
    ----------
    opinions
        For its items.
    retest
        Shape (n, M), the other answers of n people.

    Returns
    -------
    Shape (n, K), certain of the other answer; nan where there is none. Score its accuracy, nothing else.

    Examples
    --------
    >>> from populace.opinions.items import Item
    >>> items = (Item(name="a", options=("Yes", "No")), Item(name="b", options=("1", "2")))
    >>> people = pl.DataFrame({"person_id": ["x"], "weight": [1.0]})
    >>> opinions = Opinions(people, items, np.array([[0, 0]], dtype=np.int16))
    >>> repeated(opinions, np.array([[1, NONE]])).tolist()
    [[0.0, 1.0, nan, nan]]
    """
    there = np.repeat(retest != NONE, opinions.sizes, axis=1)
    return np.where(there, opinions.one_hot(retest), np.nan)


@dataclass(frozen=True)
class Retest:
    """The other answer as a distribution.

    For each item, the table of changes of the training respondents, each row of it shrunk to a mixture of
    "the same again" and the population's shares; how much of the first is the item's own stability, shrunk
    to that of all items. The strength of the shrinkage is chosen for each item by leave-one-out log score.
    """

    name: str = "retest"

    def fit(self, train: Opinions) -> Changes:
        """Learn how training respondents changed.

        Raises
        ------
        DataError
            If none of them was asked twice.
        """
        if train.retest is None or not (train.answered & (train.retest != NONE)).any():
            raise DataError("no training respondent was asked twice", fix="read a panel with its retest")
        rows, columns = np.nonzero(train.answered & (train.retest != NONE))
        before, after = train.retest[rows, columns].astype(int), train.answers[rows, columns].astype(int)
        weights = (train.weights / train.weights.mean())[rows]
        widest = int(train.sizes.max())
        counts = np.zeros((len(train.items), widest, widest))
        np.add.at(counts, (columns, before, after), weights)
        shares = np.zeros((len(train.items), widest))
        shares[np.arange(widest) < train.sizes[:, None]] = train.shares(prior=1.0)
        stays = _stability(counts, shares)
        prior = stays[:, None, None] * np.eye(widest) + (1 - stays)[:, None, None] * shares[:, None, :]
        gains = np.zeros((len(_STRENGTHS), len(train.items)))
        totals = counts.sum(axis=2)[columns, before] - weights
        own, expected = counts[columns, before, after] - weights, prior[columns, before, after]
        for place, strength in enumerate(_STRENGTHS):
            found = (np.maximum(own, 0) + strength * expected) / (np.maximum(totals, 0) + strength)
            np.add.at(gains[place], columns, weights * np.log(np.maximum(found, 1e-12)))
        best = np.array(_STRENGTHS)[gains.argmax(axis=0)][:, None, None]
        table = (counts + best * prior) / (counts.sum(axis=2, keepdims=True) + best)
        return Changes(train.take([]), table, counts.sum(axis=(1, 2)) > 0)


def _stability(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Find which part of each item's answers stay beyond chance, shrunk to that of all items: shape (M,)."""
    total = counts.sum(axis=(1, 2))
    same = np.trace(counts, axis1=1, axis2=2)
    chance = (counts.sum(axis=2) * shares).sum(axis=1)
    everywhere = (same.sum() - chance.sum()) / max((total - chance).sum(), 1e-12)
    shrunk = (same - chance + _OWN * everywhere) / (total - chance + _OWN)
    return np.clip(shrunk, 0.0, 1 - 1e-6)


@dataclass(frozen=True)
class Changes:
    """What people say now, given what they said in the other interview."""

    opinions: Opinions
    """For its items only."""
    table: np.ndarray
    """Shape (M, widest, widest): other answer, this answer."""
    learned: np.ndarray
    """Shape (M,), whether anybody was asked that item twice."""

    def predict(self, retest: np.ndarray) -> np.ndarray:
        """Predict from the other answers, shape (n, M).

        Returns
        -------
        Shape (n, K), nan where there is no other answer, or the item was never asked twice.
        """
        there = (retest != NONE) & self.learned
        found = np.full((len(retest), int(self.opinions.starts[-1])), np.nan)
        for item, (start, size) in enumerate(zip(self.opinions.starts, self.opinions.sizes, strict=False)):
            rows = np.flatnonzero(there[:, item])
            found[rows, start : start + size] = self.table[item, retest[rows, item], :size]
        return found


@dataclass(frozen=True)
class CarriedOver:
    """Agreement at retest as a line over the items of a panel.

    Attributes
    ----------
    coefficients
        Of 1, the share of the commonest answer, and 1 / options.
    covariance
        Shape (3, 3), of the coefficients: respondents and items of the panel are both a sample.
    spread
        Standard deviation of items around the line, beyond what sampling leaves.
    items, people
        Of the panel.
    """

    coefficients: np.ndarray
    covariance: np.ndarray
    spread: float
    items: int
    people: int

    def design_of(self, opinions: Opinions) -> np.ndarray:
        """Give what the line is over: shape (M, 3), of each item 1, the commonest's share, 1 / options."""
        return _design(opinions)

    def of_items(self, opinions: Opinions, *, level: float = 0.95) -> pl.DataFrame:
        """Give each item the agreement that a panel's items like it have.

        Returns
        -------
        `item, value, low, high, carried_over` (always true); the interval is that of a prediction, for the
        item itself.
        """
        design = self.design_of(opinions)
        error = np.einsum("mi,ij,mj->m", design, self.covariance, design) + self.spread**2
        half = reach(level, max(self.items - 3, 1)) * np.sqrt(error)
        value = design @ self.coefficients
        ends = (np.clip(part, 0.0, 1.0) for part in (value, value - half, value + half))
        columns = dict(zip(("value", "low", "high"), ends, strict=True))
        return pl.DataFrame({"item": [item.name for item in opinions.items], **columns}).with_columns(
            carried_over=pl.lit(value=True)
        )

    def variance(self, opinions: Opinions, shares: np.ndarray) -> float:
        """Give the variance of the mean over items, each with its share, shape (M,) adding up to 1."""
        mean = shares @ self.design_of(opinions)
        return float(mean @ self.covariance @ mean + self.spread**2 * (shares**2).sum())

    def mean(self, opinions: Opinions, shares: np.ndarray | None = None, *, level: float = 0.95) -> Estimate:
        """Estimate the mean agreement of items that were not asked twice.

        Parameters
        ----------
        opinions
            Their answers say which is the commonest.
        shares
            Shape (M,), what each item counts; all alike by default.
        level
            Coverage aimed at.
        """
        counts = np.ones(len(opinions.items)) if shares is None else np.asarray(shares, dtype=np.float64)
        counts = counts / counts.sum()
        value = float(np.clip(counts @ self.design_of(opinions) @ self.coefficients, 0.0, 1.0))
        half = reach(level, max(self.items - 3, 1)) * self.variance(opinions, counts) ** 0.5
        return Estimate(
            value=value,
            low=max(value - half, 0.0),
            high=min(value + half, 1.0),
            level=level,
            n=int((counts > 0).sum()),
            clusters=self.items,
            method=f"carried over from {self.items} items of a panel of {self.people}, error of prediction",
        )


def carry_over(panel: Opinions, *, least: int = 30) -> CarriedOver:
    """Learn the line from a panel.

    Weighted least squares over the items, by the variance of sampling and the spread of items around the
    line (method of moments; DerSimonian and Laird 1986, doi:10.1016/0197-2456(86)90046-2). What the
    coefficients may be off by is summed over respondents, whose answers to several items hang together, and
    over items.

    Parameters
    ----------
    panel
        Respondents who were asked twice.
    least
        Respondents with both answers that an item needs.

    Raises
    ------
    DataError
        If fewer than 8 items were asked twice.
    """
    if panel.retest is None:
        raise DataError("nobody was asked twice in this survey", fix="read a panel with its retest")
    both = panel.answered & (panel.retest != NONE)
    kept = np.flatnonzero(both.sum(axis=0) >= least)
    if kept.size < 8:
        what = f"{kept.size} items were asked {least} people twice, and a line needs 8"
        raise DataError(what, fix="take a larger panel")
    weights = np.where(both[:, kept], panel.weights[:, None], 0.0)
    same = (panel.answers == panel.retest)[:, kept]
    total = weights.sum(axis=0)
    agreement = (weights * same).sum(axis=0) / total
    influence = weights * (same - agreement) / total
    design = _design(panel)[kept]
    sampling = _sampling(design, agreement, (weights**2).sum(axis=0) / total**2, influence)
    spread = _spread(design, agreement, sampling)
    pull = _pull(design, sampling + spread)
    moved = influence @ pull.T
    people = int(both.any(axis=1).sum())
    covariance = moved.T @ moved * people / (people - 1) + (pull * spread) @ pull.T
    return CarriedOver(pull @ agreement, covariance, float(np.sqrt(spread)), int(kept.size), people)


def _sampling(
    design: np.ndarray, agreement: np.ndarray, plain: np.ndarray, influence: np.ndarray
) -> np.ndarray:
    """Give the variance that sampling leaves to each item's agreement, as the line has it.

    An item that agrees much by chance has a small variance by chance too: weighted by its own, it would
    draw the line up. So the variance is that of the rate on a first line, times what it is larger for all
    items than that of independent answers.
    """
    rate = np.clip(design @ (_pull(design, plain) @ agreement), 0.02, 0.98)
    expected = rate * (1 - rate) * plain
    return expected * (influence**2).sum() / expected.sum()


def _design(opinions: Opinions) -> np.ndarray:
    """Describe items: 1, share of the commonest answer, 1 / options."""
    mode = np.maximum.reduceat(opinions.shares(), opinions.starts[:-1])
    return np.stack([np.ones(len(opinions.items)), mode, 1 / opinions.sizes], axis=1)


def _pull(design: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Give the matrix that turns values into coefficients, shape (3, items)."""
    weighted = design.T / variance
    return np.linalg.pinv(weighted @ design) @ weighted


def _spread(design: np.ndarray, values: np.ndarray, sampling: np.ndarray) -> float:
    """Find the variance of items around the line, beyond that of sampling; 0 at least."""
    pull = _pull(design, sampling)
    left = values - design @ (pull @ values)
    heterogeneity = float((left**2 / sampling).sum())
    # The expected sum under no spread, and what each unit of spread adds to it.
    adds = float(((1 - np.einsum("mi,im->m", design, pull)) / sampling).sum())
    return max(0.0, (heterogeneity - (len(values) - design.shape[1])) / adds)
