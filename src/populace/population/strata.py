"""What a design draws: people or households, their strata, and how many to draw from each."""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.population.allocation import Ints, largest_remainder, neyman_shares
from populace.population.designs import Design
from populace.population.ids import household_ids
from populace.population.targets import NONE, with_readings
from populace.population.weights import Floats, tally, total_of

__all__ = ["Units", "sizes_of", "units_of"]

_OTHERS = "(others)"


class Units(msgspec.Struct, frozen=True, eq=False):
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


def units_of(frame: pl.DataFrame, design: Design, weight: Floats) -> Units:
    """Find what is drawn, and its strata.

    Raises
    ------
    DataError
        If the design names what is not there, or a household is not whole or of two strata.
    """
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
        return Units(people, weight, stratum, names)
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
    return Units(unit, mean * (tally(unit, factor, len(count)) / count), of_unit, names)


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


def sizes_of(frame: pl.DataFrame, design: Design, units: Units, weight: Floats) -> Ints:
    """Decide how many to draw from each stratum.

    Raises
    ------
    DataError
        If the size cannot be divided as asked.
    """
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


def _given(allocation: Mapping[str, int], size: int, names: list[str], whole: Floats) -> Ints:
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
