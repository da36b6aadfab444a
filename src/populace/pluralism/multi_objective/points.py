"""Points of several objectives: checked, turned so that more is better, and put on a scale that is named.

Every function of this part takes points as shape (points, objectives) and says in `directions` which way
each objective is better. Nothing is normalised without a word: what one unit of an objective is worth is
settled by a `Scale`, and a weight means nothing without one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from populace.errors import DataError

__all__ = ["ROUNDING", "Bools", "Directions", "Floats", "Scale", "evened", "oriented", "signs"]

Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Direction: TypeAlias = Literal["max", "min"]
Directions: TypeAlias = Direction | Sequence[Direction]
"""One for all objectives, or one each: `max` where more is better, `min` where less is."""
ROUNDING = 1e-12
"""Difference of two means, beside the largest of the numbers that they are of, that is rounding."""


def signs(directions: Directions, objectives: int) -> Floats:
    """Return 1 for each objective of which more is better, -1 for the others.

    Raises
    ------
    DataError
        If there is not one direction for each objective, or it is neither `max` nor `min`.

    Examples
    --------
    >>> signs(["max", "min"], 2).tolist()
    [1.0, -1.0]
    """
    each = [directions] * objectives if isinstance(directions, str) else list(directions)
    if len(each) != objectives:
        raise DataError(f"there are {objectives} objectives and {len(each)} directions", fix="give one each")
    for place, direction in enumerate(each):
        if direction not in ("max", "min"):
            fix = "say 'max' where more is better, 'min' where less is"
            raise DataError(f"the direction of objective {place + 1} is {direction!r}", fix=fix)
    return np.array([1.0 if each_one == "max" else -1.0 for each_one in each])


def oriented(
    points: npt.ArrayLike,
    directions: Directions = "max",
    *,
    name: str = "points",
    objectives: int | None = None,
) -> Floats:
    """Check points, shape (..., points, objectives), and turn them so that more is better.

    A single vector is one point. An objective that nobody measured (nan) is an error: a point of which a
    part is unknown is neither dominated nor not.

    Raises
    ------
    DataError
        If they are no numbers, not finite, of too few dimensions, or of another number of objectives.

    Examples
    --------
    >>> oriented([[1, 2], [3, 4]], ["max", "min"]).tolist()
    [[1.0, -2.0], [3.0, -4.0]]
    >>> oriented([[1.0, None]])
    Traceback (most recent call last):
    populace.errors.DataError: row 1, column 2: `points` has no finite number here. To mend it: leave the ...
    """
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"`{name}` is no table of numbers ({error})") from error
    if array.ndim == 1:
        array = array[None, :]
    if array.ndim < 2 or array.shape[-1] == 0:
        raise DataError(f"`{name}` has the shape {array.shape}", fix="give (points, objectives)")
    if objectives is not None and array.shape[-1] != objectives:
        raise DataError(f"`{name}` has {array.shape[-1]} objectives and needs {objectives}")
    if not np.isfinite(array).all():
        *_, row, column = (int(place[0]) for place in np.nonzero(~np.isfinite(array)))
        fix = "leave the point or the objective out, or measure it"
        raise DataError(f"`{name}` has no finite number here", row=row + 1, column=str(column + 1), fix=fix)
    return array * signs(directions, array.shape[-1])


def evened(points: npt.ArrayLike, size: npt.ArrayLike | None = None) -> Floats:
    """Make coordinates equal that differ by rounding alone, so that a tie is one.

    The mean of 0.1, 0.2, 0.3 is not that of 0.3, 0.2, 0.1 to the last bit, and by that bit one of two equal
    models would dominate the other.

    Parameters
    ----------
    points
        Shape (..., points, objectives).
    size
        How large the numbers are that the points are means of, shape (objectives,); the largest of the points
        if left out.

    Examples
    --------
    >>> evened([[(0.1 + 0.2 + 0.3) / 3, 1.0], [(0.3 + 0.2 + 0.1) / 3, 2.0]]).tolist()
    [[0.19999999999999998, 1.0], [0.19999999999999998, 2.0]]
    """
    array = np.asarray(points, dtype=np.float64)
    if not array.size:
        return array
    places = tuple(range(array.ndim - 1))
    slack = ROUNDING * (np.abs(array).max(axis=places) if size is None else np.asarray(size))
    order = np.argsort(array, axis=-2)
    climb = np.take_along_axis(array, order, axis=-2)
    # The first of a run of equals stands for all: cutting digits off would part two that a cut lies between.
    first = np.ones(array.shape, dtype=np.bool_)
    first[..., 1:, :] = np.diff(climb, axis=-2) > slack
    place: npt.NDArray[np.int64] = np.cumsum(np.ones(array.shape, dtype=np.int64), axis=-2) - 1
    start: npt.NDArray[np.int64] = place * first
    runs = np.take_along_axis(climb, np.maximum.accumulate(start, axis=-2), axis=-2)
    found = np.empty_like(array)
    np.put_along_axis(found, order, runs, axis=-2)
    return found


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """What 0 and 1 mean on each objective: the exchange rates that every weight relies on.

    Examples
    --------
    A reward that runs from -2 to 2 and one from 0 to 10 are both put on 0 to 1.

    >>> scale = Scale.declared(low=[-2, 0], high=[2, 10])
    >>> scale.apply([[0, 5], [2, 10]]).tolist(), scale.source
    ([[0.5, 0.5], [1.0, 1.0]], 'declared')
    """

    low: tuple[float, ...]
    """What becomes 0: the worst value, also where less is better."""
    high: tuple[float, ...]
    """What becomes 1: the best value."""
    source: str
    """Where the ends are from: `declared` by somebody, or `observed` in the points at hand."""

    @classmethod
    def declared(cls, low: npt.ArrayLike, high: npt.ArrayLike) -> Scale:
        """Take ends that somebody gives: worst and best value of each objective.

        Raises
        ------
        DataError
            If they are of unequal length, or worst and best are one.
        """
        return cls(low=_ends(low), high=_ends(high), source="declared")

    @classmethod
    def observed(cls, points: npt.ArrayLike, directions: Directions = "max") -> Scale:
        """Take the worst and the best of the points at hand.

        A point more, and every weight means something else: indicators on such a scale are compared with no
        other set's. An objective that does not vary has no scale.

        Raises
        ------
        DataError
            If an objective does not vary, or points are malformed.
        """
        found = oriented(points, directions).reshape(-1, np.shape(points)[-1])
        sign = signs(directions, found.shape[1])
        low, high = found.min(axis=0) * sign, found.max(axis=0) * sign
        return cls(low=_ends(low), high=_ends(high), source="observed")

    def __post_init__(self) -> None:
        if len(self.low) != len(self.high):
            raise DataError(f"a scale has {len(self.low)} worst values and {len(self.high)} best ones")
        for place, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if low == high:
                fix = "leave the objective out, or declare its range"
                raise DataError(f"worst and best of objective {place + 1} are both {low:g}", fix=fix)

    def apply(self, points: npt.ArrayLike) -> Floats:
        """Put points, shape (..., objectives), on the scale: more is better, 0 to 1 within its ends."""
        found = np.asarray(points, dtype=np.float64)
        if found.shape[-1:] != (len(self.low),):
            raise DataError(f"points have the shape {found.shape} and the scale {len(self.low)} objectives")
        low, high = np.array(self.low), np.array(self.high)
        return (found - low) / (high - low)


def _ends(values: npt.ArrayLike) -> tuple[float, ...]:
    return tuple(oriented(values, name="ends of the scale")[0].tolist())
