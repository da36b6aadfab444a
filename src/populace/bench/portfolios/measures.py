"""Scores of the task `portfolio`."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.bench.objectives.given import nothing
from populace.bench.portfolios.held_out import (
    CEILING,
    LENGTH,
    ONE,
    OURS,
    RANDOM,
    SHUFFLED,
    WAYS,
    HeldOut,
)
from populace.bench.portfolios.telling import told_choices
from populace.bench.result import Score
from populace.bench.task import Counting

__all__ = ["baselines", "scores_of", "size_of"]


def scores_of(found: HeldOut | None, items: pl.DataFrame, counting: Counting) -> list[Score]:
    """List the scores, headline first; one that is undefined where nothing can be measured."""
    if found is None:
        return nothing("value", counting)
    size = size_of(items)
    held = "on questions that members were not chosen by"
    ours = found.values(OURS, size)
    scores = [Score(measure="value", arm=OURS, estimate=found.mean(ours), note=f"of {size}; {held}")]
    for name, (values, note) in baselines(found, size).items():
        scores.append(Score(measure="value", arm=name, estimate=found.mean(values), note=note))
        test = found.ahead(ours, values)
        scores.append(Score(measure="ahead", arm=name, estimate=test.estimate, p_value=test.p_value))
    return scores + _curves(found) + _people(found, size) + told_choices(found, items, counting)


def baselines(found: HeldOut, size: int) -> dict[str, tuple[np.ndarray, str]]:
    """Give what stands beside the headline: values, shape (people, questions), and a note."""
    told = "baseline"
    by = {way: (found.values(way, size), f"{told}; of {size}") for way in WAYS if way != OURS}
    return {
        ONE: (found.values("average", 1), f"{told}; nobody's weights count: the best one for all"),
        SHUFFLED: (found.values(OURS, size, shuffled=True), f"{told}; everybody sent by another's weights"),
        LENGTH: (found.values(LENGTH), f"{told}; the shortest and the longest arm"),
        **by,
        CEILING: (found.values(CEILING), "ceiling; every arm that is best for somebody"),
    }


def size_of(items: pl.DataFrame) -> int:
    """Give the size of the portfolio."""
    return int(items["size"].drop_nulls()[0])


def _curves(found: HeldOut) -> list[Score]:
    scores = []
    for way in WAYS:
        for size in found.sizes:
            arm = f"{way}, {size}"
            lot = "mean of 20 lots" if way == RANDOM else ""
            lost = found.mean(found.lost(way, size), signed=True)
            note = "; ".join(each for each in ("hindsight: too high by noise", lot) if each)
            scores.append(Score(measure="regret", arm=arm, estimate=lost, note=note))
            note = "; ".join(each for each in ("over all weights, on held-out questions", lot) if each)
            scores.append(Score(measure="worst", arm=arm, estimate=found.worst(way, size), note=note))
    return scores


def _people(found: HeldOut, size: int) -> list[Score]:
    lost = found.lost(OURS, size)
    scores = [
        Score(measure="regret", arm=OURS, group=name, estimate=found.mean(lost, who, signed=True))
        for name, who in found.people.groups.items()
        if who.any()
    ]
    if not found.people.sampled:
        return scores
    weights = (found.people.halves[0] + found.people.halves[1]) / 2
    shares = np.zeros((len(found.people.names), len(found.arms)))
    for fold in found.folds:
        sent = fold.sent(fold.members(OURS, size)[0], fold.routed)
        shares[np.arange(len(sent)), sent] += 0.5
    for place, arm in enumerate(found.arms):
        table = np.repeat(shares[:, place : place + 1], len(found.questions), axis=1)
        scores.append(Score(measure="sent", arm=arm, estimate=found.mean(table), note="share of people"))
    for place, name in enumerate(found.traits):
        table = np.repeat(weights[:, place : place + 1], len(found.questions), axis=1)
        scores.append(Score(measure="weight", arm=name, estimate=found.mean(table), note="mean over people"))
    return scores
