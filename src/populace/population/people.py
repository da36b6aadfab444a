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
from populace.population.designs import Boost, Design, as_design
from populace.population.ids import base_id, household_ids, numbered
from populace.population.provenance import Provenance, Step
from populace.population.raked import Raking
from populace.population.raking import rake
from populace.population.sampling import draw
from populace.population.targets import Margins, as_targets, census_targets
from populace.population.weights import Cap, total_of, trim
from populace.streams import stream

__all__ = ["ADULT", "REPLICATE", "Population", "draw_sample"]

_METADATA_KEY = "populace.population"
_DRAW = "draw*"

ADULT = 18
"""Age from which a person counts as an adult."""

REPLICATE = r"^replicate_\d+$"
"""Columns of replicate weights."""


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
            Draw independently, so that a person may come more than once, numbered (`~2`). By default the
            draw is systematic over the weights in the order of the frame (Madow, 1949, Annals of
            Mathematical Statistics 20), which repeats only people who weigh more than total / size.
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
        if households:
            self._provenance.require_whole_households()
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
        missing: Literal["error", "merge"] | None = None,
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
        settings = {
            "total": total,
            "rescale": rescale,
            "max_iterations": max_iterations,
            "tolerance": tolerance,
        }
        found = rake(self._frame, targets, bounds=bounds, cap=cap, strict=strict, missing=missing, **settings)
        notes = list(found.notes)
        columns = [pl.Series("weight", found.weights)]
        for name in self._frame.select(pl.col(REPLICATE)).columns:
            other = rake(
                self._frame,
                targets,
                weight=name,
                bounds=bounds,
                cap=cap,
                strict=strict,
                signed=True,
                **settings,
            )
            columns.append(pl.Series(name, other.weights))
            notes += [f"{name}: {note}" for note in other.notes if note not in found.notes]
        found = msgspec.structs.replace(found, notes=tuple(notes))
        step = self._step(
            "rake",
            {
                "margins": [{"name": t.name, "hash": t.hash, "cells": t.cells.height} for t in targets],
                "bounds": bounds,
                "cap": cap and msgspec.to_builtins(cap),
                "missing": missing,
                "notes": notes or None,
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
        metadata = {_METADATA_KEY: canonical_bytes(self._provenance.record()).decode()}
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
    # Replicate weights belong to the whole sample of the survey, not to a draw from it.
    people = frame.select(pl.exclude(REPLICATE))
    if design.households:
        people = people.with_columns(household_ids(frame))
    sample = people[found.rows].with_columns(pl.Series(_DRAW, found.draws))
    # A person drawn twice is two people of the sample, whichever of their rows was drawn.
    nth = pl.int_range(pl.len()).over(base_id("person_id"))
    columns = [numbered("person_id", nth), pl.Series("weight", found.weights)]
    if design.households:
        nth = pl.col(_DRAW).rank("dense").over(base_id("household_id")).cast(pl.Int64) - 1
        columns.append(numbered("household_id", nth))
    if design != Design(size=design.size, replace=design.replace):
        columns.append(pl.Series("inclusion", found.expected))
    return sample.with_columns(columns).drop(_DRAW)


def _total(frame: pl.DataFrame) -> float:
    return total_of(frame["weight"].cast(pl.Float64).to_numpy())
