"""`Population`: weighted people with the record of where they come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

import msgspec
import numpy as np
import polars as pl

from populace.atomic import atomic_path
from populace.canonical import canonical_bytes
from populace.errors import DataError
from populace.population.raked import Raking
from populace.population.raking import rake
from populace.population.sampling import Boost, Design, as_design, draw, draw_rows, household_ids
from populace.population.targets import Margins, as_targets, census_targets
from populace.population.weights import Cap, total_of, trim
from populace.streams import stream

__all__ = ["ADULT", "Population", "Provenance", "SourceFile", "Step", "draw_rows", "draw_sample"]

_METADATA_KEY = "populace.population"

ADULT = 18
"""Age from which a person counts as an adult."""


class SourceFile(msgspec.Struct, frozen=True):
    """A file that was read."""

    name: str
    hash: str
    """BLAKE2b of its bytes."""


REPLICATE = r"^replicate_\d+$"
"""Columns of replicate weights."""


class Step(msgspec.Struct, frozen=True):
    """Something done to the people after they were built."""

    kind: Literal["sample", "rake", "trim"]
    settings: dict[str, Any]
    """Everything needed to do it again; margins by name and hash."""
    people: int
    """How many there were before."""
    weight: float
    """What their weights added up to before."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything needed to make a population again: what was built, and what was done to it then."""

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
    """Of the build; every later draw has its own, in its step."""
    size: int
    """People there are now."""
    adults: bool
    """Whether people under 18 were left out."""
    weight: str
    """Column of the source that weights the people."""
    stands_for: float
    """People of the geography that the population stands for: the sum of its weights."""
    licence: str
    notes: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    """Samples, raking and trimming, in order."""

    def then(self, step: Step, *, size: int, stands_for: float) -> Provenance:
        """Add a step."""
        steps = (*self.steps, step)
        return msgspec.structs.replace(self, steps=steps, size=size, stands_for=stands_for)


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

    def sample(
        self,
        size: int,
        *,
        seed: int,
        replace: bool = False,
        once: bool = False,
        strata: str | Sequence[str] | None = None,
        allocation: Literal["proportional", "equal", "neyman"] | Mapping[Any, int] = "proportional",
        variable: str | None = None,
        boost: Boost | None = None,
        shares: Boost | None = None,
        households: bool = False,
    ) -> Population:
        """Draw people with probability proportional to weight, weighted so that shares are unbiased.

        A plain sample weighs everybody the same. Where chances differ, a column `inclusion` tells how often
        the person was expected to come (the inclusion probability, where it is at most 1).

        Parameters
        ----------
        size
            People to draw; households, if these are drawn.
        seed
            Of the random generator.
        replace
            Draw independently, so that a person may come more than once. By default the draw is systematic
            over the weights in the order of the frame (Madow, 1949, Annals of Mathematical Statistics 20),
            which repeats only people who weigh more than total / size.
        once
            Nobody comes twice: who weighs so much comes once, with his own weight.
        strata
            Columns whose every combination is drawn from by itself.
        allocation
            Draws of each stratum: in proportion to its weight, the same, Neyman's for a variable, or a
            number for every stratum (a tuple of values where strata are of several columns).
        variable
            What Neyman's allocation shall estimate best.
        boost
            Column -> value -> how many times as often its people are drawn as the others:
            `{"race": {"Asian alone": 3.0}}`. Every value boosted is a stratum of its own.
        shares
            Column -> value -> share of the sample: `{"race": {"Asian alone": 0.25}}`.
        households
            Draw whole households, by the mean weight of their members, and all members with them; a column
            `household_id` tells who lives together. The number of people, and the sum of their weights,
            vary with the households drawn.

        Raises
        ------
        DataError
            If the design asks for what is not there, contradicts itself, or people were drawn one by one and
            there are no households.

        Examples
        --------
        >>> from populace.population import build
        >>> people = build("us-2024", size=5000, seed=1)
        >>> more = people.sample(400, seed=2, shares={"race": {"Asian alone": 0.5}}).frame
        >>> more.filter(race="Asian alone").height, round(more["weight"].sum())
        (200, 340110990)
        """
        design = as_design(
            size,
            replace=replace,
            once=once,
            strata=strata,
            allocation=allocation,
            variable=variable,
            boost=boost,
            shares=shares,
            households=households,
        )
        frame = _drawn(self._frame, design, stream(seed, "population.sample"))
        step = self._step("sample", {"seed": seed, **msgspec.to_builtins(design)})
        stands_for = self._provenance.stands_for if not households else _total(frame)
        return Population(frame, self._provenance.then(step, size=frame.height, stands_for=stands_for))

    def rake(
        self,
        margins: Margins,
        *,
        bounds: tuple[float, float] | None = None,
        cap: Cap | None = None,
        total: float | None = None,
        rescale: bool = False,
        strict: bool = True,
        max_iterations: int = 1000,
        tolerance: float = 1e-9,
    ) -> tuple[Population, Raking]:
        """Change weights as little as possible so that margins hold; see `rake`.

        `us-2024` stands for the census margins of adults where the people are adults.

        Replicate weights, where there are any, are raked likewise: only then do they carry what raking does
        to the variance.

        Returns
        -------
        tuple
            The population with its new weights, and what became of every margin.

        Raises
        ------
        DataError
            See `rake`.
        """
        if isinstance(margins, str) and margins == "us-2024":
            margins = census_targets(adults=self._provenance.adults)
        targets = as_targets(margins)
        cells = [target.cells for target in targets]
        settings = {
            "total": total,
            "rescale": rescale,
            "max_iterations": max_iterations,
            "tolerance": tolerance,
        }
        found = rake(self._frame, cells, bounds=bounds, cap=cap, strict=strict, **settings)
        columns = [pl.Series("weight", found.weights)]
        for name in self._frame.select(pl.col(REPLICATE)).columns:
            other = rake(
                self._frame,
                cells,
                weight=name,
                bounds=bounds,
                cap=cap,
                strict=strict,
                signed=True,
                **settings,
            )
            columns.append(pl.Series(name, other.weights))
        step = self._step(
            "rake",
            {
                "margins": [{"name": t.name, "hash": t.hash, "cells": t.cells.height} for t in targets],
                "bounds": bounds,
                "cap": cap and msgspec.to_builtins(cap),
                "converged": found.converged,
                **settings,
            },
        )
        return self._reweighted(columns, step), found

    def trim(self, cap: Cap, *, redistribute: bool = True) -> Population:
        """Cut weights at a cap; see `trim`. Replicate weights change by the same ratio."""
        before = self._frame["weight"].cast(pl.Float64).to_numpy()
        after = trim(before, cap, redistribute=redistribute)
        ratio = np.divide(after, before, out=np.ones(len(before)), where=before > 0)
        columns = [pl.Series("weight", after)]
        for name in self._frame.select(pl.col(REPLICATE)).columns:
            columns.append(pl.Series(name, self._frame[name].cast(pl.Float64).to_numpy() * ratio))
        step = self._step("trim", {"cap": msgspec.to_builtins(cap), "redistribute": redistribute})
        return self._reweighted(columns, step)

    def _reweighted(self, columns: list[pl.Series], step: Step) -> Population:
        frame = self._frame.with_columns(columns)
        provenance = self._provenance.then(step, size=frame.height, stands_for=_total(frame))
        return Population(frame, provenance)

    def _step(self, kind: Literal["sample", "rake", "trim"], settings: dict[str, Any]) -> Step:
        said = {name: value for name, value in settings.items() if value is not None}
        return Step(kind, said, self._frame.height, _total(self._frame))

    def save(self, path: str | Path) -> None:
        """Write `people.parquet`, provenance in its metadata: whole or not at all, the same bytes always."""
        said = msgspec.to_builtins(self._provenance)
        if not self._provenance.steps:
            del said["steps"]  # Built people have the bytes that they had before there were steps.
        metadata = {_METADATA_KEY: canonical_bytes(said).decode()}
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
    return _drawn(frame, Design(size=size, replace=replace), rng)


def _drawn(frame: pl.DataFrame, design: Design, rng: np.random.Generator) -> pl.DataFrame:
    found = draw(frame, design, rng)
    # A person drawn twice is two people of the sample.
    nth = pl.int_range(pl.len()).over("person_id")
    columns = [_numbered("person_id", nth), pl.Series("weight", found.weights)]
    # Replicate weights belong to the whole sample of the survey, not to a draw from it.
    people = frame.select(pl.exclude(REPLICATE))
    if design.households:
        people = people.with_columns(household_ids(frame))
        columns.append(_numbered("household_id", nth))
    if design != Design(size=design.size, replace=design.replace):
        columns.append(pl.Series("inclusion", found.expected))
    return people[found.rows].with_columns(columns)


def _numbered(name: str, nth: pl.Expr) -> pl.Expr:
    return pl.when(nth > 0).then(pl.format("{}-{}", name, nth + 1)).otherwise(name).alias(name)


def _total(frame: pl.DataFrame) -> float:
    return total_of(frame["weight"].cast(pl.Float64).to_numpy())
