"""The columns of census people: their order, the labels beside the codes, and the names of places."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from populace.errors import DataError
from populace.population.codebook import Codebook, load_codebook

__all__ = ["ORDER", "geography", "with_labels"]

# fmt: off
ORDER = (
    "STATE", "AGEP", "SEX", "HISP", "RAC1P", "CIT", "NATIVITY", "POBP", "ANC1P", "SCHL", "DIS", "HHT", "HHT2",
    "NP", "FPARC", "HHL", "TEN", "HINCP", "MAR", "ESR", "COW", "PINCP", "OCCP", "INDP", "LANX", "ENG",
    "HICOV", "DEAR", "DEYE", "DREM", "DPHY", "MIL", "FER",
)
"""Census columns in the order in which they are kept, and drawn; those a file lacks are passed over."""
# fmt: on


def with_labels(frame: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Put codes in their order and the labels beside them: the columns of `people.parquet`."""
    codes = [pl.col(name).cast(pl.Int32) for name in ORDER if name in frame.columns]
    weights = [name for name in book.replicate_columns().values() if name in frame.columns]
    return (
        frame.select("person_id", "weight", *codes).hstack(book.labels(frame)).hstack(frame.select(weights))
    )


def geography(states: Sequence[int] | None) -> str:
    """Name the states of FIPS codes; the United States for None.

    Raises
    ------
    DataError
        If there is no such state.
    """
    if states is None:
        return "United States"
    labels = load_codebook("acs_pums").variables["STATE"].labels
    strange = next((state for state in states if state not in labels), None)
    if strange is not None:
        raise DataError(f"there is no state {strange}", column="STATE", fix="check the FIPS codes")
    return ", ".join(labels[state] for state in sorted(set(states)))
