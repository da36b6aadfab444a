"""Who read whose data: one line a read, in the transaction of the read.

`read_others` is the one way to another person's items: it applies their consent, refuses a neighbourhood that
is too small, and writes the lines. What a forgotten person read stays, without them; lines about them go.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import or_, select

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.consent import usable
from populace.memory.words import blocks, read_texts

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection, Select

    from populace.memory.store import Store, Writing

__all__ = ["Line", "audit_table", "lines_about", "note", "read_others"]

_NAMES = ("line", "time", "action", "purpose", "actor", "reader", "subject", "model", "items")


class Line(NamedTuple):
    """A line of the audit."""

    line: int
    time: float
    """Seconds since 1970, UTC."""
    action: str
    purpose: str
    actor: str
    """Who ran it; empty where they did not say."""
    reader: int | None
    """For whose prediction, as a number of the store; None: for nobody's, or somebody forgotten."""
    subject: int | None
    """Whose data."""
    model: int | None
    """The model that was fitted, where one was."""
    items: int
    """How many items."""


def note(
    writing: Writing,
    action: str,
    purpose: str,
    counts: Iterable[tuple[int | None, int]],
    *,
    actor: str = "",
    reader: int | None = None,
    model: int | None = None,
) -> None:
    """Write a line a subject.

    Parameters
    ----------
    action
        What was done: `retrieve`, `predict`, `fit`, `join`, `export`, `explain`, `forget`, `consent`.
    purpose
        What for.
    counts
        Whose data, and how many items of it.
    actor
        Who runs it.
    reader
        The number of the person whose prediction it is for.
    model
        The number of a model that was fitted on it.
    """
    counts = list(counts)
    if not counts:
        return
    by = writing.words.use({actor: len(counts)})[actor]
    first, now = writing.numbers("line", len(counts)), time.time()
    rows = [
        (line, now, action, purpose, by, reader, subject, model, items)
        for line, (subject, items) in enumerate(counts, first)
    ]
    writing.insert(t.audit, _NAMES, rows)


def read_others(
    writing: Writing,
    subjects: Sequence[int],
    purpose: str,
    *,
    action: str,
    reader: int | None,
    actor: str = "",
    but_text: int | None = None,
) -> list[Any]:
    """Read items of other people that may be used for this, and write down that they were read.

    Parameters
    ----------
    writing
        The transaction.
    subjects
        Numbers of people; the reader is left out.
    purpose, action, reader, actor
        As in `note`.
    but_text
        The number of a text whose responses are left out: the very question that is predicted.

    Returns
    -------
    list of rows
        `person, item, text, response, scale, topic, source, time` (numbers of texts), by person and item.
        None at all where fewer people than the store's `least_people` have any: then no line is written.
    """
    c = t.items.c
    columns = (c.person, c.item, c.text, c.response, c.scale, c.topic, c.source, c.time)
    found: list[Any] = []
    for block in blocks(sorted(set(subjects) - {reader})):
        wanted = select(*columns).where(c.person.in_(block), usable(c.consent, purpose, by_others=True))
        if but_text is not None:
            wanted = wanted.where(c.text != but_text)
        found += writing.connection.execute(wanted.order_by(c.person, c.item)).all()
    counts = Counter(row.person for row in found)
    if len(counts) < writing.least_people:
        return []
    note(writing, action, purpose, sorted(counts.items()), actor=actor, reader=reader)
    return found


def audit_table(store: Store, person_id: str | None = None) -> pl.DataFrame:
    """Give all lines, or those about one person, by time; who is meant is named.

    Raises
    ------
    DataError
        If there is nobody of this name.
    """
    import polars as pl

    from populace.memory.finding import names, person_of

    with store.read() as connection:
        if person_id is None:
            lines = _lines(connection, select(t.audit))
        else:
            person = person_of(connection, person_id)
            if person is None:
                raise DataError(f"nobody here is named {person_id}", file=store.name, column="person_id")
            lines = lines_about(connection, person)
        people = {one for line in lines for one in (line.reader, line.subject) if one is not None}
        ids = {
            one: name for block in blocks(sorted(people)) for one, name in names(connection, block).items()
        }
    schema = dict.fromkeys(("time", "action", "purpose", "actor", "for", "of", "model", "items"), pl.Int64)
    schema |= {"time": pl.Float64} | dict.fromkeys(("action", "purpose", "actor", "for", "of"), pl.String)
    rows = [
        (*line[1:5], ids.get(line.reader or 0), ids.get(line.subject or 0), line.model, line.items)
        for line in lines
    ]
    table = pl.DataFrame(rows, schema, orient="row")
    return table.with_columns((pl.col("time") * 1000).cast(pl.Datetime("ms", "UTC")))


def lines_about(connection: Connection, person: int) -> list[Line]:
    """Give the lines of reads of a person's data, those of models they were in among them, by time."""
    c = t.audit.c
    fitted = select(t.model_people.c.model).where(t.model_people.c.person == person)
    wanted = select(*(c[name] for name in _NAMES)).where(
        or_(c.subject == person, c.subject.is_(None) & c.model.in_(fitted))
    )
    return _lines(connection, wanted)


def _lines(connection: Connection, wanted: Select[Any]) -> list[Line]:
    rows = connection.execute(wanted.order_by(t.audit.c.line)).all()
    actors = read_texts(connection, {row.actor for row in rows})
    return [
        Line(
            line=row.line,
            time=row.time,
            action=row.action,
            purpose=row.purpose,
            actor=actors[row.actor],
            reader=row.reader,
            subject=row.subject,
            model=row.model,
            items=row.items,
        )
        for row in rows
    ]
