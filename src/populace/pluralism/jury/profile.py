"""The welfare profile: which option is best at every p from -inf (the worst-off alone) to 1 (the mean).

p says how much inequality costs. A ranking of answers by mean rating is one point of this line; the profile
shows whether it stands elsewhere. The points where the best option changes are exact (`crossings`), not read
off a grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.pluralism.jury import welfare
from populace.pluralism.jury.ballots import Ballots
from populace.pluralism.jury.crossings import along_p
from populace.pluralism.jury.envelope import Found, Span, Stage, envelope, merged, possible
from populace.pluralism.jury.rules import above_zero, checked_p
from populace.stats._arrays import Bools, Floats

__all__ = ["Flip", "Profile", "Stretch", "profile_of"]

Value: TypeAlias = Callable[[float], Floats]
_GRID = (-64.0, -32.0, -16.0, -8.0, -4.0, -2.0, -1.0, -0.5, 0.0, 0.5, 1.0)
_LEAST = 1e-6
"""With somebody at the zero point, the smallest p above 0 that is looked at."""
_LOWEST = -(2.0**40)
DRAWN = (-np.inf, -10.0, -5.0, -3.0, -2.0, -1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0)


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Values of p between which the best option stays."""

    low: float
    high: float
    winners: tuple[str, ...]
    """More than one where options are rated alike."""


