"""Derive a layer of statements, by rules or by a model through the engine, from items not read yet.

What is the same for *distilled* and *induced*: who has new items, how far each recipe has read, and how a
model's answers are written down. A statement of a model rests on all items that the model was told with it,
not only on those it would name: what it says may come from any of them, and goes with any of them. So few
items are told at a time. An answer that cannot be read is kept in the layer `unreadable`, resting on the same
items, and counted; a call that failed is made again by the next call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from populace.memory import tables as t
from populace.memory.asking_models import (
    Batch,
    Recipe,
    checked_batch,
    read_answer,
    recipe_of,
    requests_of,
)
from populace.memory.auditing import note
from populace.memory.calls import Told, asked
from populace.memory.finding import items_of, text_numbers
from populace.memory.layers import FAILED
from populace.memory.stating import Draft, write_drafts
from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Store, Writing
    from populace.models.protocol import Provider

__all__ = ["Derived", "Layer", "derive", "last_read"]

_CHUNK = 200
_MODEL_CHUNK = 32
"""People whose answers are written down together."""


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


class Layer(NamedTuple):
    """How a layer is derived."""

    name: str
    template: str
    rules: str
    """Name of the rules and their version."""
    fields: Mapping[str, str]
    by_rules: Callable[[Writing, int, str, str], tuple[int, int]]
    """Of a person, for a purpose, by a recipe: how many statements are written, and closed."""
    batches: Callable[[Connection, int, str, str, int], list[Batch]]
    """What a model is told of a person, for a purpose, by a recipe, so many items at a time."""


def derive(
    store: Store,
    layer: Layer,
    purpose: str,
    model: Provider | str | None = None,
    *,
    people: Sequence[int] | None = None,
    batch: int = 10,
    actor: str = "",
    progress: Told | None = None,
) -> Derived:
    """Derive a layer of people who have items that were not read yet.

    Parameters
    ----------
    store
        Where people are.
    layer
        What is derived.
    purpose
        What for: items that may not be used for it are not read.
    model
        A provider or its name; None for rules.
    people
        Numbers of people; None for all.
    batch
        Items that a model is told at a time.
    actor
        Who runs it: that a model was told of somebody is a line in the audit.
    progress
        Told how many people are done, and of how many.

    Raises
    ------
    DataError
        If a batch is of no item.
    ModelError, JournalError
        As `populace.run.run`; what was written down before stays.
    """
    found = Derived(0, 0, 0, 0, 0, 0)
    checked_batch(batch)
    recipe = recipe_of(model, layer.template, layer.rules, purpose)
    tell = progress or (lambda done, total: None)
    with store.read() as connection:
        wanted = _stale(connection, layer.name, recipe.name, people)
    done = 0
    for block in blocks(wanted, _CHUNK if recipe.provider is None else _MODEL_CHUNK):
        if recipe.provider is None:
            with store.write() as writing:
                for person in block:
                    written, closed = layer.by_rules(writing, person, purpose, recipe.name)
                    _read_up_to(writing, person, layer.name, recipe.name)
                    found = found.plus(Derived(1, written, closed, 0, 0, 0))
        else:
            told = _part(tell, done, len(block), len(wanted))
            found = found.plus(_by_model(store, layer, purpose, recipe, block, batch, actor, told))
        done += len(block)
        tell(done, len(wanted))
    return found


def _part(tell: Told, done: int, size: int, total: int) -> Told:
    """Tell calls of a block as people."""
    return lambda calls, of: tell(done + calls * size // of, total)


def _by_model(
    store: Store,
    layer: Layer,
    purpose: str,
    recipe: Recipe,
    people: Sequence[int],
    batch: int,
    actor: str,
    progress: Told,
) -> Derived:
    """Ask a model about some people, and write down what it answered."""
    from populace.models.records import Completion

    assert recipe.provider is not None
    with store.write() as writing:
        batches = [
            each
            for person in people
            for each in layer.batches(writing.connection, person, purpose, recipe.name, batch)
        ]
        counts: dict[int, int] = {}
        for each in batches:
            counts[each.person] = counts.get(each.person, 0) + len(each.items)
        action = f"{layer.template} by model"
        note(writing, action, purpose, [*counts.items()], actor=actor)
    found = Derived(0, 0, 0, 0, 0, 0)
    requests, work = requests_of(recipe, batches, layer.fields), f"{layer.name} {recipe.name}"
    with asked(store, work, requests, recipe.provider, stage=layer.template, progress=progress) as results:
        answers = [each.text if isinstance(each, Completion) else None for each in results]
        for person in people:
            mine = [pair for pair in zip(batches, answers, strict=True) if pair[0].person == person]
            with store.write() as writing:
                found = found.plus(_step(writing, person, layer, purpose, recipe, mine))
    return found


def _step(
    writing: Writing,
    person: int,
    layer: Layer,
    purpose: str,
    recipe: Recipe,
    pairs: Sequence[tuple[Batch, str | None]],
) -> Derived:
    """Write down what a model answered about a person, as far as what it was told is still there."""
    here = {each.item_id for each in items_of(writing.connection, person, purpose)}
    written = closed = unreadable = 0
    up_to: int | None = None
    whole = True
    for batch, answer in pairs:
        if answer is None or not here.issuperset(batch.numbers):
            whole = False  # the call failed, or something was deleted meanwhile
            break
        drafts = read_answer(answer, layer.fields, batch.numbers, batch.time)
        if drafts is None:
            unreadable += 1
            kept = [Draft(layer.name, "", answer[:4000] or "(empty)", batch.numbers, 0.0)]
            write_drafts(writing, person, FAILED, kept, model=recipe.model, prompt=recipe.prompt)
        else:
            new, shut = write_drafts(
                writing, person, layer.name, drafts, model=recipe.model, prompt=recipe.prompt
            )
            written, closed = written + new, closed + shut
        up_to = max(each.item_id for each in batch.items)
    if whole or up_to is not None:
        _read_up_to(writing, person, layer.name, recipe.name, None if whole else up_to)
    return Derived(1, written, closed, len(pairs), int(not whole), unreadable)


def _stale(connection: Connection, layer: str, recipe: str, people: Iterable[int] | None) -> list[int]:
    """Give people who have items that a recipe did not read yet."""
    from sqlalchemy import func, select

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

    number = text_numbers(connection, [recipe]).get(recipe, -1)
    p = t.progress.c
    wanted = select(p.last_item).where(p.person == person, p.layer == layer, p.recipe == number)
    return connection.execute(wanted).scalar() or 0


def _read_up_to(writing: Writing, person: int, layer: str, recipe: str, up_to: int | None = None) -> None:
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
    names = ("last_item", "made", "person", "layer", "recipe")
    writing.insert(t.progress, names, [(*row, number)])
