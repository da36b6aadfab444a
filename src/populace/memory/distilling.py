"""Distil: History becomes statements of the layer *distilled*, by rules or by any model through the engine.

Only items that were not read yet are read. A statement of a model rests on all items that the model was
told with it, not only on those it would name: what it says may come from any of them, and goes with any of
them. So few items are told at a time. An answer that cannot be read is kept in the layer `unreadable`,
resting on the same items, and counted; a call that failed is made again by the next `distill`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from populace.memory import tables as t
from populace.memory.asking_models import Batch, answered, read_answer, recipe_of
from populace.memory.finding import items_of
from populace.memory.item import Kept
from populace.memory.layers import DISTILLED, FAILED, Draft, write_drafts
from populace.memory.rules import read_items
from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Store, Writing
    from populace.models.protocol import Provider

__all__ = ["RULES", "Derived", "distill", "progress", "stale", "step"]

RULES = "rules-1"
_CHUNK = 200
_MODEL_CHUNK = 32
_LAYER = "distilled"


class Derived(NamedTuple):
    """What a call derived."""

    people: int
    """Who had items that were not read yet."""
    statements: int
    closed: int
    """Statements that a contradiction closed."""
    calls: int
    """Of a model."""
    failed: int
    """Calls without an answer; made again by the next call."""
    unreadable: int
    """Answers that could not be read; kept."""

    def plus(self, other: Derived) -> Derived:
        """Add what another derived."""
        return Derived(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


NOTHING = Derived(0, 0, 0, 0, 0, 0)


def distill(
    store: Store,
    purpose: str,
    model: Provider | str | None = None,
    *,
    people: Sequence[int] | None = None,
    batch: int = 10,
) -> Derived:
    """Distil what items say of people, from items that were not read yet.

    Parameters
    ----------
    store
        Where people are.
    purpose
        What for: items that may not be used for it are not read.
    model
        A provider or its name; None for rules.
    people
        Numbers of people; None for all.
    batch
        Items that a model is told at a time.
    """
    found = NOTHING
    recipe = recipe_of(model, "distill", RULES, purpose)
    with store.read() as connection:
        wanted = stale(connection, _LAYER, recipe.name, people)
    for block in blocks(wanted, _CHUNK if recipe.provider is None else _MODEL_CHUNK):
        if recipe.provider is None:
            with store.write() as writing:
                for person in block:
                    found = found.plus(_by_rules(writing, person, purpose, recipe.name))
            continue
        batches: list[Batch] = []
        with store.read() as connection:
            for person in block:
                items = _unread(connection, person, purpose, recipe.name)
                batches += [Batch(person, tuple(part), ()) for part in blocks(items, batch)]
        answers = answered(recipe, batches, DISTILLED)
        for person in block:
            mine = [pair for pair in zip(batches, answers, strict=True) if pair[0].person == person]
            with store.write() as writing:
                found = found.plus(step(writing, person, _LAYER, purpose, recipe, mine, DISTILLED))
    return found


def _by_rules(writing: Writing, person: int, purpose: str, name: str) -> Derived:
    items = items_of(writing.connection, person, purpose)
    last = last_read(writing.connection, person, _LAYER, name)
    new = [each for each in items if each.item_id > last]
    topics: dict[str, list[int]] = {}
    told: dict[str, list[Kept]] = {}
    for each in items:
        if each.item.topic:
            topics.setdefault(each.item.topic, []).append(each.item_id)
        if each.item.options and each.item.text:
            told.setdefault(each.item.text, []).append(each)
    # The first items of a topic are what its statement rests on: later ones do not change it.
    kept = [(topic, tuple(numbers[:3])) for topic, numbers in topics.items()]
    repeated = [
        each
        for same in told.values()
        if len({each.item.response for each in same}) > 1 and any(each.item_id > last for each in same)
        for each in same
    ]
    written, closed = write_drafts(writing, person, _LAYER, read_items(new, kept, repeated), model=RULES)
    progress(writing, person, _LAYER, name)
    return Derived(1, written, closed, 0, 0, 0)


def step(
    writing: Writing,
    person: int,
    layer: str,
    purpose: str,
    recipe: object,
    pairs: Sequence[tuple[Batch, str | None]],
    fields: object,
) -> Derived:
    """Write down what a model answered about a person, if what it was told is still there."""
    from populace.memory.asking_models import Recipe

    assert isinstance(recipe, Recipe)
    here = {each.item_id for each in items_of(writing.connection, person, purpose)}
    written = closed = failed = unreadable = 0
    up_to: int | None = None
    for batch, answer in pairs:
        numbers = batch.numbers
        if not here.issuperset(numbers):
            failed += 1  # something was deleted meanwhile
            break
        if answer is None:
            failed += 1
            break
        drafts = read_answer(answer, fields, numbers, batch.time)  # type: ignore[arg-type]
        if drafts is None:
            unreadable += 1
            kept = [Draft(layer, "", answer[:4000] or "(empty)", numbers, 0.0)]
            write_drafts(writing, person, FAILED, kept, model=recipe.model, prompt=recipe.prompt)
        else:
            new, shut = write_drafts(writing, person, layer, drafts, model=recipe.model, prompt=recipe.prompt)
            written, closed = written + new, closed + shut
        up_to = max(each.item_id for each in batch.items)
    if failed == 0:
        up_to = None
    if failed == 0 or up_to is not None:
        progress(writing, person, layer, recipe.name, up_to)
    return Derived(1, written, closed, len(pairs), failed, unreadable)


def _unread(connection: Connection, person: int, purpose: str, name: str) -> list[Kept]:
    """Give items that were not read; where how far is forgotten, those on which no statement rests."""
    from sqlalchemy import select

    last = last_read(connection, person, _LAYER, name)
    items = [each for each in items_of(connection, person, purpose) if each.item_id > last]
    if last or not items:
        return items
    s, c = t.statement_sources.c, t.statements.c
    joined = t.statement_sources.join(t.statements, c.statement == s.statement)
    rows = select(s.item).select_from(joined).where(s.person == person, c.layer == _LAYER, c.prompt != 0)
    read = set(connection.execute(rows).scalars())
    return [each for each in items if each.item_id not in read]


def stale(connection: Connection, layer: str, recipe: str, people: Iterable[int] | None) -> list[int]:
    """Give people who have items that a recipe did not read yet."""
    from sqlalchemy import func, select

    from populace.memory.finding import text_numbers

    number = text_numbers(connection, [recipe]).get(recipe, -1)
    p, c = t.progress.c, t.items.c
    done = select(p.person, p.last_item).where(p.layer == layer, p.recipe == number)
    read = {row[0]: row[1] for row in connection.execute(done)}
    wanted = select(c.person, func.max(c.item)).group_by(c.person).order_by(c.person)
    if people is not None:
        rows = [
            row
            for block in blocks(sorted(set(people)))
            for row in connection.execute(wanted.where(c.person.in_(block)))
        ]
    else:
        rows = list(connection.execute(wanted))
    return [row[0] for row in rows if row[1] > read.get(row[0], 0)]


def last_read(connection: Connection, person: int, layer: str, recipe: str) -> int:
    """Give the number of the last item that a recipe read; 0 if it read none."""
    from sqlalchemy import select

    from populace.memory.finding import text_numbers

    number = text_numbers(connection, [recipe]).get(recipe, -1)
    p = t.progress.c
    wanted = select(p.last_item).where(p.person == person, p.layer == layer, p.recipe == number)
    return connection.execute(wanted).scalar() or 0


def progress(writing: Writing, person: int, layer: str, recipe: str, up_to: int | None = None) -> None:
    """Write down up to which item a layer is made; None: all that are here."""
    last = up_to
    if last is None:
        last = writing.fetch("SELECT max(item) FROM memory_items WHERE person = ?", [person])[0][0] or 0
    known = writing.words.find([recipe]).get(recipe)
    row = (last, time.time(), person, layer)
    here = known is not None and writing.fetch(
        "SELECT 1 FROM memory_progress WHERE person = ? AND layer = ? AND recipe = ?", [person, layer, known]
    )
    if here:
        writing.run(
            "UPDATE memory_progress SET last_item = ?, made = ? "
            "WHERE person = ? AND layer = ? AND recipe = ?",
            [(*row, known)],
        )
        return
    number = writing.words.use({recipe: 1})[recipe]
    writing.insert(
        t.progress,
        ("last_item", "made", "person", "layer", "recipe"),
        [(*row, number)],
    )
