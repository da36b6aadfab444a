"""A survey as labelled people: the codebook's readings of its columns, and the answers carried along.

Every code of the file is known to the codebook or an error with its row and column. What a survey gives in
bands (an age group, an income bracket) is drawn inside the band from a seeded stream of its own; the notes
say so. A question that was not answered is null.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl

from populace.errors import CodebookError, DataError
from populace.population.answers import Answers, as_labels, as_numbers
from populace.population.codebook import Codebook
from populace.population.formats import Table, open_table
from populace.population.variables import Variable

__all__ = ["Survey", "read_survey"]


class Survey(msgspec.Struct, frozen=True):
    """What was read."""

    people: pl.DataFrame
    """`person_id`, `weight`, the attributes, and `item_NAME` for every question."""
    vintage: str
    weight: str
    """Column of the weights; empty where there is none."""
    notes: list[str]
    rows: pl.Series
    """Row of each person in the file, from 1."""


def read_survey(path: Path | Table, book: Codebook, *, seed: int = 0, year: int | None = None) -> Survey:
    """Read the people of a survey.

    Parameters
    ----------
    path
        File, or a table that was opened already; see `populace.population.formats`.
    book
        Codebook of the survey.
    seed
        Of the draws inside bands.
    year
        Survey year to take, where the file holds several.

    Raises
    ------
    DataError
        If the file is broken, holds several years, names a person twice or weighs one below zero.
    CodebookError
        If the codebook does not fit: a column is missing, or a code unknown, with its row and column.
    """
    answers = Answers(path if isinstance(path, Table) else open_table(path), book, seed)
    answers.load(_columns(answers, book))
    vintage = _take_year(answers, book, year)
    by_hand = year is not None and not book.vintage and not (book.year and answers.places(book.year))
    weight_name, weight, weight_notes = _weights(answers, book)
    attributes = _attributes(answers, book, vintage)
    items = _items(answers, book)
    people = pl.DataFrame([_person_ids(answers, book), weight, *attributes.values(), *items])
    weighed = people["weight"].is_not_null()
    kept = people.filter(weighed)
    notes = [*book.notes, *weight_notes, *_notes(answers, book, attributes)]
    if by_hand:
        notes.append(f"the year {year} is as given, not checked: the file does not say its year")
    if kept.height < people.height:
        notes.append(f"{people.height - kept.height} people without a weight are left out")
    return Survey(kept, vintage, weight_name, notes, answers.rows.filter(weighed))


def _columns(answers: Answers, book: Codebook) -> list[str]:
    """List the columns of the file that are read."""
    readings = [r for attribute in book.attributes for r in [answers.reading(attribute)] if r]
    variables = {name: book.variables[name] for name in readings} | book.items
    wanted = [base for name, variable in variables.items() for base in _bases(name, variable)]
    wanted += [*book.person_id, book.year, book.weight, *book.weights]
    found = [column for base in wanted if base for column in answers.places(base)]
    again = [column for name, item in book.items.items() for column in answers.retest_places(name, item)]
    return [*found, *again]


def _bases(name: str, variable: Variable) -> list[str]:
    if variable.cases:
        return [column for case in variable.cases for column in case.when]
    return [variable.column or name]


def _take_year(answers: Answers, book: Codebook, year: int | None) -> str:
    """Keep one survey year where the file holds several, and say which year it is."""
    found = answers.places(book.year) if book.year else []
    if not found:
        if year is not None and book.vintage and str(year) != book.vintage:
            what = f"wrong vintage: the codebook {book.name} is of {book.vintage}, not of {year}"
            raise CodebookError(
                what, file=answers.file, fix=f"give the year {book.vintage} or another codebook"
            )
        return book.vintage or ("" if year is None else str(year))
    years = answers.codes(book.year)
    there = sorted(years.drop_nulls().unique().to_list())
    # A panel joins the samples of several years by design; its years stand under names with an ending.
    if found == [book.year] or found[0].lower() == book.year.lower():
        if year is None and len(there) > 1:
            what = f"the file holds {len(there)} surveys, of {there[0]} to {there[-1]}"
            raise DataError(what, file=answers.file, column=found[0], fix="give the year of one of them")
        if year is not None and str(year) not in there:
            fix = f"give one of {', '.join(there[-12:])}"
            raise DataError(f"no survey of {year} in the file", file=answers.file, column=found[0], fix=fix)
        if year is not None:
            answers.keep(years == str(year))
            return str(year)
    return ", ".join(there)


def _weights(answers: Answers, book: Codebook) -> tuple[str, pl.Series, list[str]]:
    names = [name for name in (book.weight, *book.weights) if name]
    name = next((name for name in names if answers.places(name)), None)
    if name is None:
        if names:
            raise CodebookError(
                "the column of weights is missing",
                file=answers.file,
                column=names[0],
                fix="add it, or name the weights in the codebook",
            )
        return (
            "",
            pl.Series("weight", [1.0] * answers.height),
            ["the survey has no weights: everybody counts 1"],
        )
    text = answers.codes(name)
    weight = text.cast(pl.Float64, strict=False).alias("weight")
    answers.refuse(text.is_not_null() & weight.is_null(), name, "{} is no number", text)
    answers.refuse(weight.is_finite().not_(), name, "the weight {} is no number from 0 up", text)
    answers.refuse(weight < 0, name, "the weight {} is below zero", weight)
    if book.unweighted == "error":
        answers.refuse(weight.is_null(), name, "the weight is missing", weight)
    if not (weight.sum() or 0) > 0:
        raise DataError("all weights are zero", file=answers.file, column=name, fix="name another column")
    return name, weight, []


def _attributes(answers: Answers, book: Codebook, vintage: str) -> dict[str, pl.Series]:
    columns = {}
    for attribute in book.attributes:
        reading = answers.reading(attribute)
        if reading is None:
            continue
        variable = book.variables[reading]
        if variable.is_number:
            columns[attribute] = as_numbers(answers, reading, variable, vintage).alias(attribute)
        else:
            columns[attribute] = as_labels(answers, reading, variable).alias(attribute)
    return columns


def _items(answers: Answers, book: Codebook) -> list[pl.Series]:
    items = []
    for name, item in book.items.items():
        read = as_numbers if item.is_number else as_labels
        base = item.column or name
        if answers.places(base):
            items.append(read(answers, base, item).alias(f"item_{name}"))
        again = answers.retest_places(name, item)
        if again:
            items.append(read(answers, again, item).alias(f"item_{name}_retest"))
    return items


def _person_ids(answers: Answers, book: Codebook) -> pl.Series:
    if not book.person_id:
        ids = answers.rows.cast(pl.String).str.zfill(len(str(answers.rows.max())))
        return pl.select(pl.format("{}-{}", pl.lit(book.name), ids)).to_series().alias("person_id")
    parts = [answers.codes(name) for name in book.person_id]
    for name, part in zip(book.person_id, parts, strict=True):
        answers.refuse(part.is_null(), name, "a person has no id", part)
    joined = pl.select(pl.concat_str([pl.lit(book.name), *parts], separator="-")).to_series()
    answers.refuse(~joined.is_first_distinct(), book.person_id[-1], "person {} is there twice", joined)
    return joined.alias("person_id")


def _notes(answers: Answers, book: Codebook, attributes: dict[str, pl.Series]) -> list[str]:
    notes = []
    absent = [name for name in book.attributes if name not in attributes]
    if absent:
        notes.append(f"not in this file: {', '.join(absent)}")
    readings = {name: book.variables[answers.reading(name) or ""] for name in attributes}
    drawn = [name for name, v in readings.items() if v.bands or v.choices or any(c.choices for c in v.cases)]
    if drawn:
        notes.append(f"drawn inside the bands of the survey, each value as likely: {', '.join(drawn)}")
    return notes
