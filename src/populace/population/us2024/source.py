"""The embedded source: the fitted model and the stored facts of the microdata."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

from populace.population.generative import GenerativeModel

__all__ = ["CENSUS_FILE", "MODEL_FILE", "AgeCell", "Census", "MarginCell", "census", "model"]

MODEL_FILE = Path(__file__).parent / "model.parquet"
CENSUS_FILE = Path(__file__).parent / "census.json"


class MarginCell(msgspec.Struct, frozen=True, array_like=True):
    """One value of one attribute in the microdata."""

    attribute: str
    label: str | None
    """Null = not applicable, or missing."""
    everyone: float
    """Weighted share among all people of the states that release the attribute."""
    adults: float


class AgeCell(msgspec.Struct, frozen=True, array_like=True):
    """People of one age and sex in the microdata."""

    age: int
    sex: int
    """1 male, 2 female."""
    share: float
    """Weighted share of everybody."""


class Census(msgspec.Struct, frozen=True):
    """One-way margins of the microdata that the model was fitted to."""

    citation: str
    licence: str
    script: str
    records: int
    people: int
    adults: int
    unreleased: dict[str, list[int]]
    """For each attribute, the states that do not release it."""
    margins: list[MarginCell]
    ages: list[AgeCell]
    """Everybody by age and sex."""


@functools.cache
def model() -> GenerativeModel:
    """Load the fitted model."""
    return GenerativeModel.load(MODEL_FILE)


@functools.cache
def census() -> Census:
    """Load the stored facts of the microdata."""
    return msgspec.json.decode(CENSUS_FILE.read_bytes(), type=Census)
