"""ACS PUMS records as coded people: persons joined to their households, every value a code or null."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import polars as pl

from populace.errors import DataError
from populace.population.codebook import Codebook, load_codebook
from populace.population.files import find_files
from populace.population.reading import read_tables
from populace.population.vintages import PumsVintage, detect_vintage

__all__ = ["HOUSEHOLD_CHILDREN", "read_pums"]

HOUSEHOLD_CHILDREN = "FPARC derived from the ages of the members of family households"
"""Note left in the provenance where the file has no FPARC."""


def read_pums(
    source: str | Path,
    *,
    codebook: Codebook | None = None,
    states: Sequence[int] | None = None,
    year: int | None = None,
    replicates: bool = False,
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
    year
        Last year of the files' period, where it must be this one or they do not say it.
    replicates
        Read the replicate weights too, as `replicate_1` and so on.

    Returns
    -------
    tuple
        The people: `person_id`, the weight, and every column of the codebook that the files have (Int32);
        the files read; notes on what was derived.

    Raises
    ------
    DataError
        If a file is missing, broken, of another year, names a person twice or not at all, lacks somebody's
        age, or has a weight that is not a number from 0 up.
    CodebookError
        At a code the codebook does not know.
    """
    book = codebook or load_codebook("acs_pums")
    parts, files, notes, derived = [], [], [], []
    vintages: dict[PumsVintage, Path] = {}
    for person_file, household_file in find_files(source):
        part, vintage, rows = _read(person_file, book, "person", year, replicates=replicates)
        vintages.setdefault(vintage, person_file)
        if len(vintages) > 1:
            other, first = next(iter(vintages.items()))
            of, but = (str(each) or "an unknown year" for each in (vintage, other))
            what = f"wrong vintage: this file is of {of}, {first.name} of {but}"
            raise DataError(what, file=person_file, fix="keep the files of one release in a folder")
        if states is not None:
            kept = part["STATE"].is_in(list(states))
            part, rows = part.filter(kept), msgspec.structs.replace(rows, kept=kept)
        files.append(person_file)
        if household_file is None:
            notes.append(f"{person_file.name} has no household file: household columns are missing")
        else:
            households, _, homes = _read(household_file, book, "household", vintage.year)
            part = _join(part, households, book, (person_file, rows), (household_file, homes))
            files.append(household_file)
        if {"HHT", "SPORDER"} <= set(part.columns) and "FPARC" not in part.columns:
            part = _with_children(part, book)
            derived = [HOUSEHOLD_CHILDREN]
        parts.append(part.drop("_home", strict=False))
    people = pl.concat(parts, how="diagonal")
    if people.is_empty():
        raise DataError("no people in these states", file=source, column="STATE", fix="check the FIPS codes")
    return _named(people, book), files, notes + derived + _vintage_notes(next(iter(vintages)), book)


def _vintage_notes(vintage: PumsVintage, book: Codebook) -> list[str]:
    notes = [each.note for each in book.of(vintage.year, vintage.span) if each.note]
    if vintage.year is None:
        notes.append(f"the files do not say their year: read with the labels of {(book.covers or (0, 0))[1]}")
    elif book.covers and vintage.year > book.covers[1]:
        notes.append(
            f"the codebook describes files until {book.covers[1]}: read with the labels of that year"
        )
    return notes


