"""A codebook says what the variables of a microdata file mean: it is data (TOML), not code.

Every variable has a table `[variables.NAME]` with either `range` (a whole number) or labels, in place or
in a CSV file beside the codebook (`labels_file`: code,label). `groups_file` (first,last,code,label) gives
the major groups of a long list; a code without a label of its own takes the label of its group.
`[attributes]` maps the columns of `people.parquet` to the variables they are read from.
"""

from __future__ import annotations

import csv
import functools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import polars as pl

from populace.canonical import content_hash
from populace.errors import CodebookError

__all__ = ["Codebook", "Group", "Variable", "load_codebook"]

_FOLDER = Path(__file__).parent / "codebooks"


class Group(msgspec.Struct, frozen=True):
    """A major group of codes, for example management occupations."""

    first: int
    last: int
    code: str
    label: str


class Variable(msgspec.Struct, frozen=True):
    """One reading of one column."""

    record: Literal["person", "household"]
    column: str | None = None
    """Column it is read from, where that is not the variable's own name."""
    labels: dict[int, str] = {}
    range: tuple[int, int] | None = None
    """Smallest and largest value of a number; None for codes."""
    groups: tuple[Group, ...] = ()
    missing: tuple[int, ...] = ()
    """Codes by which the file says that nothing is known: they have no label."""
    adjust: str | None = None
    """Column of a factor with six implied decimals that turns amounts into one year's dollars."""
    labels_file: str | None = None
    groups_file: str | None = None

    def group_of(self, code: int) -> Group | None:
        """Look up the major group of a code."""
        return next((group for group in self.groups if group.first <= code <= group.last), None)

    def label_of(self, code: int) -> str | None:
        """Label a code: its own, else its group's."""
        group = self.group_of(code)
        return self.labels.get(code) or (group.label if group else None)


class Codebook(msgspec.Struct, frozen=True):
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
    """

    name: str
    title: str
    licence: str
    weight: str
    serial: str
    attributes: dict[str, list[str]]
    variables: dict[str, Variable]
    aliases: dict[str, str] = {}

    @property
    def hash(self) -> str:
        """Content hash of everything the codebook says."""
        return content_hash(msgspec.to_builtins(self, str_keys=True))

    def columns(self, record: Literal["person", "household"]) -> list[str]:
        """List the columns that hold a variable of the given record."""
        return [
            name
            for name, variable in self.variables.items()
            if variable.record == record and not variable.column
        ]

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
                row = int((column == unknown[0]).arg_true()[0]) + 1
                raise CodebookError(
                    f"the codebook {self.name} has no code {unknown[0]}",
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


@functools.cache
def load_codebook(name: str | Path) -> Codebook:
    """Load a codebook of this package by name, or any by its path.

    Raises
    ------
    CodebookError
        If it is missing, is no TOML, or lacks a field.
    """
    path = _FOLDER / f"{name}.toml" if "." not in str(name) else Path(name)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        for table in document.get("variables", {}).values():
            if "labels_file" in table:
                table["labels"] = {
                    row["code"]: row["label"] for row in _rows(path.parent / table["labels_file"])
                }
            if "groups_file" in table:
                table["groups"] = _rows(path.parent / table["groups_file"])
        # TOML and CSV know only text keys and cells: numbers are read from their text.
        book = msgspec.convert(document, Codebook, strict=False)
        unknown = [r for readings in book.attributes.values() for r in readings if r not in book.variables]
        if unknown:
            raise CodebookError(
                "an attribute is read from a variable that is not described", column=unknown[0]
            )
    except CodebookError as error:
        raise CodebookError(error.what, file=path, column=error.column) from error
    except FileNotFoundError as error:
        raise CodebookError("there is no such codebook", file=error.filename or path) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, KeyError, UnicodeDecodeError) as error:
        raise CodebookError(
            f"malformed codebook ({error})", file=path, fix="compare acs_pums.toml"
        ) from error
    return book


def _rows(path: Path) -> list[Mapping[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
