"""One-way margins of the attributes, of a population and of the census beside it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import polars as pl

from populace.population.codebook import load_codebook
from populace.population.us2024.source import census

__all__ = [
    "ATTRIBUTES",
    "as_in_census",
    "beside_census",
    "census_margins",
    "label_in_census",
    "major_groups",
    "margins",
    "unreleased_states",
]

_AGES = (0, 5, 18, 25, 35, 45, 55, 65, 75)
_INCOMES = (0, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000)
# Lists too long for a margin are read by their major groups.
_GROUPED = {"industry_category": "INDP", "occupation_category": "OCCP"}

# The extract behind the census margins has no finer reading, so nobody is compared by one.
_READ = {"household_type": "HHT"}

ATTRIBUTES: tuple[str, ...] = tuple(
    name for name in load_codebook("acs_pums").attributes if name not in ("ancestry", "place_of_birth")
)
"""Attributes that have a margin."""


def margins(people: pl.DataFrame, *, unreleased: Mapping[str, Sequence[int]] | None = None) -> pl.DataFrame:
    """Give the weighted share of every value of every attribute.

    Parameters
    ----------
    people
        Columns of `people.parquet`.
    unreleased
        For an attribute, the states (FIPS codes) left out of its margin.

    Returns
    -------
    polars.DataFrame
        `attribute`, `label` (null = not applicable or missing), `share`, `people` (rows, unweighted); ages
        and incomes in bands, occupation and industry in major groups.

    Examples
    --------
    >>> people = pl.DataFrame({"weight": [1.0, 3.0], "STATE": [1, 1], "AGEP": [20, 80], "SEX": [1, 2]})
    >>> margins(people).filter(pl.col("attribute") == "sex").rows()
    [('sex', 'Female', 0.75, 1), ('sex', 'Male', 0.25, 1)]
    """
    book = load_codebook("acs_pums")
    tables = []
    for attribute in ATTRIBUTES:
        column = _READ.get(attribute) or book.column_of(attribute, people.columns)
        if column not in people.columns:
            continue
        left_out = (unreleased or {}).get(attribute, ())
        table = (
            people.filter(~pl.col("STATE").is_in(list(left_out)))
            .group_by(label_in_census(attribute, column).alias("label"))
            .agg(pl.col("weight").cast(pl.Float64).sum(), pl.len().cast(pl.Int64).alias("people"))
            .select(
                pl.lit(attribute).alias("attribute"),
                pl.col("label").cast(pl.String),
                # Threads add in any order; rounded, the share is the same bytes every time.
                (pl.col("weight") / pl.col("weight").sum()).round(12).alias("share"),
                "people",
            )
            .sort("label", nulls_last=True)
        )
        tables.append(table)
    return pl.concat(tables)


def census_margins(*, adults: bool) -> pl.DataFrame:
    """Give the margins of the whole 2024 ACS PUMS: `attribute`, `label`, `share`.

    What California and Texas do not release in the extract is that of the other states; put people beside
    it with `beside_census`.

    Examples
    --------
    >>> table = census_margins(adults=True)
    >>> round(table.filter(pl.col("attribute") == "sex")["share"].sum(), 6)
    1.0
    """
    cells = census().margins
    return pl.DataFrame(
        {
            "attribute": [cell.attribute for cell in cells],
            "label": [cell.label for cell in cells],
            "share": [cell.adults if adults else cell.everyone for cell in cells],
        },
        schema={"attribute": pl.String, "label": pl.String, "share": pl.Float64},
    ).filter(pl.col("share") > 0)


def beside_census(people: pl.DataFrame, *, adults: bool) -> pl.DataFrame:
    """Put the margins of people beside those of the census, over the same states.

    Returns
    -------
    polars.DataFrame
        `attribute`, `label`, `share`, `census`; 0 where one of the two has nobody.

    Examples
    --------
    >>> people = pl.DataFrame({"weight": [1.0, 3.0], "STATE": [1, 1], "AGEP": [20, 80], "SEX": [1, 2]})
    >>> row = beside_census(people, adults=True).filter(pl.col("label") == "Female").row(0)
    >>> row[:3], round(row[3], 2)
    (('sex', 'Female', 0.75), 0.51)
    """
    ours = margins(people, unreleased=census().unreleased).drop("people")
    theirs = census_margins(adults=adults).rename({"share": "census"})
    both = ours.join(
        theirs.filter(pl.col("attribute").is_in(ours["attribute"].unique().implode())),
        on=["attribute", "label"],
        how="full",
        nulls_equal=True,
        coalesce=True,
    ).with_columns(pl.col("share", "census").fill_null(0.0))
    order = pl.col("attribute").replace_strict({name: n for n, name in enumerate(ATTRIBUTES)})
    return both.sort(order, pl.col("label"), nulls_last=True)


def major_groups(people: pl.DataFrame) -> pl.DataFrame:
    """Read occupation and industry by their major groups, as the margins do.

    Examples
    --------
    >>> major_groups(pl.DataFrame({"occupation_category": ["Registered Nurses", None]})).rows()
    [('Healthcare practitioners and technical occupations',), (None,)]
    """
    present = [attribute for attribute in _GROUPED if attribute in people.columns]
    return people.with_columns(
        pl.col(attribute).replace_strict(
            _group_labels(_GROUPED[attribute]), default=None, return_dtype=pl.String
        )
        for attribute in present
    )


def as_in_census(people: pl.DataFrame) -> pl.DataFrame:
    """Read people as the census margins were taken, so that the two can be compared value by value.

    Occupation and industry become their major groups, and an attribute is null in the states that do not
    release it (most are withheld for California and Texas).

    Examples
    --------
    >>> people = pl.DataFrame({"STATE": [6, 50], "sex": ["Male"] * 2, "marital_status": ["Married"] * 2})
    >>> as_in_census(people).rows()
    [(6, 'Male', None), (50, 'Male', 'Married')]
    """
    withheld = census().unreleased
    return major_groups(people).with_columns(
        pl.when(~pl.col("STATE").is_in(list(states))).then(pl.col(attribute)).alias(attribute)
        for attribute, states in withheld.items()
        if attribute in people.columns
    )


def _group_labels(name: str) -> dict[str, str]:
    """Label of a code, or of a major group itself -> label of the major group."""
    variable = load_codebook("acs_pums").variables[name]
    own = {
        label: group.label for code, label in variable.labels.items() if (group := variable.group_of(code))
    }
    return {group.label: group.label for group in variable.groups} | own


def unreleased_states(people: pl.DataFrame) -> dict[str, list[int]]:
    """Find, for every attribute, the states where it is null throughout; attributes without are left out."""
    book = load_codebook("acs_pums")
    columns = {name: book.column_of(name, people.columns) for name in ATTRIBUTES}
    seen = people.group_by("STATE").agg(
        pl.col(column).is_not_null().any().alias(name) for name, column in columns.items() if column
    )
    states = {
        name: sorted(seen.filter(~pl.col(name))["STATE"].to_list())
        for name in seen.columns
        if name != "STATE"
    }
    return {name: found for name, found in states.items() if found}


def label_in_census(attribute: str, column: str) -> pl.Expr:
    """Read a column of census codes as the labels that the margins of an attribute use."""
    book = load_codebook("acs_pums")
    if attribute == "age":
        return _band(column, _AGES, "{}–{}", "{} and over")
    if attribute == "income":
        return _band(column, _INCOMES, "${:,}–{:,}", "${:,} and over")
    variable = book.variables[column]
    if attribute in _GROUPED:
        labels = {c: g.label for g in variable.groups for c in range(g.first, g.last + 1)}
    else:
        labels = {code: variable.label_of(code) for code in variable.labels}
    return pl.col(column).replace_strict(labels, default=None, return_dtype=pl.String)


def _band(column: str, starts: tuple[int, ...], between: str, above: str) -> pl.Expr:
    """Label a number by its band; what is below the first start belongs to the first band."""
    label = pl.when(pl.col(column) < starts[1]).then(pl.lit(between.format(starts[0], starts[1] - 1)))
    for low, high in itertools.pairwise(starts[1:]):
        label = label.when(pl.col(column) < high).then(pl.lit(between.format(low, high - 1)))
    return label.when(pl.col(column).is_not_null()).then(pl.lit(above.format(starts[-1])))
