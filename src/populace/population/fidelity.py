"""How far a population is from the microdata: total variation on every one- and two-way margin.

The total variation of two distributions is half the sum of absolute differences: the share of people who
would have to change for the margins to agree. Sampling alone makes it positive, so every margin comes with
the value that an honest sample of the same size would show on average, Σ √(2 p (1 − p) / (π n)) / 2 (the
mean absolute deviation of a binomial in its normal approximation, bounded by what is possible), with
Kish's effective n for unequal weights (Kish, 1965, Survey Sampling, section 11.7).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.us2024.coding import encode

__all__ = ["Fidelity", "Margin", "compare", "margin_codes"]

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


def margin_codes(people: pl.DataFrame, *, complete: bool) -> pl.DataFrame:
    """Code people for comparison: the nodes of the tables, and age in five-year bands (`AGE5`)."""
    coded = encode(people, complete=complete)
    return coded.with_columns((pl.col("AGEP") // 5).alias("AGE5"))


def compare(
    people: pl.DataFrame, reference: pl.DataFrame, *, weight: str = "weight", reference_weight: str = "PWGTP"
) -> Fidelity:
    """Compare people with microdata on every one- and two-way margin that both have.

    A state where the microdata do not release a variable is left out, on both sides, of the margins of
    that variable.

    Parameters
    ----------
    people, reference
        PUMS columns as codes; null = not applicable (in the reference also: not released).
    weight, reference_weight
        Their weight columns.

    Raises
    ------
    DataError
        If a weight is missing or nothing can be compared.
    """
    for frame, name in ((people, weight), (reference, reference_weight)):
        if name not in frame.columns:
            raise DataError("the weight is missing", column=name)
    theirs = margin_codes(reference, complete=False)
    ours = margin_codes(people, complete=True)
    names = [name for name in theirs.columns if name in ours.columns]
    released = theirs.group_by("STATE").agg(pl.col(n).is_not_null().any().alias(f"{n}?") for n in names)
    masked = ours.join(released, on="STATE", how="left", maintain_order="left")
    ours = masked.select(pl.when(pl.col(f"{n}?")).then(pl.col(n)).alias(n) for n in names)
    left = _Coded(ours, people[weight].to_numpy().astype(float), names)
    right = _Coded(theirs.select(names), reference[reference_weight].to_numpy().astype(float), names)
    one_way = [(name,) for name in names]
    two_way = itertools.combinations([name for name in names if name not in _ONE_WAY_ONLY], 2)
    margins = tuple(_margins(left, right, [*one_way, *two_way]))
    if not margins:
        raise DataError("no variable is released by both", fix="give a reference of the same states")
    return Fidelity(people.height, reference.height, margins)


class _Coded:
    """Columns as small integers from 0, -1 where not released."""

    def __init__(self, frame: pl.DataFrame, weight: np.ndarray, names: list[str]) -> None:
        self.weight = weight
        self.columns = {name: frame[name].fill_null(-1).to_numpy().astype(np.int32) for name in names}

    def table(self, variables: tuple[str, ...], sizes: tuple[int, ...]) -> tuple[np.ndarray, float]:
        """Weighted shares of every combination, and the effective number of people behind them."""
        columns = [self.columns[name] for name in variables]
        known = np.logical_and.reduce([column >= 0 for column in columns])
        key = np.zeros(len(known), dtype=np.int64)
        for column, size in zip(columns, sizes, strict=True):
            key = key * size + column
        weight = np.where(known, self.weight, 0.0)
        counts = np.bincount(np.where(known, key, 0), weights=weight, minlength=int(np.prod(sizes)))
        total = counts.sum()
        effective = total**2 / (weight**2).sum() if total > 0 else 0.0
        return counts / total if total > 0 else counts, float(effective)


def _margins(left: _Coded, right: _Coded, variables: Iterable[tuple[str, ...]]) -> Iterable[Margin]:
    largest = {
        name: int(max(left.columns[name].max(initial=0), right.columns[name].max(initial=0))) + 1
        for name in left.columns
    }
    for names in variables:
        sizes = tuple(largest[name] for name in names)
        ours, effective = left.table(names, sizes)
        theirs, records = right.table(names, sizes)
        if effective > 0 and records > 0:
            spread = np.sqrt(2 * theirs * (1 - theirs) / (np.pi * effective))
            noise = np.minimum(spread, 2 * theirs).sum() / 2
            yield Margin(names, float(np.abs(ours - theirs).sum() / 2), float(noise))
