"""The tables of a memory, the same in SQLite and PostgreSQL. Times are seconds since 1970, UTC.

All words of people (their ids too) stand in `texts`, all vectors and fitted numbers in `blobs`; every other
table holds numbers. The two only grow at their end, and a row that nobody uses any more is blanked where it
stands: SQLite overwrites it then. A row of another table can be moved when its neighbours go, and SQLite
leaves a copy in the page it moved from, `secure_delete` or not. So the words of somebody forgotten are gone
without writing a large file anew.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "attributes",
    "audit",
    "blobs",
    "caches",
    "consents",
    "items",
    "metadata",
    "model_people",
    "models",
    "neighbours",
    "people",
    "progress",
    "purposes",
    "settings",
    "statement_sources",
    "statements",
    "text_index",
    "texts",
]

metadata = MetaData()

_big = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's rows are numbered by an INTEGER, which is as large there."""


def _key(name: str, kind: object = _big) -> Column[int]:
    return Column(name, kind, primary_key=True, autoincrement=False)  # type: ignore[arg-type]


def _text(name: str) -> Column[int]:
    """Make a column that holds the number of a text; 0 is the empty one."""
    return Column(name, _big, nullable=False)


settings = Table(
    "memory_settings",
    metadata,
    _key("id", Integer),
    Column("key", LargeBinary, nullable=False),
    Column("least_people", Integer, nullable=False),
    Column("owed", Integer, nullable=False),
    Column("last_text", _big, nullable=False),
    Column("last_blob", _big, nullable=False),
    Column("last_person", _big, nullable=False),
    Column("last_item", _big, nullable=False),
    Column("last_statement", _big, nullable=False),
    Column("last_model", _big, nullable=False),
    Column("last_line", _big, nullable=False),
)
"""One row. `key` is that of the texts' hashes; `least_people` how many people a neighbourhood needs at least;
`owed` how many deletions still have bytes in the database's files; `last_...` the numbers given out."""

consents = Table(
    "memory_consents", metadata, _key("consent", Integer), Column("share", Boolean, nullable=False)
)
"""The consents that occur; `share`: other people's predictions may rest on it."""

purposes = Table(
    "memory_purposes",
    metadata,
    Column("purpose", String(60), primary_key=True),
    Column("consent", Integer, ForeignKey(consents.c.consent), primary_key=True),
    sqlite_with_rowid=False,
)

texts = Table("memory_texts", metadata, _key("text"), Column("body", Text, nullable=False))
"""Every text once. Rows are only appended, and blanked (PostgreSQL: deleted) when nothing uses them."""

text_index = Table(
    "memory_text_index",
    metadata,
    _key("hash"),
    _key("text"),
    Column("uses", _big, nullable=False),
    sqlite_with_rowid=False,
)
"""Finds a text by its keyed hash, and counts what points at it."""

blobs = Table("memory_blobs", metadata, _key("blob"), Column("data", LargeBinary, nullable=False))
"""Vectors, codes, fitted models: rows as those of `texts`, each of one owner."""

people = Table("memory_people", metadata, _key("person"), Column("name", _big, nullable=False, unique=True))
"""`name`: the text that is the person's id."""

attributes = Table(
    "memory_attributes",
    metadata,
    _key("person"),
    _key("name"),
    _text("value"),
    Column("consent", Integer, ForeignKey(consents.c.consent), nullable=False),
    sqlite_with_rowid=False,
)

items = Table(
    "memory_items",
    metadata,
    _key("person"),
    _key("item"),
    _text("text"),
    _text("response"),
    _text("scale"),
    _text("topic"),
    _text("source"),
    Column("time", Float(53)),
    Column("consent", Integer, ForeignKey(consents.c.consent), nullable=False),
    Index("memory_items_of_text", "text", "person"),
    sqlite_with_rowid=False,
)
"""The layer History. `scale`: options and whether they are ordinal, as JSON; see `words.scale_of`."""

statements = Table(
    "memory_statements",
    metadata,
    _key("statement"),
    Column("person", _big, nullable=False),
    Column("layer", String(20), nullable=False),
    Column("field", String(60), nullable=False),
    _text("text"),
    _text("model"),
    _text("prompt"),
    Column("confidence", Float(53)),
    Column("made", Float(53), nullable=False),
    Column("until", Float(53)),
    Index("memory_statements_of", "person", "layer"),
)
"""Derived sentences. `prompt` is a hash; `until` is when a later one contradicted it."""

statement_sources = Table(
    "memory_statement_sources",
    metadata,
    _key("statement"),
    _key("person"),
    _key("item"),
    Index("memory_statement_sources_of_item", "person", "item"),
    sqlite_with_rowid=False,
)
"""The items a statement rests on, of whomever. One made of statements rests on all of their items."""

progress = Table(
    "memory_progress",
    metadata,
    _key("person"),
    Column("layer", String(20), primary_key=True),
    _key("recipe"),
    Column("last_item", _big, nullable=False),
    Column("made", Float(53), nullable=False),
    sqlite_with_rowid=False,
)
"""Up to which item a layer was made, by which recipe (a text: model and prompt hash)."""

caches = Table(
    "memory_caches",
    metadata,
    _key("person"),
    Column("kind", String(60), primary_key=True),
    _text("text"),
    Column("blob", _big),
    Column("made", Float(53), nullable=False),
    sqlite_with_rowid=False,
)
"""What people are compared by: a text, its vector. Made from the person's items and statements alone."""

neighbours = Table(
    "memory_neighbours",
    metadata,
    _key("person"),
    Column("way", String(60), primary_key=True),
    _key("other"),
    Column("score", Float(53), nullable=False),
    Index("memory_neighbours_of", "other"),
    sqlite_with_rowid=False,
)

models = Table(
    "memory_models",
    metadata,
    _key("model"),
    Column("kind", String(60), nullable=False),
    Column("purpose", String(60), nullable=False),
    Column("blob", _big, nullable=False),
    Column("made", Float(53), nullable=False),
)
"""What was fitted on people's items."""

model_people = Table(
    "memory_model_people",
    metadata,
    _key("person"),
    _key("model"),
    Index("memory_model_people_of", "model"),
    sqlite_with_rowid=False,
)
"""Who a model was fitted on; it stays when the model goes, for the audit."""

audit = Table(
    "memory_audit",
    metadata,
    _key("line"),
    Column("time", Float(53), nullable=False),
    Column("action", String(20), nullable=False),
    Column("purpose", String(60), nullable=False),
    _text("actor"),
    Column("reader", _big),
    Column("subject", _big),
    Column("model", _big),
    Column("items", _big, nullable=False),
    Index("memory_audit_of_subject", "subject"),
    Index("memory_audit_of_reader", "reader"),
)
"""Who read what: `actor` ran it, for a prediction of `reader`, from `items` items of `subject` (none: of all
people in `model_people`, or of nobody who is still here)."""
