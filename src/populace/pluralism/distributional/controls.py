"""What knowing nothing scores, what knowing the commonest answer scores, and what people themselves score.

A distance of 0.3 says little alone. Beside it stand: `uniform`; `shuffled`, the model's own distributions put
to other questions with as many options; `majority`, all on the commonest answer, which was told it; and,
where it is known how many answered, `sampling alone`, what the truth itself would score against so many
people, and `people, half by half`, one random half of them against the other.
"""

from __future__ import annotations

from typing import Unpack

import numpy as np

from populace.pluralism.distributional.conventions import Convention
from populace.pluralism.distributional.measures import Positions, measured, uniform_of
from populace.pluralism.distributional.planning import Laid, Plan, estimated, planned, scaled
from populace.pluralism.distributional.resampling import ratio
from populace.pluralism.distributional.sampling import expected_tv, sampled
from populace.pluralism.distributional.table import Distributions
from populace.stats import Estimate
from populace.stats._arrays import Floats, Ints
from populace.stats.bootstrap import bootstrap_replicates
from populace.streams import stream

__all__ = ["controls", "noise_floor"]

_RINGS = 20
"""Ways to put a question's answer to others."""
_REPEATS = 100
"""Samples by which a floor is found that has no formula."""


def controls(
    model: Distributions,
    human: Distributions,
    metric: str | Convention = "js_distance",
    base: float | None = None,
    *,
    positions: Positions = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    **laid: Unpack[Laid],
) -> dict[str, Estimate]:
    """Score the model beside those who know less, and people, on the same cells.

    Parameters are those of `score`. A question whose number of options no other has cannot be shuffled and is
    left out of that line. What is not defined is not there: people's own lines need their numbers.

    Examples
    --------
    >>> people = [[90, 10], [20, 80], [60, 40]]
    >>> found = controls([[0.8, 0.2], [0.3, 0.7], [0.5, 0.5]], people, "tv", counts=True)
    >>> {name: round(each.value, 2) for name, each in found.items()}  # doctest: +NORMALIZE_WHITESPACE
    {'model': 0.1, 'uniform': 0.27, 'shuffled': 0.39, 'majority': 0.23, 'sampling alone': 0.03,
     'people, half by half': 0.06}
    """
    plan = planned(model, human, metric, base, None, positions, "none", laid)
    table = plan.table
    uniform = uniform_of(table.real, table.model.shape[1])
    lines = {
        "model": plan.cells(table.model, table.human),
        "uniform": plan.cells(uniform, table.human),
        "shuffled": _shuffled(plan, seed),
        "majority": _majority(plan),
    }
    if not np.isnan(table.respondents[table.there]).any():
        rng = stream(seed, "pluralism.distributional.people")
        lines["sampling alone"] = _floor(plan, table.respondents, rng)
        lines["people, half by half"] = _halves(plan, rng)
    found: dict[str, Estimate] = {}
    for name, values in lines.items():
        kept = np.where(table.there & np.isfinite(values), values, np.nan)
        if name not in ("shuffled", "people, half by half") and np.isnan(kept[table.there]).any():
            continue  # an infinite divergence is no line of a table
        if not np.isnan(kept).all():
            found[name] = _estimated(plan, kept, draws, seed, level)
    return found


def noise_floor(
    human: Distributions,
    metric: str | Convention = "tv",
    base: float | None = None,
    *,
    answers: float,
    positions: Positions = None,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
    **laid: Unpack[Laid],
) -> Estimate:
    """Say what a model scores that samples so many answers from the very distribution of people.

    The discretisation floor: no model that is asked for 30 answers can on the average be nearer. Exact for
    total variation; else a mean over 100 samples.

    Parameters
    ----------
    human, metric, base, positions
        As for `score`; people's shares are taken as they are.
    answers
        So many a question.

    Examples
    --------
    >>> noise_floor([[0.5, 0.5], [1.0, 0.0]], answers=1).value  # one answer of a fair coin is 0.5 off
    0.25
    """
    if not answers >= 1:
        raise ValueError(f"answers is {answers} and must be at least 1")
    plan = planned(human, human, metric, base, None, positions, "none", laid)
    number = np.full(plan.table.model.shape[:2], float(answers))
    values = _floor(plan, number, stream(seed, "pluralism.distributional.floor"))
    return _estimated(plan, np.where(plan.table.there, values, np.nan), draws, seed, level)


