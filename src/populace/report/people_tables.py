"""Ages and weights of a population, as small frames for the pyramids and the histogram of weights."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import polars as pl

from populace.population.people import ADULT
from populace.population.us2024 import source as us2024

__all__ = ["GROUPS", "Weights", "census_pyramid", "pyramid", "weight_bars", "weights"]

BAND, OLDEST = 5, 85
"""Years in a band of the pyramid, and the age from which all are one band."""

GROUPS = ("Hispanic, of any race", "White alone", "Black alone", "Asian alone", "any other race or several")
"""Groups of the small pyramids: Hispanic origin first, the others are not Hispanic."""


class Weights(msgspec.Struct, frozen=True):
    """What unequal weights cost."""

    people: int
    zero: int
    """People who weigh nothing."""
    total: float
    smallest: float
    """Of the weights above zero; so are the median and the ratio."""
    median: float
    largest: float
    design_effect: float
    """Kish's n Σw² / (Σw)² over people who weigh something (Kish, 1965, Survey Sampling, section 11.7)."""
    effective: float
    """(Σw)² / Σw²: the equally weighted people that carry as much."""
    top: float
    """Share of all weight that the heaviest hundredth of the people carry."""

    @property
    def equal(self) -> bool:
        """Whether everybody weighs the same, to rounding."""
        return not self.zero and self.people > 0 and self.largest <= self.smallest * (1 + 1e-9)


def weights(weight: pl.Series) -> Weights:
    """Sum up weights; missing ones count as zero.

    Examples
    --------
    >>> found = weights(pl.Series([1.0, 1.0, 2.0, 0.0]))
    >>> found.effective, found.design_effect, found.smallest, found.equal
    (2.6666666666666665, 1.125, 1.0, False)
    """
    values = weight.cast(pl.Float64).fill_null(0.0).fill_nan(0.0).to_numpy()
    carried = np.sort(values[values > 0])
    if not len(carried):
        return Weights(len(values), len(values), 0.0, 0.0, 0.0, 0.0, math.nan, 0.0, math.nan)
    # math.fsum: the same sum in any order, so the page is the same bytes on any machine. Relative to the
    # largest, squares can neither overflow nor vanish.
    relative = carried / carried[-1]
    total, squares = math.fsum(relative), math.fsum(relative**2)
    heaviest = relative[-max(1, math.ceil(len(values) / 100)) :]
    return Weights(
        people=len(values),
        zero=len(values) - len(carried),
        total=math.fsum(carried),
        smallest=float(carried[0]),
        median=float(np.median(carried)),
        largest=float(carried[-1]),
        design_effect=len(carried) * squares / total**2,
        effective=total**2 / squares,
        top=math.fsum(heaviest) / total,
    )


def weight_bars(weight: pl.Series, bars: int = 30) -> pl.DataFrame:
    """Count people by weight over mean weight: `low`, `high`, `people`; the last bar takes all above.

    The scale ends at the 99.5th percentile, so that one giant does not flatten the rest.
    """
    values = weight.cast(pl.Float64).fill_null(0.0).fill_nan(0.0).to_numpy()
    mean = values.mean() if len(values) else 0.0
    if not mean > 0:
        return pl.DataFrame(schema={"low": pl.Float64, "high": pl.Float64, "people": pl.Int64})
    relative = values / mean
    end = max(float(np.quantile(relative, 0.995)), 1.0)
    edges = np.linspace(0, end, bars + 1)
    place = np.clip(np.searchsorted(edges, relative, side="right") - 1, 0, bars - 1)
    return pl.DataFrame(
        {"low": edges[:-1], "high": edges[1:], "people": np.bincount(place, minlength=bars)},
        schema={"low": pl.Float64, "high": pl.Float64, "people": pl.Int64},
    )


