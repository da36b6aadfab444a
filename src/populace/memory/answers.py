"""Answers to questions with options that others may use, as a table to fit on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.consent import usable
from populace.memory.words import blocks, read_scale, read_texts
from populace.streams import stream

if TYPE_CHECKING:
    import polars as pl

    from populace.memory.store import Writing

__all__ = ["checked_same", "shared_answers"]

_FEWEST = 4
"""Answers of a person below which the person is left out."""


def shared_answers(
    writing: Writing, purpose: str, *, people: int, questions: int, least: int, seed: int
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

    Returns
    -------
    Columns `person` (their number), `person_id` (that number as text), `text`, `response`, `options`,
    `ordinal`, `item`; by person and item.

    Raises
    ------
    DataError
        If there are fewer people.
    """
    import polars as pl
    from sqlalchemy import select

    c, connection = t.items.c, writing.connection
    everybody = connection.execute(select(t.people.c.person).order_by(t.people.c.person)).scalars().all()
    drawn = stream(seed, "memory.answers").permutation(len(everybody))[: 2 * people]
    found: list[Any] = []
    for block in blocks(sorted(everybody[place] for place in drawn.tolist())):
        wanted = select(c.person, c.text, c.response, c.scale, c.item).where(
            c.person.in_(block), c.scale != 0, usable(c.consent, purpose, by_others=True)
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
            "options": [list(scales[row.scale][0]) for row in found],
            "ordinal": [scales[row.scale][1] for row in found],
            "item": [row.item for row in found],
        },
        schema_overrides={"options": pl.List(pl.String), "person": pl.Int64, "item": pl.Int64},
    ).sort("person", "item")
    key = ["text", "options"]
    frame = frame.unique(["person", *key], keep="last", maintain_order=True)
    asked = frame.group_by(key).len().filter(pl.col("len") >= least // 2)
    asked = asked.sort("len", "text", descending=[True, False]).head(questions)
    frame = frame.join(asked.select(key), on=key, how="semi", maintain_order="left")
    enough = frame.group_by("person").len().filter(pl.col("len") >= _FEWEST)["person"].sort()[:people]
    if len(enough) < least:
        raise DataError(
            f"{len(enough)} people share answers to questions with options that others answered too",
            fix=f"add answers of {least} people",
        )
    return frame.filter(pl.col("person").is_in(enough.implode()))


def checked_same(before: pl.DataFrame, now: pl.DataFrame, name: str) -> None:
    """Refuse to keep what was fitted on answers that are no longer there, or may no longer be used.

    Raises
    ------
    DataError
        If the answers are not what they were.
    """
    if not now.equals(before):
        raise DataError("answers changed while they were read", file=name, fix="call it again")
