"""Induce: History and what was distilled become statements of the layer *induced*.

By rules: what a person usually answers on a topic, anew for a person whose items changed; a conclusion that
no longer holds is closed. By a model: items that were not read yet, with all that is known; the statement
rests on the items of both.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from populace.memory.asking_models import Batch, answered, recipe_of
from populace.memory.distilling import NOTHING, Derived, last_read, progress, stale, step
from populace.memory.finding import items_of
from populace.memory.layers import INDUCED, statements_of, write_drafts
from populace.memory.rules import concluded
from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Store, Writing
    from populace.models.protocol import Provider

__all__ = ["induce"]

_RULES = "conclusions-1"
_LAYER = "induced"
_CHUNK = 200
_MODEL_CHUNK = 32


def induce(
    store: Store,
    purpose: str,
    model: Provider | str | None = None,
    *,
    people: Sequence[int] | None = None,
    batch: int = 10,
) -> Derived:
    """Conclude from items, and from what was distilled of them, about people who have new items.

    Parameters
    ----------
    store, purpose, model, people, batch
        As in `distill`.
    """
    found = NOTHING
    recipe = recipe_of(model, "induce", _RULES, purpose)
    with store.read() as connection:
        wanted = stale(connection, _LAYER, recipe.name, people)
    for block in blocks(wanted, _CHUNK if recipe.provider is None else _MODEL_CHUNK):
        if recipe.provider is None:
            with store.write() as writing:
                for person in block:
                    found = found.plus(_by_rules(writing, person, purpose, recipe.name))
            continue
        with store.read() as connection:
            batches = [
                each for person in block for each in _batches(connection, person, purpose, recipe.name, batch)
            ]
        answers = answered(recipe, batches, INDUCED)
        for person in block:
            mine = [pair for pair in zip(batches, answers, strict=True) if pair[0].person == person]
            with store.write() as writing:
                found = found.plus(step(writing, person, _LAYER, purpose, recipe, mine, INDUCED))
    return found


def _by_rules(writing: Writing, person: int, purpose: str, name: str) -> Derived:
    drafts = concluded(items_of(writing.connection, person, purpose))
    written, closed = write_drafts(writing, person, _LAYER, drafts, model=_RULES)
    holds = {draft.text for draft in drafts}
    old = statements_of(writing.connection, [person], purpose, layers=(_LAYER,))[person]
    gone = [each for each in old if each.model == _RULES and each.text not in holds]
    now = time.time()
    writing.run(
        "UPDATE memory_statements SET until = ? WHERE statement = ?", [(now, each.statement) for each in gone]
    )
    progress(writing, person, _LAYER, name)
    return Derived(1, written, closed + len(gone), 0, 0, 0)


def _batches(connection: Connection, person: int, purpose: str, name: str, batch: int) -> list[Batch]:
    last = last_read(connection, person, _LAYER, name)
    items = [each for each in items_of(connection, person, purpose) if each.item_id > last]
    told = statements_of(connection, [person], purpose, layers=("distilled",))[person]
    known = tuple((f"{each.field}: {each.text}", each.items) for each in told)
    return [Batch(person, tuple(part), known) for part in blocks(items, batch)]
