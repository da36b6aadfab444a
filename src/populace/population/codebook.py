"""A codebook says what the variables of a microdata file mean: it is data (TOML), not code.

Every variable has a table `[variables.NAME]` with either `range` (a whole number) or labels, in place or
in a CSV file beside the codebook (`labels_file`: code,label). `groups_file` (first,last,code,label) gives
the major groups of a long list; a code without a label of its own takes the label of its group.
`[attributes]` maps the columns of `people.parquet` to the variables they are read from, the best reading
first. `[[vintages]]` says what is different in other years.

The codebook of a survey may also name its `items`, the questions whose answers are carried along, and has
more ways to read a variable; `populace.population.surveys` applies them.
"""

from __future__ import annotations

import csv
import functools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import polars as pl

from populace.canonical import content_hash
from populace.errors import CodebookError
from populace.population.variables import Group, Variable, Vintage

__all__ = ["Codebook", "Group", "Variable", "codebooks", "load_codebook"]

_FOLDER = Path(__file__).parent / "codebooks"


class Codebook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The variables of one kind of file.

    Examples
    --------
    >>> book = load_codebook("acs_pums")
    >>> book.variables["SEX"].labels[2]
    'Female'
    >>> book.variables["OCCP"].group_of(3255).label
    'Healthcare practitioners and technical occupations'
    >>> book.labels(pl.DataFrame({"AGEP": [34], "SEX": [1]})).select("age", "sex", "race").row(0)
    (34, 'Male', None)
    >>> book.at(2019).variables["INDP"].labels[4690], book.at(2024).variables["INDP"].labels.get(4690)
    ('Automotive Parts, Accessories, And Tire Stores', None)
    """

    name: str
    title: str
    licence: str
    attributes: dict[str, list[str]]
    variables: dict[str, Variable]
    weight: str = ""
    """Column of weights; empty where everybody counts the same."""
    serial: str = ""
    aliases: dict[str, str] = {}
    kind: Literal["pums", "survey"] = "survey"
    citation: str = ""
    """How to cite the data; by default the title."""
    covers: tuple[int, int] | None = None
    """First and last year whose files the codebook describes."""
    vintages: tuple[Vintage, ...] = ()
    replicates: tuple[str, int] | None = None
    """Columns of replicate weights and their number: ["PWGTP{}", 80]."""

    # What follows is for surveys.
    items: dict[str, Variable] = {}
    """Questions whose answers are carried along, as columns `item_NAME`."""
    not_items: tuple[str, ...] = ()
    """Regular expressions for whole names of columns that hold no answers: orders of questions, random
    numbers, the interviewer's notes. Capitals and the endings of names do not matter."""
    person_id: tuple[str, ...] = ()
    """Columns that name a person; the number of the row where there is none."""
    geography: str = "United States"
    vintage: str = ""
    """Year of the survey, where it has one."""
    year: str = ""
    """Column of the survey's year, where a file holds several surveys."""
    suffixes: tuple[str, ...] = ("",)
    """Endings of a column's name; where several are present, the first answer counts."""
    retest_suffixes: tuple[str, ...] = ()
    """Endings of the same question asked again: columns `item_NAME_retest`."""
    missing: tuple[int, ...] = ()
    """Codes that mean *not known* everywhere."""
    missing_below: int | None = None
    """Every code below this one means *not known*."""
    missing_texts: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    """Columns of weights to use where `weight` is absent, the best one first."""
    extract: bool = False
    """Whether files are extracts, which may lack columns of attributes and items."""
    unweighted: Literal["error", "drop"] = "error"
    """What becomes of people without a weight."""
    adults_only: bool = False
    """Whether the survey asked nobody under 18."""
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """Content hash of everything the codebook says."""
        return content_hash(msgspec.to_builtins(self, str_keys=True))

    def at(self, year: int | None, span: int = 1) -> Codebook:
        """Give the codebook of another vintage.

        Parameters
        ----------
        year
            Last year of the file's period; None for the newest.
        span
            Years the file covers.
        """
        variables = dict(self.variables)
        for vintage in self.of(year, span):
            for name, labels in vintage.labels.items():
                merged = {**variables[name].labels, **labels}
                variables[name] = msgspec.structs.replace(variables[name], labels=merged)
            for name, missing in vintage.missing.items():
                merged = (*variables[name].missing, *missing)
                variables[name] = msgspec.structs.replace(variables[name], missing=merged)
        return msgspec.structs.replace(self, variables=variables)

    def of(self, year: int | None, span: int = 1) -> list[Vintage]:
        """List the vintages that a file belongs to."""
        return [
            vintage
            for vintage in self.vintages
            if year is not None and vintage.first <= year <= vintage.last and vintage.span in (None, span)
        ]

    def columns(self, record: Literal["person", "household"]) -> list[str]:
        """List the columns that hold a variable of the given record."""
        return [
            name
            for name, variable in self.variables.items()
            if variable.record == record and not variable.column
        ]

    def replicate_columns(self) -> dict[str, str]:
        """Map the columns of replicate weights to their names in a population."""
        pattern, count = self.replicates or ("", 0)
        return {pattern.format(number): f"replicate_{number}" for number in range(1, count + 1)}

    def check(self, codes: pl.DataFrame, *, file: object | None = None) -> None:
        """Check every known column of `codes` against the codebook.

        Raises
        ------
        CodebookError
            At the first value the codebook does not know, with its row and column.
        """
        for name, variable in self.variables.items():
            if name not in codes.columns or variable.column:
                continue
            column = codes[name]
            values = column.unique().drop_nulls().to_list()
            unknown = [value for value in values if not _knows(variable, value)]
            if unknown:
                row = int((column == min(unknown)).arg_true()[0]) + 1
                raise CodebookError(
                    f"the codebook {self.name} has no code {min(unknown)}",
                    file=file,
                    row=row,
                    column=name,
                    fix="use a codebook of the file's vintage, or correct the value",
                )

    def labels(self, codes: pl.DataFrame) -> pl.DataFrame:
        """Read the attributes off coded columns.

        Parameters
        ----------
        codes
            Integer codes under the variables' names; columns that a file lacks are simply absent.

        Returns
        -------
        polars.DataFrame
            One column an attribute, in the codebook's order: String labels (Int64 for numbers), null
            where missing or not applicable.
        """
        return codes.select(
            self._read(attribute, codes.columns).alias(attribute) for attribute in self.attributes
        )

    def column_of(self, attribute: str, present: Sequence[str]) -> str | None:
        """Name the column that an attribute is read from, among those present; None if there is none."""
        reading = self._reading(attribute, present)
        return self.variables[reading].column or reading if reading else None

    def _reading(self, attribute: str, present: Sequence[str]) -> str | None:
        readings = self.attributes[attribute]
        return next((r for r in readings if (self.variables[r].column or r) in present), None)

    def _read(self, attribute: str, present: Sequence[str]) -> pl.Expr:
        reading = self._reading(attribute, present)
        variable = self.variables[reading or self.attributes[attribute][0]]
        kind = pl.Int64 if variable.range else pl.String
        if reading is None:
            return pl.lit(None, dtype=kind)
        column = pl.col(variable.column or reading)
        if variable.range:
            return column.cast(kind)
        labels = {code: variable.label_of(code) for code in _codes(variable)}
        return column.replace_strict(labels, default=None, return_dtype=kind)


