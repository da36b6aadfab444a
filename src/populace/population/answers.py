"""The answers of a survey: columns under their names, codes as text, codes read as labels or numbers.

A code is text here, whatever the file stores: `3`, `3.0`, `03` and the number 3 are the code `3`. Blanks are
null.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl

from populace.errors import CodebookError, DataError
from populace.population.codebook import Codebook
from populace.population.formats import Table
from populace.population.variables import Between, Case, Variable
from populace.streams import stream

__all__ = ["Answers", "as_labels", "as_numbers"]

_LARGEST = 2.0**53
"""Below it a float holds every whole number."""
_WHOLE = r"^(-?)0*(\d+)(?:\.0*)?$"


class Answers:
    """The columns of one file that a codebook reads."""

    def __init__(self, table: Table, book: Codebook, seed: int) -> None:
        self.file, self._table, self._book, self._seed = table.path, table, book, seed
        # Releases of one survey differ in capitals.
        self._names = {name.lower(): name for name in table.columns}
        self._frame = pl.DataFrame()
        self.rows = pl.Series("row", [], dtype=pl.Int64)
        """Row of each person in the file, from 1."""

    @property
    def height(self) -> int:
        """People that are kept."""
        return len(self.rows)

    def places(self, base: str) -> list[str]:
        """List the columns that hold a variable: under its name with each of the codebook's endings."""
        found = (self._names.get(f"{base}{suffix}".lower()) for suffix in self._book.suffixes)
        return [name for name in found if name]

    def retest_places(self, name: str, item: Variable) -> list[str]:
        """List the columns in which a question was asked again."""
        base = item.column or name
        suffixes = self._book.retest_suffixes if item.retest else ()
        found = (self._names.get(f"{base}{suffix}".lower()) for suffix in suffixes)
        return [name for name in found if name]

    def reading(self, attribute: str) -> str | None:
        """Name the best reading of an attribute whose columns are all there.

        Raises
        ------
        CodebookError
            If there is none, and the files of this codebook are always whole.
        """
        lacking: list[str] = []
        for reading in self._book.attributes[attribute]:
            variable = self._book.variables[reading]
            bases = [c for case in variable.cases for c in case.when] or [variable.column or reading]
            lacking = [base for base in bases if not self.places(base)]
            if not lacking:
                return reading
        if self._book.extract:
            return None
        raise self._missing(lacking[0])

    def load(self, columns: Sequence[str]) -> None:
        """Read columns of the file."""
        if not columns:
            raise CodebookError(
                "none of the codebook's columns is in the file",
                file=self.file,
                fix=f"use another codebook than {self._book.name}",
            )
        frame = self._table.read(columns)
        self._frame = pl.DataFrame([_canonical(column, self.file) for column in frame.get_columns()])
        self.rows = pl.int_range(1, frame.height + 1, eager=True).alias("row")

    def keep(self, which: pl.Series) -> None:
        """Drop the other people."""
        which = which.fill_null(value=False)
        self._frame, self.rows = self._frame.filter(which), self.rows.filter(which)

    def codes(self, base: str | Sequence[str]) -> pl.Series:
        """Give the codes of a variable, or of columns; where several columns hold it, the first answer."""
        found = self.places(base) if isinstance(base, str) else list(base)
        if not found:
            raise self._missing(str(base))
        return self._frame.select(pl.coalesce(found)).to_series().alias(found[0])

    def refuse(
        self, bad: pl.Series, column: str, what: str, values: pl.Series, fix: str = "correct the value"
    ) -> None:
        """Raise at the first person of whom `bad` is true."""
        where = bad.fill_null(value=False).arg_true()
        if len(where):
            at = int(where[0])
            raise DataError(
                what.format(repr(values[at])), file=self.file, row=int(self.rows[at]), column=column, fix=fix
            )

    def unknown(self, codes: pl.Series, known: Sequence[str]) -> None:
        """Raise at the first code that is not among the known ones."""
        seen = codes.drop_nulls().unique()
        strange = seen.filter(~seen.str.to_lowercase().is_in(list(known))).sort()
        if not len(strange):
            return
        value = strange[0]
        close = difflib.get_close_matches(value.lower(), known, n=1)
        raise CodebookError(
            f"the codebook {self._book.name} has no code {value!r}",
            file=self.file,
            row=int(self.rows[int((codes == value).arg_true()[0])]),
            column=codes.name,
            fix=f"write {close[0]!r} in the codebook or the file" if close else "add it to the codebook",
        )

    def known_missing(self, codes: pl.Series, variable: Variable) -> pl.Series:
        """Turn codes that mean *not known* into null."""
        book = self._book
        missing = [str(code) for code in (*book.missing, *variable.missing)]
        missing += [text.lower() for text in (*book.missing_texts, *variable.missing_texts)]
        # What the variable itself reads is known, whatever the codebook says of other variables.
        read = {*_labels(variable), *(code.lower() for code in (*variable.choices, *variable.bands))}
        missing = [code for code in missing if code not in read]
        gone = codes.str.to_lowercase().is_in(missing)
        if book.missing_below is not None:
            number = codes.cast(pl.Float64, strict=False)
            gone |= ((number < book.missing_below) & number.is_finite()).fill_null(value=False)
        return codes.set(gone.fill_null(value=False), None)

    def uniform(self, name: str) -> np.ndarray:
        """Draw a number from 0 to 1 for every person of the file, from the variable's own stream."""
        everybody = stream(self._seed, f"population.answers.{name}").random(int(self.rows.max() or 0))  # type: ignore[arg-type]
        return everybody[self.rows.to_numpy() - 1]

    def _missing(self, base: str) -> CodebookError:
        close = difflib.get_close_matches(base.lower(), list(self._names), n=1)
        return CodebookError(
            f"the codebook {self._book.name} does not fit: this column is missing",
            file=self.file,
            column=base,
            fix=f"write {self._names[close[0]]!r}" if close else "use another codebook, or another file",
        )


