"""People at the detail that personas use, as small whole numbers: what every measure here compares."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.population.sampling import draw_rows
from populace.population.us2024.coding import encode

__all__ = ["COMPARED", "KEPT_BACK", "coded", "released_states", "sample"]

KEPT_BACK = (6, 48)
"""California and Texas: the extract lacks most of their columns."""
# Detailed codes and single ages are compared one-way only.
_ONE_WAY = ("AGEP", "OCCP", "INDP")
COMPARED = (
    *("STATE", "AGE5", "SEX", "HISP", "RAC1P", "CIT", "SCHL", "DIS", "HHT", "NP", "FPARC", "HHL", "TEN"),
    *("MAR", "ESR", "COW", "HICOV", "DEAR", "DEYE", "DREM", "DPHY", "MIL", "FER"),
    *("LANG", "OCCM", "INDM", "PINCB", "HINCB"),
)
"""Variables compared in pairs and triples: ages by five years, incomes in brackets, major groups."""


def coded(people: pl.DataFrame, *, complete: bool) -> pl.DataFrame:
    """Code people; null = not released in their state, 0 = not applicable.

    Parameters
    ----------
    people
        PUMS columns.
    complete
        Whether null always means *not applicable*, as for drawn people.
    """
    return encode(people, complete=complete).with_columns((pl.col("AGEP") // 5).alias("AGE5"))


def released_states(people: pl.DataFrame) -> pl.DataFrame:
    """Keep the people of the states that release everything."""
    return people.filter(~pl.col("STATE").is_in(KEPT_BACK))


def sample(people: pl.DataFrame, size: int, seed: int, *, weight: str = "PWGTP") -> pl.DataFrame:
    """Draw people from a file, proportionally to weight, systematically over its rows in random order."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(people.height)
    weights = people[weight].cast(pl.Float64).to_numpy()[order]
    return people[order[draw_rows(weights, size, rng, replace=False)]]
