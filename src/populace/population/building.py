"""Build a population: from the embedded tables, or from microdata files."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from populace.canonical import file_hash
from populace.errors import DataError
from populace.population.codebook import Codebook, codebooks, load_codebook
from populace.population.formats import open_table
from populace.population.people import ADULT, Population, Provenance, SourceFile, draw_sample
from populace.population.pums import read_pums
from populace.population.surveys import read_survey
from populace.population.us2024 import source as us2024
from populace.population.vintages import detect_vintage

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
    codebook: Codebook | str | Path | None = None,
    year: int | None = None,
    replicates: bool = False,
) -> Population:
    """Build a population.

    Parameters
    ----------
    source
        `us-2024`; a PUMS file or folder (see `populace.population.files`); or the file of a survey (see
        `populace.population.formats`).
    size
        People to draw, each then weighing the same. By default everybody in the files, with their weights;
        the embedded source needs a size.
    seed
        Of the random generator; the same seed gives the same bytes.
    adults
        Leave out people under 18.
    states
        Keep people of these states only (FIPS codes).
    codebook
        What the columns mean: a codebook of the package (`codebooks()` lists them), or a path to one. By
        default it is detected: a file with PWGTP is the census's.
    year
        Survey year: of a PUMS file, the last of its period. Needed where a file holds several years; where
        files say their year, another one is an error.
    replicates
        Keep the replicate weights too, as `replicate_1` and so on.

    Returns
    -------
    Population
        Census microdata give the columns of `people.parquet`: `person_id`, `weight`, codes under PUMS names,
        labels beside. A survey gives `person_id`, `weight`, the attributes it knows, and the answers to its
        questions as `item_NAME`.

    Raises
    ------
    DataError, CodebookError
        If the source cannot be read, is not what the codebook describes, or holds nobody asked for.

    Examples
    --------
    >>> people = build("us-2024", size=3, seed=7, states=[50])
    >>> people.frame["state"].to_list()
    ['Vermont', 'Vermont', 'Vermont']
    """
    if size is not None and size < 1:
        raise DataError(f"cannot build a population of {size} people", fix="give a size from 1 up")
    if replicates and size is not None:
        raise DataError(
            "replicate weights describe everybody in a file, not people drawn from it",
            fix="leave out the size, or the replicate weights",
        )
    if str(source) == EMBEDDED:
        if codebook is not None or replicates:
            raise DataError(
                f"{EMBEDDED} is drawn from tables: it takes no codebook and has no replicate weights",
                fix="leave them out, or give files",
            )
        _check_year(year)
        return _embedded(size, seed, adults, states)
    if not Path(source).exists() and difflib.get_close_matches(str(source).lower(), [EMBEDDED], cutoff=0.7):
        raise DataError(f"there is no source {str(source)!r}", fix=f"did you mean {EMBEDDED}?")
    book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook or _detect(Path(source)))
    if book.kind == "survey":
        if replicates and not book.replicates:
            raise DataError(f"the codebook {book.name} names no replicate weights", fix="leave them out")
        return _from_survey(Path(source), book, size, seed, adults, states, year)
    return _from_files(Path(source), book, size, seed, adults, states, year, replicates)


def _check_year(year: int | None) -> None:
    if year not in (None, 2024):
        raise DataError(f"wrong vintage: {EMBEDDED} is of 2024, not of {year}", fix="leave out the year")


def _detect(source: Path) -> str:
    """Name the codebook of files: the census's, or an error that lists the others."""
    census = "acs_pums"
    if source.is_dir() or not source.exists() or source.suffix.lower() in (".xlsx", ".xls", ""):
        return census  # Reading it says what is wrong.
    suffix = source.suffix.lower()
    if suffix in (".csv", ".zip", ".parquet"):
        names = {name.upper() for name in open_table(source).columns}
        serial = {"SERIALNO", "SPORDER", "STATE", "ST"}
        if ("PWGTP" in names and names & serial) or {"SERIALNO", "WGTP"} <= names:
            return census
    raise DataError(
        "this is no person file as the Census Bureau publishes it: it lacks SERIALNO or PWGTP",
        file=source,
        fix=f"name the codebook of the survey ({', '.join(codebooks())}), or the path of your own",
    )


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
    source: Path,
    book: Codebook,
    size: int | None,
    seed: int,
    adults: bool,
    states: Sequence[int] | None,
    year: int | None,
    replicates: bool,
) -> Population:
    people, files, notes = read_pums(source, codebook=book, states=states, year=year, replicates=replicates)
    vintage = detect_vintage(people["person_id"].str.head(-3), book, year=year)
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
        vintage=str(vintage),
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
    return Population(with_labels(frame, book.at(vintage.year, vintage.span)), provenance)


def _from_survey(
    source: Path,
    book: Codebook,
    size: int | None,
    seed: int,
    adults: bool,
    states: Sequence[int] | None,
    year: int | None,
) -> Population:
    survey = read_survey(source, book, seed=seed, year=year)
    frame = survey.people
    if adults and not book.adults_only:
        if "age" not in frame.columns:
            raise DataError("the survey does not know ages", file=source, fix="leave out the cut to adults")
        frame = frame.filter(pl.col("age") >= ADULT)
    if states is not None:
        if "state" not in frame.columns:
            raise DataError("the survey does not know states", file=source, fix="leave out the states")
        names = _geography(states, load_codebook("acs_pums")).split(", ")
        frame = frame.filter(pl.col("state").is_in(names))
    if frame.is_empty():
        raise DataError("nobody is left of the survey", file=source, fix="cut less: adults, states, year")
    provenance = Provenance(
        source=source.resolve().name,
        citation=book.citation or book.title,
        files=(SourceFile(source.name, file_hash(source)),),
        vintage=survey.vintage,
        geography=book.geography if states is None else _geography(states, load_codebook("acs_pums")),
        states=None if states is None else tuple(sorted(set(states))),
        codebook=book.name,
        codebook_hash=book.hash,
        seed=seed,
        size=frame.height if size is None else size,
        adults=adults or book.adults_only,
        weight=survey.weight,
        stands_for=float(frame["weight"].sum()),
        licence=book.licence,
        notes=tuple(survey.notes),
    )
    if size is not None:
        frame = draw_sample(frame, size, np.random.default_rng(seed))
    return Population(frame, provenance)


def with_labels(frame: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Put codes in their order and the labels beside them: the columns of `people.parquet`."""
    codes = [pl.col(name).cast(pl.Int32) for name in _ORDER if name in frame.columns]
    weights = [name for name in book.replicate_columns().values() if name in frame.columns]
    return (
        frame.select("person_id", "weight", *codes).hstack(book.labels(frame)).hstack(frame.select(weights))
    )


def _geography(states: Sequence[int] | None, book: Codebook) -> str:
    if states is None:
        return "United States"
    labels = book.variables["STATE"].labels
    strange = next((state for state in states if state not in labels), None)
    if strange is not None:
        raise DataError(f"there is no state {strange}", column="STATE", fix="check the FIPS codes")
    return ", ".join(labels[state] for state in sorted(set(states)))
