"""Who read whose data: one line a read, in the transaction of the read.

There are four ways to what others said, each under the mask of their consent: `candidates` for a
retrieval and `counting` for a noisy count, with a line for each who is read, and from no neighbourhood that
is too small; `answers` for what is fitted on many, with one line for the fit and who was in it; and a model
that derives or predicts, with a line for whom it is told of. What a forgotten person read stays, without
them; lines about them go.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import or_, select

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.words import blocks, read_texts

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection, Select

    from populace.memory.store import Store, Writing

__all__ = ["Line", "audit_table", "lines_about", "note"]

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
        What was done: `retrieve`, `count EPSILON`, `fit`, `distill by model`, `induce by model`, `predict by
        model`, `weigh by model`, `export`, `explain`, `forget`, `consent`.
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
