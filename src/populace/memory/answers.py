"""Responses and attributes that others may use, as tables to fit on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.consent import usable
from populace.memory.item import order_said
from populace.memory.words import blocks, read_scale, read_texts
from populace.streams import stream

if TYPE_CHECKING:
    import polars as pl

    from populace.memory.store import Writing

__all__ = ["PREFIX", "Shared", "TooFewError", "checked_there", "shared_answers", "shared_attributes"]

_FEWEST = 4
"""Answers of a person below which the person is left out."""
PREFIX = "attribute "
"""Of the columns of attributes: one may be called `weight`."""


class TooFewError(DataError):
    """Too few people share answers."""


class Shared(NamedTuple):
    """What others may use."""

    answers: pl.DataFrame
    attributes: pl.DataFrame


def shared_answers(
    writing: Writing,
    purpose: str,
    *,
    people: int,
    questions: int,
    least: int,
    seed: int,
    words: bool = False,
) -> pl.DataFrame:
    """Read the latest answers of people drawn to the questions that most of them answered.

    Parameters
    ----------
    people, questions
        At most.
    least
        People there must be; a question must have been answered by half of them.
    seed
        Of the people drawn.
    words
        Whether responses to questions without options are read too: people's own words.

    Returns
    -------
    Columns `person` (their number), `person_id` (that number as text), `text`, `response`, `options` (null
    for own words), `ordinal`, `item`; by person and item.

    Raises
    ------
    TooFewError
        If there are fewer people.
    """
    import polars as pl
    from sqlalchemy import select

    c, connection = t.items.c, writing.connection
    everybody = connection.execute(select(t.people.c.person).order_by(t.people.c.person)).scalars().all()
    drawn = stream(seed, "memory.answers").permutation(len(everybody))[: 2 * people]
    found: list[Any] = []
    kind = (c.text != 0) & (c.response != 0) if words else c.scale != 0
    for block in blocks(sorted(everybody[place] for place in drawn.tolist())):
        wanted = select(c.person, c.text, c.response, c.scale, c.item, c.time).where(
            c.person.in_(block), kind, usable(c.consent, purpose, by_others=True)
        )
        found += connection.execute(wanted).all()
    texts = read_texts(connection, {each for row in found for each in (row.text, row.response, row.scale)})
    scales = {number: read_scale(texts[number]) for number in {row.scale for row in found}}
    frame = pl.DataFrame(
        {
            "person": [row.person for row in found],
            "person_id": [str(row.person) for row in found],
            "text": [texts[row.text] for row in found],
            "response": [texts[row.response] for row in found],
            "options": [list(scales[row.scale][0]) or None for row in found],
            "ordinal": [scales[row.scale][1] for row in found],
            "item": [row.item for row in found],
            "said": [order_said(row.time, row.item)[0] for row in found],
        },
        schema_overrides={
            "options": pl.List(pl.String),
            "person": pl.Int64,
            "item": pl.Int64,
            "said": pl.Float64,
        },
    ).sort("person", "said", "item")
    key = ["text", "options"]
    frame = frame.unique(["person", *key], keep="last", maintain_order=True).sort("person", "item")
    frame = frame.drop("said")
    asked = frame.group_by(key).len().filter(pl.col("len") >= least // 2)
    asked = asked.sort("len", "text", descending=[True, False]).head(questions)
    frame = frame.join(asked.select(key), on=key, how="semi", maintain_order="left", nulls_equal=True)
    enough = frame.group_by("person").len().filter(pl.col("len") >= _FEWEST)["person"].sort()[:people]
    if len(enough) < least:
        raise TooFewError(
            f"{len(enough)} people share answers to questions with options that others answered too",
            fix=f"add answers of {least} people",
        )
    return frame.filter(pl.col("person").is_in(enough.implode()))


def shared_attributes(writing: Writing, purpose: str, people: Sequence[int]) -> pl.DataFrame:
    """Read attributes of people; a value of fewer people than the store's `least_people` is none.

    Returns
    -------
    `person_id`, then a column an attribute: a number where all values are numbers.
    """
    import polars as pl

    columns = _attributes(writing, purpose, people)
    ids = sorted({str(person) for person in people})
    told: dict[str, Any] = {"person_id": ids}
    for name, values in sorted(columns.items()):
        column = pl.Series([values.get(who) for who in ids], dtype=pl.String)
        numbers = column.cast(pl.Float64, strict=False)
        if numbers.null_count() == column.null_count() and bool(numbers.is_finite().all()):
            kept = numbers if len(values) >= writing.least_people else None
        else:
            counts = column.value_counts().filter(pl.col("count") >= writing.least_people)
            common = counts[column.name].drop_nulls()
            kept = pl.select(pl.when(column.is_in(common.implode())).then(column)).to_series()
        if kept is not None and kept.null_count() < len(kept):
            told[f"{PREFIX}{name}"] = kept
    return pl.DataFrame(told, schema_overrides={"person_id": pl.String})


def _attributes(writing: Writing, purpose: str, people: Sequence[int]) -> dict[str, dict[str, str]]:
    """Give what others may use: attribute -> number of a person, as text -> value."""
    from sqlalchemy import select

    c = t.attributes.c
    rows: list[Any] = []
    for block in blocks(sorted(set(people))):
        wanted = select(c.person, c.name, c.value).where(
            c.person.in_(block), usable(c.consent, purpose, by_others=True)
        )
        rows += writing.connection.execute(wanted).all()
    texts = read_texts(writing.connection, {number for row in rows for number in (row.name, row.value)})
    columns: dict[str, dict[str, str]] = {}
    for row in rows:
        columns.setdefault(texts[row.name], {})[str(row.person)] = texts[row.value]
    return columns


def checked_there(
    writing: Writing, purpose: str, name: str, answers: pl.DataFrame, attributes: pl.DataFrame | None = None
) -> None:
    """Refuse to keep what was fitted on something that is no longer there, or may no longer be used.

    What came meanwhile, of them or of others, does not matter.

    Raises
    ------
    DataError
        If an answer or an attribute that was read is gone, changed, or no longer shared.
    """
    from sqlalchemy import select

    c, people = t.items.c, answers["person"].unique().sort().to_list()
    there: set[tuple[int, int]] = set()
    for block in blocks(people):
        wanted = select(c.person, c.item).where(
            c.person.in_(block), usable(c.consent, purpose, by_others=True)
        )
        there.update((row.person, row.item) for row in writing.connection.execute(wanted))
    same = there.issuperset(answers.select("person", "item").iter_rows())
    if same and attributes is not None and attributes.width > 1:
        now = _attributes(writing, purpose, people)
        for column in attributes.columns[1:]:
            values, told = now.get(column.removeprefix(PREFIX), {}), attributes[column]
            numbers = told.dtype.is_numeric()
            same = same and all(
                who in values and (float(values[who]) == value if numbers else values[who] == value)
                for who, value in zip(attributes["person_id"], told, strict=True)
                if value is not None
            )
    if not same:
        raise DataError(
            "what was read meanwhile went, or is no longer shared", file=name, fix="call it again"
        )