def pyramid(people: pl.DataFrame, *, groups: bool = False) -> pl.DataFrame | None:
    """Give the weighted share of every sex and five-year band: `band`, `sex`, `share`.

    With `groups`, also `group`, and shares are of the group, `carries` being the group's own share of all.
    None where age, sex (or, with `groups`, race) are not known.

    Examples
    --------
    >>> people = pl.DataFrame({"weight": [1.0, 3.0], "age": [3, 90], "sex": ["Male", "Female"]})
    >>> pyramid(people).rows()
    [(0, 'men', 0.25), (17, 'women', 0.75)]
    """
    age = _first(people, "AGEP", "age")
    sex = _sex(people)
    group = _group(people) if groups else pl.lit("")
    if age is None or sex is None or group is None or not people[age].dtype.is_numeric():
        return None
    years = pl.col(age).cast(pl.Float64).fill_nan(None)
    band = (years.clip(0, OLDEST) // BAND).cast(pl.Int64)
    known = people.select(
        band=band, sex=sex, group=group, weight=pl.col("weight").cast(pl.Float64)
    ).drop_nulls()
    if not known["weight"].sum() > 0:
        return None
    table = known.group_by("group", "band", "sex").agg(pl.col("weight").sum()).sort("group", "band", "sex")
    of = pl.col("weight").sum().over("group")
    table = table.select(
        "group", "band", "sex",
        share=(pl.col("weight") / of).round(12),
        carries=(of / pl.col("weight").sum()).round(12),
    )  # fmt: skip
    return table if groups else table.select("band", "sex", "share")


def _first(people: pl.DataFrame, *names: str) -> str | None:
    return next((name for name in names if name in people.columns), None)


def _sex(people: pl.DataFrame) -> pl.Expr | None:
    """Read sex as two words; any other answer has no side of the pyramid."""
    if "SEX" in people.columns:
        return pl.col("SEX").replace_strict({1: "men", 2: "women"}, default=None, return_dtype=pl.String)
    if "sex" in people.columns and people["sex"].dtype == pl.String:
        words = {
            "male": "men",
            "man": "men",
            "men": "men",
            "female": "women",
            "woman": "women",
            "women": "women",
        }
        return pl.col("sex").str.to_lowercase().replace_strict(words, default=None, return_dtype=pl.String)
    return None


def _group(people: pl.DataFrame) -> pl.Expr | None:
    hispanic, white, black, asian, other = (pl.lit(name) for name in GROUPS)
    if {"RAC1P", "HISP"} <= set(people.columns):
        race, origin = pl.col("RAC1P"), pl.col("HISP") > 1
        kinds = (race == 1, race == 2, race == 6)
    elif "race" in people.columns and people["race"].dtype == pl.String:
        text = pl.col("race").str.to_lowercase()
        race = pl.col("race")
        origin = text.str.contains("hispanic|latino") & ~text.str.contains("non-hispanic|not hispanic")
        if "hispanic_origin" in people.columns and people["hispanic_origin"].dtype == pl.String:
            origin = origin | (pl.col("hispanic_origin").str.to_lowercase().str.starts_with("not") == False)  # noqa: E712
        kinds = tuple(text.str.starts_with(word) for word in ("white", "black", "asian"))
    else:
        return None
    named = pl.when(origin.fill_null(False)).then(hispanic)
    for kind, name in zip(kinds, (white, black, asian), strict=True):
        named = named.when(kind).then(name)
    return named.when(race.is_not_null()).then(other)


def census_pyramid(*, adults: bool) -> pl.DataFrame | None:
    """Give the whole country's pyramid from the embedded tables, where age and sex are exact.

    Ages by state and sex by age are among the first tables of the chain: both come from the whole file.
    None where the embedded source holds no such tables.
    """
    cells = us2024.census().ages
    joint = pl.DataFrame(
        {
            "age": [cell.age for cell in cells],
            "SEX": [cell.sex for cell in cells],
            "weight": [cell.share for cell in cells],
        }
    )
    return pyramid(joint.filter(pl.col("age") >= (ADULT if adults else 0)))
