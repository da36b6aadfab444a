"""How far a population is from the microdata: total variation on every margin of one, two or three variables.

The total variation of two distributions is half the sum of absolute differences: the share of people who
would have to change for the margins to agree. Sampling alone makes it positive, so every margin comes with
the value that an honest sample of the same size would show on average, Σ √(2 p (1 − p) / (π n)) / 2 (the
mean absolute deviation of a binomial in its normal approximation, bounded by what is possible), with
Kish's effective n for unequal weights (Kish, 1965, Survey Sampling, section 11.7).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.building import build
from populace.population.margins import beside_census
from populace.population.people import ADULT, Population
from populace.population.pums import read_pums
from populace.population.sides import Sides, sides_of
from populace.population.us2024.source import census

__all__ = ["Fidelity", "Margin", "census_fidelity", "compare", "compare_sides", "fidelity"]

# Long lists of codes are compared by themselves and, in pairs, by their major groups.
_ONE_WAY_ONLY = ("OCCP", "INDP", "AGEP")


class Margin(msgspec.Struct, frozen=True):
    """One margin compared."""

    variables: tuple[str, ...]
    total_variation: float
    """Between 0 (the same) and 1 (nothing in common)."""
    noise: float
    """What an honest sample of the same size would show on average."""


class Fidelity(msgspec.Struct, frozen=True):
    """All margins compared, one-way first."""

    size: int
    """People compared."""
    reference_size: int
    """Records of the microdata."""
    margins: tuple[Margin, ...]

    def of(self, ways: int) -> list[Margin]:
        """List the margins of so many variables, the worst first."""
        chosen = [margin for margin in self.margins if len(margin.variables) == ways]
        return sorted(chosen, key=lambda margin: (-margin.total_variation, margin.variables))

    def summary(self, ways: int) -> dict[str, float]:
        """Summarise the margins of so many variables: how many, mean, median, 95th percentile, largest."""
        values = np.array([margin.total_variation for margin in self.of(ways)])
        noise = np.array([margin.noise for margin in self.of(ways)])
        if not len(values):
            return {"margins": 0}
        return {
            "margins": len(values),
            "mean": float(values.mean()),
            "median": float(np.median(values)),
            "p95": float(np.quantile(values, 0.95)),
            "max": float(values.max()),
            "noise_mean": float(noise.mean()),
            "noise_p95": float(np.quantile(noise, 0.95)),
        }


def fidelity(population: Population, reference: str | Path | Population, *, ways: int = 2) -> Fidelity:
    """Compare a population with the microdata it stands for.

    Parameters
    ----------
    population
        The people to judge.
    reference
        Microdata: a PUMS file or folder (of a survey population, the file of its survey), or a population
        built from one without a size. Its states and ages are cut to those of the population.
    ways
        Most variables of a margin, at most 3.

    Raises
    ------
    DataError, CodebookError
        If the reference cannot be read or shares no variable with the population.
    """
    provenance = population.provenance
    if isinstance(reference, Population):
        people = reference.frame
    elif provenance.codebook in ("acs_pums", ""):
        people = read_pums(reference)[0].rename({"PWGTP": "weight"})
    else:
        people = build(reference, codebook=provenance.codebook).frame
    age = next((name for name in ("AGEP", "age") if name in people.columns), None)
    if provenance.adults and age:
        people = people.filter(pl.col(age) >= ADULT)
    if provenance.states is not None and "STATE" in people.columns:
        people = people.filter(pl.col("STATE").is_in(provenance.states))
    return compare(population.frame, people, ways=ways)


def compare(people: pl.DataFrame, reference: pl.DataFrame, *, ways: int = 2) -> Fidelity:
    """Compare people with microdata on every margin of up to so many variables that both have.

    Census people are compared by their codes: a state where the microdata do not release a variable is left
    out, on both sides, of the margins of that variable. Others are compared by the labels that both have.

    Parameters
    ----------
    people, reference
        PUMS columns as codes, or attributes as labels, and `weight`; null = not applicable (in a census
        reference also: not released).
    ways
        Most variables of a margin, at most 3.

    Raises
    ------
    DataError
        If nothing can be compared.
    """
    found = compare_sides(sides_of(people, reference), ways=ways)
    if not found.margins:
        raise DataError("no variable is known of both", fix="give a reference of the same states, or survey")
    return found


def compare_sides(sides: Sides, *, ways: int = 2) -> Fidelity:
    """Compare people who are coded already, as `compare` does: no variable in common, no margins."""
    paired = [name for name in sides.names if name not in _ONE_WAY_ONLY]
    wanted: list[tuple[str, ...]] = [(name,) for name in sides.names]
    for count in range(2, ways + 1):
        wanted += itertools.combinations(paired, count)
    return Fidelity(*sides.people, tuple(_margins(sides, wanted)))


def census_fidelity(population: Population) -> Fidelity:
    """Compare a population with the embedded one-way margins of the whole 2024 ACS PUMS.

    Margins here are those of `beside_census`: ages and incomes in bands, occupation and industry in major
    groups. They hold for the whole country; a population of some states will differ from them.

    Examples
    --------
    >>> from populace.population import build
    >>> found = census_fidelity(build("us-2024", size=2000, seed=0, adults=True))
    >>> found.summary(1)["max"] < 0.1
    True
    """
    weight = population.frame["weight"].to_numpy()
    effective = weight.sum() ** 2 / (weight**2).sum()
    both = beside_census(population.frame, adults=population.provenance.adults)
    compared = []
    for part in both.partition_by("attribute", maintain_order=True):
        ours, theirs = part["share"].to_numpy(), part["census"].to_numpy()
        distance = float(np.abs(ours - theirs).sum() / 2)
        compared.append(Margin((part["attribute"][0],), distance, _noise(theirs, effective)))
    return Fidelity(len(population), census().records, tuple(compared))


def _noise(shares: np.ndarray, people: float) -> float:
    """Total variation that an honest sample of so many people shows on average."""
    spread = np.sqrt(2 * shares * (1 - shares) / (np.pi * people))
    return float(np.minimum(spread, 2 * shares).sum() / 2)


def _margins(sides: Sides, variables: Iterable[tuple[str, ...]]) -> Iterable[Margin]:
    for names in variables:
        ours, theirs, effective = sides.tables(names)
        if effective > 0:
            yield Margin(names, float(np.abs(ours - theirs).sum() / 2), _noise(theirs, effective))
