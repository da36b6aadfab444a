"""The same pipeline on other files: build, fit, draw, compare by labels."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from fidelity.margins import Side, Summary, distances, summary
from populace import population
from populace.population.fitted import draw_from

__all__ = ["SOURCES", "Source", "measure"]

_MOST_VALUES = 60
_BANDS = 20


@dataclass(frozen=True)
class Source:
    """A file and its codebook."""

    title: str
    path: str
    codebook: str
    year: int | None = None


SOURCES = (
    Source("Vermont, 2024 ACS PUMS", "acs_pums_2024/p_50.parquet", "acs_pums"),
    Source("NIST excerpt of the 2019 ACS", "nist_acs/national2019.csv", "nist_acs"),
    Source("NIST excerpt of the 2018 ACS", "nist_acs/national2018.csv", "nist_acs"),
    Source("ANES 2022 pilot", "anes_pilot_2022/anes_pilot_2022.parquet", "anes_pilot_2022"),
    Source("GSS 2022", "gss/gss_sub.rda", "gss", 2022),
)


@dataclass(frozen=True)
class Found:
    """What came of a source."""

    source: Source
    records: int
    columns: int
    fit: float
    one_way: Summary
    two_way: Summary
    file_noise: float
    """Two-way mean that a sample of as many people as the file's (effective) number would show."""


def measure(data: Path, source: Source, size: int) -> Found:
    """Fit, draw and compare; everything by labels, numbers in bands."""
    people = population.build(data / source.path, codebook=source.codebook, year=source.year)
    start = time.monotonic()
    model = population.fit(people)
    seconds = time.monotonic() - start
    drawn = draw_from(model, "drawn", size=size, seed=1).frame
    names = [
        name
        for name in people.frame.columns
        if name == name.lower()
        and name not in ("person_id", "household_id", "weight", "inclusion")
        and not name.startswith("replicate_")
        and people.frame[name].null_count() < people.frame.height
    ]
    ours, theirs = _coded(drawn, people.frame, names)
    weight = people.frame["weight"].to_numpy()
    left, right = Side(ours), Side(theirs, weight)
    short = [name for name in names if int(theirs[name].max() or 0) <= _MOST_VALUES]
    pairs = list(itertools.combinations(short, 2))
    two_way = distances(left, right, pairs)
    effective = float(weight.sum() ** 2 / (weight**2).sum())
    return Found(
        source,
        people.frame.height,
        len(names),
        seconds,
        summary(distances(left, right, [(name,) for name in names])),
        summary(two_way),
        # Noise goes with the square root of the number of people.
        float(np.mean([one.noise for one in two_way])) * float(np.sqrt(size / effective)),
    )


def _coded(drawn: pl.DataFrame, file: pl.DataFrame, names: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Number the labels alike on both sides; null is 0, numbers with many values go in bands of the file."""
    sides: tuple[list[pl.Series], list[pl.Series]] = ([], [])
    for name in names:
        columns = [drawn[name], file[name]]
        if file[name].dtype.is_numeric() and file[name].n_unique() > _MOST_VALUES:
            edges = np.unique(np.nanquantile(file[name].drop_nulls(), np.arange(1, _BANDS) / _BANDS))
            columns = [
                pl.Series(np.searchsorted(edges, column.fill_null(0).to_numpy(), side="right") + 1).set(
                    column.is_null(), None
                )
                for column in columns
            ]
        whole = pl.concat([column.cast(pl.String) for column in columns]).rank("dense").fill_null(0)
        sides[0].append(whole[: drawn.height].cast(pl.Int32).alias(name))
        sides[1].append(whole[drawn.height :].cast(pl.Int32).alias(name))
    return pl.DataFrame(sides[0]), pl.DataFrame(sides[1])
