"""The embedded source: its stored facts, and drawing people from its tables."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.people import ADULT
from populace.population.tables import TableModel
from populace.population.us2024.coding import decode

__all__ = ["CENSUS_FILE", "TABLES_FILE", "Census", "MarginCell", "census", "draw_people", "tables"]

TABLES_FILE = Path(__file__).parent / "tables.parquet"
CENSUS_FILE = Path(__file__).parent / "census.json"


class MarginCell(msgspec.Struct, frozen=True, array_like=True):
    """One value of one attribute in the microdata."""

    attribute: str
    label: str | None
    """Null = not applicable, or missing."""
    everyone: float
    """Weighted share among all people of the states that release the attribute."""
    adults: float


class Census(msgspec.Struct, frozen=True):
    """Facts of the microdata that are not tables."""

    citation: str
    licence: str
    script: str
    records: int
    people: int
    adults: int
    knots: dict[str, list[list[float]]]
    """For each income, evenly spaced quantiles inside each bracket."""
    unreleased: dict[str, list[int]]
    """For each attribute, the states that do not release it."""
    margins: list[MarginCell]
    fidelity: dict[str, dict[str, float]]
    """Total variation of a large drawn population against the microdata, as found when fitted."""


@functools.cache
def tables() -> TableModel:
    """Load the fitted tables."""
    return TableModel.load(TABLES_FILE)


@functools.cache
def census() -> Census:
    """Load the stored facts of the microdata."""
    return msgspec.json.decode(CENSUS_FILE.read_bytes(), type=Census)


def draw_people(
    size: int, rng: np.random.Generator, *, adults: bool = False, states: Sequence[int] | None = None
) -> tuple[pl.DataFrame, float]:
    """Draw people from the fitted tables.

    State and age are spread over the sample systematically, in proportion to their joint distribution;
    everything else is drawn given them. Rows come in random order, so that the first k people are a
    sample of their own.

    Parameters
    ----------
    size
        People to draw.
    rng
        The only source of randomness.
    adults
        Draw people of 18 years and over only.
    states
        Draw people of these states only (FIPS codes).

    Returns
    -------
    tuple
        PUMS columns (codes, null = not applicable), and how many people they stand for.
    """
    model, facts = tables(), census()
    places, ages = model.categories["STATE"], model.categories["AGEP"]
    if states is not None and (unknown := sorted(set(states) - set(places.tolist()))):
        raise DataError(f"us-2024 has no state {unknown[0]}", column="STATE", fix="use FIPS codes, 1 to 56")
    place = model.distribution("STATE", pl.DataFrame({"none": [0]}))[0]
    joint = place[:, None] * model.distribution("AGEP", pl.DataFrame({"STATE": places}))
    if states is not None:
        joint[~np.isin(places, list(states))] = 0
    if adults:
        joint[:, ages < ADULT] = 0
    share = joint.sum()
    edges = np.cumsum(joint.reshape(-1)) / share
    points = (np.arange(size) + rng.random()) / max(size, 1)
    cell = np.searchsorted(edges, np.minimum(points, 1 - 2**-32), side="right")
    evidence = pl.DataFrame({"STATE": places[cell // len(ages)], "AGEP": ages[cell % len(ages)]})
    drawn = model.draw(evidence[rng.permutation(size)], rng)
    knots = {name: np.array(rows) for name, rows in facts.knots.items()}
    return decode(drawn, knots, rng), float(share * facts.people)
