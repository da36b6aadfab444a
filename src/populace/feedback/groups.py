"""Groups of people by which agreement and preference are broken down.

Each group is an expression over the personas table. A person whose value is missing is in no group of
that attribute.
"""

from __future__ import annotations

import polars as pl

from populace.personas import attribute

__all__ = ["GROUPS", "with_groups"]


def _age() -> pl.Expr:
    age = pl.col("age")
    return (
        pl.when(age < 18)
        .then(pl.lit("under 18"))
        .when(age < 35)
        .then(pl.lit("18-34"))
        .when(age < 50)
        .then(pl.lit("35-49"))
        .when(age < 65)
        .then(pl.lit("50-64"))
        .when(age.is_not_null())
        .then(pl.lit("65 and over"))
    )


def _race_or_origin() -> pl.Expr:
    race, origin = pl.col("race"), pl.col("hispanic_origin")
    return (
        pl.when(origin.is_not_null() & (origin != "Not Hispanic"))
        .then(pl.lit("Hispanic, any race"))
        .when(race == "White alone")
        .then(pl.lit("White"))
        .when(race == "Black or African American alone")
        .then(pl.lit("Black"))
        .when(race == "Asian alone")
        .then(pl.lit("Asian"))
        .when(race.is_not_null())
        .then(pl.lit("Another race, or two or more"))
    )


def _education() -> pl.Expr:
    education, levels = pl.col("education"), attribute("education").values
    college, bachelor = levels.index("College, under 1 year"), levels.index("Bachelor's degree")
    return (
        pl.when(education.is_in(levels[bachelor:]))
        .then(pl.lit("Bachelor's or more"))
        .when(education.is_in(levels[college:bachelor]))
        .then(pl.lit("Some college"))
        .when(education.is_not_null())
        .then(pl.lit("High school or less"))
    )


def _ideology() -> pl.Expr:
    ideology = pl.col("ideology").str.to_lowercase()
    return (
        pl.when(ideology.str.contains("liberal"))
        .then(pl.lit("Liberal"))
        .when(ideology.str.contains("conservative"))
        .then(pl.lit("Conservative"))
        .when(ideology.is_not_null())
        .then(pl.lit("Moderate"))
    )


GROUPS: dict[str, pl.Expr] = {
    "age": _age(),
    "sex": pl.col("sex"),
    "race or origin": _race_or_origin(),
    "education": _education(),
    "ideology": _ideology(),
    "party": pl.col("political_views"),
    "religion": pl.col("religion"),
}
"""Attribute of the report -> expression over the personas table giving the group's name."""


def with_groups(personas: pl.DataFrame) -> pl.DataFrame:
    """Return `persona_id` and one column of group names an attribute.

    Examples
    --------
    >>> people = pl.DataFrame({"persona_id": ["a"], "age": [70], "sex": ["Female"], "race": ["White alone"],
    ...     "hispanic_origin": ["Mexican"], "education": [None], "ideology": ["Very liberal"],
    ...     "political_views": ["Democrat"], "religion": [None]}, schema_overrides={"education": pl.String,
    ...     "religion": pl.String})
    >>> with_groups(people).row(0)
    ('a', '65 and over', 'Female', 'Hispanic, any race', None, 'Liberal', 'Democrat', None)
    """
    return personas.select("persona_id", **GROUPS)
