"""Scores of arms on several objectives: each objective, the front, what it is worth, whom each arm serves."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import polars as pl

from populace.bench.objectives.dealt import dealt_scores
from populace.bench.objectives.given import OBJECTIVE
from populace.bench.objectives.measured import Floats, Measured, measured
from populace.bench.result import Score
from populace.bench.task import Counting
from populace.errors import DataError
from populace.pluralism.multi_objective import dominates, front, hypervolume, served
from populace.pluralism.multi_objective.points import evened
from populace.stats import Estimate
from populace.stats.crossed import crossed_mean

__all__ = ["front_scores", "objective_scores"]

_SERVED_DRAWS = 100
"""Resamples for the shares of weights, each of which solves a linear programme an arm."""
_SERVED_RESAMPLED = 5
"""Objectives up to which that is done; beyond, one set of shares may take a second, and has no interval."""


def front_scores(
    items: pl.DataFrame, objectives: Sequence[str], counting: Counting, *, base: str
) -> list[Score]:
    """Score the front of arms; the hypervolume of all comes first.

    Parameters
    ----------
    items
        `prompt_id`, `item_id`, `arm`, `persona_id` where somebody asks, and a column from 0 to 1 for each
        objective.
    base
        Arm that the others are held against.
    """
    found = measured(items, objectives, counting)
    scores = _volumes(found)
    if found.scored:
        scores += dealt_scores(found) + _membership(found)
    for arm in found.arms:
        if arm != base:
            lead = _lead(items, objectives, arm, base, counting)
            note = f"smallest of the leads over {base}: above 0 where better on every objective"
            scores.append(Score(measure="least_lead", arm=arm, estimate=lead, note=note))
    return scores


def objective_scores(items: pl.DataFrame, objectives: Sequence[str], counting: Counting) -> list[Score]:
    """Give the mean of every objective, by arm, with intervals over questions, and persons where some ask."""
    scores, shared = [], _shared(items)
    for name in objectives:
        for arm in items["arm"].unique(maintain_order=True):
            rows = items.filter(pl.col("arm") == arm)
            found = crossed_mean(rows[name], *(rows[each] for each in shared), level=counting.level)
            scores.append(Score(measure=name.removeprefix(OBJECTIVE), arm=arm, estimate=found))
    return scores


def _shared(items: pl.DataFrame) -> list[str]:
    """Name what items share: in a table of scores nobody asks, and it is the question alone."""
    return [name for name in ("persona_id", "prompt_id") if name in items.columns]


def _volumes(found: Measured) -> list[Score]:
    reference = np.zeros(len(found.objectives))

    def of(points: Floats) -> float:
        return hypervolume(points, reference)

    if not found.scored:
        lost = found.estimate(float("nan"), np.empty(0))
        return [Score(measure="hypervolume", estimate=lost, note="an objective was not scored in some arm")]
    whole = found.estimate(of(found.whole), np.array([of(each) for each in found.resampled]))
    scores = [Score(measure="hypervolume", estimate=whole, note="above 0 on every objective; at most 1")]
    for place, arm in enumerate(found.arms):
        # One point dominates a box: the product of its means.
        alone = found.estimate(float(found.whole[place].prod()), found.resampled[:, place].prod(axis=1))
        scores.append(
            Score(measure="hypervolume", arm=arm, estimate=alone, note="baseline; what this arm alone has")
        )
    return scores


def _membership(found: Measured) -> list[Score]:
    # Scores lie between 0 and 1: what differs by rounding beside that is a tie.
    whole, resampled = (evened(each, 1.0) for each in (found.whole, found.resampled))
    scores, masks = [], front(resampled)
    now = front(whole)
    share, shares = _shares(whole, resampled[:_SERVED_DRAWS])
    for place, arm in enumerate(found.arms):
        often = found.estimate(float(masks[:, place].mean()), np.empty(0))
        often = msgspec.structs.replace(often, method=f"share of {len(masks)} resamples of the questions")
        told = "on the front of the means" if now[place] else "dominated by another arm's means"
        scores.append(Score(measure="on_front", arm=arm, estimate=often, note=told))
        weights = found.estimate(float(share[place]), shares[:, place])
        note = "share of all weights for which this arm's weighted sum is the best"
        if not weights.defined:
            note = "left out: too many arms or objectives to list the weights of each"
        scores.append(Score(measure="served", arm=arm, estimate=weights, note=note))
    return scores


def _shares(whole: Floats, resampled: Floats) -> tuple[Floats, Floats]:
    """Find whom each arm serves, in the means and in resamples; nan where that would take minutes."""
    try:
        share = served(whole)
        if whole.shape[1] <= _SERVED_RESAMPLED:
            return share, np.array([served(each) for each in resampled]).reshape(-1, len(whole))
    except DataError:  # a limit of `served`, in the means or a resample: what is measured is well formed
        share = np.full(len(whole), np.nan)
    return share, np.empty((0, len(whole)))


def _lead(
    items: pl.DataFrame, objectives: Sequence[str], arm: str, base: str, counting: Counting
) -> Estimate:
    shared = _shared(items)
    keys = ["item_id", *shared]
    ours, theirs = (items.filter(pl.col("arm") == each).select(*keys, *objectives) for each in (arm, base))
    both = ours.join(theirs, on=keys, suffix=" of base", maintain_order="left")
    one = both.select(objectives).to_numpy()
    other = both.select(f"{name} of base" for name in objectives).to_numpy()
    # Either kind of cluster is treated alike; people come first, as in every other score.
    clusters = (both[each] for each in shared)
    return dominates(one, other, *clusters, within=(-1.0, 1.0), level=counting.level)