def _floor(plan: Plan, number: Floats, rng: np.random.Generator) -> Floats:
    """Mean of the metric between people's shares and samples of them, shape (Q, G)."""
    table = plan.table
    if plan.how.metric in ("tv", "skill"):
        return expected_tv(np.nan_to_num(table.human), np.rint(number))
    total = np.zeros(number.shape)
    for _ in range(_REPEATS):
        total += plan.cells(sampled(rng, table.human, number), table.human)
    return total / _REPEATS


def _halves(plan: Plan, rng: np.random.Generator) -> Floats:
    """Mean of the metric between random halves of the people, shape (Q, G)."""
    table = plan.table
    counts = np.rint(np.nan_to_num(table.human) * np.nan_to_num(table.respondents)[..., None]).astype(
        np.int64
    )
    total, there = np.zeros(table.there.shape), table.there & (counts.sum(axis=-1) >= 2)
    rows = counts[there]
    for _ in range(_RINGS):
        first = _drawn_half(rng, rows)
        sides = [np.full(table.human.shape, np.nan) for _ in range(2)]
        for side, some in zip(sides, (first, rows - first), strict=True):
            side[there] = some / some.sum(axis=-1, keepdims=True)
        total += plan.cells(sides[0], sides[1])
    return np.where(there, total / _RINGS, np.nan)


def _drawn_half(rng: np.random.Generator, counts: Ints) -> Ints:
    """Draw half of the people of each row without putting back, option after option."""
    left = counts.sum(axis=-1)
    wanted = left // 2
    found = np.zeros_like(counts)
    for option in range(counts.shape[-1]):
        here = counts[..., option]
        left = left - here
        found[..., option] = rng.hypergeometric(here, left, wanted) if len(counts) else 0
        wanted = wanted - found[..., option]
    return found


def _estimated(plan: Plan, values: Floats, draws: int, seed: int, level: float) -> Estimate:
    """Put the cells of a line into an estimate, over questions."""
    which = np.isfinite(values) & (plan.counted > 0)
    base = plan.base() * which
    parts = np.stack([(np.where(which, values, 0.0) * plan.counted).sum(axis=1), base.sum(axis=1)], axis=-1)
    parts = parts[which.any(axis=1)]
    drawn_seed = int(stream(seed, "pluralism.distributional.controls").integers(2**31))
    drawn = bootstrap_replicates(
        parts, lambda total: scaled(plan.how, ratio(total)), draws=draws, seed=drawn_seed
    )
    value = float(scaled(plan.how, ratio(parts.sum(axis=0))))
    return estimated(plan, value, drawn, which, resample="questions", draws=draws, seed=seed, level=level)


def _shuffled(plan: Plan, seed: int) -> Floats:
    """Mean over other questions, met in random rings, of what the model says of them, shape (Q, G)."""
    table, rng = plan.table, stream(seed, "pluralism.distributional.shuffled")
    total = np.zeros(table.there.shape)
    count = np.zeros(table.there.shape)
    # Options of a shuffled answer must stand where those of the question do.
    shapes, which = np.unique(table.inside, axis=0, return_inverse=True)
    for number in range(len(shapes)):
        rows = np.flatnonzero(which.ravel() == number)
        if len(rows) < 2:
            continue
        for _ in range(_RINGS):
            ring = rng.permutation(rows)
            other = np.empty_like(table.model)
            other[:] = np.nan
            other[ring] = table.model[np.roll(ring, 1)]
            values = plan.cells(other, table.human)
            good = np.isfinite(values)
            total += np.where(good, values, 0.0)
            count += good
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _majority(plan: Plan) -> Floats:
    """All on the commonest answer; of several that are commonest, the mean over them, shape (Q, G)."""
    table = plan.table
    human = np.nan_to_num(table.human)
    best = human >= human.max(axis=-1, keepdims=True) - 1e-12
    best &= table.inside[:, None]
    total = np.zeros(table.there.shape)
    for option in range(human.shape[2]):
        chosen = best[..., option] & table.there
        if chosen.any():
            one = np.zeros_like(human)
            one[..., option] = 1.0
            values = measured(plan.how, one, table.human, table.inside, plan.positions)
            total += np.where(chosen, values, 0.0)
    return total / np.maximum(best.sum(axis=-1), 1)
