"""Build a population: from a generative model, the embedded one or any other, or from microdata files."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from populace.canonical import file_hash
from populace.errors import DataError
from populace.population.codebook import Codebook, codebooks, load_codebook
from populace.population.columns import geography, with_labels
from populace.population.fitted import draw_from, is_model
from populace.population.formats import open_table
from populace.population.generative import GenerativeModel
from populace.population.people import ADULT, Population, draw_sample
from populace.population.provenance import Provenance, SourceFile
from populace.population.pums import read_pums
from populace.population.reading import header
from populace.population.surveys import read_survey
from populace.population.us2024 import source as us2024
from populace.population.vintages import detect_vintage
from populace.streams import stream

__all__ = ["EMBEDDED", "build"]

EMBEDDED = "us-2024"
"""Name of the source that needs no file."""
# The fifty states and the District of Columbia.
_STATES = 51
_OF_CENSUS = (".csv", ".tsv", ".tab", ".zip", ".parquet")
"""Kinds of file that census microdata come in."""


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
        `us-2024`; a model that `fit` made; a PUMS file or folder (see `populace.population.files`); or the
        file of a survey (see `populace.population.formats`).
    size
        People to draw, each then weighing the same. By default everybody in the files, with their weights;
        a model needs a size.
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
        _check_model(EMBEDDED, "2024", codebook, year, replicates)
        files = (us2024.MODEL_FILE, us2024.CENSUS_FILE)
        return _from_model(us2024.model(), EMBEDDED, size, seed, adults, states, files)
    if not Path(source).exists() and difflib.get_close_matches(str(source).lower(), [EMBEDDED], cutoff=0.7):
        raise DataError(f"there is no source {str(source)!r}", fix=f"did you mean {EMBEDDED}?")
    if is_model(Path(source)):
        path = Path(source)
        model = GenerativeModel.load(path)
        _check_model(path.stem, model.info.get("vintage", ""), codebook, year, replicates)
        return _from_model(model, path.stem, size, seed, adults, states, (path,))
    book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook or _detect(Path(source)))
    if book.kind == "survey":
        if replicates and not book.replicates:
            raise DataError(f"the codebook {book.name} names no replicate weights", fix="leave them out")
        return _from_survey(Path(source), book, size, seed, adults, states, year)
    return _from_files(Path(source), book, size, seed, adults, states, year, replicates)


def _check_model(
    name: str, vintage: str, codebook: Codebook | str | Path | None, year: int | None, replicates: bool
) -> None:
    """Refuse what only files have; the year may be named where it is the model's."""
    if codebook is not None or replicates:
        raise DataError(
            f"{name} is drawn from a model: it takes no codebook and has no replicate weights",
            fix="leave them out, or give files",
        )
    # Of a period, the year is the last.
    if year is not None and str(year) != vintage[-4:]:
        known = f"is of {vintage}" if vintage else "does not say its year"
        raise DataError(f"wrong vintage: {name} {known}, not of {year}", fix="leave out the year")


def _detect(source: Path) -> str:
    """Name the codebook of files: the census's, or an error that lists the others."""
    census = "acs_pums"
    suffix = source.suffix.lower()
    if source.is_dir() or not source.exists() or suffix in (".xlsx", ".xls", ""):
        return census  # Reading it says what is wrong.
    fix = f"name the codebook of the survey ({', '.join(codebooks())}), or the path of your own"
    if suffix not in _OF_CENSUS:
        what = f"a {suffix} file is none that the Census Bureau publishes: what its columns mean is not known"
        raise DataError(what, file=source, fix=fix)
    names = {name.upper() for name in _columns(source)}
    serial = {"SERIALNO", "SPORDER", "STATE", "ST"}
    if ("PWGTP" in names and names & serial) or {"SERIALNO", "WGTP"} <= names:
        return census
    lacking = "PWGTP" if "PWGTP" not in names else "SERIALNO"
    what = f"this is no person file as the Census Bureau publishes it: it lacks {lacking}"
    raise DataError(what, file=source, fix=fix)


def _columns(source: Path) -> list[str]:
    """Name the columns; of the first table of a zip, for the country comes in several."""
    try:
        return header(source)
    except DataError:
        if source.suffix.lower() != ".zip":
            raise
        return open_table(source).columns  # A survey's zip may hold other kinds of file.


def _from_model(
    model: GenerativeModel,
    name: str,
    size: int | None,
    seed: int,
    adults: bool,
    states: Sequence[int] | None,
    files: Sequence[Path],
) -> Population:
    if size is None:
        raise DataError(f"{name} is drawn from a model: it needs a size", fix="give --size")
    return draw_from(model, name, size=size, seed=seed, adults=adults, states=states, files=files)


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
    _check_states(people, source)
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
        geography=geography(None if len(found) >= _STATES else found),
        states=None if states is None else tuple(sorted(set(states))),
        codebook=book.name,
        codebook_hash=book.hash,
        seed=seed,
        size=frame.height if size is None else size,
        drawn=size is not None,
        adults=adults,
        weight=book.weight,
        stands_for=total,
        licence=book.licence,
        notes=tuple(notes),
    )
    if size is not None:
        frame = draw_sample(frame, size, stream(seed, "population.build"))
    return Population(with_labels(frame, book.at(vintage.year, vintage.span)), provenance)


def _check_states(people: pl.DataFrame, source: Path) -> None:
    """Refuse people without a state; where people are cut to states there are none."""
    lost = people["STATE"].is_null().arg_true()
    if len(lost):
        what = f"person {people['person_id'][int(lost[0])]} has no state"
        # In a folder, or a zip of several tables, rows are counted otherwise than here.
        row = int(lost[0]) + 1 if source.is_file() and source.suffix.lower() != ".zip" else None
        raise DataError(what, file=source, row=row, column="STATE", fix="remove the row, or correct it")


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
        names = geography(states).split(", ")
        frame = frame.filter(pl.col("state").is_in(names))
    if frame.is_empty():
        raise DataError("nobody is left of the survey", file=source, fix="cut less: adults, states, year")
    provenance = Provenance(
        source=source.resolve().name,
        citation=book.citation or book.title,
        files=(SourceFile(source.name, file_hash(source)),),
        vintage=survey.vintage,
        geography=book.geography if states is None else geography(states),
        states=None if states is None else tuple(sorted(set(states))),
        codebook=book.name,
        codebook_hash=book.hash,
        seed=seed,
        size=frame.height if size is None else size,
        drawn=size is not None,
        adults=adults or book.adults_only,
        weight=survey.weight,
        stands_for=float(frame["weight"].sum()),
        licence=book.licence,
        notes=tuple(survey.notes),
    )
    if size is not None:
        frame = draw_sample(frame, size, stream(seed, "population.build"))
    return Population(frame, provenance)
