"""Find people and what is theirs, inside a transaction that reads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from populace.memory import tables as t
from populace.memory.consent import consents, usable
from populace.memory.item import Item, Kept
from populace.memory.words import keyed_hash, read_scale, read_texts

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["attributes_of", "items_of", "kept", "names", "person_of", "text_numbers"]


def text_numbers(connection: Connection, bodies: Iterable[str]) -> dict[str, int]:
    """Give the numbers of those texts that are here; the empty one is 0."""
    key = connection.execute(select(t.settings.c.key)).scalar_one()
    asked = {body for body in bodies if body}
    hashes = sorted({keyed_hash(key, body) for body in asked})
    joined = t.text_index.join(t.texts, t.texts.c.text == t.text_index.c.text)
    wanted = select(t.texts.c.text, t.texts.c.body).select_from(joined)
    rows = connection.execute(wanted.where(t.text_index.c.hash.in_(hashes)))
    return {body: text for text, body in rows if body in asked} | {"": 0}


def person_of(connection: Connection, person_id: str) -> int | None:
    """Give the number of a person; None if there is nobody of this name."""
    text = text_numbers(connection, [person_id]).get(person_id)
    return connection.execute(select(t.people.c.person).where(t.people.c.name == text)).scalar()


def names(connection: Connection, people: Iterable[int] | None = None) -> dict[int, str]:
    """Give ids by number, in the order people came; of all people if none are named."""
    joined = t.people.join(t.texts, t.texts.c.text == t.people.c.name)
    wanted = select(t.people.c.person, t.texts.c.body).select_from(joined).order_by(t.people.c.person)
    if people is not None:
        wanted = wanted.where(t.people.c.person.in_(sorted(set(people))))
    return {row.person: row.body for row in connection.execute(wanted)}


def items_of(connection: Connection, person: int, purpose: str | None) -> list[Kept]:
    """Give a person's items that may be used for a purpose (None: all of them), in the order they came."""
    wanted = select(t.items).where(t.items.c.person == person)
    if purpose is not None:
        wanted = wanted.where(usable(t.items.c.consent, purpose))
    return kept(connection, connection.execute(wanted.order_by(t.items.c.item)).all())


def kept(connection: Connection, rows: Iterable[Any]) -> list[Kept]:
    """Turn whole rows of `items` into items with their texts."""
    rows = list(rows)
    used = {number for row in rows for number in (row.text, row.response, row.scale, row.topic, row.source)}
    texts = read_texts(connection, used)
    scales = {number: read_scale(texts[number]) for number in {row.scale for row in rows}}
    ids, told = names(connection, {row.person for row in rows}), consents(connection)
    found = []
    for row in rows:
        options, ordinal = scales[row.scale]
        item = Item(
            text=texts[row.text],
            response=texts[row.response],
            options=options,
            ordinal=ordinal,
            topic=texts[row.topic],
            time=row.time,
            source=texts[row.source],
        )
        found.append(Kept(row.item, ids[row.person], item, told[row.consent]))
    return found


def attributes_of(connection: Connection, person: int, purpose: str | None) -> dict[str, str]:
    """Give a person's attributes that may be used for a purpose (None: all of them), by name."""
    c = t.attributes.c
    wanted = select(c.name, c.value).where(c.person == person)
    if purpose is not None:
        wanted = wanted.where(usable(c.consent, purpose))
    rows = connection.execute(wanted).all()
    texts = read_texts(connection, {number for row in rows for number in row})
    return dict(sorted((texts[row.name], texts[row.value]) for row in rows))
