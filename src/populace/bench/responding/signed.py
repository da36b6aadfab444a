r"""Replies with a sentiment, predicted without a model: nobody's odds, the person's, the headline's, both.

Few people reply to a headline and few headlines get many replies, so that factors have nothing to hold: each
way here is a count drawn to everybody's, with a strength chosen on people who are not tested,

.. math:: p_o = (c_o + s \bar p_o) / (\textstyle\sum c + s), \quad
          p^{both}_o \propto p^{person}_o p^{headline}_o / \bar p_o.

`own` counts a person's replies by how alike the headlines are worded. A headline's counts are other people's
replies to the very headline; the arms without it (`mode`, `person`, `own`) use none of these.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from populace.bench.responding.planning import Plan
from populace.memory.predicting import Cells, hashed
from populace.memory.predicting.words import space
from populace.opinions import NONE, Opinions

__all__ = ["signed_tables"]

_STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
_SHARP = 5.0
"""How fast headlines become unlike."""


def signed_tables(plan: Plan) -> Iterator[tuple[str, int | None, np.ndarray]]:
    """Give arm, design and probabilities, shape (cells, 7), of every way."""
    train = plan.train
    rows, columns = np.nonzero(train.answered)
    counted = np.zeros((len(train.items), int(train.sizes.max())))
    np.add.at(counted, (columns, train.answers[rows, columns].astype(int)), 1.0)
    total = (counted.sum(axis=0) + 1.0) / (counted.sum() + counted.shape[1])
    strengths = _chosen(train, total)
    cells = plan.cells(None)
    yield "mode", None, np.broadcast_to(total, (len(cells), total.size)).copy()
    headline = _drawn(counted[cells.columns], total, strengths[1])
    yield "headline", None, headline
    points = space([item.question for item in train.items], hashed).points(
        [item.question for item in train.items]
    )
    for count in plan.counts:
        if count == 0:
            continue
        cells = plan.cells(count)
        person = _drawn(_counts(cells, total.size), total, strengths[0])
        yield "person", count, person
        both = person * headline / total
        yield "person and headline", count, both / both.sum(axis=1, keepdims=True)
        yield "own", count, _drawn(_counts(cells, total.size, points), total, strengths[0])


def _drawn(counts: np.ndarray, total: np.ndarray, strength: float) -> np.ndarray:
    return (counts + strength * total) / (counts.sum(axis=1, keepdims=True) + strength)


def _counts(cells: Cells, size: int, points: np.ndarray | None = None) -> np.ndarray:
    """Count a person's known replies: shape (cells, size); by likeness to the headline where it is given."""
    found = np.zeros((len(cells), size))
    for place, (row, column) in enumerate(zip(cells.rows, cells.columns, strict=True)):
        own = np.flatnonzero(cells.known[row] != NONE)
        weights = np.ones(own.size)
        if points is not None and own.size:
            weights = np.exp(_SHARP * (points[own] @ points[column] - 1.0))
            weights *= own.size / weights.sum()
        np.add.at(found[place], cells.known[row, own], weights)
    return found


def _chosen(train: Opinions, total: np.ndarray) -> tuple[float, float]:
    """Choose how much everybody's odds count beside a person's and a headline's: leave one reply out."""
    rows, columns = np.nonzero(train.answered)
    codes = train.answers[rows, columns].astype(int)
    found = []
    for groups in (rows, columns):
        counts = np.zeros((int(groups.max(initial=0)) + 1, total.size))
        np.add.at(counts, (groups, codes), 1.0)
        left = counts[groups]
        left[np.arange(len(codes)), codes] -= 1.0

        def score(strength: float, left: np.ndarray = left) -> float:
            p = _drawn(left, total, strength)
            return float(np.log(p[np.arange(len(codes)), codes]).mean())

        found.append(max(_STRENGTHS, key=score) if len(codes) else _STRENGTHS[-1])
    return found[0], found[1]