def _codes(variable: Variable) -> list[int]:
    grouped = (code for group in variable.groups for code in range(group.first, group.last + 1))
    return sorted({*variable.labels, *grouped})


def _knows(variable: Variable, value: int) -> bool:
    if variable.range:
        return variable.range[0] <= value <= variable.range[1]
    return value in variable.missing or variable.label_of(value) is not None


def codebooks() -> list[str]:
    """Name the codebooks of this package.

    Examples
    --------
    >>> "acs_pums" in codebooks()
    True
    """
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_codebook(name: str | Path) -> Codebook:
    """Load a codebook of this package by name, or any by its path.

    Raises
    ------
    CodebookError
        If it is missing, is no TOML, or lacks a field.
    """
    # A user's own codebook is read anew: it may have been edited since.
    return _load_file(Path(name)) if "." in str(name) else _load_named(str(name))


@functools.cache
def _load_named(name: str) -> Codebook:
    return _load_file(_FOLDER / f"{name}.toml")


def _load_file(path: Path) -> Codebook:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        _add_files(document, path.parent)
        # TOML and CSV know only text keys and cells: numbers are read from their text.
        book = msgspec.convert(document, Codebook, strict=False)
        unknown = [r for readings in book.attributes.values() for r in readings if r not in book.variables]
        if unknown:
            raise CodebookError(
                "an attribute is read from a variable that is not described", column=unknown[0]
            )
        empty = [
            r for readings in book.attributes.values() for r in readings if book.variables[r].says_nothing
        ]
        if empty:
            raise CodebookError("nothing says what the values mean: give labels or a range", column=empty[0])
        for pattern in book.not_items:
            re.compile(pattern)
    except CodebookError as error:
        raise CodebookError(error.what, file=path, column=error.column, fix=error.fix) from error
    except FileNotFoundError as error:
        raise CodebookError(
            "there is no such codebook", file=path, fix=f"use one of {', '.join(codebooks())}"
        ) from error
    except (
        tomllib.TOMLDecodeError,
        msgspec.ValidationError,
        KeyError,
        UnicodeDecodeError,
        re.error,
    ) as error:
        raise CodebookError(
            f"malformed codebook ({error})", file=path, fix="compare acs_pums.toml"
        ) from error
    return book


