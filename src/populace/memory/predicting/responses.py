"""A table of who responded what, as people by questions.

A row is a response: `person_id`, `text` (what was responded to) and `response`; optional columns are
`options` (a list of text, null for a free text), `ordinal` and `time`. A question is its text with its
options: the same words with other options are another question. Of several responses of a person to one
question the latest counts (the last row, without times). Free texts become groups of texts (`voices`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from populace.canonical import content_hash
from populace.errors import DataError
from populace.memory.predicting.voices import Voices, voices
from populace.memory.predicting.words import Embed, hashed
from populace.opinions import NONE, Item, Opinions

__all__ = ["Query", "Responses", "read_responses"]

_FIX = "give person_id, text, response, and, for a choice, options (a list of text)"


@dataclass(frozen=True)
class Query:
    """A question that somebody is to respond to.

    Examples
    --------
    >>> Query("Raise the tax?", ("Yes", "No")).name == Query("Raise the tax?", ("No", "Yes")).name
    False
    """

    text: str
    options: tuple[str, ...] = ()
    """In their order; empty for a free text."""
    ordinal: bool = False

    @property
    def name(self) -> str:
        """Name it by its content."""
        return content_hash([self.text, list(self.options)], size=12)


@dataclass(frozen=True)
class Responses:
    """People by questions.

    Attributes
    ----------
    opinions
        Codes; an item is named as its `Query`.
    texts
        Question -> groups of its free responses.
    repeated, unused
        Rows that a later one replaced; rows of free texts of which all are alike.
    """

    opinions: Opinions
    texts: Mapping[str, Voices]
    repeated: int = 0
    unused: int = 0

    def place(self, query: Query) -> int | None:
        """Find the column of a question; None where nobody was asked it."""
        names = {item.name: place for place, item in enumerate(self.opinions.items)}
        return names.get(query.name)

    def codes(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray, int]:
        """Read further responses to questions that are known: ids, codes and how many rows were not.

        Raises
        ------
        DataError
            As `read_responses`.
        """
        rows = _latest(_read(frame))[0]
        places = {item.name: place for place, item in enumerate(self.opinions.items)}
        ids = rows["person_id"].unique(maintain_order=True)
        order = {who: place for place, who in enumerate(ids)}
        codes = np.full((len(ids), len(places)), NONE, dtype=np.int16)
        strange = 0
        for who, query, response in _queries(rows):
            column = places.get(query.name)
            if column is None:
                strange += 1
            elif query.options:
                codes[order[who], column] = query.options.index(response)
            else:
                codes[order[who], column] = self.texts[query.name].codes([response])[0]
        return pl.DataFrame({"person_id": ids}), codes, strange


def read_responses(
    frame: pl.DataFrame, attributes: pl.DataFrame | None = None, *, embed: Embed = hashed, least: int = 1
) -> Responses:
    """Read who responded what.

    Parameters
    ----------
    frame
        A row a response; see this module.
    attributes
        A row a person: `person_id`, perhaps `weight`, and attributes under any names. People without a row
        have none. None where nothing is known of anybody.
    embed
        Of free responses.
    least
        Free responses that a candidate must stand for.

    Raises
    ------
    DataError
        If a column is missing or of another type, an id, text or response is missing, a response is none of
        its options, or there are no responses; with row and column.

    Examples
    --------
    >>> rows = pl.DataFrame({"person_id": ["ann", "bo", "ann"], "text": ["Raise the tax?"] * 3,
    ...                      "response": ["Yes", "No", "No"], "options": [["Yes", "No"]] * 3})
    >>> found = read_responses(rows)
    >>> found.opinions.answers.tolist(), found.repeated
    ([[1], [1]], 1)
    """
    rows, repeated = _latest(_read(frame))
    if not rows.height:
        raise DataError("there are no responses", fix=_FIX)
    listed = list(_queries(rows))
    asked = {query.name: query for _, query, _ in listed}
    said: dict[str, list[str]] = {}
    for _, query, response in listed:
        if not query.options:
            said.setdefault(query.name, []).append(response)
    texts = {
        name: found for name, some in said.items() if (found := voices(some, embed, least=least)) is not None
    }
    items = [
        Item(
            name=name,
            question=query.text,
            options=query.options or texts[name].texts,
            ordinal=query.ordinal,
        )
        for name, query in asked.items()
        if query.options or name in texts
    ]
    if not items:
        raise DataError("no two responses differ: there is nothing to predict", fix="give more responses")
    people = _people(rows["person_id"].unique(maintain_order=True), attributes)
    empty = np.full((people.height, len(items)), NONE, dtype=np.int16)
    bare = Responses(Opinions(people, tuple(items), empty), texts)
    there = pl.Series([query.name in {item.name for item in items} for _, query, _ in listed])
    codes = bare.codes(rows.filter(there))[1] if there.any() else empty
    order = {who: place for place, who in enumerate(people["person_id"])}
    ids = rows.filter(there)["person_id"].unique(maintain_order=True)
    answers = empty.copy()
    answers[[order[who] for who in ids]] = codes
    return Responses(Opinions(people, tuple(items), answers), texts, repeated, int((~there).sum()))


def _read(frame: pl.DataFrame) -> pl.DataFrame:
    """Check columns and cells.

    Raises
    ------
    DataError
        With row and column.
    """
    for name in ("person_id", "text", "response"):
        if name not in frame.columns:
            raise DataError("this column is missing", column=name, fix=_FIX)
        if frame[name].dtype != pl.String:
            raise DataError(f"it is {frame[name].dtype} and must be text", column=name, fix="cast it")
        empty = frame[name].is_null() | (frame[name].str.strip_chars() == "")
        if empty.any():
            row = int(empty.arg_true()[0])
            raise DataError("it is missing", row=row + 1, column=name, fix="leave out the row, or fill it")
    if "options" not in frame.columns:
        frame = frame.with_columns(options=pl.lit(None, dtype=pl.List(pl.String)))
    if frame["options"].dtype == pl.Null:
        frame = frame.with_columns(pl.col("options").cast(pl.List(pl.String)))
    if frame["options"].dtype != pl.List(pl.String):
        kind = frame["options"].dtype
        raise DataError(f"it is {kind} and must be a list of text", column="options", fix=_FIX)
    wrong = frame.select(
        pl.col("options").is_not_null()
        & ((pl.col("options").list.n_unique() < 2) | ~pl.col("options").list.contains(pl.col("response")))
    ).to_series()
    if wrong.any():
        row = int(wrong.arg_true()[0])
        said, options = frame["response"][row], frame["options"][row].to_list()
        what = f"{said!r} is none of the options {', '.join(map(repr, options)) or '(none)'}"
        raise DataError(
            what, row=row + 1, column="response", fix="give at least two options, that among them"
        )
    if "ordinal" not in frame.columns:
        frame = frame.with_columns(ordinal=pl.lit(False))
    keep = ["person_id", "text", "response", "options", "ordinal"]
    return frame.select(*keep, *(["time"] if "time" in frame.columns else []))


def _latest(rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Keep the latest response of a person to a question, in the order in which people came first."""
    numbered = rows.with_row_index("_row")
    by = ["time", "_row"] if "time" in rows.columns else ["_row"]
    last = numbered.sort(by, nulls_last=False).unique(["person_id", "text", "options"], keep="last")
    kept = last.sort("_row").drop("_row")
    return kept, rows.height - kept.height


