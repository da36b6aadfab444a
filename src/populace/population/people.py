"""`Population`: weighted people with the record of where they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.canonical import canonical_bytes
from populace.errors import DataError

__all__ = ["ADULT", "Population", "Provenance", "SourceFile", "draw_rows", "draw_sample"]

_METADATA_KEY = "populace.population"

ADULT = 18
"""Age from which a person counts as an adult."""


class SourceFile(msgspec.Struct, frozen=True):
    """A file that was read."""

    name: str
    hash: str
    """BLAKE2b of its bytes."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to make a population again."""

    source: str
    """`us-2024`, or the name of the file or folder read."""
    citation: str
    files: tuple[SourceFile, ...]
    vintage: str
    """Survey year; empty where the files do not say."""
    geography: str
    states: tuple[int, ...] | None
    """FIPS codes that the people were cut to; None for all that the source has."""
    codebook: str
    codebook_hash: str
    seed: int
    size: int
    adults: bool
    """Whether people under 18 were left out."""
    weight: str
    """Column of the source that weights the people."""
    stands_for: float
    """People of the geography that the population stands for: the sum of its weights."""
    licence: str
    notes: tuple[str, ...] = ()


class Population:
    """An immutable frame of people (`people.parquet`) and its provenance.

    Examples
    --------
    >>> from populace.population import build
    >>> people = build("us-2024", size=200, seed=1, adults=True)
    >>> people.frame.height, people.provenance.adults, people.frame["age"].min() >= 18
    (200, True, True)
    >>> people.sample(3, seed=0).frame["person_id"].n_unique()
    3
    """

    def __init__(self, frame: pl.DataFrame, provenance: Provenance) -> None:
        for column in ("person_id", "weight"):
            if column not in frame.columns:
                raise DataError("people need an id and a weight", column=column)
        self._frame, self._provenance = frame, provenance

    @property
    def frame(self) -> pl.DataFrame:
        """People, one a row; a Polars frame is never changed in place."""
        return self._frame

    @property
    def provenance(self) -> Provenance:
        """Where the people come from."""
        return self._provenance

    def __len__(self) -> int:
        return self._frame.height

    def sample(self, size: int, *, seed: int, replace: bool = False) -> Population:
        """Draw people with probability proportional to weight; each then weighs the same.

        Parameters
        ----------
        size
            People to draw.
        seed
            Of the random generator.
        replace
            Draw independently, so that a person may come more than once. By default the draw is systematic
            over the weights in the order of the frame (Madow, 1949, Annals of Mathematical Statistics 20),
            which repeats only people who weigh more than total / size.
        """
        frame = draw_sample(self._frame, size, np.random.default_rng(seed), replace=replace)
        return Population(frame, msgspec.structs.replace(self._provenance, seed=seed, size=size))

    def save(self, path: str | Path) -> None:
        """Write `people.parquet`, provenance in its metadata: whole or not at all, the same bytes always."""
        metadata = {_METADATA_KEY: canonical_bytes(self._provenance).decode()}
        with atomic_path(path) as temporary:
            self._frame.write_parquet(temporary, compression="zstd", metadata=metadata)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If the file is missing or is no population.
        """
        fix = "make it with `populace population build`"
        if not Path(path).is_file():
            raise DataError("no such file", file=path, fix=fix)
        try:
            header = pl.read_parquet_metadata(path)[_METADATA_KEY]
            provenance = msgspec.json.decode(header, type=Provenance)
            return cls(pl.read_parquet(path), provenance)
        except (KeyError, msgspec.ValidationError, pl.exceptions.PolarsError, OSError) as error:
            raise DataError("not a population", file=path, fix=fix) from error


def draw_sample(
    frame: pl.DataFrame, size: int, rng: np.random.Generator, *, replace: bool = False
) -> pl.DataFrame:
    """Draw rows in random order with probability proportional to `weight`; each then weighs the same."""
    weight = frame["weight"].to_numpy()
    rows = rng.permutation(draw_rows(weight, size, rng, replace=replace))
    # A person drawn twice is two people of the sample.
    nth = pl.int_range(pl.len()).over("person_id")
    person_id = pl.when(nth > 0).then(pl.format("{}-{}", "person_id", nth + 1)).otherwise("person_id")
    return frame[rows].with_columns(person_id=person_id, weight=pl.lit(float(weight.sum()) / max(size, 1)))


def draw_rows(weight: np.ndarray, size: int, rng: np.random.Generator, *, replace: bool) -> np.ndarray:
    """Draw row numbers with probability proportional to weight, systematically or with replacement.

    Examples
    --------
    >>> draw_rows(np.array([1.0, 0.0, 3.0]), 4, np.random.default_rng(0), replace=False).tolist()
    [0, 2, 2, 2]
    """
    if size < 0:
        raise DataError(f"cannot draw {size} people", fix="give a size from 0 up")
    if size == 0:
        return np.empty(0, dtype=np.int64)
    total = weight.sum()
    if not total > 0:
        raise DataError("all weights are zero: nobody can be drawn", column="weight")
    points = rng.random(size) if replace else (np.arange(size) + rng.random()) / size
    rows = np.searchsorted(np.cumsum(weight) / total, np.minimum(points, 1 - 2**-40), side="right")
    # The last edge may round below 1.
    return np.minimum(rows, int(np.flatnonzero(weight).max()))
