"""Whom a row stands for: the person and the household that were drawn, however often that was.

Somebody drawn again is another person of the sample, whose id is the first one, `~` and a number
(`2024HU0000012-01~2`); a household likewise. What is learned or concluded from a sample must count those who
were asked, not the rows, and takes the number off again: the same answers twice tell no more than once.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from populace.errors import DataError
from populace.population.weights import Floats, tally

__all__ = ["ABOUT_SAMPLE", "base_id", "clusters", "distinct", "household_ids", "numbered", "person_weights"]

ABOUT_SAMPLE = r"^(person_id|household_id|weight|inclusion|replicate_\d+)$"
"""Columns of a population that are about the sample, not the person."""

_SERIAL = r"^((?:(?:19|20)\d\d(?:HU|GQ))?\d+)-\d\d+$"
"""Person ids of PUMS people: serial number of the household, place in it."""
_COPY = r"~\d+$"


def base_id(name: str) -> pl.Expr:
    """Give the ids of a column as they were before anybody was drawn twice.

    Examples
    --------
    >>> ids = pl.DataFrame({"person_id": ["2024HU0000012-01~2", "us-2024-0-7"]})
    >>> ids.select(base_id("person_id")).to_series().to_list()
    ['2024HU0000012-01', 'us-2024-0-7']
    """
    return pl.col(name).cast(pl.String).str.replace(_COPY, "")


def numbered(name: str, nth: pl.Expr) -> pl.Expr:
    """Name those drawn again: `nth` is 0 the first time that a `base_id` comes."""
    base = base_id(name)
    return pl.when(nth > 0).then(pl.format("{}~{}", base, nth + 1)).otherwise(base).alias(name)


def household_ids(people: pl.DataFrame) -> pl.Series:
    """Name the household of every person; one that was drawn twice is two.

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
        found = people["person_id"].cast(pl.String).str.extract(_SERIAL, 1).alias("household_id")
    lost = found.is_null().arg_true()
    if len(lost):
        raise DataError(
            f"{people['person_id'][int(lost[0])]} belongs to no household: people were drawn one by one",
            row=int(lost[0]) + 1,
            column="person_id",
            fix="draw households from a PUMS file read whole (without a size), or add a column household_id",
        )
    return found


def clusters(people: pl.DataFrame) -> tuple[npt.NDArray[np.intp], int, str]:
    """Number those who were asked together: households as they were before any draw, else persons.

    Returns
    -------
    tuple
        The cluster of every row, how many there are, and what they are called. Rows without any id are
        clusters of their own.

    Examples
    --------
    >>> clusters(pl.DataFrame({"person_id": ["2024HU1-01", "2024HU1-02~2", "2024HU2-01", "2024HU2-01~2"]}))
    (array([0, 0, 1, 1]), 2, 'household')
    """
    nothing = pl.lit(None, dtype=pl.String)
    person = base_id("person_id") if "person_id" in people.columns else nothing
    home = base_id("household_id") if "household_id" in people.columns else person.str.extract(_SERIAL, 1)
    found = people.select(home=home, person=person, row=pl.int_range(pl.len()))
    lost = found["home"].null_count()
    by = "household" if not lost else "person" if lost == people.height else "household or person"
    if lost:
        # A letter before each keeps a household apart from a person of the same name.
        names = [pl.format(f"{name[0]}{{}}", name) for name in ("home", "person", "row")]
        found = found.select(home=pl.coalesce(names))
    unit = found["home"].rank("dense").to_numpy().astype(np.intp) - 1
    return unit, int(unit.max()) + 1 if len(unit) else 0, by


def person_weights(people: pl.DataFrame, weights: Floats) -> Floats:
    """Add up the weights of the rows of each person.

    Examples
    --------
    >>> person_weights(pl.DataFrame({"person_id": ["a", "b", "a~2"]}), np.array([1.0, 5.0, 2.0])).tolist()
    [3.0, 5.0]
    """
    base = _repeated(people)
    if base is None:
        return weights
    unit, first = _persons(base)
    return tally(unit, weights, len(first))


def distinct(people: pl.DataFrame) -> pl.DataFrame:
    """Keep each person once, in the order in which they first come, with the weight of all their rows.

    Examples
    --------
    >>> distinct(pl.DataFrame({"person_id": ["b", "a", "b~2"], "weight": [1.0, 5.0, 2.0]})).rows()
    [('b', 3.0), ('a', 5.0)]
    """
    base = _repeated(people)
    if base is None:
        return people
    unit, first = _persons(base)
    weights = tally(unit, people["weight"].cast(pl.Float64).to_numpy(), len(first))
    order = np.argsort(first)
    kept = people[first[order]]
    return kept.with_columns(base_id("person_id"), pl.Series("weight", weights[order]))


def _repeated(people: pl.DataFrame) -> pl.Series | None:
    """Give everybody's id before any draw, where somebody comes twice."""
    if "person_id" not in people.columns:
        return None
    base = people.select(base_id("person_id")).to_series()
    return base if base.n_unique() < people.height else None


def _persons(base: pl.Series) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Number persons; give the first row of each."""
    unit = base.rank("dense").to_numpy()
    if base.null_count():
        row = int(base.is_null().arg_true()[0]) + 1
        raise DataError("a person without an id", row=row, column="person_id", fix="number the people")
    _, first = np.unique(unit, return_index=True)
    return unit.astype(np.intp) - 1, first
