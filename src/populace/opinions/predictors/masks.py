"""Training respondents who tell as much of themselves as the tested will.

A predictor that is told three answers must be chosen, and where it needs that trained, on people of whom
three answers are known. The training respondents' own answers are hidden from it in the same proportion.
"""

from __future__ import annotations

import numpy as np

from populace.opinions.table import NONE, Opinions

__all__ = ["left_out", "log_score", "masked"]

_ASKED = 0.2
"""Share of a person's answers that are asked where all others are known."""


def masked(
    opinions: Opinions, known: int | None, rng: np.random.Generator, *, asked: float = _ASKED
) -> tuple[np.ndarray, np.ndarray]:
    """Hide answers of everybody, as a split does with those who are tested.

    Parameters
    ----------
    opinions
        Respondents, with all their answers.
    known
        Answers known of each; None for all that are not asked.
    rng
        Draws which.
    asked
        Least share of each person's answers that are asked; 1 with `known` asks all that are not known.

    Returns
    -------
    Shape (n, M) twice: the codes that are known (`NONE` elsewhere), and which answers are asked. No answer
    is both.

    Examples
    --------
    >>> import numpy as np, polars as pl
    >>> from populace.opinions.items import Item
    >>> items = tuple(Item(name=f"q{i}", options=("Yes", "No")) for i in range(10))
    >>> people = pl.DataFrame({"person_id": ["x"], "weight": [1.0]})
    >>> opinions = Opinions(people, items, np.zeros((1, 10), dtype=np.int16))
    >>> known, asked = masked(opinions, 3, np.random.default_rng(0))
    >>> int((known != NONE).sum()), int(asked.sum())
    (3, 2)
    """
    answered = opinions.answered
    luck = np.where(answered, rng.random(answered.shape), 2.0)
    given = answered.sum(axis=1)[:, None]
    place = np.argsort(np.argsort(luck, axis=1, kind="stable"), axis=1, kind="stable")
    hidden = np.ceil(asked * given)
    if known is not None:
        hidden = np.minimum(hidden, np.maximum(given - known, 1))
    ask = answered & (place < hidden)
    last = given if known is None else hidden + known
    told = answered & ~ask & (place < last)
    return np.where(told, opinions.answers, NONE), ask


def left_out(count: int, rng: np.random.Generator, *, share: float = 0.15, most: int = 500) -> np.ndarray:
    """Draw the training respondents on whom settings are chosen.

    Returns
    -------
    Shape (count,), true for those left out of the first fit: none where there are fewer than 20.
    """
    size = min(round(share * count), most) if count >= 20 else 0
    apart = np.zeros(count, dtype=bool)
    apart[rng.permutation(count)[:size]] = True
    return apart


def log_score(opinions: Opinions, table: np.ndarray, asked: np.ndarray) -> float:
    """Weighted mean log probability of the asked answers, with probabilities of all options (n, K)."""
    rows, columns = np.nonzero(asked)
    found = table[rows, opinions.starts[columns] + opinions.answers[rows, columns]]
    weights = opinions.weights[rows]
    if not weights.sum():
        return -np.inf
    return float(np.average(np.log(np.maximum(found, 1e-12)), weights=weights))
