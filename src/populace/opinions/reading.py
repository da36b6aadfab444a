"""Opinions from a survey's file, read through a codebook.

The codebook's `items` are the questions. Answers that are numbers (thermometers) become five bands of equal
width, an ordinal item. A file may hold hundreds of columns that no codebook words; `unworded=True` takes
those too, as items without a question: no model can be asked them, but other answers tell of them. Columns
that hold no answers (`not_items` of the codebook) are never taken.

A codebook lists codes that mean *not known* in all columns, such as 8 and 9. In a column that it does not
word they are left out where they mean that: where a worded column of this file holds the code without a label
for it, and no answer of the column at hand is higher.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from populace.errors import DataError
from populace.opinions.items import Item
from populace.opinions.table import NONE, Opinions
from populace.population.answers import Answers
from populace.population.codebook import Codebook, load_codebook
from populace.population.formats import Table, open_table
from populace.population.surveys import read_survey
from populace.population.variables import Variable

__all__ = ["read_opinions"]

_BANDS = 5
_LARGEST_SHARE = 0.95
"""An item whose commonest answer is commoner than this tells nothing."""
_MOST_OPTIONS = 10


def read_opinions(
    path: str | Path,
    codebook: str | Path | Codebook,
    *,
    later: bool = False,
    unworded: bool = False,
    least_answered: float = 0.1,
    year: int | None = None,
    seed: int = 0,
) -> Opinions:
    """Read who answered what.

    Parameters
    ----------
    path
        File of the survey; see `populace.population.formats`.
    codebook
        Name of a codebook of the package, a TOML file, or a codebook; it names `items`.
    later
        Predict what people answered when they were asked again; their first answers are then the retest. Who
        was not asked again is left out.
    unworded
        Take also columns that the codebook does not name, if 2 to 10 codes stand in them and none has more
        than 95 % of the answers.
    least_answered
        Share of the respondents who must have answered such a column.
    year
        Survey year to take, where the file holds several.
    seed
        Of the draws inside bands (ages in groups).

    Raises
    ------
    DataError
        If the file is broken or holds none of the items.
    CodebookError
        If the codebook does not fit the file.
    """
    path = Path(path)
    book = codebook if isinstance(codebook, Codebook) else load_codebook(codebook)
    table = open_table(path)
    survey = read_survey(table, book, seed=seed, year=year)
    people = survey.people
    found = list(_worded(people, book))
    if unworded:
        found += _unworded(table, book, survey.rows, least_answered, seed)
    if not found:
        raise DataError(
            "none of the codebook's items is in the file", file=path, fix="add items to the codebook"
        )
    items, answers, again = zip(*found, strict=True)
    attributes = [name for name in book.attributes if name in people.columns]
    retest = np.stack(again, axis=1) if any((codes != NONE).any() for codes in again) else None
    opinions = Opinions(
        people.select("person_id", "weight", *attributes),
        tuple(items),
        np.stack(answers, axis=1),
        retest,
        citation=book.citation or book.title,
        licence=book.licence,
        notes=tuple(survey.notes),
    )
    if not later:
        return opinions
    opinions = opinions.swapped()
    return opinions.take(np.flatnonzero(opinions.answered.any(axis=1)))


def _worded(people: pl.DataFrame, book: Codebook) -> Iterator[tuple[Item, np.ndarray, np.ndarray]]:
    """Read the items of the codebook: each with its answers, and those of the other interview."""
    for name, variable in book.items.items():
        column = people.get_column(f"item_{name}", default=None)
        if column is None or (item := _item(name, variable, _same_as(name, variable, book))) is None:
            continue
        again = people.get_column(f"item_{name}_retest", default=None)
        none = np.full(people.height, NONE, dtype=np.int16)
        yield item, _codes(column, item, variable), none if again is None else _codes(again, item, variable)


def _same_as(name: str, item: Variable, book: Codebook) -> tuple[str, ...]:
    """List the attributes that tell an item's answer: read from its column, or named by the codebook."""
    unknown = [each for each in item.same_as if each not in book.attributes]
    if unknown:
        raise DataError(
            f"the item {name} is the same as {unknown[0]}, which is no attribute",
            fix="take an attribute of the codebook; items that say the same are its `twins`",
        )
    unknown = [each for each in item.twins if each not in book.items or each == name]
    if unknown:
        raise DataError(
            f"the item {name} has the twin {unknown[0]}, which is no other item", fix="correct the codebook"
        )
    column = item.column or name
    return tuple(
        attribute
        for attribute, readings in book.attributes.items()
        if attribute in item.same_as
        or any((book.variables[reading].column or reading) == column for reading in readings)
    )


def _item(name: str, variable: Variable, same_as: tuple[str, ...]) -> Item | None:
    """Make an item of a variable; None for texts and lists that are only known by their answers."""
    if variable.range is not None:
        edges = np.linspace(*variable.range, _BANDS + 1)
        options = tuple(f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges))
    else:
        options = tuple(dict.fromkeys([*variable.labels.values(), *variable.texts.values()]))
    if len(options) < 2:
        return None
    return Item(
        name=name,
        question=variable.question,
        options=options,
        ordinal=variable.ordinal or variable.range is not None,
        wordings=variable.wordings,
        same_as=same_as,
        twins=variable.twins,
    )