def _add_files(document: dict[str, Any], folder: Path) -> None:
    """Put the lists that lie in CSV files into their tables; what is no table is refused later."""
    for kind in ("variables", "items"):
        for name, table in _tables(document, kind):
            if "labels_file" in table:
                files = table["labels_file"]
                table["labels"] = {
                    code: label
                    for file in (files if isinstance(files, list) else [files])
                    for code, label in _labels(folder, file, name).items()
                }
            if "groups_file" in table:
                table["groups"] = _rows(
                    folder, table["groups_file"], name, ("first", "last", "code", "label")
                )
    vintages = document.get("vintages")
    for vintage in vintages if isinstance(vintages, list) else ():
        for name, file in vintage.get("labels_files", {}).items() if isinstance(vintage, dict) else ():
            vintage.setdefault("labels", {})[name] = _labels(folder, file, name)


def _tables(document: dict[str, Any], kind: str) -> list[tuple[str, dict[str, Any]]]:
    tables = document.get(kind)
    if not isinstance(tables, dict):
        return []
    return [(name, table) for name, table in tables.items() if isinstance(table, dict)]


def _labels(folder: Path, file: object, variable: str) -> dict[str, str]:
    return {row["code"]: row["label"] for row in _rows(folder, file, variable, ("code", "label"))}


def _rows(folder: Path, file: object, variable: str, columns: Sequence[str]) -> list[Mapping[str, str]]:
    if not isinstance(file, str):
        raise CodebookError(f"{file!r} is no name of a file", column=variable)
    try:
        with (folder / file).open(encoding="utf-8", newline="") as handle:
            rows = csv.DictReader(handle)
            lacking = [name for name in columns if name not in (rows.fieldnames or ())]
            if lacking:
                raise CodebookError(f"the list {file} has no column {lacking[0]}", column=variable)
            return list(rows)
    except OSError as error:
        what = f"the list {file} beside the codebook cannot be read ({error.strerror})"
        raise CodebookError(what, column=variable) from error