class Flip(msgspec.Struct, frozen=True, kw_only=True):
    """A value at which the best option changes; there, both are best."""

    at: float
    below: tuple[str, ...]
    above: tuple[str, ...]


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Best options over p."""

    stretches: tuple[Stretch, ...]
    """From -inf to 1, in order."""
    worst_off: tuple[str, ...]
    """Best at -inf: by leximin, the limit, where the minimum alone would tie. Where every option leaves
    somebody at the zero point all are worth 0 at every p up to 0, and tie, whatever leximin says."""
    mean: tuple[str, ...]
    """Best at p = 1."""
    proved: bool
    """Whether it is proved that there is no other flip; where somebody is at the zero point, none but between
    p = 0 and a millionth."""
    zero: float
    """Zero point that utilities were measured from."""
    welfare: dict[str, tuple[float, ...]]
    """p-means of every option at the values of `p`."""
    p: tuple[float, ...]
    missing: str

    @property
    def flips(self) -> tuple[Flip, ...]:
        """Where the best option changes, from low p to high."""
        pairs = zip(self.stretches, self.stretches[1:], strict=False)
        return tuple(Flip(at=one.high, below=one.winners, above=other.winners) for one, other in pairs)

    def at(self, p: float) -> tuple[str, ...]:
        """Give the best options at a p; at a flip, those of both sides."""
        p = checked_p(p)
        if p == -np.inf:
            return self.worst_off
        if p == 1:
            return self.mean
        held = [each.winners for each in self.stretches if each.low <= p <= each.high]
        return tuple(dict.fromkeys(name for names in held for name in names))

    def frame(self) -> pl.DataFrame:
        """Give welfare as a table: `p`, `option`, `welfare`."""
        rows = [
            (p, name, value)
            for name, given in self.welfare.items()
            for p, value in zip(self.p, given, strict=True)
        ]
        return pl.DataFrame(rows, schema=["p", "option", "welfare"], orient="row")


def profile_of(ballots: Ballots, p: Sequence[float] | None = None) -> Profile:
    """Make the profile.

    Parameters
    ----------
    p
        Values at which welfare is tabled, for drawing; flips do not depend on them.

    Raises
    ------
    DataError
        If the ballots are not cardinal, or have no zero point, or ratings below it.

    Examples
    --------
    9 and 1 against 4 and 4: the mean of roots is 2 for both.

    >>> import numpy as np
    >>> from populace.pluralism.jury import Jury
    >>> found = Jury(np.array([[9.0, 4.0], [1.0, 4.0]]), ["uneven", "even"], zero=0).profile()
    >>> [(flip.below, round(flip.at, 6), flip.above) for flip in found.flips]
    [(('even',), 0.5, ('uneven',))]
    """
    utilities = above_zero(ballots, "a welfare profile")
    tabled = tuple(checked_p(each) for each in (DRAWN if p is None else p))
    if not tabled:
        raise DataError("`p` is empty", fix="give values from -inf to 1, or leave it out")
    weights = ballots.weights

    def value(at: float) -> Floats:
        # In logarithms: near 0, with somebody at the zero point, p-means are below the least float.
        return welfare.log_power_mean(utilities, weights[None], at)[0]

    stage = Stage(utilities, weights, along_p)
    lowest = tuple(welfare.leximin_order(utilities, weights))
    mean = tuple(welfare.leading(welfare.average(utilities, weights[None])[0]))
    heard = weights > 0
    dead = (utilities[heard] == 0).any(axis=0)
    with np.errstate(divide="ignore"):
        floor = np.log(welfare.worst(utilities, weights[None])[0])
    if dead.any():
        lowest = tuple(range(len(dead))) if dead.all() else lowest
        spans, proved = _with_zeros(stage, value, floor, dead, lowest)
    else:
        spans, proved = _whole(stage, value, floor, lowest, 1.0)
    names = ballots.options
    told = {
        name: tuple(row)
        for name, row in zip(
            names,
            np.stack([welfare.power_mean(utilities, weights[None], each)[0] for each in tabled], 1).tolist(),
            strict=True,
        )
    }
    return Profile(
        stretches=tuple(
            Stretch(low=span.low, high=span.high, winners=tuple(names[n] for n in span.winners))
            for span in spans
        ),
        worst_off=tuple(names[n] for n in lowest),
        mean=tuple(names[n] for n in mean),
        proved=proved,
        zero=float(ballots.zero or 0.0),
        welfare=told,
        p=tabled,
        missing=ballots.missing
        if ballots.complete
        else f"{ballots.missing}; options are valued by who rated them",
    )


def _whole(stage: Stage, value: Value, floor: Floats, lowest: tuple[int, ...], top: float) -> Found:
    """Cover -inf to `top`; nobody is at the zero point."""
    start, settled = _settled(stage, value, floor, lowest)
    first = [each for each in _GRID if start < each < top]
    found = envelope(stage, value, [start, *first, top])
    return Found(merged([Span(-np.inf, start, lowest), *found.spans]), found.proved and settled)


def _settled(stage: Stage, value: Value, floor: Floats, lowest: tuple[int, ...]) -> tuple[float, bool]:
    """Find a p below which nothing changes any more.

    Below it, ln P - ln N falls in p: the greatest mean of the part that is ahead at the bottom is below all
    of the other part.
    """
    first, start = lowest[0], -1.0
    while start > _LOWEST:
        rivals = [n for n in possible(floor, value(start)).tolist() if n not in lowest]
        if all(_stays(stage, first, rival, start) for rival in rivals):
            return start, True
        start *= 2
    return start, False


def _stays(stage: Stage, one: int, other: int, start: float) -> bool:
    changes, along, sign = stage.compared(one, other)
    if changes <= 0:
        return sign >= 0
    side = along(start)
    return side.lead > 0 and side.positive_slope < stage.bottom(one, other)


def _with_zeros(stage: Stage, value: Value, floor: Floats, dead: Bools, lowest: tuple[int, ...]) -> Found:
    """Cover -inf to 1 where somebody gets nothing from some option, which is then worth 0 at every p up to
    0.
    """
    live = np.flatnonzero(~dead)
    count = len(dead)
    if not len(live):
        low = Found([Span(-np.inf, 0.0, tuple(range(count)))], True)
    else:

        def alive(at: float) -> Floats:
            return np.where(dead, -np.inf, value(at))

        low = _whole(stage, alive, floor, lowest, 0.0)
    grid = [_LEAST, 1e-3, 0.03, 0.125, 0.25, 0.5, 0.75, 1.0]
    high = envelope(stage, value, grid)
    # Of p between 0 and the least that is looked at nothing is proved.
    opening = Span(0.0, _LEAST, high.spans[0].winners)
    return Found(merged([*low.spans, opening, *high.spans]), low.proved and high.proved)
