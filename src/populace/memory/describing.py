"""Attributes of people, and what a person's data may be used for from now on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.adding import people_for, people_named
from populace.memory.auditing import note
from populace.memory.consent import Consent
from populace.memory.forgetting import drop_derived, items_numbered, overwrite, owe
from populace.memory.item import checked_text
from populace.memory.redacting import by_patterns
from populace.memory.words import blocks

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["allow", "describe"]


def describe(
    store: Store,
    person_id: str,
    attributes: Mapping[str, str | None],
    consent: Consent,
    *,
    redact: bool = False,
) -> None:
    """Set attributes of a person; None takes one back. Lists of neighbours they are in are made again.

    `redact` takes out of values what has a plain form (`redacting.by_patterns`), and no names or places: what
    is known of a region would be lost.
    """
    for name, value in attributes.items():
        if not checked_text(name, "attributes"):
            raise DataError("an attribute without a name", column="attributes", fix="name it")
        if value is not None:
            checked_text(value, name)
    if redact:
        attributes = {name: value and by_patterns(value) for name, value in attributes.items()}
    with store.write() as writing:
        person = people_for(writing, [person_id])[person_id]
        _take_back(writing, person, attributes)
        kept = {name: value for name, value in attributes.items() if value}
        numbers = writing.words.use(Counter([*kept, *kept.values()]))
        number = writing.consent_number(consent)
        rows = [(person, numbers[name], numbers[value], number) for name, value in kept.items()]
        writing.insert(t.attributes, ("person", "name", "value", "consent"), sorted(rows))
    if store.is_sqlite:  # PostgreSQL would write its tables anew
        overwrite(store, 0.0)


def _take_back(writing: Writing, person: int, names: Iterable[str]) -> None:
    """Delete attributes by name, and what may have been found by them."""
    known = list(writing.words.find(names).values())
    c = t.attributes.c
    mine = (c.person == person) & c.name.in_(known)
    uses: Counter[int] = Counter()
    for row in writing.connection.execute(select(c.name, c.value).where(mine)):
        uses.update((row.name, row.value))
    if not uses:
        return
    writing.connection.execute(delete(t.attributes).where(mine))
    uses += drop_derived(writing, person, ()).uses
    writing.words.release(uses)
    owe(writing)


def allow(
    store: Store,
    person_id: str,
    consent: Consent,
    rows: Iterable[int] | None = None,
    *,
    actor: str = "",
) -> int:
    """Set what a person's items may be used for; what was made under the old consent goes."""
    with store.write() as writing:
        person = people_named(writing, [person_id]).get(person_id)
        if person is None:
            raise DataError(f"nobody here is named {person_id}", file=store.name, column="person_id")
        items = [row.item for row in items_numbered(writing, person, rows, store.name)]
        number, connection = writing.consent_number(consent), writing.connection
        changed = update(t.items).where(t.items.c.person == person).values(consent=number)
        if rows is None:
            connection.execute(changed)
            mine = t.attributes.c.person == person
            connection.execute(update(t.attributes).where(mine).values(consent=number))
        else:
            for block in blocks(items):
                connection.execute(changed.where(t.items.c.item.in_(block)))
        writing.words.release(drop_derived(writing, person, None if rows is None else items).uses)
        owe(writing)
        note(writing, "consent", ", ".join(consent.purposes)[:60], [(person, len(items))], actor=actor)
    from populace.memory.joining import take_out

    take_out(store, person)
    if store.is_sqlite:  # PostgreSQL would write its tables anew
        overwrite(store, 0.0)
    return len(items)
