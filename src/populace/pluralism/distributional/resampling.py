"""Resamples of what a score depends on: its questions, the people behind each answer, or both.

A score is a ratio of two sums over questions, whatever the groups, so a draw of questions is a row of weights
and a block of draws one product of matrices. People are drawn anew within each question and group (their
counts are multinomial), which takes every question's people for others: where the same people answered all
questions, the interval over people is too narrow by what their answers share, and the one over questions
holds that part as far as it differs from question to question.

A resample of people holds the noise of the sample and its own, so it lies further off than the sample does.
What it lies off on the average is taken back, cell by cell: the spread counts, not the place.

Both together are cautious: values of questions differ by the noise of their people too, so that draws of
questions hold it already, and drawing people adds it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np

from populace.pluralism.distributional.sampling import sampled
from populace.pluralism.distributional.table import Table
from populace.stats._arrays import Floats
from populace.stats.bootstrap import bootstrap_replicates
from populace.streams import stream

__all__ = ["PEOPLE_DRAWS", "Resample", "drawn_of", "ratio"]

Resample: TypeAlias = Literal["questions", "respondents", "both"]
PEOPLE_DRAWS = 400
"""Resamples of people at most, each of all questions and groups; draws of questions share them."""


def ratio(total: Floats) -> Floats:
    """Divide sums by sums, shape (..., 2); nan where there is nothing to divide by."""
    top, base = total[..., 0], total[..., 1]
    return np.divide(top, base, out=np.full(top.shape, np.nan), where=base > 0)


def drawn_of(
    table: Table,
    cells: Callable[[Floats, Floats], Floats],
    weights: Floats,
    base: Floats,
    *,
    resample: Resample,
    draws: int,
    seed: int,
    pooled: bool = False,
) -> Floats:
    """Resample a score of every group, or of all together.

    Parameters
    ----------
    table
        Both sides.
    cells
        Model and human, shape (Q, G, K) -> value of each cell, shape (Q, G), nan where it has none.
    weights
        Shape (Q, G), of the cells in the mean; 0 where a cell has no value.
    base
        Shape (Q, G), what stands below: `weights`, or those times the uniform's distance.
    resample, draws, seed
        What is drawn, how often, from which stream.
    pooled
        Whether the cells of all groups are one mean.

    Returns
    -------
    Shape (draws, G), or (draws, 1) where pooled: sums of weights times values over sums of `base`.
    """
    value = np.nan_to_num(cells(table.model, table.human))

    def summed(cell: Floats) -> Floats:
        return cell.sum(axis=-1, keepdims=True) if pooled else cell

    below = summed(base)
    parts = np.stack([summed(weights * value), below], axis=-1)
    # A question that nobody of interest was asked is no question of the sample. (What stands below may be 0
    # where somebody was: people who are spread evenly are no distance from the uniform.)
    asked = (weights > 0).any(axis=1)
    parts = parts[asked]
    rng = stream(seed, f"pluralism.distributional.{resample}")
    if resample == "questions":
        return bootstrap_replicates(parts, ratio, draws=draws, seed=int(rng.integers(2**31)))
    stock = min(draws, PEOPLE_DRAWS)
    drawn = np.empty((stock, *value.shape))
    for place in range(stock):
        model = sampled(rng, table.model, table.samples)
        human = sampled(rng, table.human, table.respondents)
        drawn[place] = np.nan_to_num(cells(model, human))
    drawn += value - drawn.mean(axis=0)
    tops = summed(weights * drawn)
    if resample == "respondents":
        sums = tops.sum(axis=1)
        found = ratio(np.stack([sums, np.broadcast_to(below.sum(axis=0), sums.shape)], axis=-1))
        return np.resize(found, (draws, found.shape[1]))
    tops, below = tops[:, asked], below[asked]
    questions = len(below)
    blocks: list[Floats] = []
    for place, size in enumerate(np.bincount(np.arange(draws) % stock, minlength=stock)):
        times = rng.multinomial(questions, np.full(questions, 1 / questions), size=int(size)).astype(
            np.float64
        )
        blocks.append(ratio(np.stack([times @ tops[place], times @ below], axis=-1)))
    return np.concatenate(blocks)
