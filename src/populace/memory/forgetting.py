"""Delete a person, or some items, with everything that rests on them; then their bytes.

The order is that of what rests on what: joins of others, models, caches, statements, items, texts. One
transaction deletes; then the write-ahead log is emptied (PostgreSQL: the tables are written anew), so that
the bytes are gone from the database's files too. A statement that rested on a deleted item among others goes
as a whole, since it says what the item said; the layer is made again from what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, or_, select, update

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.adding import people_named
from populace.memory.auditing import note
from populace.memory.comparing import let_go
from populace.memory.stating import reopen
from populace.memory.words import blocks, delete_blobs

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = [
    "PATIENCE",
    "Forgotten",
    "drop_derived",
    "drop_statements",
    "forget",
    "items_numbered",
    "overwrite",
    "owe",
]

PATIENCE = 10.0
"""Seconds that overwriting deleted bytes waits for readers."""


class Forgotten(NamedTuple):
    """What a deletion deleted."""

    items: int
    statements: int
    models: int
    texts: int
    """Texts that nobody else's data holds."""
    neighbours: int
    """Places in lists of neighbours, their own and others'."""
    overwritten: bool
    """Whether the bytes are gone too; if readers were in the way, the next deletion or opening does it."""


def forget(
    store: Store,
    person_id: str,
    rows: Iterable[int] | None = None,
    *,
    patience: float | None = PATIENCE,
    actor: str = "",
    purpose: str = "",
) -> Forgotten:
    """Delete a person, or the items of those numbers, and what was derived from them.

    Parameters
    ----------
    patience
        Seconds to wait for readers before the bytes are overwritten; None leaves that to a later call.

    Raises
    ------
    DataError
        If there is nobody of this name, or no such item of theirs: then nothing is deleted.
    """
    from populace.memory.joining import take_out

    with store.write() as writing:
        person = people_named(writing, [person_id]).get(person_id)
        if person is None:
            raise DataError(f"nobody here is named {person_id}", file=store.name, column="person_id")
        items = items_numbered(writing, person, rows, store.name)
        numbers = [row.item for row in items]
        counts = drop_derived(writing, person, None if rows is None else numbers)
        uses: Counter[int] = Counter()
        for row in items:
            uses.update((row.text, row.response, row.scale, row.topic, row.source))
        _delete_items(writing, person, None if rows is None else numbers)
        if rows is None:
            _delete_person(writing, person, person_id, uses)
            if actor == person_id:  # who deletes themselves is gone from that line too
                actor = ""
        uses += counts.uses
        gone = writing.words.release(uses)
        let_go(store, writing, uses)
        note(writing, "forget", purpose, [(None if rows is None else person, len(items))], actor=actor)
        owe(writing)
    take_out(store, person)
    overwritten = patience is not None and overwrite(store, patience)
    return Forgotten(len(items), counts.statements, counts.models, gone, counts.neighbours, overwritten)


class _Dropped(NamedTuple):
    statements: int
    models: int
    neighbours: int
    uses: Counter[int]
    """Of texts, which are still to be released."""


def drop_derived(writing: Writing, person: int, items: Sequence[int] | None) -> _Dropped:
    """Delete what rests on a person's items; `items` None: on the person.

    Caches, lists of neighbours and models rest on all items of a person, so they go even for one.
    """
    connection, uses = writing.connection, Counter[int]()
    joined = or_(t.neighbours.c.person == person, t.neighbours.c.other == person)
    neighbours = connection.execute(delete(t.neighbours).where(joined)).rowcount
    models = _drop_models(writing, person)
    _drop_made(writing, [person], uses)
    statements = _drop_statements(writing, person, items, uses)
    return _Dropped(statements, models, neighbours, uses)


def _drop_made(writing: Writing, people: Sequence[int], uses: Counter[int]) -> None:
    """Delete the caches of people, the neighbours found by them, and how far their layers were made."""
    connection = writing.connection
    mine = t.caches.c.person.in_(people)
    caches = connection.execute(select(t.caches.c.text, t.caches.c.blob).where(mine)).all()
    uses.update(row.text for row in caches)
    delete_blobs(writing, (row.blob for row in caches))
    connection.execute(delete(t.caches).where(mine))
    connection.execute(delete(t.neighbours).where(t.neighbours.c.person.in_(people)))
    made = t.progress.c.person.in_(people)
    uses.update(connection.execute(select(t.progress.c.recipe).where(made)).scalars())
    connection.execute(delete(t.progress).where(made))


def _drop_models(writing: Writing, person: int) -> int:
    connection = writing.connection
    fitted = select(t.model_people.c.model).where(t.model_people.c.person == person)
    there = select(t.models.c.model).where(t.models.c.model.in_(fitted))
    models = connection.execute(there).scalars().all()
    if models:
        blobs = connection.execute(select(t.models.c.blob).where(t.models.c.model.in_(models)))
        delete_blobs(writing, blobs.scalars().all())
        connection.execute(delete(t.models).where(t.models.c.model.in_(models)))
    return len(models)


