"""Arms dealt at random, question by question: what noise alone would make of a front.

If an answer's arm said nothing about its scores, every dealing of the arms to the answers of a question would
be as likely as the one at hand. The scores of an answer stay together, and the answers of one question are
dealt alike for all who ask it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from populace.bench.objectives.measured import Floats, Measured, means_in
from populace.bench.result import Finding, Score
from populace.pluralism.multi_objective import hypervolume
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["BY_LOT", "DEALT", "Dealt", "arms_alike", "by_lot", "dealt", "dealt_scores"]

_DEALS, _VOLUMES = 999, 200
_ALPHA = 0.05
BY_LOT, DEALT = "by lot", "dealt"
"""Arms that nobody asked: one of the others by lot for each question; all of them, dealt at random."""


class Dealt(NamedTuple):
    """What became of dealing arms at random."""

    volume: Estimate
    """Hypervolume of the dealt front: mean, and the span of the deals."""
    p_value: float
    """Share of deals in which the arms' means lie at least as far apart; nan where nothing varies."""


def dealt(found: Measured) -> Dealt:
    """Deal the arms of each question at random, many times.

    How far apart arms are is the variance of their means, as a share of the variance of all answers, summed
    over objectives: a permutation test within blocks (questions).

    Examples
    --------
    >>> import polars as pl
    >>> from populace.bench.objectives.measured import measured
    >>> from populace.bench.task import Counting
    >>> rows = pl.DataFrame({"prompt_id": [n // 2 for n in range(40)], "arm": ["a", "b"] * 20})
    >>> rows = rows.with_columns(x=pl.Series([1.0, 0.0] * 20), y=pl.Series([0.0, 1.0] * 20))
    >>> told = dealt(measured(rows, ["x", "y"], Counting(draws=50)))
    >>> told.p_value  # no deal in a thousand takes twenty questions apart so far
    0.001
    """
    rng, (questions, arms) = stream(found.counting.seed, "bench.dealt"), found.sums.shape[:2]
    weight = _weights(found)
    apart = _apart(found.whole, weight)
    spreads, volumes, reference = np.empty(_DEALS), np.empty(_VOLUMES), np.zeros(len(found.objectives))
    places = np.tile(np.arange(arms), (questions, 1))
    for deal in range(_DEALS):
        order = rng.permuted(places, axis=1)[..., None, None]
        means = means_in(np.take_along_axis(found.sums, order, axis=1).sum(axis=0))
        spreads[deal] = _apart(means, weight)
        if deal < _VOLUMES:
            lost = np.isnan(means).any()
            volumes[deal] = np.nan if lost else hypervolume(means, reference)
    far = int(np.count_nonzero(spreads >= apart - 1e-12))
    p = (1 + far) / (1 + _DEALS) if weight.any() and np.isfinite(apart) else float("nan")
    return Dealt(_estimate(found, volumes), p)


def by_lot(found: Measured) -> Estimate:
    """Give the volume of one arm that is another by lot for each question: the mean of all, and exact."""
    return found.estimate(float(found.whole.mean(axis=0).prod()), found.resampled.mean(axis=1).prod(axis=1))


def dealt_scores(found: Measured) -> list[Score]:
    """Score what stands beside the front: an arm by lot, and the arms dealt at random."""
    return [
        Score(
            measure="hypervolume",
            arm=BY_LOT,
            estimate=by_lot(found),
            note="baseline; one of the arms at random for each question, in expectation",
        ),
        Score(
            measure="hypervolume",
            arm=DEALT,
            estimate=dealt(found).volume,
            note="baseline; all arms dealt at random within each question: the front of noise alone",
        ),
    ]


def arms_alike(found: Measured, beside: Estimate | None = None) -> Finding:
    """Hold the front against arms that are dealt at random: where they are as far apart, it is of noise."""
    if not found.scored:
        lost, p = found.estimate(float("nan"), np.empty(0)), float("nan")
    else:
        lost, p = dealt(found)
    return Finding(
        name="arms alike",
        what="deals the arms at random within each question: the hypervolume of what is left",
        shortcut=lost,
        beside=beside,
        passed=p <= _ALPHA,
        why=f"fails unless the arms' means lie farther apart than in 95 of 100 deals: p = {p:.3g}",
    )


def _weights(found: Measured) -> Floats:
    """Give one over the variance of all answers of each objective; 0 where none varies."""
    cells = means_in(found.sums)
    with np.errstate(invalid="ignore"):
        spread = np.array([np.var(each[np.isfinite(each)]) for each in np.moveaxis(cells, -1, 0)])
    return np.divide(1.0, spread, out=np.zeros(len(spread)), where=spread > 0)


def _apart(means: Floats, weight: Floats) -> float:
    return float(means.var(axis=0) @ weight)


def _estimate(found: Measured, volumes: Floats) -> Estimate:
    defined = volumes[np.isfinite(volumes)]
    tail = (1 - found.counting.level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail]) if len(defined) else (np.nan, np.nan)
    return Estimate(
        value=float(defined.mean()) if len(defined) else float("nan"),
        low=float(low),
        high=float(high),
        level=found.counting.level,
        n=found.rows,
        clusters=found.questions,
        method=f"mean and span of {len(defined)} deals of the arms within questions",
        seed=found.counting.seed,
    )
