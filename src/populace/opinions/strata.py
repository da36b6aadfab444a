"""Who is alike: attributes of people in coarse levels that surveys and the census share.

Surveys read the same attributes in different detail. Here they become age in four bands, race and ethnicity
in five groups (Hispanic of any race first, as pollsters do), education in five steps, and the census region.
What is not known is null, and neither helps nor harms a level.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from populace.errors import DataError

__all__ = ["FACTORS", "strata"]

FACTORS = ("sex", "age", "race", "education", "region")
"""Those that are made; `state` may be asked for too."""

_NEEDS = {"race": ("race",), "region": ("state",), "state": ("state",)}
_AGES = ((30, "18 to 29"), (45, "30 to 44"), (65, "45 to 64"))
_OLDEST = "65 and over"
_SOME = ("College, under 1 year", "College, 1 or more years, no degree", "Associate's degree")
_HIGHER = ("Master's degree", "Professional degree", "Doctorate")
_SCHOOL = ("Regular high school diploma", "GED")
_REGIONS = {
    "Northeast": "Connecticut Maine Massachusetts New_Hampshire Rhode_Island Vermont New_Jersey New_York "
    "Pennsylvania",
    "Midwest": "Illinois Indiana Michigan Ohio Wisconsin Iowa Kansas Minnesota Missouri Nebraska "
    "North_Dakota South_Dakota",
    "South": "Delaware District_of_Columbia Florida Georgia Maryland North_Carolina South_Carolina Virginia "
    "West_Virginia Alabama Kentucky Mississippi Tennessee Arkansas Louisiana Oklahoma Texas",
    "West": "Arizona Colorado Idaho Montana Nevada New_Mexico Utah Wyoming Alaska California Hawaii Oregon "
    "Washington",
}
"""The census's four regions, their states."""


def strata(people: pl.DataFrame, factors: Sequence[str] | None = None) -> pl.DataFrame:
    """Give each person's levels.

    Parameters
    ----------
    people
        With attributes as the schema of personas names them.
    factors
        Of `FACTORS`, or any attribute that is text; by default those of `FACTORS` that attributes tell.

    Returns
    -------
    A column of text a factor.

    Raises
    ------
    DataError
        If an attribute is lacking, or a number.

    Examples
    --------
    >>> people = pl.DataFrame({"age": [29, 65], "race": ["White alone", "Asian alone"],
    ...                        "hispanic_origin": ["Mexican", "Not Hispanic"], "state": ["Ohio", None]})
    >>> strata(people).rows()
    [('18 to 29', 'Hispanic', 'Midwest'), ('65 and over', 'Asian', None)]
    """
    if factors is None:
        factors = [name for name in FACTORS if set(_NEEDS.get(name, (name,))) <= set(people.columns)]
    found = []
    for name in factors:
        for source in _NEEDS.get(name, (name,)):
            if source not in people.columns:
                raise DataError(f"people have no {source}, which {name} is read from", column=source,
                                fix=f"leave out {name}")  # fmt: skip
        found.append(_level(people, name).alias(name))
    return people.select(found)


def _level(people: pl.DataFrame, name: str) -> pl.Expr:
    if name == "age":
        return _age()
    if name == "race":
        return _race("hispanic_origin" in people.columns)
    if name == "education":
        return _education()
    if name == "region":
        names = {
            state.replace("_", " "): region for region, text in _REGIONS.items() for state in text.split()
        }
        return pl.col("state").replace_strict(names, default=None, return_dtype=pl.String)
    if people[name].dtype.is_numeric():
        raise DataError(f"{name} is a number and has no levels", column=name, fix="cut it into bands first")
    return pl.col(name).cast(pl.String)


def _age() -> pl.Expr:
    band = pl.when(pl.col("age").is_null()).then(None)
    for end, label in _AGES:
        band = band.when(pl.col("age") < end).then(pl.lit(label))
    return band.otherwise(pl.lit(_OLDEST))


def _race(origin: bool) -> pl.Expr:
    race = pl.col("race")
    hispanic = pl.col("hispanic_origin") != "Not Hispanic" if origin else pl.lit(value=False)
    return (
        pl.when(hispanic)
        .then(pl.lit("Hispanic"))
        .when(race.is_null())
        .then(None)
        .when(race.str.starts_with("White"))
        .then(pl.lit("White"))
        .when(race.str.starts_with("Black"))
        .then(pl.lit("Black"))
        .when(race.str.starts_with("Asian"))
        .then(pl.lit("Asian"))
        .otherwise(pl.lit("Other"))
    )


def _education() -> pl.Expr:
    degree = pl.col("education")
    return (
        pl.when(degree.is_null())
        .then(None)
        .when(degree.is_in(_HIGHER))
        .then(pl.lit("graduate"))
        .when(degree == "Bachelor's degree")
        .then(pl.lit("bachelor"))
        .when(degree.is_in(_SOME))
        .then(pl.lit("some college"))
        .when(degree.is_in(_SCHOOL))
        .then(pl.lit("high school"))
        .otherwise(pl.lit("less"))
    )
