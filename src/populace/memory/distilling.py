"""Distil: History becomes statements of the layer *distilled*, by rules or by any model (`deriving`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from populace.memory import tables as t
from populace.memory.asking_models import Batch
from populace.memory.deriving import Layer, last_read
from populace.memory.finding import items_of
from populace.memory.item import Kept
from populace.memory.layers import DISTILLED
from populace.memory.rules import read_items
from populace.memory.stating import write_drafts
from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Writing

__all__ = ["DISTILLING"]

_LAYER, _RULES = "distilled", "rules-1"


def _by_rules(writing: Writing, person: int, purpose: str, recipe: str) -> tuple[int, int]:
    items = items_of(writing.connection, person, purpose)
    last = last_read(writing.connection, person, _LAYER, recipe)
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
    return write_drafts(writing, person, _LAYER, read_items(new, kept, repeated), model=_RULES)


def _batches(connection: Connection, person: int, purpose: str, recipe: str, size: int) -> list[Batch]:
    items = _unread(connection, person, purpose, recipe)
    return [Batch(person, tuple(part), ()) for part in blocks(items, size)]


def _unread(connection: Connection, person: int, purpose: str, recipe: str) -> list[Kept]:
    """Give items that were not read; where how far is forgotten, those on which no statement rests."""
    from sqlalchemy import select

    last = last_read(connection, person, _LAYER, recipe)
    items = [each for each in items_of(connection, person, purpose) if each.item_id > last]
    if last or not items:
        return items
    s, c = t.statement_sources.c, t.statements.c
    joined = t.statement_sources.join(t.statements, c.statement == s.statement)
    rows = select(s.item).select_from(joined).where(s.person == person, c.layer == _LAYER, c.prompt != 0)
    read = set(connection.execute(rows).scalars())
    return [each for each in items if each.item_id not in read]


DISTILLING = Layer(_LAYER, "distill", _RULES, DISTILLED, _by_rules, _batches)
"""How the layer *distilled* is derived."""