def _drop_statements(writing: Writing, person: int, items: Sequence[int] | None, uses: Counter[int]) -> int:
    """Delete statements that rest on items, whoever they are about, and count what they point at."""
    connection, sources = writing.connection, t.statement_sources
    found: set[int] = set()
    if items is None:
        about = select(t.statements.c.statement).where(t.statements.c.person == person)
        found.update(connection.execute(about).scalars())
        resting = select(sources.c.statement).where(sources.c.person == person)
        found.update(connection.execute(resting).scalars())
    else:
        for block in blocks(items):
            resting = select(sources.c.statement).where(sources.c.person == person, sources.c.item.in_(block))
            found.update(connection.execute(resting).scalars())
    drop_statements(writing, sorted(found), uses)
    return len(found)


def drop_statements(writing: Writing, numbers: Sequence[int], uses: Counter[int]) -> None:
    """Delete statements, and what was made of them; count the texts they pointed at."""
    connection, c = writing.connection, t.statements.c
    for block in blocks(numbers):
        rows = connection.execute(select(t.statements).where(c.statement.in_(block))).all()
        for row in rows:
            uses.update((row.text, row.model, row.prompt))
        connection.execute(delete(t.statement_sources).where(t.statement_sources.c.statement.in_(block)))
        connection.execute(delete(t.statements).where(c.statement.in_(block)))
        _drop_made(writing, sorted({row.person for row in rows}), uses)
        for person, layer in sorted({(row.person, row.layer) for row in rows}):
            reopen(writing, person, layer)


def items_numbered(writing: Writing, person: int, rows: Iterable[int] | None, name: str) -> Sequence[Any]:
    """Give items of a person by number, all of them for None."""
    wanted = select(t.items).where(t.items.c.person == person)
    if rows is None:
        return writing.connection.execute(wanted).all()
    asked, found = _numbers(rows, name), []
    for block in blocks([number for number in asked if abs(number) < 1 << 63]):
        found += writing.connection.execute(wanted.where(t.items.c.item.in_(block))).all()
    missing = set(asked) - {row.item for row in found}
    if missing:
        raise DataError(
            f"no item {min(missing)} of this person",
            file=name,
            fix="take the numbers that `add` or `items` gave; nothing is deleted yet",
        )
    return found


def _numbers(rows: Iterable[int], name: str) -> list[int]:
    """Read numbers of items; a deletion cannot be taken back, so that nothing odd is taken for one."""
    fix = "give a list of the numbers that `add` or `items` gave; nothing is done yet"
    if not isinstance(rows, Iterable):
        raise DataError(f"{rows!r} are no numbers of items", file=name, fix=fix)
    found: set[int] = set()
    for each in rows:
        if isinstance(each, bool) or not hasattr(each, "__index__"):
            raise DataError(f"{each!r} is no number of an item", file=name, fix=fix)
        found.add(int(each))
    return sorted(found)


def _delete_items(writing: Writing, person: int, items: Sequence[int] | None) -> None:
    whose = delete(t.items).where(t.items.c.person == person)
    if items is None:
        writing.connection.execute(whose)
        return
    for block in blocks(items):
        writing.connection.execute(whose.where(t.items.c.item.in_(block)))


def _delete_person(writing: Writing, person: int, person_id: str, uses: Counter[int]) -> None:
    """Delete who they are, and the lines about them; what was read for them stays, without them."""
    connection = writing.connection
    for row in connection.execute(select(t.attributes).where(t.attributes.c.person == person)):
        uses.update((row.name, row.value))
    connection.execute(delete(t.attributes).where(t.attributes.c.person == person))
    connection.execute(delete(t.model_people).where(t.model_people.c.person == person))
    uses.update(connection.execute(select(t.audit.c.actor).where(t.audit.c.subject == person)).scalars())
    connection.execute(delete(t.audit).where(t.audit.c.subject == person))
    connection.execute(update(t.audit).where(t.audit.c.reader == person).values(reader=None))
    name = connection.execute(select(t.people.c.name).where(t.people.c.person == person)).scalar_one()
    uses[name] += 1
    found = writing.fetch(
        "SELECT uses FROM memory_text_index WHERE hash = ? AND text = ?",
        [writing.words.hash(person_id), name],
    )
    if found[0][0] > uses[name]:  # the name stands elsewhere too: perhaps they ran something themselves
        uses[name] += connection.execute(
            update(t.audit).where(t.audit.c.actor == name).values(actor=0)
        ).rowcount
    connection.execute(delete(t.people).where(t.people.c.person == person))


def owe(writing: Writing) -> None:
    """Remember, with what is deleted, that its bytes are still to be overwritten."""
    writing.connection.execute(update(t.settings).values(owed=t.settings.c.owed + 1))


def overwrite(store: Store, patience: float = PATIENCE) -> bool:
    """Have bytes of what was deleted overwritten, if still owed; False if readers were in the way."""
    owed = store.setting("owed")
    if not owed:
        return True
    from populace.memory.scrubbing import scrub, settle

    if not scrub(store, patience):
        return False
    settle(store, owed)
    return True
