"""The tables of a judging study, the same in SQLite and PostgreSQL. Times are seconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, ForeignKey, Integer, MetaData, String, Table, Text

__all__ = ["answers", "items", "machines", "metadata", "personas", "raters", "seats", "study", "tasks"]

metadata = MetaData()

study = Table(
    "judging_study",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("settings", Text, nullable=False),
    Column("texts", Text, nullable=False),
    Column("mark", String(16), nullable=False),
    Column("owed", Integer, nullable=False, server_default="0"),
)
"""One row: what is studied. `texts` holds consent and instructions as they were when it began, `mark` a mark
by which the right keys are known, `owed` how many deletions still have bytes in the database's files."""

personas = Table(
    "judging_personas",
    metadata,
    Column("persona_id", String(200), primary_key=True),
    Column("text", Text, nullable=False),
)

items = Table(
    "judging_items",
    metadata,
    Column("item_id", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(20), nullable=False),
    Column("persona_id", String(200), ForeignKey(personas.c.persona_id)),
    Column("prompt_id", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("options", Text, nullable=False),
    Column("expected", String(20)),
)

raters = Table(
    "judging_raters",
    metadata,
    Column("rater", String(16), primary_key=True),
    Column("persona_id", String(200)),
    Column("external", String(64)),
    Column("panel_study", String(64)),
    Column("panel_session", String(64)),
    Column("agreed", Float, nullable=False),
    Column("seen", Float, nullable=False),
    Column("shown", Float),
    Column("finished", Float),
)
"""A row a rater, made when they agree. `external`: the id of a panel, as a keyed hash unless ids are kept."""

seats = Table(
    "judging_seats",
    metadata,
    Column("seat", Integer, primary_key=True, autoincrement=False),
    Column("persona_id", String(200), ForeignKey(personas.c.persona_id)),
    Column("rank", Integer, nullable=False),
    Column("rater", String(16), ForeignKey(raters.c.rater), unique=True),
)

tasks = Table(
    "judging_tasks",
    metadata,
    Column("seat", Integer, ForeignKey(seats.c.seat), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("item_id", Integer, ForeignKey(items.c.item_id), nullable=False),
    Column("order", String(8), nullable=False),
)

answers = Table(
    "judging_answers",
    metadata,
    Column("rater", String(16), ForeignKey(raters.c.rater), primary_key=True),
    Column("item_id", Integer, ForeignKey(items.c.item_id), primary_key=True),
    Column("order", String(8), nullable=False),
    Column("said", String(20), nullable=False),
    Column("reason", Text, nullable=False),
    Column("seconds", Float),
    Column("passed", Boolean),
    Column("sent", Float, nullable=False),
    Column("revision", Integer, nullable=False),
)
"""A row a rater and item. `said`: first, second, tie, unsure; in the survey the option's number from 0, or
`unsure`. `passed` for checks only."""

machines = Table(
    "judging_machines",
    metadata,
    Column("persona_id", String(200), primary_key=True),
    Column("prompt_id", String(200), primary_key=True),
    Column("machine", String(300), primary_key=True),
    Column("verdict", String(10), nullable=False),
)
