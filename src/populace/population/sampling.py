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

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.population.allocation import largest_remainder, neyman_shares
from populace.population.targets import NONE, with_readings
from populace.population.weights import Floats, check_weights, tally, total_of

__all__ = ["Design", "Drawn", "as_design", "draw", "draw_rows", "household_ids"]

_OTHERS = "(others)"
_SERIAL = r"^((?:(?:19|20)\d\d(?:HU|GQ))?\d+)-\d\d+$"
"""Person ids of PUMS people: serial number of the household, place in it."""

Boost = Mapping[str, Mapping[Any, float]]


class Design(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How people are drawn."""

    size: int
    """People to draw, or households."""
    replace: bool = False
    """Draw independently instead of systematically."""
    once: bool = False
    """Nobody comes twice: who would is certain to come once, with his own weight."""
    strata: tuple[str, ...] = ()
    """Columns whose every combination is drawn from by itself."""
    allocation: Literal["proportional", "equal", "neyman"] | dict[str, int] = "proportional"
    """Draws of each stratum; or a number for each, values of several columns joined by ` × `."""
    variable: str | None = None
    """What Neyman's allocation shall estimate best."""
    boost: dict[str, dict[str, float]] = {}
    """Column -> value -> how many times as often its people are drawn."""
    shares: dict[str, dict[str, float]] = {}
    """Column -> value -> share of the sample."""
    households: bool = False
    """Draw whole households, with probability proportional to their members' mean weight."""


class Drawn(msgspec.Struct, frozen=True, eq=False):
    """Who was drawn."""

    rows: npt.NDArray[np.intp]
    weights: Floats
    """One a draw."""
    expected: Floats
    """How often the person was expected to come: the inclusion probability where it is at most 1."""


class _Units(msgspec.Struct, frozen=True, eq=False):
    """What is drawn: people, or households."""

    unit: npt.NDArray[np.intp]
    """Of every person."""
    measure: Floats
    """Of every unit: it is drawn in proportion to this."""
    stratum: npt.NDArray[np.intp]
    """Of every unit."""
    strata: list[tuple[str, ...]]
    """Values of every stratum: of the columns asked for, then of the boosted ones."""

    @property
    def names(self) -> list[str]:
        """Names of the strata, for messages and allocations."""
        return [" × ".join(values) for values in self.strata]


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
    _consistent(design)
    weight = check_weights(frame["weight"].cast(pl.Float64).to_numpy())
    units = _units(frame, design, weight)
    sizes = _sizes(frame, design, units, weight)
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
    return Drawn(rows, share * scale[unit], expected[unit])


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


def household_ids(people: pl.DataFrame) -> pl.Series:
    """Name the household of every person.

    Raises
    ------
    DataError
        If people were drawn one by one, so that there are no households.

    Examples
    --------
    >>> household_ids(pl.DataFrame({"person_id": ["2024HU0000012-01", "2024HU0000012-02"]})).to_list()
    ['2024HU0000012', '2024HU0000012']
    """
    if "household_id" in people.columns:
        found = people["household_id"].cast(pl.String)
    else:
        found = people["person_id"].str.extract(_SERIAL, 1).alias("household_id")
    lost = found.is_null().arg_true()
    if len(lost):
        raise DataError(
            f"{people['person_id'][int(lost[0])]} belongs to no household: people were drawn one by one",
            row=int(lost[0]) + 1,
            column="person_id",
            fix="draw households from a PUMS file read whole (without a size), or add a column household_id",
        )
    return found


def _consistent(design: Design) -> None:
    if design.size < 0:
        raise DataError(f"cannot draw {design.size} people", fix="give a size from 0 up")
    wrong = {
        "boost and shares say two things": bool(design.boost and design.shares),
        "replace and once exclude each other": design.replace and design.once,
        "an allocation needs strata": design.allocation != "proportional" and not design.strata,
        "boosted strata are allocated by the boost": design.allocation != "proportional"
        and bool(design.boost or design.shares),
        "Neyman's allocation needs a variable": design.allocation == "neyman" and not design.variable,
        "shares of one column only can be given": len(design.shares) > 1,
        "households cannot be drawn by shares or Neyman's allocation": design.households
        and (bool(design.shares) or design.allocation == "neyman"),
    }
    for what, holds in wrong.items():
        if holds:
            raise DataError(what, fix="give one of the two, or what is missing")


def _units(frame: pl.DataFrame, design: Design, weight: Floats) -> _Units:
    people = np.arange(frame.height)
    columns = [
        with_readings(frame, [name]).select(pl.col(name).cast(pl.String).fill_null(NONE))
        for name in design.strata
    ]
    factor = np.ones(frame.height)
    for name, values in {**design.boost, **design.shares}.items():
        column = with_readings(frame, [name]).to_series().cast(pl.String).fill_null(NONE)
        _named(name, column, values, design)
        factor *= _factor(column, values) if design.boost else 1.0
        if not design.households:
            kept = (
                pl.when(column.is_in(list(values))).then(column).otherwise(pl.lit(_OTHERS)).alias(f"{name}*")
            )
            columns.append(pl.select(kept))
    stratum, names = _strata(columns, frame.height)
    if not design.households:
        return _Units(people, weight, stratum, names)
    homes = household_ids(frame)
    _whole(frame, homes)
    unit = homes.rank("dense").to_numpy().astype(np.intp) - 1
    count = np.bincount(unit)
    of_unit = np.empty(len(count), dtype=np.intp)
    of_unit[unit] = stratum
    mixed = np.flatnonzero(of_unit[unit] != stratum)
    if len(mixed):
        what = f"household {homes[int(mixed[0])]} belongs to two strata"
        fix = "stratify households by columns that its members share, such as state"
        raise DataError(what, row=int(mixed[0]) + 1, column=", ".join(design.strata), fix=fix)
    mean = tally(unit, weight, len(count)) / count
    return _Units(unit, mean * (tally(unit, factor, len(count)) / count), of_unit, names)


def _strata(parts: list[pl.DataFrame], people: int) -> tuple[npt.NDArray[np.intp], list[tuple[str, ...]]]:
    if not parts:
        return np.zeros(people, dtype=np.intp), [("everybody",)]
    columns = pl.concat(parts, how="horizontal")
    distinct = columns.unique().sort(columns.columns)
    places = distinct.with_row_index("stratum*")
    code = columns.join(places, on=columns.columns, how="left", maintain_order="left")["stratum*"]
    return code.to_numpy().astype(np.intp), list(distinct.iter_rows())


def _named(name: str, column: pl.Series, values: Mapping[str, float], design: Design) -> None:
    there = set(column.unique())
    for value, number in values.items():
        if value not in there:
            known = ", ".join(sorted(there)[:20])
            raise DataError(f"nobody is {value!r}", column=name, fix=f"give one of {known}")
        if not (np.isfinite(number) and number > 0):
            raise DataError(f"{value} cannot be drawn {number} times as often", column=name, fix="above 0")
    if design.shares:
        others = bool(there - set(values))
        total = sum(values.values())
        if total > 1 + 1e-9 or (others and total > 1 - 1e-9) or (not others and total < 1 - 1e-9):
            fix = "leave room for all others" if others else "name shares that add up to 1"
            raise DataError(f"the shares add up to {total:g}", column=name, fix=fix)


def _factor(column: pl.Series, values: Mapping[str, float]) -> Floats:
    given = pl.DataFrame({"value": list(values), "factor": [float(v) for v in values.values()]})
    joined = column.alias("value").to_frame().join(given, on="value", how="left", maintain_order="left")
    return joined["factor"].fill_null(1.0).to_numpy()


def _whole(frame: pl.DataFrame, homes: pl.Series) -> None:
    """Refuse households of which members are missing; people under 18 may be left out."""
    if "NP" not in frame.columns or "AGEP" not in frame.columns or (frame["AGEP"] >= 18).all():
        return
    counted = frame.select("NP", "person_id", n=pl.len().over(homes)).with_row_index("row", offset=1)
    short = counted.filter(pl.col("NP") != pl.col("n"))
    if short.height:
        row, size, person, found = short.row(0)
        what = f"the household of {person} has {size} members, of whom {found} are here"
        raise DataError(what, row=row, column="NP", fix="read the file whole, without a size, and draw then")


def _sizes(frame: pl.DataFrame, design: Design, units: _Units, weight: Floats) -> npt.NDArray[np.int64]:
    """Decide how many to draw from each stratum."""
    strata = len(units.strata)
    whole = tally(units.stratum, units.measure, strata)
    most = np.bincount(units.stratum, units.measure > 0, strata).astype(np.int64) if design.once else None
    if strata == 1 and not design.strata:
        return largest_remainder([1.0], design.size, most=most)
    if isinstance(design.allocation, dict):
        return _given(design.allocation, design.size, units.names, whole)
    shares = whole
    if design.allocation == "equal":
        shares = (whole > 0).astype(np.float64)
    elif design.allocation == "neyman":
        values = _numbers(frame, str(design.variable))
        shares = neyman_shares(values, weight, units.stratum, strata)
    elif design.boost and not design.households:
        shares = whole * _stratum_factors(design, units.strata)
    elif design.shares:
        [values] = design.shares.values()
        group = [stratum[-1] for stratum in units.strata]
        within = {value: total_of(whole[[g == value for g in group]]) for value in set(group)}
        rest = 1 - sum(values.values())
        shares = np.array([values.get(g, rest) * w / within[g] for g, w in zip(group, whole, strict=True)])
    return largest_remainder(shares, design.size, least=(whole > 0).astype(np.int64), most=most)


def _stratum_factors(design: Design, strata: list[tuple[str, ...]]) -> Floats:
    """How much more often the people of a stratum are drawn: the last values of its name are boosted ones."""
    boosted = list(design.boost.values())
    parts = [stratum[-len(boosted) :] for stratum in strata]
    return np.array([math.prod(v.get(p, 1.0) for v, p in zip(boosted, part, strict=True)) for part in parts])


def _given(
    allocation: Mapping[str, int], size: int, names: list[str], whole: Floats
) -> npt.NDArray[np.int64]:
    odd = sorted(set(allocation) - set(names)) or [n for n in names if n not in allocation]
    if odd:
        what = "there is no stratum" if odd[0] in allocation else "the allocation leaves out the stratum"
        raise DataError(
            f"{what} {odd[0]}", column="allocation", fix=f"the strata are {'; '.join(names[:20])}"
        )
    counts = np.array([allocation[name] for name in names], dtype=np.int64)
    if counts.sum() != size:
        raise DataError(f"the allocation adds up to {counts.sum()}, not to {size}", fix="correct one of them")
    for name, count, weight in zip(names, counts, whole, strict=True):
        if count < 1 <= weight or count < 0 or (weight == 0 and count):
            what = f"cannot draw {count} from the stratum {name}, which weighs {weight:g}"
            raise DataError(
                what, fix="draw from every stratum that weighs something; filter people to drop some"
            )
    return counts


def _numbers(frame: pl.DataFrame, name: str) -> Floats:
    if name not in frame.columns or not frame[name].dtype.is_numeric():
        raise DataError("Neyman's allocation needs a column of numbers", column=name)
    return frame[name].cast(pl.Float64).fill_null(np.nan).to_numpy()


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


def as_design(size: int, **settings: Any) -> Design:
    """Make a design from what a caller wrote: any values as keys, a single column as strata."""
    strata: str | Sequence[str] = settings.pop("strata", None) or ()
    allocation = settings.pop("allocation", "proportional")
    if isinstance(allocation, Mapping):
        allocation = {_key(name): int(count) for name, count in allocation.items()}
    elif allocation not in ("proportional", "equal", "neyman"):
        raise DataError(
            f"there is no allocation {allocation!r}", fix="give proportional, equal, neyman or counts"
        )
    tables = {
        name: {
            str(c): {_key(v): float(n) for v, n in t.items()}
            for c, t in (settings.pop(name, None) or {}).items()
        }
        for name in ("boost", "shares")
    }
    columns = (strata,) if isinstance(strata, str) else tuple(strata)
    return Design(size=size, strata=columns, allocation=allocation, **tables, **settings)


def _key(value: Any) -> str:
    if isinstance(value, tuple):
        return " × ".join(_key(part) for part in value)
    return NONE if value is None else str(value)
