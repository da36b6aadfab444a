"""Leads of one model over another, row by row, and the p-value of each objective's mean lead."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.pluralism.multi_objective.points import ROUNDING, Directions, Floats, oriented
from populace.stats import Estimate
from populace.stats.crossed import crossed_mean

__all__ = ["Leads", "leads"]

_LEAST_TAIL, _HALVINGS = 1e-9, 40
"""Smallest p-value that an interval is turned round for, and steps of that."""


class Leads(NamedTuple):
    """Leads of A over B, what rows share, and what leads lie between."""

    gain: Floats
    one: npt.NDArray[np.int64]
    two: npt.NDArray[np.int64] | None
    within: tuple[float, float] | None

    @property
    def turned(self) -> Leads:
        """The leads of B over A."""
        ends = None if self.within is None else (-self.within[1], -self.within[0])
        return self._replace(gain=-self.gain, within=ends)

    def differences(self, level: float) -> tuple[Estimate, ...]:
        """Estimate the mean lead, an objective at a time."""
        return tuple(
            crossed_mean(column, self.one, self.two, within=self.within, level=level)
            for column in self.gain.T
        )

    def p_values(self, margin: float) -> list[float]:
        """Of a lead above minus the margin, an objective at a time, one-sided."""
        if self.within is None:
            return [_one_sided(each, margin, self._scarce) for each in self.differences(0.95)]
        return [self._inverted(column, -margin) for column in self.gain.T]

    @property
    def _scarce(self) -> int:
        """Clusters of the scarcer kind; one question alone is no kind."""
        kinds = [len(np.unique(each)) for each in (self.one, self.two) if each is not None]
        return kinds[0] if kinds[-1] < 2 else min(kinds)

    def _inverted(self, column: Floats, bar: float) -> float:
        """Give the tail at which the interval of a mean begins to reach down to the bar."""

        def found(tail: float) -> Estimate:
            return crossed_mean(column, self.one, self.two, within=self.within, level=1 - 2 * tail)

        low, high = math.log(_LEAST_TAIL), math.log(0.4999)
        if not found(0.025).value > bar or not found(math.exp(high)).low > bar:
            # Half or more: nobody claims anything on it, and how much more does not matter.
            return 1.0
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (low, middle) if found(math.exp(middle)).low > bar else (middle, high)
        return math.exp(high)


def _one_sided(estimate: Estimate, margin: float, scarce: int) -> float:
    """Give the p-value of a difference above minus the margin, from its symmetric interval."""
    from scipy import special  # pyright: ignore[reportMissingTypeStubs]

    student: Any = special

    lead = estimate.value + margin
    if math.isnan(estimate.low):
        # All rows agree, or there is one cluster: no spread is known, and so nothing of the mean.
        return 1.0
    degrees = max(1, scarce - 1)
    error = (estimate.high - estimate.low) / 2 / float(student.stdtrit(degrees, (1 + estimate.level) / 2))
    return float(student.stdtr(degrees, -lead / error))


def leads(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    questions: npt.ArrayLike | None,
    people: npt.ArrayLike | None,
    directions: Directions,
    *,
    within: tuple[float, float] | None = None,
    gaps: bool = False,
) -> Leads:
    """Subtract B from A, turned so that more is better; what differs by rounding does not differ.

    Raises
    ------
    DataError
        If shapes differ, or anything is malformed; a gap (nan) is, unless `gaps`.
    """
    missing = np.zeros((), dtype=np.bool_)
    if gaps:
        one, other = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
        if one.shape == other.shape:
            missing = np.asarray(np.isnan(one) | np.isnan(other))
            a, b = np.where(missing, 0.0, one), np.where(missing, 0.0, other)
    ours, theirs = oriented(a, directions, name="a"), oriented(b, directions, name="b")
    if ours.shape != theirs.shape or ours.ndim != 2:
        fix = "give both on the same rows, (rows, objectives)"
        raise DataError(f"`a` has the shape {ours.shape} and `b` {theirs.shape}", fix=fix)
    first = np.arange(len(ours)) if questions is None else _coded("questions", questions, len(ours))
    gain = ours - theirs
    size = np.maximum(np.abs(ours), np.abs(theirs)).max(axis=0, initial=0.0)
    gain: Floats = np.where(missing, np.nan, np.where(np.abs(gain) <= ROUNDING * size, 0.0, gain))
    second = None if people is None else _coded("people", people, len(ours))
    return Leads(gain, first, second, within)


def _coded(name: str, labels: npt.ArrayLike, rows: int) -> npt.NDArray[np.int64]:
    given = np.asarray(labels)
    if given.shape != (rows,):
        raise DataError(f"`{name}` has the shape {given.shape} and needs ({rows},)", fix="give one a row")
    return np.unique(given, return_inverse=True)[1].astype(np.int64)
