"""What the desk asks of the database, inside a transaction of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, func, or_, select, update

from populace.serve.judging import tables as t

__all__ = [
    "answers",
    "free_seat",
    "give",
    "persona",
    "put_back",
    "rater_row",
    "seen_later",
    "take_turn",
    "tasks",
    "wanted_items",
]


def rater_row(c: Connection, rater: str) -> Any:
    """Give a rater's row, or None."""
    return c.execute(select(t.raters).where(t.raters.c.rater == rater)).first()


def seen_later(c: Connection, now: float) -> bool:
    """Whether a last sign of life lies ahead: the clock was put back."""
    return c.execute(select(t.raters.c.rater).where(t.raters.c.seen > now).limit(1)).first() is not None


def put_back(c: Connection, now: float) -> None:
    """Count who was seen later than now as seen now, so that being away counts from here."""
    c.execute(update(t.raters).where(t.raters.c.seen > now).values(seen=now))


def take_turn(c: Connection) -> None:
    """Have writers take turns, always before any other lock (SQLite's do anyway)."""
    c.execute(select(t.study.c.id).with_for_update())


def persona(c: Connection, persona_id: str | None) -> str | None:
    """Give the description of a persona."""
    return c.execute(select(t.personas.c.text).where(t.personas.c.persona_id == persona_id)).scalar()


def tasks(c: Connection, seat: int) -> list[Any]:
    """Give the tasks of a seat, in sequence, with their items."""
    columns = (t.tasks.c.order, t.items.c.item_id, t.items.c.kind, t.items.c.text, t.items.c.options)
    joined = t.tasks.join(t.items, t.items.c.item_id == t.tasks.c.item_id)
    wanted = select(*columns, t.items.c.expected).select_from(joined).where(t.tasks.c.seat == seat)
    return list(c.execute(wanted.order_by(t.tasks.c.place)))


def answers(c: Connection, rater: str) -> dict[int, Any]:
    """Give a rater's answers by item."""
    return {row.item_id: row for row in c.execute(select(t.answers).where(t.answers.c.rater == rater))}


def free_seat(c: Connection, cutoff: float, returning: Any | None) -> Any:
    """Find the free seat of lowest rank; failing that, the one whose rater was away the longest.

    Somebody who comes back gets seats of their persona only.
    """
    joined = t.seats.outerjoin(t.raters, t.raters.c.rater == t.seats.c.rater)
    idle = and_(t.raters.c.finished.is_(None), t.raters.c.seen < cutoff)
    wanted = select(t.seats).select_from(joined).where(or_(t.seats.c.rater.is_(None), idle))
    if returning is not None:
        same = t.seats.c.persona_id == returning.persona_id
        wanted = wanted.where(same if returning.persona_id else t.seats.c.persona_id.is_(None))
    taken = func.coalesce(t.raters.c.seen, 0.0)
    return c.execute(wanted.order_by(taken, t.seats.c.rank, t.seats.c.seat).limit(1)).first()


def wanted_items(c: Connection, persona_id: str | None) -> set[int]:
    """Give the items that a rater of this persona answers, whatever the seat."""
    mine = t.seats.c.persona_id == persona_id if persona_id else t.seats.c.persona_id.is_(None)
    seat = c.execute(select(t.seats.c.seat).where(mine).limit(1)).scalar()
    return set(c.execute(select(t.tasks.c.item_id).where(t.tasks.c.seat == seat)).scalars())


def give(c: Connection, seat: int, rater: str) -> None:
    """Give a seat to a rater."""
    c.execute(update(t.seats).where(t.seats.c.seat == seat).values(rater=rater))
