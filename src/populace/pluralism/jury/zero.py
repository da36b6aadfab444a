"""How much the zero point decides: the best option by a p-mean at every zero point that there could be.

Nash welfare and p-means read ratios above the utility of having nothing, and nobody ever asked jurors for
that number. As the zero point falls to -inf every p-mean becomes the utilitarian one; as it rises to the
lowest rating the juror who gave that rating decides.
"""

from __future__ import annotations

import msgspec
import numpy as np

from populace.errors import DataError
from populace.pluralism.jury import welfare
from populace.pluralism.jury.ballots import Ballots
from populace.pluralism.jury.crossings import along_zero
from populace.pluralism.jury.envelope import Span, Stage, envelope, merged
from populace.pluralism.jury.profile import Flip, Stretch
from populace.stats._arrays import Floats

__all__ = ["ZeroSensitivity", "zero_of"]

_NEAREST = 1e-6
"""Distance from the lowest rating, in ranges of the ratings, up to which flips are looked for."""
_FURTHEST = 1e4
"""And the greatest, where means are so near that order among them is not settled before."""


class ZeroSensitivity(msgspec.Struct, frozen=True, kw_only=True):
    """Best options over zero points."""

    p: float
    stretches: tuple[Stretch, ...]
    """From -inf up to the lowest rating."""
    at_zero: tuple[str, ...]
    """Best at the jury's own zero point; empty where it has none."""
    proved: bool
    """Whether it is proved that there is no other flip, up to a millionth of the range below the lowest
    rating."""

    @property
    def flips(self) -> tuple[Flip, ...]:
        """Zero points at which the best option changes."""
        pairs = zip(self.stretches, self.stretches[1:], strict=False)
        return tuple(Flip(at=one.high, below=one.winners, above=other.winners) for one, other in pairs)


def zero_of(ballots: Ballots, p: float) -> ZeroSensitivity:
    """Find the best option at every zero point.

    Raises
    ------
    DataError
        If the ballots are not cardinal, or p is 1 or -inf, where the zero point does not matter.

    Examples
    --------
    >>> from populace.pluralism.jury import Jury
    >>> found = Jury(np.array([[10.0, 5.0], [2.0, 5.0]]), ["uneven", "even"], zero=0).zero_sensitivity()
    >>> [(flip.below, round(flip.at, 6), flip.above) for flip in found.flips]  # (10 - d)(2 - d) = (5 - d)^2
    [(('uneven',), -2.5, ('even',))]
    """
    if ballots.kind != "cardinal":
        raise DataError(f"{ballots.kind} ballots have no zero point", fix="use a rule of order, or of levels")
    if p in (1.0, -np.inf):
        raise DataError(f"at p = {p:g} the zero point does not matter", fix="give another p")
    weights, utilities = ballots.weights, ballots.utilities
    heard = utilities[weights > 0]
    least, most = float(np.nanmin(heard)), float(np.nanmax(heard))
    width = most - least or 1.0

    def value(zero: float) -> Floats:
        # In utility, so that what an option is worth falls as the zero point rises.
        return welfare.power_mean(utilities - zero, weights[None], p)[0] + zero

    stage = Stage(utilities, weights, lambda gap: along_zero(gap, p))
    mean = welfare.average(utilities, weights[None])[0]
    leaders = tuple(welfare.leading(mean))
    start, settled = _settled(stage, leaders, mean, (least, width, p))
    steps = [least - width * 10.0**power for power in np.arange(4.0, -6.5, -0.5).tolist()]
    grid = [start, *(each for each in steps if each > start), least - _NEAREST * width]
    found = envelope(stage, value, list(dict.fromkeys(grid)))
    spans = merged([Span(-np.inf, start, found.spans[0].winners), *found.spans])
    names = ballots.options
    told = tuple(Stretch(low=s.low, high=s.high, winners=tuple(names[n] for n in s.winners)) for s in spans)
    last = Stretch(low=told[-1].low, high=least, winners=told[-1].winners)
    own: tuple[int, ...] = ()
    if ballots.zero is not None and ballots.zero <= least:
        own = tuple(welfare.leading(value(ballots.zero)))
    return ZeroSensitivity(
        p=p,
        stretches=(*told[:-1], last),
        at_zero=tuple(names[n] for n in own),
        proved=found.proved and settled,
    )


def _settled(
    stage: Stage, leaders: tuple[int, ...], mean: Floats, where: tuple[float, float, float]
) -> tuple[float, bool]:
    """Find a zero point below which nothing changes: there the order is that of means."""
    least, width, p = where
    far = 1.0
    while far < _FURTHEST:
        start = least - far * width
        if len(leaders) == 1 and all(
            stage.surely(leaders[0], rival, start, least + width, p)
            for rival in range(len(mean))
            if rival != leaders[0]
        ):
            return start, True
        far *= 4
    return least - far * width, False
