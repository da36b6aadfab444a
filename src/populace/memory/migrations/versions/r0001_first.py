"""The first schema.

A revision says what the tables were then, so it repeats `populace.memory.tables` and does not import it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make all tables."""
    _settings()
    _texts()
    _people()
    _derived()
    _fitted()
    if op.get_bind().dialect.name == "postgresql":
        # ANALYZE would copy the commonest values into the catalogue, where no deletion reaches them.
        op.execute("ALTER TABLE memory_texts ALTER COLUMN body SET STATISTICS 0")
        op.execute("ALTER TABLE memory_blobs ALTER COLUMN data SET STATISTICS 0")


def _settings() -> None:
    last = ("text", "blob", "person", "item", "statement", "model", "line")
    _table(
        "settings",
        _key("id", sa.Integer),
        _column("key", sa.LargeBinary),
        _column("least_people", sa.Integer),
        _column("owed", sa.Integer),
        *(_column(f"last_{name}", _BIG) for name in last),
    )
    _table("consents", _key("consent", sa.Integer), _column("share", sa.Boolean))
    _table(
        "purposes",
        _key("purpose", sa.String(60)),
        sa.Column("consent", sa.Integer, sa.ForeignKey("memory_consents.consent"), primary_key=True),
        sqlite_with_rowid=False,
    )


def _texts() -> None:
    _table("texts", _key("text"), _column("body", sa.Text))
    _table("text_index", _key("hash"), _key("text"), _column("uses", _BIG), sqlite_with_rowid=False)
    _table("blobs", _key("blob"), _column("data", sa.LargeBinary))
    _table(
        "codes",
        _key("space", sa.String(60)),
        _key("text"),
        _column("blob", _BIG),
        sqlite_with_rowid=False,
    )
    op.create_index("memory_codes_of_text", "memory_codes", ["text"])


def _people() -> None:
    _table("people", _key("person"), sa.Column("name", _BIG, nullable=False, unique=True))
    _table(
        "attributes",
        _key("person"),
        _key("name"),
        _column("value", _BIG),
        _consent(),
        sqlite_with_rowid=False,
    )
    _table(
        "items",
        _key("person"),
        _key("item"),
        *(_column(name, _BIG) for name in ("text", "response", "scale", "topic", "source")),
        sa.Column("time", sa.Float(53)),
        _consent(),
        sqlite_with_rowid=False,
    )
    op.create_index("memory_items_of_text", "memory_items", ["text", "person"])


def _derived() -> None:
    _table(
        "statements",
        _key("statement"),
        _column("person", _BIG),
        _column("layer", sa.String(20)),
        _column("field", sa.String(60)),
        *(_column(name, _BIG) for name in ("text", "model", "prompt")),
        sa.Column("confidence", sa.Float(53)),
        _column("made", sa.Float(53)),
        sa.Column("until", sa.Float(53)),
    )
    op.create_index("memory_statements_of", "memory_statements", ["person", "layer"])
    _table("statement_sources", _key("statement"), _key("person"), _key("item"), sqlite_with_rowid=False)
    op.create_index("memory_statement_sources_of_item", "memory_statement_sources", ["person", "item"])
    _table(
        "progress",
        _key("person"),
        _key("layer", sa.String(20)),
        _key("recipe"),
        _column("last_item", _BIG),
        _column("made", sa.Float(53)),
        sqlite_with_rowid=False,
    )
    _table(
        "caches",
        _key("person"),
        _key("kind", sa.String(60)),
        _column("text", _BIG),
        sa.Column("blob", _BIG),
        _column("made", sa.Float(53)),
        sqlite_with_rowid=False,
    )


def _fitted() -> None:
    _table(
        "neighbours",
        _key("person"),
        _key("way", sa.String(60)),
        _key("other"),
        _column("score", sa.Float(53)),
        sqlite_with_rowid=False,
    )
    op.create_index("memory_neighbours_of", "memory_neighbours", ["other"])
    _table(
        "models",
        _key("model"),
        _column("kind", sa.String(60)),
        _column("purpose", sa.String(60)),
        _column("blob", _BIG),
        _column("made", sa.Float(53)),
    )
    _table("model_people", _key("person"), _key("model"), sqlite_with_rowid=False)
    op.create_index("memory_model_people_of", "memory_model_people", ["model"])
    _table(
        "audit",
        _key("line"),
        _column("time", sa.Float(53)),
        _column("action", sa.String(20)),
        _column("purpose", sa.String(60)),
        _column("actor", _BIG),
        *(sa.Column(name, _BIG) for name in ("reader", "subject", "model")),
        _column("items", _BIG),
    )
    for name in ("subject", "reader"):
        op.create_index(f"memory_audit_of_{name}", "memory_audit", [name])


def _table(name: str, *columns: sa.Column[Any], **more: Any) -> None:
    op.create_table(f"memory_{name}", *columns, **more)


def _key(name: str, kind: Any = _BIG) -> sa.Column[Any]:
    whole: Any = False if kind in (_BIG, sa.Integer) else "auto"
    return sa.Column(name, kind, primary_key=True, autoincrement=whole)


def _column(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _consent() -> sa.Column[Any]:
    return sa.Column("consent", sa.Integer, sa.ForeignKey("memory_consents.consent"), nullable=False)
