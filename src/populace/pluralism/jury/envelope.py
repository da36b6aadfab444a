"""Which option is best at every value of a parameter: intervals, their ends, and whether they are proved.

What an option is worth (its equally distributed equivalent) moves in one direction with the parameter. So on
an interval no option is worth more than at one end, or less than at the other: who at best is below what
another surely has is out. Of those who are left, every two are compared exactly
(`populace.pluralism.jury.crossings`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from populace.pluralism.jury.crossings import Along, Gap, changes_of_sign, gap_of, roots
from populace.pluralism.jury.ties import slack
from populace.stats._arrays import Floats, Ints

__all__ = ["Found", "Span", "Stage", "envelope", "merged"]

_FEW = 6
"""Options that are compared two by two before the interval is halved once more."""
_DEPTH = 14
_SLIVER = 1e-9
"""Width of what is rounding: two options that are equal at an end change places there, and nowhere else."""


class Span(NamedTuple):
    """An open interval of the parameter, and who is best all over it."""

    low: float
    high: float
    winners: tuple[int, ...]


class Found(NamedTuple):
    """Intervals in order, and whether it is proved that none is missing."""

    spans: list[Span]
    proved: bool


class Stage:
    """Options, compared two by two on demand."""

    def __init__(self, utilities: Floats, weights: Floats, along: Callable[[Gap], Along]) -> None:
        self._utilities, self._weights, self._along = utilities, weights, along
        self._known: dict[tuple[int, int], tuple[int, Along, int]] = {}

    def compared(self, one: int, other: int) -> tuple[int, Along, int]:
        """Give changes of sign (-1 where both are distributed alike), f, and the sign where there is no
        change.
        """
        key = (one, other)
        if key not in self._known:
            gap = gap_of(self._utilities[:, one], self._utilities[:, other], self._weights)
            changes = changes_of_sign(gap) if len(gap.height) else -1
            sign = int(np.sign(gap.height[0])) if changes == 0 else 0
            self._known[key] = changes, self._along(gap), sign
        return self._known[key]

    def bottom(self, one: int, other: int) -> float:
        """Give ln of the lowest utility at which the second option has an advantage."""
        gap = gap_of(self._utilities[:, one], self._utilities[:, other], self._weights)
        behind = gap.left[gap.height < 0]
        return float(np.log(behind.min())) if len(behind) else np.inf

    def surely(self, one: int, other: int, zero: float, top: float, p: float) -> bool:
        """Say whether the first is better at every zero point up to this one.

        Relative to the top, (x - d)^(p - 1) falls to 1 as d does: the part that is ahead is worth at least
        its area, and the other at most what it is worth here.
        """
        gap = gap_of(self._utilities[:, one], self._utilities[:, other], self._weights)
        area = gap.height * (gap.right - gap.left)
        ahead = float(area[area > 0].sum())
        highest = ((gap.left - zero) / (top - zero)) ** (p - 1)
        return ahead > float(-(area * highest)[area < 0].sum())

    def ahead(self, one: int, other: int, at: float) -> int:
        """Say which is better at a value: 1, -1, or 0."""
        changes, along, sign = self.compared(one, other)
        if changes <= 0:
            return sign
        return int(np.sign(along(at).lead))

    def best(self, options: Sequence[int], at: float) -> tuple[int, ...]:
        """Give those that no other is better than."""
        kept: list[int] = []
        for option in options:
            sign = self.ahead(option, kept[0], at) if kept else 1
            if sign > 0:
                kept = [option]
            elif sign == 0:
                kept.append(option)
        return tuple(sorted(kept))


def envelope(stage: Stage, value: Callable[[float], Floats], grid: Sequence[float]) -> Found:
    """Find who is best between the least and the greatest value of a grid.

    Parameters
    ----------
    value
        Gives what every option is worth at a value of the parameter, shape (options,); monotone in it.
    grid
        Where to begin cutting; what is found does not depend on it.
    """
    worth = [value(at) for at in grid]
    spans: list[Span] = []
    proved = True
    for low, high, one, other in zip(grid, grid[1:], worth, worth[1:], strict=False):
        found = _between(stage, value, (low, one), (high, other), 0)
        spans += found.spans
        proved &= found.proved
    return Found(merged(spans), proved)


def merged(spans: Sequence[Span]) -> list[Span]:
    """Join neighbours with the same winners; a tie at an end of the whole is no stretch of its own."""
    found: list[Span] = []
    for span in spans:
        if found and span.high - span.low <= _SLIVER:
            found[-1] = Span(found[-1].low, span.high, found[-1].winners)
            continue
        if found and found[-1].winners == span.winners:
            found[-1] = Span(found[-1].low, span.high, span.winners)
        else:
            found.append(span)
    return found


def _between(
    stage: Stage,
    value: Callable[[float], Floats],
    low: tuple[float, Floats],
    high: tuple[float, Floats],
    depth: int,
) -> Found:
    could = possible(low[1], high[1])
    if len(could) > _FEW and depth < _DEPTH:
        middle = (low[0] + high[0]) / 2
        centre = (middle, value(middle))
        one, other = (_between(stage, value, *ends, depth + 1) for ends in ((low, centre), (centre, high)))
        return Found([*one.spans, *other.spans], one.proved and other.proved)
    options = could.tolist()
    cuts: list[float] = []
    proved = True
    for place, one in enumerate(options):
        for other in options[place + 1 :]:
            changes, along, _ = stage.compared(one, other)
            if changes > 0:
                points, sure = roots(along, low[0], high[0])
                cuts += points
                proved &= sure
    ends = [low[0], *sorted(each for each in set(cuts) if low[0] < each < high[0]), high[0]]
    spans = [Span(a, b, stage.best(options, (a + b) / 2)) for a, b in itertools.pairwise(ends)]
    return Found(spans, proved)


def possible(one: Floats, other: Floats) -> Ints:
    """Give the options that may be best somewhere between two values at which they are worth this."""
    ends = np.stack([one, other])
    surely = float(ends.min(axis=0).max())
    return np.flatnonzero(ends.max(axis=0) >= surely - slack(ends.ravel()))
