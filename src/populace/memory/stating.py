"""Write statements: those that are new, and when those that they contradict stopped to hold.

Two contradict each other where the field and what they are about are the same, and what they say is not. Of
the two the one that was said earlier is closed (`until`), and stays readable; it holds again when the other
goes.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from populace.memory import tables as t
from populace.memory.item import order_said
from populace.memory.words import read_texts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Writing

__all__ = ["Draft", "reopen", "write_drafts"]


class Draft(NamedTuple):
    """A statement that is to be written."""

    field: str
    about: str
    says: str
    items: tuple[int, ...]
    confidence: float
    time: float | None = None
    """When it was said, where that is known."""

    @property
    def text(self) -> str:
        """What is kept."""
        return f"{self.about}: {self.says}" if self.about else self.says


def write_drafts(
    writing: Writing, person: int, layer: str, drafts: Iterable[Draft], *, model: str, prompt: str = ""
) -> tuple[int, int]:
    """Write statements about a person that are new; close those that they contradict.

    Two contradict each other where the field and what they are about are the same, and what they say is not.
    Of the two the one that was said earlier is closed, at the time the other was said (now, if that is not
    known).

    Returns
    -------
    How many were written, how many are closed by it.
    """
    connection, now = writing.connection, time.time()
    known: dict[tuple[str, str], list[_Known]] = {}
    for each in _known(connection, person, layer):
        known.setdefault((each.field, _plain(each.text.partition(": ")[0])), []).append(each)
    new: list[tuple[Draft, float | None]] = []
    closed = 0
    for draft in drafts:
        beside = known.setdefault((draft.field, _plain(draft.about or draft.text)), [])
        if any(_plain(each.text) == _plain(draft.text) and each.until is None for each in beside):
            continue
        until: float | None = None
        for place, each in enumerate(beside):
            if not draft.about or each.until is not None:
                continue
            if order_said(each.time, each.item) <= order_said(draft.time, max(draft.items)):
                until_then = draft.time if draft.time is not None else now
                if each.number is None:
                    new[each.at] = (new[each.at][0], until_then)
                else:
                    writing.run(
                        "UPDATE memory_statements SET until = ? WHERE statement = ?",
                        [(until_then, each.number)],
                    )
                beside[place] = each._replace(until=until_then)
            else:
                until = each.time if each.time is not None else now
            closed += 1
        beside.append(_Known(draft.field, draft.text, until, draft.time, max(draft.items), None, len(new)))
        new.append((draft, until))
    _insert(writing, person, layer, new, model, prompt, now)
    return len(new), closed


def reopen(writing: Writing, person: int, layer: str) -> None:
    """Have statements hold again whose contradiction is gone, or until the next one that is still there."""
    closed = writing.fetch(
        "SELECT 1 FROM memory_statements WHERE person = ? AND layer = ? AND until IS NOT NULL LIMIT 1",
        [person, layer],
    )
    if not closed:
        return
    about: dict[tuple[str, str], list[_Known]] = {}
    for each in _known(writing.connection, person, layer):
        about.setdefault((each.field, _plain(each.text.partition(": ")[0])), []).append(each)
    changed: list[tuple[float | None, int | None]] = []
    for beside in about.values():
        for each in beside:
            if each.until is None:
                continue
            later = [
                other.time
                for other in beside
                if _plain(other.text) != _plain(each.text)
                and order_said(other.time, other.item) > order_said(each.time, each.item)
            ]
            if not later:
                changed.append((None, each.number))
            elif each.until not in later and None not in later:
                changed.append((min(time for time in later if time is not None), each.number))
    writing.run("UPDATE memory_statements SET until = ? WHERE statement = ?", changed)


class _Known(NamedTuple):
    field: str
    text: str
    until: float | None
    time: float | None
    item: int
    number: int | None
    at: int = -1


def _known(connection: Connection, person: int, layer: str) -> list[_Known]:
    """Give the statements of a layer, with when and in which item the last of each was said."""
    from sqlalchemy import func, select

    c, s, i = t.statements.c, t.statement_sources.c, t.items.c
    joined = t.statements.join(t.statement_sources, s.statement == c.statement).join(
        t.items, (i.person == s.person) & (i.item == s.item)
    )
    wanted = (
        select(c.statement, c.field, c.text, c.until, func.max(i.time), func.max(i.item))
        .select_from(joined)
        .where(c.person == person, c.layer == layer)
        .group_by(c.statement, c.field, c.text, c.until)
        .order_by(c.statement)
    )
    rows = connection.execute(wanted).all()
    texts = read_texts(connection, {row[2] for row in rows})
    return [_Known(row[1], texts[row[2]], row[3], row[4], row[5], row[0]) for row in rows]


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _insert(
    writing: Writing,
    person: int,
    layer: str,
    new: list[tuple[Draft, float | None]],
    model: str,
    prompt: str,
    now: float,
) -> None:
    if not new:
        return
    uses = Counter(draft.text for draft, _ in new)
    uses.update({model: len(new), prompt: len(new)})
    numbers = writing.words.use(uses)
    first = writing.numbers("statement", len(new))
    rows, sources = [], []
    for number, (draft, until) in enumerate(new, first):
        made = (numbers[draft.text], numbers[model], numbers[prompt], draft.confidence, now, until)
        rows.append((number, person, layer, draft.field, *made))
        sources += [(number, person, item) for item in sorted(set(draft.items))]
    names = (
        "statement",
        "person",
        "layer",
        "field",
        "text",
        "model",
        "prompt",
        "confidence",
        "made",
        "until",
    )
    writing.insert(t.statements, names, rows)
    writing.insert(t.statement_sources, ("statement", "person", "item"), sources)