def _codes(column: pl.Series, item: Item, variable: Variable) -> np.ndarray:
    """Number the options that people chose."""
    if variable.range is not None:
        low, high = variable.range
        numbers = column.cast(pl.Float64).to_numpy()
        band = np.clip((numbers - low) / (high - low) * _BANDS, 0, _BANDS - 1e-9)
        return np.where(np.isnan(numbers), NONE, np.nan_to_num(band)).astype(np.int16)
    places = {label: place for place, label in enumerate(item.options)}
    return column.replace_strict(places, default=NONE, return_dtype=pl.Int16).fill_null(NONE).to_numpy()


def _unworded(
    table: Table, book: Codebook, rows: pl.Series, least: float, seed: int
) -> list[tuple[Item, np.ndarray, np.ndarray]]:
    """Read the columns that the codebook does not name, of the people that were kept."""
    answers, named = Answers(table, book, seed), _named(book)
    no_item = [re.compile(pattern, re.IGNORECASE) for pattern in book.not_items]
    places: dict[str, tuple[list[str], list[str]]] = {}
    for base in dict.fromkeys(_base(name, book) for name in table.columns):
        if base.lower() not in named and not any(pattern.fullmatch(base) for pattern in no_item):
            again = [f"{base}{end}" for end in book.retest_suffixes if f"{base}{end}" in table.columns]
            places[base] = answers.places(base), again
    worded = {name: answers.places(item.column or name) for name, item in book.items.items()}
    wanted = [name for parts in places.values() for part in parts for name in part]
    answers.load(list(dict.fromkeys([*wanted, *(name for part in worded.values() for name in part)])))
    missing, kept = _missing(answers, worded, book), rows - 1
    found = []
    for base, parts in places.items():
        codes = [_small(answers, part, missing, book, kept) for part in parts]
        item = _bare(base, codes, least)
        if item is not None:
            options = {int(option): place for place, option in enumerate(item.options)}
            found.append((item, *(_placed(part, options, len(rows)) for part in codes)))
    return found


def _missing(answers: Answers, worded: Mapping[str, list[str]], book: Codebook) -> list[int]:
    """List the codes that this file writes for *not known*: those in worded columns that no label explains.

    All of the codebook's, where the file has no worded column that could tell.
    """
    seen: set[str] = set()
    told = False
    for name, places in worded.items():
        item = book.items[name]
        if not places or item.range is not None or not item.labels:
            continue
        told = True
        known = {str(code) for code in (*item.labels, *item.missing)}
        seen |= set(answers.codes(places).drop_nulls().unique()) - known
    return [code for code in book.missing if not told or str(code) in seen]


def _named(book: Codebook) -> set[str]:
    """List the columns that the codebook names: attributes, items, ids, weights."""
    variables = {**book.variables, **book.items}
    names = {variable.column or name for name, variable in variables.items()}
    cases = {column for variable in variables.values() for case in variable.cases for column in case.when}
    return {name.lower() for name in (*names, *cases, *book.person_id, book.weight, *book.weights, book.year)}


def _base(name: str, book: Codebook) -> str:
    """Take the ending off a column's name."""
    for ending in sorted((*book.suffixes, *book.retest_suffixes), key=len, reverse=True):
        if ending and name.endswith(ending):
            return name[: -len(ending)]
    return name


def _small(
    answers: Answers, names: list[str], missing: list[int], book: Codebook, kept: pl.Series
) -> pl.Series | None:
    """Read columns as small whole numbers, the first answer of each person; None where there is no column."""
    if not names:
        return None
    numbers = answers.codes(names)[kept].cast(pl.Int64, strict=False)
    if book.missing_below is not None:
        numbers = numbers.set((numbers < book.missing_below).fill_null(value=False), None)
    highest = numbers.filter(~numbers.is_in(missing)).max()
    # A scale from 1 to 10 has answers above 8 and 9: there they are answers too.
    gone = [code for code in missing if not isinstance(highest, int) or not 0 < code < highest]
    return numbers.set(numbers.is_in(gone).fill_null(value=False), None)


def _bare(base: str, codes: list[pl.Series | None], least: float) -> Item | None:
    """Make an item of codes without labels; None where they are no closed question, or tell nothing."""
    first = codes[0]
    if first is None or first.len() - first.null_count() < least * first.len():
        return None
    options = pl.concat([part for part in codes if part is not None]).drop_nulls().unique().sort()
    counts = np.unique(first.drop_nulls().to_numpy(), return_counts=True)[1]
    if not 2 <= options.len() <= _MOST_OPTIONS or counts.max() > _LARGEST_SHARE * counts.sum():
        return None
    return Item(name=base, options=tuple(str(code) for code in options))


def _placed(codes: pl.Series | None, places: dict[int, int], height: int) -> np.ndarray:
    if codes is None:
        return np.full(height, NONE, dtype=np.int16)
    return codes.replace_strict(places, default=NONE, return_dtype=pl.Int16).fill_null(NONE).to_numpy()
