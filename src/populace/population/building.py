"""Build a population: from the embedded tables, or from microdata files."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from populace.canonical import file_hash
from populace.errors import DataError
from populace.population.codebook import Codebook, load_codebook
from populace.population.people import ADULT, Population, Provenance, SourceFile, draw_sample
from populace.population.pums import read_pums
from populace.population.us2024 import source as us2024

__all__ = ["EMBEDDED", "build", "with_labels"]

EMBEDDED = "us-2024"
"""Name of the source that needs no file."""
# The fifty states and the District of Columbia.
_STATES = 51
# fmt: off
_ORDER = (
    "STATE", "AGEP", "SEX", "RAC1P", "HISP", "CIT", "NATIVITY", "SCHL", "MAR", "ESR", "COW", "INDP", "OCCP",
    "HINCP", "PINCP", "HHT", "HHT2", "NP", "FPARC", "HHL", "TEN", "LANX", "ENG", "HICOV", "DIS", "DEAR",
    "DEYE", "DREM", "DPHY", "MIL", "FER", "ANC1P", "POBP",
)
# fmt: on


def build(
    source: str | Path = EMBEDDED,
    size: int | None = None,
    seed: int = 0,
    *,
    adults: bool = False,
    states: Sequence[int] | None = None,
) -> Population:
    """Build a population.

    Parameters
    ----------
    source
        `us-2024`, or a PUMS file or folder (see `populace.population.files`).
    size
        People to draw, each then weighing the same. By default everybody in the files, with their weights;
        the embedded source needs a size.
    seed
        Of the random generator; the same seed gives the same bytes.
    adults
        Leave out people under 18.
    states
        Keep people of these states only (FIPS codes).

    Returns
    -------
    Population
        The columns of `people.parquet`: `person_id`, `weight`, codes under PUMS names, labels beside.

    Raises
    ------
    DataError, CodebookError
        If the source cannot be read, or holds nobody asked for.

    Examples
    --------
    >>> people = build("us-2024", size=3, seed=7, states=[50])
    >>> people.frame["state"].to_list()
    ['Vermont', 'Vermont', 'Vermont']
    """
    if size is not None and size < 1:
        raise DataError(f"cannot build a population of {size} people", fix="give a size from 1 up")
    if str(source) == EMBEDDED:
        return _embedded(size, seed, adults, states)
    if not Path(source).exists() and difflib.get_close_matches(str(source).lower(), [EMBEDDED], cutoff=0.7):
        raise DataError(f"there is no source {str(source)!r}", fix=f"did you mean {EMBEDDED}?")
    return _from_files(Path(source), size, seed, adults, states)


def _embedded(size: int | None, seed: int, adults: bool, states: Sequence[int] | None) -> Population:
    if size is None:
        raise DataError(f"{EMBEDDED} is drawn from tables: it needs a size", fix="give --size")
    book, facts = load_codebook("acs_pums"), us2024.census()
    drawn, stands_for = us2024.draw_people(size, np.random.default_rng(seed), adults=adults, states=states)
    width = len(str(size - 1))
    ids = pl.format("us-2024-{}-{}", pl.lit(seed), pl.int_range(pl.len()).cast(pl.String).str.zfill(width))
    frame = drawn.with_columns(ids.alias("person_id"), pl.lit(stands_for / size).alias("weight"))
    provenance = Provenance(
        source=EMBEDDED,
        citation=facts.citation,
        files=tuple(SourceFile(p.name, file_hash(p)) for p in (us2024.TABLES_FILE, us2024.CENSUS_FILE)),
        vintage="2024",
        geography=_geography(states, book),
        states=None if states is None else tuple(sorted(set(states))),
        codebook=book.name,
        codebook_hash=book.hash,
        seed=seed,
        size=size,
        adults=adults,
        weight=book.weight,
        stands_for=stands_for,
        licence=facts.licence,
        notes=(
            f"drawn from conditional tables fitted by {facts.script}: no record of the survey is in it",
            "household columns describe each person's own household; people are drawn one by one",
        ),
    )
    return Population(with_labels(frame, book), provenance)


def _from_files(
    source: Path, size: int | None, seed: int, adults: bool, states: Sequence[int] | None
) -> Population:
    book = load_codebook("acs_pums")
    people, files, notes = read_pums(source, codebook=book, states=states)
    if adults:
        people = people.filter(pl.col("AGEP") >= ADULT)
    if people.is_empty():
        raise DataError("nobody of 18 years or over", file=source, column="AGEP")
    frame = people.rename({book.weight: "weight"}).with_columns(pl.col("weight").cast(pl.Float64))
    found = sorted(frame["STATE"].unique().to_list())
    total = float(frame["weight"].sum())
    provenance = Provenance(
        source=source.resolve().name,
        citation=f"{book.title}, U.S. Census Bureau",
        files=tuple(SourceFile(path.name, file_hash(path)) for path in files),
        vintage=_vintage(frame),
        geography=_geography(None if len(found) >= _STATES else found, book),
        states=None if states is None else tuple(sorted(set(states))),
        codebook=book.name,
        codebook_hash=book.hash,
        seed=seed,
        size=frame.height if size is None else size,
        adults=adults,
        weight=book.weight,
        stands_for=total,
        licence=book.licence,
        notes=tuple(notes),
    )
    if size is not None:
        frame = draw_sample(frame, size, np.random.default_rng(seed))
    return Population(with_labels(frame, book), provenance)


def with_labels(frame: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Put codes in their order and the labels beside them: the columns of `people.parquet`."""
    codes = [pl.col(name).cast(pl.Int32) for name in _ORDER if name in frame.columns]
    return frame.select("person_id", "weight", *codes).hstack(book.labels(frame))


def _geography(states: Sequence[int] | None, book: Codebook) -> str:
    if states is None:
        return "United States"
    return ", ".join(book.variables["STATE"].labels[state] for state in sorted(set(states)))


def _vintage(frame: pl.DataFrame) -> str:
    """Survey year: serial numbers begin with it since 2017, as in 2024HU0000123."""
    years = frame["person_id"].str.extract(r"^((?:19|20)\d\d)(?:HU|GQ)", 1).drop_nulls().unique().sort()
    return ", ".join(years.to_list())
