"""How census people are coded to be compared: few values a variable, and *not released* told apart.

0 stands for *not applicable* (a blank in the PUMS); null means that the source did not release the value
(most columns of California and Texas in the 2024 extract). Incomes are read in brackets; occupation and
industry also by their major groups.
"""

from __future__ import annotations

import polars as pl

from populace.population.codebook import load_codebook

__all__ = ["EDGES", "bracket", "encode"]

# Value of LANG for those who speak only English at home; 1 to 4 are the codes of ENG.
_ENGLISH_ONLY = 5

EDGES = (
    *(1, 10_000, 15_000, 20_000, 25_000, 30_000, 35_000, 40_000, 45_000, 50_000, 60_000, 75_000),
    *(100_000, 125_000, 150_000, 200_000, 250_000, 350_000, 500_000),
)
"""Lower ends of the income brackets 3, 4, ...; bracket 1 is a loss, 2 is no income, 0 not applicable."""

_PLAIN = (
    *("STATE", "AGEP", "SEX", "HISP", "RAC1P", "CIT", "SCHL", "DIS", "HHT", "NP", "FPARC", "HHL", "TEN"),
    *("MAR", "ESR", "COW", "HICOV", "DEAR", "DEYE", "DREM", "DPHY", "MIL", "FER", "OCCP", "INDP"),
)
# Variable -> the column whose presence in a state says whether it was released there.
_MADE = {"LANG": "LANX", "OCCM": "OCCP", "INDM": "INDP", "PINCB": "PINCP", "HINCB": "HINCP"}


def bracket(amount: str) -> pl.Expr:
    """Number of the income bracket of a column; 0 where it is null."""
    column = pl.col(amount)
    number = pl.lit(2, dtype=pl.Int32)
    for edge in EDGES:
        number = number + (column >= edge).cast(pl.Int32)
    return pl.when(column.is_null()).then(0).when(column < 0).then(1).otherwise(number).cast(pl.Int32)


def encode(people: pl.DataFrame, *, complete: bool = False) -> pl.DataFrame:
    """Code PUMS people.

    Parameters
    ----------
    people
        PUMS columns, as `read_pums` gives them. Variables whose columns are absent are left out.
    complete
        Whether every column is released everywhere, so that null always means *not applicable*. By
        default a column that is null throughout a state counts as not released there.

    Returns
    -------
    polars.DataFrame
        One Int32 column a variable; 0 = not applicable, null = not released for this state.
    """
    made = {
        "LANG": pl.when(pl.col("LANX") == 2).then(_ENGLISH_ONLY).otherwise(pl.col("ENG")),
        "OCCM": _group("OCCP"),
        "INDM": _group("INDP"),
        "PINCB": bracket("PINCP"),
        "HINCB": bracket("HINCP"),
    }
    columns = []
    for name in (*_PLAIN, *_MADE):
        source = _MADE.get(name, name)
        if source in people.columns:
            value = made.get(name, pl.col(name)).cast(pl.Int32).fill_null(0)
            released = pl.lit(True) if complete else pl.col(source).is_not_null().any().over("STATE")
            columns.append(pl.when(released).then(value).alias(name))
    return people.select(columns)


def _group(column: str) -> pl.Expr:
    groups = load_codebook("acs_pums").variables[column].groups
    numbers = {c: n for n, g in enumerate(groups, start=1) for c in range(g.first, g.last + 1)}
    return pl.col(column).replace_strict(numbers, default=None, return_dtype=pl.Int32)
