"""What was fitted on people's items, and on whose: it goes with the first of them who goes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, select

from populace.memory import tables as t
from populace.memory.auditing import note
from populace.memory.consent import checked_purpose
from populace.memory.words import delete_blobs, put_blobs, read_blobs

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Writing

__all__ = ["Fit", "drop_fits", "keep_fit", "latest_fit"]


class Fit(NamedTuple):
    """A fitted model as it stands in a store."""

    model: int
    made: float
    """Seconds since 1970, UTC."""
    data: bytes


def keep_fit(
    writing: Writing,
    kind: str,
    purpose: str,
    people: Iterable[int],
    data: bytes,
    *,
    items: int,
    actor: str = "",
) -> int:
    """Write a fitted model down in place of the older ones of its kind and purpose, and who was in it.

    Parameters
    ----------
    writing
        The transaction; best the one that read the items, so that nobody goes in between.
    kind
        What was fitted, and how: at most 60 characters.
    purpose
        What the items were read for.
    people
        Numbers of all people whose items it was fitted on.
    data
        The model.
    items
        How many items, for the audit.

    Returns
    -------
    int
        Its number.
    """
    drop_fits(writing, kind, purpose)
    model = writing.numbers("model", 1)
    (blob,) = put_blobs(writing, [data])
    names = ("model", "kind", "purpose", "blob", "made")
    writing.insert(t.models, names, [(model, kind, checked_purpose(purpose), blob, time.time())])
    rows = [(person, model) for person in sorted(set(people))]
    writing.insert(t.model_people, ("person", "model"), rows)
    note(writing, "fit", purpose, [(None, items)], actor=actor, model=model)
    return model


def latest_fit(connection: Connection, kind: str, purpose: str) -> Fit | None:
    """Give the model of a kind and purpose; None where there is none, or somebody who was in it is gone."""
    c = t.models.c
    wanted = select(c.model, c.made, c.blob).where(c.kind == kind, c.purpose == purpose)
    row = connection.execute(wanted.order_by(c.model.desc()).limit(1)).first()
    return None if row is None else Fit(row.model, row.made, read_blobs(connection, [row.blob])[row.blob])


def drop_fits(writing: Writing, kind: str, purpose: str) -> None:
    """Delete the models of a kind and purpose; that they were fitted, and on whom, stays for the audit."""
    c, connection = t.models.c, writing.connection
    rows = connection.execute(select(c.model, c.blob).where(c.kind == kind, c.purpose == purpose)).all()
    delete_blobs(writing, [row.blob for row in rows])
    models = [row.model for row in rows]
    connection.execute(delete(t.models).where(c.model.in_(models)))
