"""All that is here about a person, for them: as JSON, encrypted under a password, or explained in words.

It holds what they said and what was derived of it, by which model, from which items, and who read it. Other
people stay nameless in it: of neighbours it says how many, of readers when and what for.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import msgspec

from populace.errors import DataError
from populace.memory.words import read_blobs, read_texts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Store

__all__ = ["Explanation", "explain", "export"]


class Explanation(msgspec.Struct, frozen=True):
    """What is known of a person; `str()` says it in words."""

    person_id: str
    told: dict[str, Any]
    """As `export` gives it."""

    def __str__(self) -> str:
        from populace.memory.telling import in_words

        return in_words(self.told)


def export(store: Store, person_id: str, *, purpose: str = "", actor: str = "") -> dict[str, Any]:
    """Gather everything about a person, whatever it may be used for, and write down that it was given out.

    Raises
    ------
    DataError
        If there is nobody of this name.
    """
    return _gathered(store, person_id, "export", purpose, actor)


def explain(store: Store, person_id: str, *, purpose: str = "", actor: str = "") -> Explanation:
    """Gather the same, to be read by a person.

    Raises
    ------
    DataError
        If there is nobody of this name.
    """
    return Explanation(person_id, _gathered(store, person_id, "explain", purpose, actor))


def _gathered(store: Store, person_id: str, action: str, purpose: str, actor: str) -> dict[str, Any]:
    from populace.memory.adding import people_named
    from populace.memory.auditing import note

    with store.write() as writing:
        person = people_named(writing, [person_id]).get(person_id)
        if person is None:
            raise DataError(f"nobody here is named {person_id}", file=store.name, column="person_id")
        told = {"person_id": person_id, **_told(writing.connection, person)}
        note(writing, action, purpose, [(person, len(told["items"]))], actor=actor)
    return told


def _told(connection: Connection, person: int) -> dict[str, Any]:
    from populace.memory.auditing import lines_about
    from populace.memory.finding import items_of

    items = [
        {
            "item_id": each.item_id,
            **msgspec.to_builtins(each.item),
            "options": list(each.item.options),
            "purposes": list(each.consent.purposes),
            "share": each.consent.share,
        }
        for each in items_of(connection, person, None)
    ]
    reads = [
        {
            "time": line.time,
            "action": line.action,
            "purpose": line.purpose,
            "actor": line.actor,
            "for_another_person": line.reader is not None and line.reader != person,
            "model": line.model,
            "items": line.items,
        }
        for line in lines_about(connection, person)
    ]
    return {
        "attributes": _attributes(connection, person),
        "items": items,
        "statements": _statements(connection, person),
        "caches": _caches(connection, person),
        "neighbours": _neighbours(connection, person),
        "models": _models(connection, person),
        "reads": reads,
    }


def _attributes(connection: Connection, person: int) -> list[dict[str, Any]]:
    from sqlalchemy import select

    from populace.memory import tables as t
    from populace.memory.consent import consents

    rows = connection.execute(select(t.attributes).where(t.attributes.c.person == person)).all()
    texts = read_texts(connection, {number for row in rows for number in (row.name, row.value)})
    told = consents(connection)
    found = [
        {
            "name": texts[row.name],
            "value": texts[row.value],
            "purposes": list(told[row.consent].purposes),
            "share": told[row.consent].share,
        }
        for row in rows
    ]
    return sorted(found, key=lambda each: each["name"])


def _statements(connection: Connection, person: int) -> list[dict[str, Any]]:
    """Give the statements about a person, each with its items (others' items without a number)."""
    from sqlalchemy import select

    from populace.memory import tables as t

    wanted = select(t.statements).where(t.statements.c.person == person)
    rows = connection.execute(wanted.order_by(t.statements.c.statement)).all()
    texts = read_texts(connection, {number for row in rows for number in (row.text, row.model, row.prompt)})
    sources: dict[int, list[int]] = {row.statement: [] for row in rows}
    others = dict.fromkeys(sources, 0)
    c = t.statement_sources.c
    mine = select(t.statements.c.statement).where(t.statements.c.person == person)
    found = select(c.statement, c.person, c.item).where(c.statement.in_(mine))
    for statement, whose, item in connection.execute(found.order_by(c.statement, c.item)):
        if whose == person:
            sources[statement].append(item)
        else:
            others[statement] += 1
    return [
        {
            "layer": row.layer,
            "field": row.field,
            "text": texts[row.text],
            "items": sources[row.statement],
            "items_of_others": others[row.statement],
            "model": texts[row.model],
            "prompt": texts[row.prompt],
            "confidence": row.confidence,
            "made": row.made,
            "until": row.until,
        }
        for row in rows
    ]


def _caches(connection: Connection, person: int) -> list[dict[str, Any]]:
    from sqlalchemy import select

    from populace.memory import tables as t

    rows = connection.execute(select(t.caches).where(t.caches.c.person == person)).all()
    texts = read_texts(connection, {row.text for row in rows})
    blobs = read_blobs(connection, {row.blob for row in rows if row.blob is not None})
    return [
        {
            "kind": row.kind,
            "text": texts[row.text],
            "vector_base64": base64.b64encode(blobs.get(row.blob, b"")).decode(),
            "made": row.made,
        }
        for row in sorted(rows, key=lambda row: row.kind)
    ]


def _neighbours(connection: Connection, person: int) -> list[dict[str, Any]]:
    """Say how many neighbours there are, and in how many people's lists this person stands."""
    from sqlalchemy import func, select

    from populace.memory.tables import neighbours

    c = neighbours.c
    told: dict[str, dict[str, Any]] = {}
    for name, whose in (("neighbours", c.person), ("in_lists_of", c.other)):
        for way, count in connection.execute(
            select(c.way, func.count()).where(whose == person).group_by(c.way)
        ):
            told.setdefault(way, {"way": way, "neighbours": 0, "in_lists_of": 0})[name] = count
    return [told[way] for way in sorted(told)]


def _models(connection: Connection, person: int) -> list[dict[str, Any]]:
    from sqlalchemy import select

    from populace.memory import tables as t

    fitted = select(t.model_people.c.model).where(t.model_people.c.person == person)
    c = t.models.c
    wanted = select(c.model, c.kind, c.purpose, c.made).where(c.model.in_(fitted)).order_by(c.model)
    return [dict(row) for row in connection.execute(wanted).mappings()]
