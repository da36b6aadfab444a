"""How far a population is from the microdata: total variation on every margin of one, two or three variables.

The total variation of two distributions is half the sum of absolute differences: the share of people who
would have to change for the margins to agree. Sampling alone makes it positive, so every margin comes with
the value that an honest sample of the same size would show on average, Σ √(2 p (1 − p) / (π n)) / 2 (the
mean absolute deviation of a binomial in its normal approximation, bounded by what is possible), with
Kish's effective n for unequal weights (Kish, 1965, Survey Sampling, section 11.7).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.margins import beside_census
from populace.population.people import ADULT, Population
from populace.population.pums import read_pums
from populace.population.us2024.coding import encode
from populace.population.us2024.source import census

__all__ = ["Fidelity", "Margin", "census_fidelity", "compare", "fidelity"]

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
        Microdata: a PUMS file or folder, or a population built from one without a size. Its states and
        ages are cut to those of the population.
    ways
        Most variables of a margin, at most 3.

    Raises
    ------
    DataError, CodebookError
        If the reference cannot be read or shares no variable with the population.
    """
    if isinstance(reference, Population):
        people = reference.frame
    else:
        people = read_pums(reference)[0].rename({"PWGTP": "weight"})
    provenance = population.provenance
    if provenance.adults:
        people = people.filter(pl.col("AGEP") >= ADULT)
    if provenance.states is not None:
        people = people.filter(pl.col("STATE").is_in(provenance.states))
    return compare(population.frame, people, ways=ways)


def compare(people: pl.DataFrame, reference: pl.DataFrame, *, ways: int = 2) -> Fidelity:
    """Compare people with microdata on every margin of up to so many variables that both have.

    A state where the microdata do not release a variable is left out, on both sides, of the margins of
    that variable.

    Parameters
    ----------
    people, reference
        PUMS columns as codes, and `weight`; null = not applicable (in the reference also: not released).
    ways
        Most variables of a margin, at most 3.

    Raises
    ------
    DataError
        If nothing can be compared.
    """
    band = (pl.col("AGEP") // 5).alias("AGE5")
    theirs = encode(reference).with_columns(band)
    ours = encode(people, complete=True).with_columns(band)
    names = [name for name in theirs.columns if name in ours.columns]
    released = theirs.group_by("STATE").agg(pl.col(n).is_not_null().any().alias(f"{n}?") for n in names)
    masked = ours.join(released, on="STATE", how="left", maintain_order="left")
    ours = masked.select(pl.when(pl.col(f"{n}?")).then(pl.col(n)).alias(n) for n in names)
    sizes = {name: 1 + max(_largest(ours[name]), _largest(theirs[name])) for name in names}
    left, right = _Coded(ours, people["weight"], sizes), _Coded(theirs, reference["weight"], sizes)
    paired = [name for name in names if name not in _ONE_WAY_ONLY]
    wanted: list[tuple[str, ...]] = [(name,) for name in names]
    for count in range(2, ways + 1):
        wanted += itertools.combinations(paired, count)
    margins = tuple(_margins(left, right, wanted))
    if not margins:
        raise DataError("no variable is released by both", fix="give a reference of the same states")
    return Fidelity(people.height, reference.height, margins)


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


def _largest(column: pl.Series) -> int:
    largest = column.max()
    return largest if isinstance(largest, int) else 0


class _Coded:
    """Columns as small integers from 0, one past the largest where not released."""

    def __init__(self, frame: pl.DataFrame, weight: pl.Series, sizes: Mapping[str, int]) -> None:
        self.weight, self.sizes = weight.to_numpy().astype(float), sizes
        self.columns = {name: frame[name].fill_null(size).to_numpy() for name, size in sizes.items()}
        # Most variables are released for the same people, so that few sums of squares are needed.
        self.patterns: list[np.ndarray] = []
        self.pattern_of = {
            name: self._pattern(column == sizes[name]) for name, column in self.columns.items()
        }
        self.squares: dict[frozenset[int], float] = {}

    def _pattern(self, withheld: np.ndarray) -> int:
        for number, pattern in enumerate(self.patterns):
            if np.array_equal(pattern, withheld):
                return number
        self.patterns.append(withheld)
        return len(self.patterns) - 1

    def table(self, variables: tuple[str, ...]) -> tuple[np.ndarray, float]:
        """Weighted shares of every combination, and the effective number of people behind them."""
        key = np.zeros(len(self.weight), dtype=np.int32)
        for name in variables:
            key = key * np.int32(self.sizes[name] + 1) + self.columns[name]
        shape = tuple(self.sizes[name] + 1 for name in variables)
        counts = np.bincount(key, weights=self.weight, minlength=math.prod(shape)).reshape(shape)
        counts = counts[tuple(slice(-1) for _ in variables)].reshape(-1)
        total = counts.sum()
        if not total > 0:
            return counts, 0.0
        return counts / total, float(total**2 / self._squares(variables))

    def _squares(self, variables: tuple[str, ...]) -> float:
        """Sum of the squared weights of those for whom all variables are released."""
        which = frozenset(self.pattern_of[name] for name in variables)
        if which not in self.squares:
            known = ~np.logical_or.reduce([self.patterns[number] for number in which])
            self.squares[which] = float((self.weight[known] ** 2).sum())
        return self.squares[which]


def _margins(left: _Coded, right: _Coded, variables: Iterable[tuple[str, ...]]) -> Iterable[Margin]:
    for names in variables:
        ours, effective = left.table(names)
        theirs, records = right.table(names)
        if effective > 0 and records > 0:
            yield Margin(names, float(np.abs(ours - theirs).sum() / 2), _noise(theirs, effective))
