"""Induce: History and what was distilled become statements of the layer *induced* (`deriving`).

By rules: what a person usually answers on a topic, anew for a person whose items changed; a conclusion that
no longer holds is closed. By a model: items that were not read yet, with all that is known; the statement
rests on the items of both.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from populace.memory.asking_models import Batch
from populace.memory.deriving import Layer, last_read
from populace.memory.finding import items_of
from populace.memory.layers import INDUCED, statements_of
from populace.memory.rules import concluded
from populace.memory.stating import write_drafts
from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Writing

__all__ = ["INDUCING"]

_LAYER, _RULES = "induced", "conclusions-1"


def _by_rules(writing: Writing, person: int, purpose: str, recipe: str) -> tuple[int, int]:
    drafts = concluded(items_of(writing.connection, person, purpose))
    written, closed = write_drafts(writing, person, _LAYER, drafts, model=_RULES)
    holds = {draft.text for draft in drafts}
    old = statements_of(writing.connection, [person], purpose, layers=(_LAYER,))[person]
    gone = [each for each in old if each.model == _RULES and each.text not in holds]
    now = time.time()
    writing.run(
        "UPDATE memory_statements SET until = ? WHERE statement = ?", [(now, each.statement) for each in gone]
    )
    return written, closed + len(gone)


def _batches(connection: Connection, person: int, purpose: str, recipe: str, size: int) -> list[Batch]:
    last = last_read(connection, person, _LAYER, recipe)
    items = [each for each in items_of(connection, person, purpose) if each.item_id > last]
    told = statements_of(connection, [person], purpose, layers=("distilled",))[person]
    known = tuple((f"{each.field}: {each.text}", each.items) for each in told)
    return [Batch(person, tuple(part), known) for part in blocks(items, size)]


INDUCING = Layer(_LAYER, "induce", _RULES, INDUCED, _by_rules, _batches)
"""How the layer *induced* is derived."""
