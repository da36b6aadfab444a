"""ACS PUMS records as coded people: persons joined to their households, every value a code or null."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import polars as pl

from populace.errors import DataError
from populace.population.codebook import Codebook, load_codebook
from populace.population.files import find_files, read_tables

__all__ = ["HOUSEHOLD_CHILDREN", "read_pums"]

HOUSEHOLD_CHILDREN = "FPARC derived from the ages of the members of family households"
"""Note left in the provenance where the file has no FPARC."""


def read_pums(
    source: str | Path, *, codebook: Codebook | None = None, states: Sequence[int] | None = None
) -> tuple[pl.DataFrame, list[Path], list[str]]:
    """Read person records and the households they live in.

    Parameters
    ----------
    source
        A person file or a folder; see `populace.population.files`.
    codebook
        What the columns mean; `acs_pums` by default.
    states
        Keep people of these states only (FIPS codes).

    Returns
    -------
    tuple
        The people: `person_id`, the weight, and every column of the codebook that the files have (Int32);
        the files read; notes on what was derived.

    Raises
    ------
    DataError
        If a file is missing, broken, or has a weight that is not a number from 0 up.
    CodebookError
        At a code the codebook does not know.
    """
    book = codebook or load_codebook("acs_pums")
    parts, files, notes = [], [], []
    for person_file, household_file in find_files(source):
        part = _read(person_file, book, "person")
        if states is not None:
            part = part.filter(pl.col("STATE").is_in(list(states)))
        files.append(person_file)
        if household_file is None:
            notes.append(f"{person_file.name} has no household file: household columns are missing")
        else:
            part = _join(part, _read(household_file, book, "household"), book, household_file)
            files.append(household_file)
        parts.append(part)
    people = pl.concat(parts, how="diagonal")
    if people.is_empty():
        raise DataError("no people in these states", file=source, column="STATE", fix="check the FIPS codes")
    if {"HHT", "SPORDER"} <= set(people.columns) and "FPARC" not in people.columns:
        people = _with_children(people, book)
        notes.append(HOUSEHOLD_CHILDREN)
    return _named(people, book), files, notes


def _named(people: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Name people by their serial number and place in the household, as the release does."""
    serial = pl.col(book.serial) if book.serial in people.columns else pl.lit("row")
    place = pl.col("SPORDER") if "SPORDER" in people.columns else pl.int_range(pl.len()) + 1
    person_id = pl.format("{}-{}", serial, place.cast(pl.String).str.zfill(2))
    return people.with_columns(person_id=person_id).drop("SPORDER", book.serial, strict=False)


def _read(path: Path, book: Codebook, record: Literal["person", "household"]) -> pl.DataFrame:
    wanted = [*book.columns(record), "ADJINC"]
    if record == "person":
        wanted += [book.weight, "SPORDER"]
    frames = []
    for name, table in read_tables(path, wanted, texts=[book.serial], aliases=book.aliases):
        if record == "person":
            _check_people(table, book, name)
        frame = _adjust(table, book)
        book.check(frame, file=name)
        frames.append(frame)
    # A country's weights, once multiplied, add up to more than 32 bits hold.
    return pl.concat(frames, how="diagonal").with_columns(pl.col(f"^{book.weight}$").cast(pl.Int64))


def _check_people(table: pl.DataFrame, book: Codebook, file: str) -> None:
    for column in (book.weight, "STATE", "AGEP"):
        if column not in table.columns:
            raise DataError("this column is missing", file=file, column=column, fix="give a PUMS person file")
    weight = table[book.weight]
    bad = (weight.is_null() | (weight < 0)).arg_true()
    if len(bad):
        row = int(bad[0])
        what = "the weight is missing" if weight[row] is None else f"the weight {weight[row]} is below zero"
        raise DataError(what, file=file, row=row + 1, column=weight.name, fix="remove the row, or correct it")


def _adjust(frame: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Turn amounts into dollars of the survey year, where the file carries the factor."""
    for name, variable in book.variables.items():
        if variable.adjust in frame.columns and name in frame.columns:
            amount = (pl.col(name) * (pl.col(variable.adjust) / 1e6)).round().cast(pl.Int32)
            frame = frame.with_columns(amount.alias(name))
    return frame.drop("ADJINC", strict=False)


def _join(people: pl.DataFrame, households: pl.DataFrame, book: Codebook, file: Path) -> pl.DataFrame:
    key = book.serial
    for frame in (people, households):
        if key not in frame.columns:
            raise DataError("persons and households cannot be joined", file=file, column=key)
    if households[key].is_duplicated().any():
        row = int(households[key].is_duplicated().arg_true()[0]) + 1
        raise DataError("two households have this serial number", file=file, row=row, column=key)
    lost = (~people[key].is_in(households[key].implode())).arg_true()
    if len(lost):
        raise DataError(
            f"household {people[key][int(lost[0])]} of person {int(lost[0]) + 1} is missing",
            file=file,
            column=key,
            fix="give person and household files of the same state and year",
        )
    shared = [name for name in households.columns if name in people.columns and name != key]
    return people.join(households.drop(shared), on=key, how="left", maintain_order="left")


def _with_children(people: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Derive FPARC: members under 18 of a family household, the householder left out.

    The official recode counts related children only; without the relationship column, an unrelated child
    (a lodger's, a foster child) counts here too.
    """
    child = (pl.col("AGEP") < 18) & (pl.col("SPORDER") > 1)
    young = (child & (pl.col("AGEP") < 5)).any().over(book.serial)
    older = (child & (pl.col("AGEP") >= 5)).any().over(book.serial)
    family = pl.col("HHT").is_in([1, 2, 3]).fill_null(False)
    code = (
        pl.when(~family)
        .then(None)
        .when(young & older)
        .then(3)
        .when(young)
        .then(1)
        .when(older)
        .then(2)
        .otherwise(4)
    )
    return people.with_columns(code.cast(pl.Int32).alias("FPARC"))