def as_labels(answers: Answers, base: str | Sequence[str], variable: Variable) -> pl.Series:
    """Read labels.

    Parameters
    ----------
    base
        Name of the variable, or columns of the file.
    """
    if variable.cases:
        return _by_cases(answers, str(base), variable.cases)
    raw = _source(answers, base, variable)
    codes = answers.known_missing(raw, variable)
    labels = _labels(variable)
    if variable.verbatim or not (labels or variable.choices or variable.groups):
        return codes
    for code in codes.drop_nulls().unique().to_list():
        if variable.groups and code not in labels and code.isdigit() and variable.label_of(int(code)):
            labels[code] = str(variable.label_of(int(code)))
    choices = {code.lower(): options for code, options in variable.choices.items()}
    answers.unknown(codes, [*labels, *choices])
    lower = codes.str.to_lowercase()
    found = lower.replace_strict(labels, default=None, return_dtype=pl.String)
    if choices:
        drawn = _draw(answers, str(base), lower, choices, lambda options, u: options[int(u * len(options))])
        found = found.zip_with(found.is_not_null(), drawn.cast(pl.String))
    return found


def as_numbers(
    answers: Answers, base: str | Sequence[str], variable: Variable, vintage: str = ""
) -> pl.Series:
    """Read whole numbers; a year of birth becomes an age by the survey's year."""
    codes = answers.known_missing(_source(answers, base, variable), variable)
    name = codes.name
    bands = {code.lower(): band for code, band in variable.bands.items()}
    lower = codes.str.to_lowercase()
    plain = codes.set(lower.is_in(list(bands)).fill_null(value=False), None)
    number = plain.cast(pl.Float64, strict=False)
    if variable.range is None:
        answers.unknown(codes, list(bands))
    answers.refuse(plain.is_not_null() & ~number.is_finite().fill_null(False), name, "{} is no number", plain)
    answers.refuse(number.abs() >= _LARGEST, name, "{} is too large a number", plain)
    value = number.round().cast(pl.Int64)
    if variable.born:
        if not vintage.isdigit():
            raise CodebookError("the survey's year is not known", file=answers.file, fix="give the year")
        value = int(vintage) - value
    if variable.range:
        low, high = variable.range
        answers.refuse(
            ~value.is_between(low, high),
            name,
            f"{{}} is not from {low} to {high}",
            value,
            "correct the value",
        )
    if bands:
        drawn = _draw(answers, str(base), lower, bands, lambda b, u: b[0] + int(u * (b[1] - b[0] + 1)))
        value = value.zip_with(value.is_not_null(), drawn.cast(pl.Int64))
    return value


def _source(answers: Answers, base: str | Sequence[str], variable: Variable) -> pl.Series:
    raw = answers.codes(variable.column or base if isinstance(base, str) else base)
    if not variable.pattern:
        return raw
    try:
        found = raw.str.extract(variable.pattern, 1).str.replace(_WHOLE, "$1$2")
    except pl.exceptions.ComputeError as error:
        what = f"{variable.pattern!r} is no regular expression with a group"
        raise CodebookError(
            what, column=raw.name, fix="put the part that is the code into brackets"
        ) from error
    answers.refuse(raw.is_not_null() & found.is_null(), raw.name, "{} has no code in it", raw)
    return found


def _labels(variable: Variable) -> dict[str, str]:
    texts = {text.lower(): label for text, label in variable.texts.items()}
    return {str(code): label for code, label in variable.labels.items()} | texts


def _draw(
    answers: Answers, name: str, codes: pl.Series, options: Mapping, choose: Callable[..., object]
) -> pl.Series:
    uniform = answers.uniform(name)
    return pl.Series(
        [
            choose(options[code], u) if code in options else None
            for code, u in zip(codes.to_list(), uniform.tolist(), strict=True)
        ],
        strict=False,
    )


def _by_cases(answers: Answers, name: str, cases: Sequence[Case]) -> pl.Series:
    """Read a label from several columns: the first case that holds."""
    found = np.full(answers.height, None, dtype=object)
    uniform = answers.uniform(name)
    for case in cases:
        holds = found == None  # noqa: E711  (element by element)
        for column, condition in case.when.items():
            codes = answers.codes(column)
            if isinstance(condition, Between):
                number = codes.cast(pl.Float64, strict=False)
                low, high = condition.min, condition.max
                inside = number.is_between(-np.inf if low is None else low, np.inf if high is None else high)
            else:
                inside = codes.str.to_lowercase().is_in([str(code).lower() for code in condition])
            holds &= inside.fill_null(value=False).to_numpy()
        options = case.choices or (case.label,)
        found[holds] = [options[int(u * len(options))] for u in uniform[holds]]
    return pl.Series(name, found.tolist(), dtype=pl.String)


def _canonical(column: pl.Series, file: object) -> pl.Series:
    """Write values as codes: text, whole numbers without zeros around them, null for blanks."""
    if column.dtype.is_nested():
        raise CodebookError(
            "lists cannot be read", file=file, column=column.name, fix="name a field inside, or drop it"
        )
    if column.dtype == pl.Boolean:
        return column.cast(pl.String)
    text = column.cast(pl.String).str.strip_chars().str.replace(_WHOLE, "$1$2")
    return text.set((text == "").fill_null(value=False), None)
