"""Where to ask next, so that few answers do: planned from the gap, rather than halved.

With exact answers the gap of a piece falls with the square of its length, so that a piece whose gap is g
needs about sqrt(g / target) parts. Halving again and again makes a power of two of them: 9 answers where 7
would do.
"""

from __future__ import annotations

import math

import numpy as np

from populace.portfolio.served import spread_weights

__all__ = ["Plan", "parts", "split"]

_BEND = (0.27, 0.73)
"""Places of the corner in a piece, between which the map that takes the middle to it stays monotone."""
_RESOLUTION, _POWER, _STEEPEST = 0.75, 1.25, 1.2
"""The resolution of a lattice over the ratio of gaps: fitted on problems made up, which bend unevenly, so
that more is needed than sqrt."""
_MOST = 60_000


def parts(gap: float, target: float) -> int:
    """Give into how many parts a piece is cut: two or more.

    Examples
    --------
    >>> parts(0.09, 0.01), parts(0.011, 0.01)
    (3, 2)
    """
    return max(2, math.ceil(math.sqrt(max(gap, 0.0) / target) - 1e-9))


def split(start: float, end: float, corner: float, count: int) -> list[float]:
    """Cut a piece into parts of about the same gap, the cut that is asked first in front.

    Where the lines of both ends cross (`corner`) tells on which side the value bends more: the middle goes
    there, and the rest as a parabola takes it.

    Examples
    --------
    >>> [round(each, 4) for each in split(0.0, 1.0, 0.5, 3)], split(0.0, 1.0, 0.1, 2)
    ([0.3333, 0.6667], [0.1])
    """
    if count == 2:
        return [corner]
    place = (corner - start) / (end - start)
    bend = 4 * min(max(place, _BEND[0]), _BEND[1]) - 1
    shares = np.arange(1, count) / count
    cuts = start + (end - start) * (bend * shares + (1 - bend) * shares**2)
    first = count // 2 if place <= 0.5 else count - count // 2
    return [float(cuts[first - 1]), *(float(each) for row, each in enumerate(cuts, 1) if row != first)]


class Plan:
    """A lattice of weights whose resolution is guessed from the gap that the corners of the simplex leave.

    Parameters
    ----------
    traits
        Number of rewards.
    gap, target
        What the corners of the simplex leave, and what is asked for.
    """

    def __init__(self, traits: int, gap: float, target: float) -> None:
        ratio = math.sqrt(max(gap, 0.0) / target)
        steps = max(1, math.ceil(min(_RESOLUTION * ratio**_POWER, _STEEPEST * ratio, 1e6) - 1e-9))
        size = math.comb(steps + traits - 1, traits - 1)
        self.reach = 1.4 / steps
        self.weights = spread_weights(traits, size) if size <= _MOST else np.empty((0, traits))

    def near(self, weights: np.ndarray, asked: np.ndarray) -> np.ndarray:
        """Give the lattice's weights next to these that were not asked; these, where all around were."""
        if len(self.weights):
            apart = np.abs(self.weights - weights).sum(axis=1)
            for place in np.argsort(apart, kind="stable"):
                if apart[place] > self.reach:
                    break
                if np.abs(asked - self.weights[place]).max(axis=1).min() > 1e-9:
                    return self.weights[place]
        return weights
