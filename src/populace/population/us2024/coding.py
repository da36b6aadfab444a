"""How people are coded for the tables of `us-2024`: variables, coarser readings, and the way back.

In the tables 0 stands for *not applicable* (a blank in the PUMS), so that it is drawn like any other value
and follows age, sex and household exactly; null means that the source did not release the value (most
columns of California and Texas). Incomes are drawn as brackets, then as a value inside the bracket.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from populace.population.codebook import load_codebook
from populace.population.tables import Node, Recode

__all__ = ["CHAIN", "EDGES", "RECODES", "bracket", "decode", "encode", "income"]

# Value of LANG for those who speak only English at home; 1 to 4 are the codes of ENG.
_ENGLISH_ONLY = 5

EDGES = (
    *(1, 10_000, 15_000, 20_000, 25_000, 30_000, 35_000, 40_000, 45_000, 50_000, 60_000, 75_000),
    *(100_000, 125_000, 150_000, 200_000, 250_000, 350_000, 500_000),
)
"""Lower ends of the income brackets 3, 4, ...; bracket 1 is a loss, 2 is no income, 0 not applicable."""


def _node(name: str, kept: str = "", others: str = "") -> Node:
    return Node(name, (*kept.split(), *others.split()), keep=len(kept.split()))


CHAIN: tuple[Node, ...] = (
    # Released for every state, California and Texas included.
    _node("STATE"),
    _node("AGEP", "STATE"),
    _node("SEX", "", "AGEP"),
    _node("HISP", "", "STATE AGE10"),
    _node("RAC1P", "", "HISP6 STATE AGE10 SEX"),
    _node("CIT", "", "HISP6 RACE5 AGE10 STATE SEX"),
    _node("SCHL", "AGE_SCHOOL", "AGE5 RACE5 HISP2 SEX STATE6 CIT3"),
    _node("DIS", "", "AGE5 EDU5 STATE RACE5 SEX"),
    _node("HHT", "", "AGE5 SEX RACE5 HISP6 EDU5 DIS DIVISION"),
    _node("NP", "HHT", "AGE10 RACE5 HISP2 CIT3 EDU5 REGION"),
    _node("FPARC", "HHT", "NP5 AGE5 RACE5 SEX EDU5"),
    _node("HHL", "HOUSED", "HISP6 RACE5 CIT3 AGE10 STATE NP5"),
    _node("TEN", "HOUSED", "AGE10 HHT5 RACE5 STATE EDU5 HISP2"),
    _node("HINCB", "HOUSED", "HHT5 EDU5 OWNS AGE10 STATE6 NP5 RACE5"),
    # Not released for California and Texas: learned from the other states.
    _node("MAR", "AGE15", "HHT AGE5 SEX RACE5 NP5 EDU5"),
    _node("ESR", "AGE16", "AGE5 SEX DIS EDU5 HINC7 FPARC RACE5"),
    _node("COW", "ESR", "AGE10 SEX EDU5 RACE5 CIT3 HISP2 DIVISION"),
    _node("PINCB", "AGE15", "HINCB NP5 ESR3 AGE4 SEX COW5 EDU5"),
    _node("OCCM", "JOB ARMED", "COW EDU9 SEX PINC7 AGE4 RACE5 STATE6"),
    _node("INDM", "OCC_WORK", "OCCM COW SEX PINC7 AGE4 RELEASED"),
    _node("LANG", "AGE05", "HHL HISP6 CIT3 AGE10 RACE5 EDU5 DIVISION"),
    _node("HICOV", "", "AGE10 CIT3 HINC7 RELEASED ESR3 RACE5 HISP2 COW5"),
    _node("DEAR", "DIS", "AGE5 SEX RACE5 ESR3 EDU5"),
    _node("DEYE", "DIS", "DEAR AGE10 SEX RACE5 EDU5"),
    _node("DREM", "DIS AGE05", "AGE10 DEAR DEYE ESR3 MAR3 SEX"),
    _node("DPHY", "DIS AGE05", "AGE10 DREM DEAR DEYE ESR3 SEX"),
    _node("MIL", "AGE17 ARMED", "SEX AGE5 RACE5 EDU5 COW5"),
    _node("FER", "SEX AGE_FER", "FPARC AGE5 MAR3 EDU5 RACE5 HISP2"),
    _node("OCCP", "OCCM", "INDM SEX EDU5 COW5"),
    _node("INDP", "INDM", "OCCP COW5 SEX REGION"),
)
"""Nodes in drawing order. The leading parents that decide where a node applies are never dropped."""


def _ranges(name: str, source: str, starts: Sequence[int], last: int) -> Recode:
    """Group codes 0..last by the start of each group; groups are numbered from 0."""
    groups = np.searchsorted(np.array(starts), np.arange(last + 1), side="right")
    return Recode(name, source, {code: int(group) for code, group in enumerate(groups)})


def _sets(name: str, source: str, *groups: Sequence[int]) -> Recode:
    return Recode(name, source, {code: number for number, group in enumerate(groups) for code in group})


_DIVISIONS = (
    (9, 23, 25, 33, 44, 50),
    (34, 36, 42),
    (17, 18, 26, 39, 55),
    (19, 20, 27, 29, 31, 38, 46),
    (10, 11, 12, 13, 24, 37, 45, 51, 54),
    (1, 21, 28, 47),
    (5, 22, 40, 48),
    (4, 8, 16, 30, 32, 35, 49, 56),
    (2, 6, 15, 41, 53),
)
_INCOMES = (
    (1, 5, 18, 19, 21, 22, 28, 31, 35, 40, 45, 47, 54),
    (16, 20, 23, 26, 29, 30, 37, 39, 46, 55, 56),
    (12, 13, 32, 38),
    (2, 4, 10, 17, 27, 41, 42, 44, 48, 50),
    (8, 33, 36, 49, 51),
    (6, 9, 11, 15, 24, 25, 34, 53),
)
_OCCUPATIONS = ((0,), range(1, 14), range(14, 19), (19, 20), (21, 22, 23, 24), (25,), (26,))

RECODES: tuple[Recode, ...] = (
    _ranges("AGE05", "AGEP", (5,), 99),
    _ranges("AGE15", "AGEP", (15,), 99),
    _ranges("AGE16", "AGEP", (16,), 99),
    _ranges("AGE17", "AGEP", (17,), 99),
    _ranges("AGE_FER", "AGEP", (15, 51), 99),
    _ranges("AGE_SCHOOL", "AGEP", (3, *range(4, 26)), 99),
    _ranges("AGE5", "AGEP", (5, 15, 16, 17, 18, 20, *range(25, 90, 5)), 99),
    _ranges("AGE10", "AGEP", (5, 15, 18, 25, 35, 45, 55, 65, 75), 99),
    _ranges("AGE4", "AGEP", (16, 25, 45, 65), 99),
    _sets("DIVISION", "STATE", *_DIVISIONS),
    _sets(
        "REGION", "STATE", *(sum((_DIVISIONS[i] for i in r), ()) for r in ((0, 1), (2, 3), (4, 5, 6), (7, 8)))
    ),
    # The states that release every column.
    Recode("RELEASED", "STATE", {s: s for division in _DIVISIONS for s in division if s not in (6, 48)}),
    # By mean household income, from the lowest to the highest sixth of the people.
    _sets("STATE6", "STATE", *_INCOMES),
    _sets("RACE5", "RAC1P", (1,), (2,), (3, 4, 5), (6, 7), (8,), (9,)),
    _sets("HISP2", "HISP", (1,), range(2, 25)),
    _sets("HISP6", "HISP", (1,), (2,), (3,), (4, 5), range(6, 13), (*range(13, 23), 23, 24)),
    _sets("CIT3", "CIT", (1, 2, 3), (4,), (5,)),
    _ranges("EDU5", "SCHL", (1, 16, 18, 21, 22), 24),
    _ranges("EDU9", "SCHL", (1, 12, 16, 17, 18, 20, 21, 22, 23, 24), 24),
    _sets("MAR3", "MAR", (1,), (2, 3, 4), (5,)),
    _sets("ESR3", "ESR", (0,), (1, 2), (3,), (4, 5), (6,)),
    _sets("ARMED", "ESR", (0,), (1, 2, 3, 6), (4, 5)),
    _sets("JOB", "COW", (0,), range(1, 9), (9,)),
    _sets("COW5", "COW", (0,), (1, 2), (3, 4, 5), (6, 7, 8), (9,)),
    # Only what decides whether there is an industry at all, and whether it is the armed forces.
    _sets("OCC_WORK", "OCCM", (0,), range(1, 25), (25,), (26,)),
    _sets("OCC6", "OCCM", *_OCCUPATIONS),
    _sets("HHT5", "HHT", (0,), (1,), (2, 3), (4, 6), (5, 7)),
    _sets("HOUSED", "HHT", (0,), range(1, 8)),
    _ranges("NP5", "NP", (2, 3, 4, 5, 6), 20),
    _sets("LANG3", "LANG", (0,), (1, 2), (3, 4), (5,)),
    _ranges("PINC7", "PINCB", (1, 3, 6, 9, 13, 15), 22),
    _ranges("HINC7", "HINCB", (1, 6, 12, 14, 17, 19), 22),
    _sets("OWNS", "TEN", (0,), (1, 2), (3, 4)),
)
"""Coarser readings that serve as parents."""


# Column whose presence in a state says whether a node was released there.
_SOURCES = {"LANG": "LANX", "OCCM": "OCCP", "INDM": "INDP", "PINCB": "PINCP", "HINCB": "HINCP"}


def bracket(amount: str) -> pl.Expr:
    """Number of the income bracket of a column; 0 where it is null."""
    column = pl.col(amount)
    number = pl.lit(2, dtype=pl.Int32)
    for edge in EDGES:
        number = number + (column >= edge).cast(pl.Int32)
    return pl.when(column.is_null()).then(0).when(column < 0).then(1).otherwise(number).cast(pl.Int32)


def encode(people: pl.DataFrame, *, complete: bool = False) -> pl.DataFrame:
    """Code PUMS people for the tables.

    Parameters
    ----------
    people
        PUMS columns, as `read_pums` gives them. Nodes whose columns are absent are left out.
    complete
        Whether every column is released everywhere, so that null always means *not applicable*. By
        default a column that is null throughout a state counts as not released there.

    Returns
    -------
    polars.DataFrame
        One Int32 column a node of `CHAIN`; 0 = not applicable, null = not released for this state.
    """
    made = {
        "LANG": pl.when(pl.col("LANX") == 2).then(_ENGLISH_ONLY).otherwise(pl.col("ENG")),
        "OCCM": _group("OCCP"),
        "INDM": _group("INDP"),
        "PINCB": bracket("PINCP"),
        "HINCB": bracket("HINCP"),
    }
    columns = []
    for name in (node.name for node in CHAIN):
        source = _SOURCES.get(name, name)
        if source in people.columns:
            value = made.get(name, pl.col(name)).cast(pl.Int32).fill_null(0)
            released = pl.lit(True) if complete else pl.col(source).is_not_null().any().over("STATE")
            columns.append(pl.when(released).then(value).alias(name))
    return people.select(columns)


def decode(drawn: pl.DataFrame, knots: Mapping[str, np.ndarray], rng: np.random.Generator) -> pl.DataFrame:
    """Turn drawn nodes back into PUMS columns: 0 becomes null, a bracket becomes an amount.

    Parameters
    ----------
    drawn
        Every node of `CHAIN`.
    knots
        For `PINCP` and `HINCP`, shape (brackets, points): evenly spaced quantiles inside each bracket.
    rng
        Draws the place inside the bracket.
    """
    personal, household = (
        income(drawn[node].to_numpy(), knots[name], rng)
        for name, node in (("PINCP", "PINCB"), ("HINCP", "HINCB"))
    )
    # Who lives alone is the household: one income under two names.
    alone = ((drawn["NP"] == 1) & (drawn["PINCB"] == drawn["HINCB"])).to_numpy()
    personal = personal.zip_with(pl.Series(~alone), household)
    # Age 0 is an age; every other 0 means not applicable.
    codes = drawn.select(
        pl.col(name) if name == "AGEP" else pl.when(pl.col(name) != 0).then(pl.col(name)).alias(name)
        for name in drawn.columns
    )
    other = pl.col("LANG") != _ENGLISH_ONLY
    return codes.with_columns(
        personal.alias("PINCP"),
        household.alias("HINCP"),
        pl.when(pl.col("CIT") <= 3).then(1).otherwise(2).alias("NATIVITY"),
        pl.when(other).then(1).when(pl.col("LANG").is_not_null()).then(2).alias("LANX"),
        pl.when(other).then(pl.col("LANG")).alias("ENG"),
    ).drop("LANG", "OCCM", "INDM", "PINCB", "HINCB")


def income(brackets: np.ndarray, knots: np.ndarray, rng: np.random.Generator) -> pl.Series:
    """Draw amounts inside their brackets by interpolating quantiles, rounded as the ACS rounds.

    Amounts up to 999 dollars go to tens, up to 49,999 to hundreds, above to thousands; bracket 2 is no
    income and 0 is null.
    """
    position = rng.random(len(brackets)) * (knots.shape[1] - 1)
    left = np.minimum(position.astype(np.int64), knots.shape[1] - 2)
    low, high = knots[brackets, left], knots[brackets, left + 1]
    amount = low + (position - left) * (high - low)
    unit = np.select([np.abs(amount) < 1_000, np.abs(amount) < 50_000], [10, 100], 1_000)
    # Towards zero, so that rounding never leaves the bracket; a bracket never reaches zero itself.
    rounded = np.trunc(amount / unit) * unit
    rounded = np.where(rounded == 0, np.sign(amount) * 4, rounded)
    values = pl.Series(np.where(brackets == 2, 0, rounded).astype(np.int64))
    return values.set(pl.Series(brackets == 0), None)


def _group(column: str) -> pl.Expr:
    groups = load_codebook("acs_pums").variables[column].groups
    numbers = {c: n for n, g in enumerate(groups, start=1) for c in range(g.first, g.last + 1)}
    return pl.col(column).replace_strict(numbers, default=None, return_dtype=pl.Int32)
