"""Which of a person's own items moved a prediction: each left out in turn, and the person folded in again.

The contribution of an item is the log probability of the predicted option with all that is known, less that
without the item: exact, not a gradient, and of a question with n items n folds of a few microseconds. Items
that say the same share what they say, so contributions need not add up.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.memory.predicting.collaborative import Folded
from populace.memory.predicting.prediction import Evidence
from populace.opinions import NONE

__all__ = ["contributions", "named"]

_MOST = 400
"""Items that are left out at most; of more, those of the strongest loadings."""


def contributions(
    folded: Folded, person: pl.DataFrame, known: np.ndarray, column: int, option: int
) -> list[tuple[int, float]]:
    """Measure what each known item contributes.

    Parameters
    ----------
    folded
        A collaborative route that has learned.
    person
        One row, with the attributes.
    known
        Shape (M,), codes.
    column, option
        The question, and the option whose log probability is measured.

    Returns
    -------
    Item and contribution in nats, the strongest first, of equals the first; without those of exactly 0.
    """
    known = known.copy()
    known[column] = NONE
    items = np.flatnonzero(known != NONE)
    if not items.size or not folded.route.personal:
        return []
    fitted = folded.fit_of(folded.part(column))
    if items.size > _MOST:
        strong = fitted.factors.grams[items].sum(axis=1)
        items = np.sort(items[np.argsort(-strong, kind="stable")[:_MOST]])
    rows = np.tile(known, (items.size + 1, 1))
    rows[np.arange(items.size), items] = NONE
    prior = np.repeat(fitted.prior(person), len(rows), axis=0)
    logs = np.log(np.maximum(folded.told(rows, prior, column)[:, option], 1e-12))
    moved = logs[-1] - logs[:-1]
    order = np.argsort(-np.abs(moved), kind="stable")
    return [(int(items[place]), float(moved[place])) for place in order if moved[place] != 0.0]


def named(
    folded: Folded, person: pl.DataFrame, known: np.ndarray, column: int, p: np.ndarray, most: int
) -> tuple[Evidence, ...]:
    """Name the items that moved the likeliest option most."""
    if most < 1:
        return ()
    items = folded.train.items
    moved = contributions(folded, person, known, column, int(p.argmax()))[:most]
    return tuple(
        Evidence(text=items[place].question, response=items[place].options[known[place]], contribution=moves)
        for place, moves in moved
    )
