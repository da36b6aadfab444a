"""Drawing people: with probability proportional to weight, by strata, more of some, whole households.

Every design gives each person i an expected number of draws e_i, and each draw weighs w_i / e_i: weighted
totals and shares are unbiased (Hansen and Hurwitz, 1943, Annals of Mathematical Statistics 14; Horvitz and
Thompson, 1952, Journal of the American Statistical Association 47). Within a stratum e_i is proportional to
w_i, so all its people weigh the same and the weights of the stratum add up to what they did before, exactly
but for rounding of the last bits. People whose e_i is above 1 come more than once, or, with `once`, exactly
once with their own weight (they are certain, and the others share the remaining draws).

Draws are systematic over the order of the frame (Madow, 1949, Annals of Mathematical Statistics 20):
everybody comes ⌊e_i⌋ or ⌈e_i⌉ times. Sums run in the order of rows, so a seed gives the same people on any
machine.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.population.designs import Design, check_design
from populace.population.strata import sizes_of, units_of
from populace.population.weights import Floats, check_weights, total_of

__all__ = ["Drawn", "draw", "draw_rows"]


class Drawn(msgspec.Struct, frozen=True, eq=False):
    """Who was drawn."""

    rows: npt.NDArray[np.intp]
    weights: Floats
    """One a draw."""
    expected: Floats
    """How often the person was expected to come: the inclusion probability where it is at most 1."""
    draws: npt.NDArray[np.intp]
    """Number of the draw that each row came with: those of a household came with one."""


def draw(frame: pl.DataFrame, design: Design, rng: np.random.Generator) -> Drawn:
    """Draw people by a design, in random order; the members of a household stay together.

    Parameters
    ----------
    frame
        People: `person_id`, `weight` and the columns that the design names.
    design
        How to draw.
    rng
        Generator of all draws.

    Raises
    ------
    DataError
        If the design asks for columns or values that are not there, contradicts itself, or cannot be met.

    Examples
    --------
    >>> people = pl.DataFrame({"race": ["a"] * 8 + ["b"] * 2, "weight": [1.0] * 10})
    >>> found = draw(people, Design(size=5, boost={"race": {"b": 6.0}}), np.random.default_rng(0))
    >>> people["race"][found.rows].sort().to_list(), sorted(found.weights.tolist())
    (['a', 'a', 'b', 'b', 'b'], [0.6666666666666666, 0.6666666666666666, 0.6666666666666666, 4.0, 4.0])
    """
    check_design(design)
    weight = check_weights(frame["weight"].cast(pl.Float64).to_numpy())
    units = units_of(frame, design, weight)
    sizes = sizes_of(frame, design, units, weight)
    drawn, expected = [], np.zeros(len(units.measure))
    scale = np.zeros(len(units.measure))
    for number, size in enumerate(sizes.tolist()):
        members = np.flatnonzero(units.stratum == number) if len(sizes) > 1 else np.arange(len(units.measure))
        measure = units.measure[members]
        certain = _certain(measure, size) if design.once else np.zeros(len(members), dtype=bool)
        rest = np.where(certain, 0.0, measure)
        left, total = size - int(np.count_nonzero(certain)), total_of(rest)
        expected[members] = np.where(certain, 1.0, rest / total * left if left else 0.0)
        # A draw weighs w / e; with the measure apart, people of one stratum weigh the same to the last bit.
        scale[members] = np.where(certain, measure, total / left if left else 0.0)
        drawn.append(members[certain])
        drawn.append(members[draw_rows(rest, left, rng, replace=design.replace)] if left else members[:0])
    order = rng.permutation(np.concatenate(drawn))
    rows = order if not design.households else _members(units.unit, order)
    unit = units.unit[rows]
    share = np.ones(len(rows)) if not design.households else weight[rows] / units.measure[unit]
    draws = np.arange(len(order))
    if design.households:
        draws = np.repeat(draws, np.bincount(units.unit)[order])
    return Drawn(rows, share * scale[unit], expected[unit], draws)


def draw_rows(weight: Floats, size: int, rng: np.random.Generator, *, replace: bool) -> npt.NDArray[np.intp]:
    """Draw row numbers with probability proportional to weight, systematically or with replacement.

    Examples
    --------
    >>> draw_rows(np.array([1.0, 0.0, 3.0]), 4, np.random.default_rng(0), replace=False).tolist()
    [0, 2, 2, 2]
    """
    if size < 0:
        raise DataError(f"cannot draw {size} people", fix="give a size from 0 up")
    if size == 0:
        return np.empty(0, dtype=np.intp)
    upto = np.cumsum(weight)
    if not len(upto) or not upto[-1] > 0:
        raise DataError("all weights are zero: nobody can be drawn", column="weight")
    points = rng.random(size) if replace else (np.arange(size) + rng.random()) / size
    rows = np.searchsorted(upto / upto[-1], np.minimum(points, 1 - 2**-40), side="right")
    # The last edge may round below 1.
    return np.minimum(rows, int(np.flatnonzero(weight).max()))


def _certain(measure: Floats, size: int) -> npt.NDArray[np.bool_]:
    """Find units that would come once or more; without them, others may."""
    certain = np.zeros(len(measure), dtype=bool)
    while True:
        left = size - int(np.count_nonzero(certain))
        rest = np.where(certain, 0.0, measure)
        now = ~certain & (rest > 0) & (rest * left >= total_of(rest) * (1 - 1e-12))
        if left <= 0 or not now.any():
            return certain
        certain |= now


def _members(unit: npt.NDArray[np.intp], order: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """List the people of units, unit by unit, each in the order of the frame."""
    rows = np.argsort(unit, kind="stable")
    count = np.bincount(unit)
    first = np.cumsum(count) - count
    lengths = count[order]
    start = np.repeat(first[order] - (np.cumsum(lengths) - lengths), lengths)
    return rows[start + np.arange(int(lengths.sum()))]
