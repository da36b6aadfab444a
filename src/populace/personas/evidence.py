"""What the survey tables are asked with: coarse integer readings of a person's census attributes.

The survey scripts code their records with the same numbers, so the lists below are the code book of
the fitted tables. A value that is missing, or has no reading, is null: not observed.
"""

from __future__ import annotations

import polars as pl

from populace.personas.schema import attribute

__all__ = [
    "AGE_EDGES",
    "DEGREES",
    "EVIDENCE",
    "NOT_HISPANIC",
    "RACE_ETHNICITY",
    "REGIONS",
    "SCHOOLING",
    "evidence",
]

AGE_EDGES = (18, 30, 45, 60, 75)
"""Youngest age of each age group."""
RACE_ETHNICITY = ("Hispanic", "White", "Black", "Asian", "Other")
"""Hispanic people of any race, then the race of everyone else; Other holds two or more races."""
NOT_HISPANIC = "Not Hispanic"
"""Label of `hispanic_origin` for everyone who is not Hispanic."""
DEGREES = (
    "No schooling",
    "Regular high school diploma",
    "Associate's degree",
    "Bachelor's degree",
    "Master's degree",
)
"""Lowest census level of each highest degree, as the GSS asks it: college without a degree is high school."""
SCHOOLING = (
    "No schooling",
    "Regular high school diploma",
    "College, under 1 year",
    "Bachelor's degree",
    "Master's degree",
)
"""Lowest census level of each stage of schooling, as the bfi data ask it."""
REGIONS: dict[str, tuple[str, ...]] = {
    "Northeast": (
        *("Connecticut", "Maine", "Massachusetts", "New Hampshire", "New Jersey", "New York"),
        *("Pennsylvania", "Rhode Island", "Vermont"),
    ),
    "Midwest": (
        *("Illinois", "Indiana", "Iowa", "Kansas", "Michigan", "Minnesota", "Missouri", "Nebraska"),
        *("North Dakota", "Ohio", "South Dakota", "Wisconsin"),
    ),
    "South": (
        *("Alabama", "Arkansas", "Delaware", "District of Columbia", "Florida", "Georgia", "Kentucky"),
        *("Louisiana", "Maryland", "Mississippi", "North Carolina", "Oklahoma", "South Carolina"),
        *("Tennessee", "Texas", "Virginia", "West Virginia"),
    ),
    "West": (
        *("Alaska", "Arizona", "California", "Colorado", "Hawaii", "Idaho", "Montana", "Nevada"),
        *("New Mexico", "Oregon", "Utah", "Washington", "Wyoming"),
    ),
}
"""Census regions and their states."""

_STATE_REGION = {state: code for code, states in enumerate(REGIONS.values()) for state in states}
_RACE = {
    "White alone": 1,
    "Black or African American alone": 2,
    "American Indian alone": 4,
    "Alaska Native alone": 4,
    "American Indian/Alaska Native unspecified": 4,
    "Asian alone": 3,
    "Native Hawaiian/Pacific Islander alone": 4,
    "Some Other Race alone": 4,
    "Two or More Races": 4,
}
_FOREIGN_BORN = ("Naturalized citizen", "Not a citizen")


def _stages(lowest: tuple[str, ...]) -> dict[str, int]:
    levels = attribute("education").values
    edges = [levels.index(name) for name in lowest[1:]]
    return {name: sum(at >= edge for edge in edges) for at, name in enumerate(levels)}


def _coded(column: str, codes: dict[str, int]) -> pl.Expr:
    return pl.col(column).replace_strict(codes, default=None, return_dtype=pl.Int64)


def _age_group() -> pl.Expr:
    age = pl.col("age")
    group = sum(((age >= edge).cast(pl.Int64) for edge in AGE_EDGES), start=pl.lit(-1, dtype=pl.Int64))
    return pl.when(age >= AGE_EDGES[0]).then(group)


def _race_ethnicity() -> pl.Expr:
    # A source that does not ask Hispanic origin leaves the column null: then race alone is not enough.
    hispanic = pl.col("hispanic_origin")
    race = _coded("race", _RACE)
    return pl.when(hispanic.is_null()).then(None).when(hispanic == NOT_HISPANIC).then(race).otherwise(0)


EVIDENCE: dict[str, pl.Expr] = {
    "age_group": _age_group(),
    "sex": _coded("sex", {"Male": 0, "Female": 1}),
    "race_ethnicity": _race_ethnicity(),
    "foreign_born": pl.col("citizenship").is_in(_FOREIGN_BORN).cast(pl.Int64),
    "region": _coded("state", _STATE_REGION),
    "degree": _coded("education", _stages(DEGREES)),
    "schooling": _coded("education", _stages(SCHOOLING)),
}
"""Name of each reading -> expression over the census attributes."""


def evidence(frame: pl.DataFrame) -> pl.DataFrame:
    """Read the coarse codes off a frame with the census attributes.

    Returns
    -------
    polars.DataFrame
        One Int64 column per reading of `EVIDENCE`, rows as in `frame`.

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> people = complete(pl.DataFrame({"age": [17, 29, 80], "state": ["Ohio", "Texas", None]}))
    >>> evidence(people).select("age_group", "region").rows()
    [(None, 1), (0, 2), (4, None)]
    """
    return frame.select(expression.alias(name) for name, expression in EVIDENCE.items())
