"""What a score is made of: both sides, convention and weights; read once, used by value and resamples."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypedDict

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.opinions.denoising import without_noise
from populace.pluralism.distributional.conventions import Convention, convention
from populace.pluralism.distributional.measures import Positions, measured, positions_of, uniform_of
from populace.pluralism.distributional.resampling import Resample
from populace.pluralism.distributional.sampling import Correct, bias_of, corrected, sampled
from populace.pluralism.distributional.table import Distributions, Missing, Table, Unanswered, aligned
from populace.stats import Estimate
from populace.stats._arrays import Bools, Floats
from populace.stats.bootstrap import doubted, estimate_from_replicates, expanded_estimate
from populace.streams import stream

__all__ = ["Laid", "Plan", "estimated", "finite", "planned", "scaled"]

_FLOORS = 200
"""Pairs of samples of one distribution that say what sampling alone leaves."""
_ROUNDING = 1e-12


class Laid(TypedDict, total=False):
    """How the two sides are laid beside each other: the arguments of `table.aligned`, and positions."""

    order: Distributions | None
    refusals: npt.ArrayLike | None
    missing: Missing
    unanswered: Unanswered
    counts: bool
    respondents: npt.ArrayLike | None
    samples: npt.ArrayLike | None


@dataclass(frozen=True)
class Plan:
    """What a score is made of: read once, used by the value and by every resample."""

    how: Convention
    table: Table
    positions: Floats | None
    weights: Floats
    correct: Correct

    def cells(self, model: Floats, human: Floats) -> Floats:
        """Value of every cell, corrected where that is done cell by cell."""
        values = self._measured(model, human)
        if self.correct in ("none", "noise"):
            return values
        table = replace(self.table, model=model, human=human)
        return corrected(
            self.how, values, bias_of(self.how, self.correct, table, self._measured), self.correct
        )

    def _measured(self, model: Floats, human: Floats) -> Floats:
        return measured(self.how, model, human, self.table.inside, self.positions)

    @property
    def counted(self) -> Floats:
        """Weight of every cell, 0 where it is not scored."""
        return np.where(self.table.there, self.weights[:, None], 0.0)

    def base(self) -> Floats:
        """What stands below the sum of values: the weights, or for skill what the uniform scores."""
        if self.how.metric != "skill":
            return self.counted
        guess = uniform_of(self.table.real, self.table.model.shape[1])
        return self.counted * np.nan_to_num(self._measured(guess, self.table.human))


def planned(
    model: Distributions,
    human: Distributions,
    metric: str | Convention,
    base: float | None,
    weights: npt.ArrayLike | None,
    positions: Positions,
    correct: Correct,
    laid: Laid,
) -> Plan:
    """Read and check everything that a score is made of.

    Raises
    ------
    DataError, ValueError
        As `populace.pluralism.distributional.score`.
    """
    if correct not in ("none", "analytic", "jackknife", "noise"):
        raise ValueError(f"correct is {correct!r} and must be none, analytic, jackknife or noise")
    how = convention(metric).in_base(base)
    if correct == "noise" and how.metric not in ("tv", "js_distance", "w1_ordinal"):
        raise DataError(f"the correction by noise is of distances, and {how.name} is none")
    table = aligned(model, human, **laid)
    many = len(table.model)
    given = np.ones(many) if weights is None else np.asarray(weights, dtype=np.float64)
    if given.shape != (many,) or not (np.isfinite(given) & (given >= 0)).all() or not given.sum():
        raise DataError(f"`weights` must be {many} numbers from 0 up, one a question, not all 0")
    if laid.get("missing") == "keep" and how.metric in ("w1_ordinal", "closeness"):
        raise DataError("missing mass has no place on a scale", fix='give missing="renormalise"')
    return Plan(how, table, positions_of(positions, table.inside), given, correct)


def finite(plan: Plan, values: Floats) -> None:
    """Refuse divergences without end: no mean of them is a number."""
    bad = np.isinf(values).any(axis=1)
    if bad.any():
        raise DataError(
            f"{plan.how.name} is infinite: one side gives nothing to an option that the other chose",
            row=int(np.flatnonzero(bad)[0]) + 1,
            fix='take "js_divergence", or a convention that smooths, such as "spectrum_kl"',
        )


def scaled(how: Convention, means: Floats) -> Floats:
    """Turn a ratio of distances into a skill, where one is meant."""
    return 100 * (1 - means) if how.metric == "skill" else means


def estimated(
    plan: Plan,
    value: float,
    drawn: Floats,
    which: Bools,
    *,
    resample: Resample,
    draws: int,
    seed: int,
    level: float,
) -> Estimate:
    """Put an estimate together, of the cells in `which`, shape (Q, G); take the noise off where asked for."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level} and must lie between 0 and 1")
    unit = {"questions": "question", "respondents": "respondent", "both": "question and respondent"}[resample]
    clusters = int(which.any(axis=1).sum())
    if resample == "respondents":
        clusters = int(np.nansum(plan.table.respondents[which])) or clusters
    size = {"n": int(which.sum()), "clusters": clusters}
    if resample == "respondents":
        made = estimate_from_replicates(value, drawn, **size, draws=draws, seed=seed, level=level, unit=unit)
    else:
        made = expanded_estimate(value, drawn, **size, draws=draws, seed=seed, level=level, unit=unit)
    if plan.correct == "noise" and made.defined:
        made = _denoised(plan, made, which, seed)
    if not made.high - made.low <= _ROUNDING:
        return made
    low, high = plan.how.low, plan.how.high
    if plan.how.metric == "w1_ordinal" and plan.positions is not None:
        high = float((np.nanmax(plan.positions, axis=1) - np.nanmin(plan.positions, axis=1)).max())
    if math.isfinite(low) and math.isfinite(high):
        return doubted(made, low, high)
    method = "no interval: all questions agree, and nothing bounds them"
    return msgspec.structs.replace(made, low=math.nan, high=math.nan, method=method)


def _denoised(plan: Plan, made: Estimate, which: Bools, seed: int) -> Estimate:
    """Take from value and ends what sampling alone leaves to these cells."""
    table = plan.table
    if (np.isnan(table.respondents) & np.isnan(table.samples))[which].any():
        raise DataError(
            "noise needs to know how many answers stand behind the shares",
            fix="give respondents=N (or counts=True), and samples=M where the model was sampled",
        )
    rng = stream(seed, "pluralism.distributional.noise")
    total = np.zeros(which.shape)
    for _ in range(_FLOORS):
        # What is not a sample is the truth: of the model's side, where it was not sampled.
        one, other = (sampled(rng, table.human, number) for number in (table.samples, table.respondents))
        total += measured(plan.how, one, other, table.inside, plan.positions)
    weights = np.broadcast_to(plan.weights[:, None], which.shape)[which]
    three = np.array([made.value, made.low, made.high])
    value, low, high = without_noise(three, (total / _FLOORS)[which], weights)
    method = f"{made.method}; less what sampling alone leaves"
    return msgspec.structs.replace(made, value=float(value), low=float(low), high=float(high), method=method)