def _named(people: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Name people by their serial number and place in the household, as the release does.

    Where the files have no serial numbers, people are named by their row, of all files one after the other.
    """
    row = pl.format("row-{}", (pl.int_range(pl.len()) + 1).cast(pl.String).str.zfill(len(str(people.height))))
    if book.serial not in people.columns:
        return people.with_columns(person_id=row).drop("SPORDER", strict=False)
    serial, nth = pl.col(book.serial), pl.int_range(pl.len()).over(book.serial) + 1
    place = pl.coalesce(pl.col("SPORDER"), nth) if "SPORDER" in people.columns else nth
    # Of several files, some may have no serial numbers.
    person_id = pl.coalesce(pl.format("{}-{}", serial, place.cast(pl.String).str.zfill(2)), row)
    return people.with_columns(person_id=person_id).drop("SPORDER", book.serial, strict=False)


class _Rows(msgspec.Struct, frozen=True, eq=False):
    """Where the rows of a frame stand: in a file, or in the members of a zip one after the other."""

    heights: tuple[tuple[str, int], ...]
    kept: pl.Series | None = None
    """Which rows of the file are in the frame; None for all."""

    def place(self, row: int) -> tuple[str, int]:
        """Give the file and the row in it, from 1, of a row of the frame, from 0."""
        if self.kept is not None:
            row = int(self.kept.arg_true()[row])
        for name, height in self.heights[:-1]:
            if row < height:
                return name, row + 1
            row -= height
        return self.heights[-1][0], row + 1


def _read(
    path: Path,
    book: Codebook,
    record: Literal["person", "household"],
    year: int | None,
    *,
    replicates: bool = False,
) -> tuple[pl.DataFrame, PumsVintage, _Rows]:
    wanted = [*book.columns(record), "ADJINC"]
    weights = book.replicate_columns() if replicates else {}
    if record == "person":
        wanted += [book.weight, "SPORDER", *weights]
    tables = read_tables(path, wanted, texts=[book.serial], aliases=book.aliases)
    serials = [table[book.serial] for _, table in tables if book.serial in table.columns]
    whole = pl.concat(serials) if serials else pl.Series(dtype=pl.String)
    vintage = detect_vintage(whole, book, year=year, file=path)
    of_year = book.at(vintage.year, vintage.span)
    frames = []
    for name, table in tables:
        if record == "person":
            _check_people(table, book, name)
            _check_replicates(table, weights, name)
            _check_names(table, book, name)
        frame = _adjust(table, book)
        of_year.check(frame, file=name)
        frames.append(frame.rename(weights, strict=False))
    # A country's weights, once multiplied, add up to more than 32 bits hold.
    frame = pl.concat(frames, how="diagonal").with_columns(pl.col(f"^{book.weight}$").cast(pl.Int64))
    rows = _Rows(tuple((name, table.height) for name, table in tables))
    _check_total(frame, book, record, path, rows)
    return frame, vintage, rows


def _check_total(frame: pl.DataFrame, book: Codebook, record: str, file: Path, rows: _Rows) -> None:
    """Look at what only the whole file can show: people named twice, weights that are all zero."""
    if record == "household":
        return
    if frame[book.weight].sum() == 0:
        fix = "download the file again, or correct the weights"
        raise DataError("all weights are zero", file=file, column=book.weight, fix=fix)
    if not {book.serial, "SPORDER"} <= set(frame.columns):
        return
    # Two people seldom share a 64-bit hash; only then is the slow comparison made.
    key = frame[book.serial].hash(seed=1) + frame["SPORDER"].cast(pl.UInt64).fill_null(0) * 0x9E3779B97F4A7C15
    if key.n_unique() == frame.height:
        return
    twice = (~frame.select(pl.struct(book.serial, "SPORDER").is_first_distinct()).to_series()).arg_true()
    if len(twice):
        row = int(twice[0])
        what = f"person {frame['SPORDER'][row]} of household {frame[book.serial][row]} is there twice"
        fix = "remove the copy, or give the files of one release"
        name, row = rows.place(row)
        raise DataError(what, file=name, row=row, column=book.serial, fix=fix)


def _check_replicates(table: pl.DataFrame, weights: dict[str, str], file: str) -> None:
    lacking = next((name for name in weights if name not in table.columns), None)
    if lacking:
        fix = "leave out the replicate weights, or give the file as the Census Bureau publishes it"
        raise DataError("this replicate weight is missing", file=file, column=lacking, fix=fix)


def _check_names(table: pl.DataFrame, book: Codebook, file: str) -> None:
    """Where the file has serial numbers and places in the household, everybody has them."""
    for column in (book.serial, "SPORDER"):
        if column not in table.columns:
            continue
        given = table[column]
        blank = (given.is_null() | (given == "") if given.dtype == pl.String else given.is_null()).arg_true()
        if len(blank):
            what, fix = "a person has no id: the value is missing", "remove the row, or correct it"
            raise DataError(what, file=file, row=int(blank[0]) + 1, column=column, fix=fix)


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
    ageless = table["AGEP"].is_null().arg_true()
    if len(ageless):
        fix = "remove the row, or correct it"
        raise DataError("the age is missing", file=file, row=int(ageless[0]) + 1, column="AGEP", fix=fix)


def _adjust(frame: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Turn amounts into dollars of the survey year, where the file carries the factor."""
    for name, variable in book.variables.items():
        if variable.adjust in frame.columns and name in frame.columns:
            amount = (pl.col(name) * (pl.col(variable.adjust) / 1e6)).round().cast(pl.Int32)
            frame = frame.with_columns(amount.alias(name))
    return frame.drop("ADJINC", strict=False)


def _join(
    people: pl.DataFrame,
    households: pl.DataFrame,
    book: Codebook,
    person_file: tuple[Path, _Rows],
    household_file: tuple[Path, _Rows],
) -> pl.DataFrame:
    key = book.serial
    for frame, (file, _) in ((people, person_file), (households, household_file)):
        if key not in frame.columns:
            raise DataError("persons and households cannot be joined", file=file, column=key)
    if households[key].n_unique() < households.height:
        name, row = household_file[1].place(int((~households[key].is_first_distinct()).arg_true()[0]))
        fix = "remove the copy, or give the file of one release"
        raise DataError("two households have this serial number", file=name, row=row, column=key, fix=fix)
    shared = [name for name in households.columns if name in people.columns and name != key]
    households = households.drop(shared).with_row_index("_home")
    joined = people.join(households, on=key, how="left", maintain_order="left")
    if joined["_home"].null_count():
        lost = int(joined["_home"].is_null().arg_true()[0])
        name, row = person_file[1].place(lost)
        raise DataError(
            f"household {people[key][lost]} of this person is not in {household_file[0].name}",
            file=name,
            row=row,
            column=key,
            fix="give person and household files of the same state and year",
        )
    return joined


def _with_children(people: pl.DataFrame, book: Codebook) -> pl.DataFrame:
    """Derive FPARC: members under 18 of a family household, the householder left out.

    The official recode counts related children only; without the relationship column, an unrelated child
    (a lodger's, a foster child) counts here too.
    """
    # Households by number: grouping by their names takes ten times as long in a whole country.
    number = people["_home"] if "_home" in people.columns else people[book.serial].rank("dense")
    homes = number.to_numpy()
    inside = {
        name: _any_in_home(homes, people.select(is_child.fill_null(False)).to_series().to_numpy())
        for name, is_child in {
            "young": (pl.col("AGEP") < 5) & (pl.col("SPORDER") > 1),
            "older": pl.col("AGEP").is_between(5, 17) & (pl.col("SPORDER") > 1),
        }.items()
    }
    young, older = (pl.lit(pl.Series(name, values)) for name, values in inside.items())
    code = (
        pl.when(~pl.col("HHT").is_in([1, 2, 3]).fill_null(False))
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


def _any_in_home(homes: np.ndarray, is_child: np.ndarray) -> np.ndarray:
    """Say of every person whether a child lives in the household."""
    has_child = np.zeros(int(homes.max(initial=0)) + 1, dtype=bool)
    has_child[homes[is_child]] = True
    return has_child[homes]