def _queries(rows: pl.DataFrame) -> list[tuple[str, Query, str]]:
    """Give person, question and response of each row."""
    made: dict[tuple[str, tuple[str, ...]], Query] = {}
    found = []
    columns = rows.select("person_id", "text", "response", "options", "ordinal")
    for who, text, response, options, ordinal in columns.iter_rows():
        key = (text, tuple(options or ()))
        if key not in made:
            made[key] = Query(*key, ordinal=bool(ordinal))
        found.append((who, made[key], response))
    return found


def _people(ids: pl.Series, attributes: pl.DataFrame | None) -> pl.DataFrame:
    """Give people their attributes.

    Raises
    ------
    DataError
        If somebody's attributes are there twice.
    """
    people = pl.DataFrame({"person_id": ids})
    if attributes is not None:
        if "person_id" not in attributes.columns:
            raise DataError("attributes have no person_id", column="person_id", fix="add it")
        twice = attributes["person_id"].is_duplicated()
        if twice.any():
            row = int(twice.arg_true()[0])
            raise DataError("a person's attributes are there twice", row=row + 1, column="person_id")
        people = people.join(attributes, on="person_id", how="left", maintain_order="left")
    if "weight" not in people.columns:
        people = people.with_columns(weight=pl.lit(1.0))
    return people.with_columns(pl.col("weight").cast(pl.Float64).fill_null(1.0))
