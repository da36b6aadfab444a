"""Whether a store is whole: numbers point at something, texts are counted right, nothing is left over."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, union_all

from populace.memory import tables as t
from populace.memory.words import keyed_hash

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from populace.memory.store import Store

__all__ = ["TEXT_COLUMNS", "check"]

TEXT_COLUMNS: tuple[ColumnElement[int], ...] = (
    t.people.c.name,
    t.attributes.c.name,
    t.attributes.c.value,
    t.items.c.text,
    t.items.c.response,
    t.items.c.scale,
    t.items.c.topic,
    t.items.c.source,
    t.statements.c.text,
    t.statements.c.model,
    t.statements.c.prompt,
    t.progress.c.recipe,
    t.caches.c.text,
    t.audit.c.actor,
)
"""All columns that hold the number of a text and are counted in `text_index.uses`."""
_BLOB_COLUMNS = (t.caches.c.blob, t.models.c.blob)


def check(store: Store) -> list[str]:
    """Look for what no action may leave behind; reads the whole store.

    Returns
    -------
    list of str
        What is wrong, one line each; empty where the store is whole.
    """
    with store.read() as connection:
        return [*_texts(connection), *_blobs(connection), *_owners(connection), *_pages(store, connection)]


def _texts(connection: Connection) -> list[str]:
    used = union_all(*(select(column.label("text")) for column in TEXT_COLUMNS)).subquery()
    rows = connection.execute(select(used.c.text, func.count()).where(used.c.text != 0).group_by(used.c.text))
    counts = Counter({row[0]: row[1] for row in rows})
    index = t.text_index.c
    counted = {row.text: (row.hash, row.uses) for row in connection.execute(select(t.text_index))}
    key = connection.execute(select(t.settings.c.key)).scalar_one()
    wrong = [
        f"text {text} is used {counts[text]} times, and {counted.get(text, (0, 0))[1]} are counted"
        for text in sorted(counts | dict.fromkeys(counted, 1))
        if counts[text] != counted.get(text, (0, 0))[1]
    ]
    for text, body in connection.execute(select(t.texts.c.text, t.texts.c.body)):
        known = counted.pop(text, None)
        if known is None and body:
            wrong.append(f"text {text} is still here, and nothing uses it")
        elif known is not None and known[0] != keyed_hash(key, body):
            wrong.append(f"text {text} is not what its hash says")
    wrong += [f"text {text} is missing" for text in sorted(counted)]
    twice = select(index.text).group_by(index.text).having(func.count() > 1)
    return wrong + [f"text {text} stands twice in the index" for text in connection.execute(twice).scalars()]


def _blobs(connection: Connection) -> list[str]:
    owned = union_all(*(select(column.label("blob")) for column in _BLOB_COLUMNS)).subquery()
    rows = connection.execute(select(owned.c.blob).where(owned.c.blob.is_not(None))).scalars()
    counts = Counter(rows)
    size = func.length(t.blobs.c.data)
    here = {row[0]: row[1] for row in connection.execute(select(t.blobs.c.blob, size))}
    wrong = [f"blob {blob} has {count} owners" for blob, count in sorted(counts.items()) if count > 1]
    wrong += [f"blob {blob} is missing" for blob in sorted(counts.keys() - here.keys())]
    left = sorted(blob for blob, length in here.items() if length and blob not in counts)
    return wrong + [f"blob {blob} is still here, and nothing uses it" for blob in left]


def _owners(connection: Connection) -> list[str]:
    """Find rows about people, items, statements, models and texts that are not here."""
    people, statements = select(t.people.c.person), select(t.statements.c.statement)
    pairs: list[tuple[str, Any, Any]] = [
        ("items of nobody", t.items.c.person, people),
        ("attributes of nobody", t.attributes.c.person, people),
        ("statements about nobody", t.statements.c.person, people),
        ("sources of no statement", t.statement_sources.c.statement, statements),
        ("sources of nobody", t.statement_sources.c.person, people),
        ("progress of nobody", t.progress.c.person, people),
        ("caches of nobody", t.caches.c.person, people),
        ("neighbours of nobody", t.neighbours.c.person, people),
        ("neighbours who are nobody", t.neighbours.c.other, people),
        ("models of nobody", t.model_people.c.person, people),
        (
            "people of no fit",
            t.model_people.c.model,
            select(t.audit.c.model).where(t.audit.c.model.is_not(None)),
        ),
        ("models of no fit", t.models.c.model, select(t.model_people.c.model)),
        ("lines about nobody", t.audit.c.subject, people),
        ("lines for nobody", t.audit.c.reader, people),
    ]
    wrong = []
    for what, column, owners in pairs:
        rows = select(func.count()).where(column.is_not(None), column.not_in(owners))
        count = connection.execute(rows).scalar_one()
        if count:
            wrong.append(f"{what}: {count}")
    c, i = t.statement_sources.c, t.items.c
    there = select(i.item).where(i.person == c.person, i.item == c.item).exists()
    gone = connection.execute(
        select(func.count()).select_from(t.statement_sources).where(~there)
    ).scalar_one()
    return [*wrong, f"statements that rest on no item: {gone}"] if gone else wrong


def _pages(store: Store, connection: Connection) -> list[str]:
    """Ask SQLite whether its file is sound."""
    if not store.is_sqlite:
        return []
    found = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
    return [] if found == ["ok"] else [f"the file: {line}" for line in found]
