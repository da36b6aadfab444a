"""Places of people as vectors, where the server has pgvector; the table of codes, which nothing used, goes.

A server's administrator may have to run `CREATE EXTENSION vector` once; where that comes later,
`PersonaDB.place` makes the table then.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import DBAPIError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VECTORS = (
    "CREATE TABLE memory_vectors (blob BIGINT PRIMARY KEY REFERENCES memory_blobs (blob) ON DELETE CASCADE, "
    "person BIGINT NOT NULL, kind VARCHAR(60) NOT NULL, point vector(512) NOT NULL)",
    "ALTER TABLE memory_vectors ALTER COLUMN point SET STATISTICS 0",
)


def upgrade() -> None:
    """Drop the codes; make the vectors."""
    connection = op.get_bind()
    op.drop_index("memory_codes_of_text", "memory_codes")
    op.drop_table("memory_codes")
    if connection.dialect.name != "postgresql":
        return
    there = connection.execute(sa.text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"))
    if there.first() is None:
        return
    try:
        with connection.begin_nested():
            for line in ("CREATE EXTENSION IF NOT EXISTS vector", *_VECTORS):
                connection.execute(sa.text(line))
    except DBAPIError:
        return  # it may not be made by whoever opens this store
