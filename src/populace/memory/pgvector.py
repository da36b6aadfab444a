"""Places of people in a `vector` column with HNSW, where the PostgreSQL server has the extension pgvector.

The rows are copies of the points in `blobs`, one a place, and go with them (`ON DELETE CASCADE`). So whoever
is deleted is in no vector, and a deletion writes this table anew with the others. Up to 5,000 places the
server compares all; beyond, it searches a graph (Malkov, Yashunin 2018, arXiv 1603.09320), made for each
purpose and way apart, so that no search has to skip the places of another. Without the extension, and in
SQLite, codes are compared in memory (`vectors`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from populace.memory.spaces import BITS
from populace.memory.vectors import unpacked
from populace.memory.words import blocks

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["INDEXED", "TABLE", "fill", "has_vectors", "index", "make", "near"]

TABLE = "memory_vectors"
INDEXED = 5_000
"""Places of a kind from which on the server searches a graph."""
_BREADTH = 200
"""Candidates that the search keeps (`hnsw.ef_search`)."""
_ROWS = 500
_HAVE: WeakKeyDictionary[Store, bool] = WeakKeyDictionary()


def has_vectors(store: Store, writing: Writing) -> bool:
    """Say whether this store keeps places as vectors."""
    if store.is_sqlite:
        return False
    if store not in _HAVE:
        _HAVE[store] = writing.fetch(f"SELECT to_regclass('{TABLE}') IS NOT NULL")[0][0]
    return _HAVE[store]


def make(store: Store) -> bool:
    """Make the table where the extension came after the store; False where there is none, or it may not."""
    from sqlalchemy.exc import DBAPIError

    with store.write() as writing:
        if store.is_sqlite or has_vectors(store, writing):
            return not store.is_sqlite
        connection = writing.connection
        try:
            with connection.begin_nested():
                connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS vector")
                for line in _MADE:
                    connection.exec_driver_sql(line)
        except DBAPIError:
            return False
    _HAVE[store] = True
    return True


_MADE = (
    f"CREATE TABLE {TABLE} (blob BIGINT PRIMARY KEY REFERENCES memory_blobs (blob) ON DELETE CASCADE, "
    f"person BIGINT NOT NULL, kind VARCHAR(60) NOT NULL, point vector({BITS}) NOT NULL)",
    # ANALYZE would copy common values into the catalogue, where no deletion reaches them.
    f"ALTER TABLE {TABLE} ALTER COLUMN point SET STATISTICS 0",
)


def fill(writing: Writing, kind: str, people: Iterable[int]) -> int:
    """Copy those places of people that are not here yet; give how many."""
    made = 0
    for block in blocks(people, _ROWS):
        rows = writing.fetch(
            "SELECT c.blob, c.person, b.data FROM memory_caches c JOIN memory_blobs b ON b.blob = c.blob "
            f"LEFT JOIN {TABLE} v ON v.blob = c.blob "
            "WHERE c.kind = ? AND c.person = ANY(?) AND v.blob IS NULL",
            [kind, list(block)],
        )
        if rows:
            points = unpacked(bytes(row[2]) for row in rows)
            writing.run(
                f"INSERT INTO {TABLE} (blob, person, kind, point) VALUES (?, ?, ?, ?)",
                [(row[0], row[1], kind, _written(point)) for row, point in zip(rows, points, strict=True)],
            )
        made += len(rows)
    return made


def index(store: Store, kind: str) -> bool:
    """Make the graph of a kind where it has many places; False where it needs none."""
    with store.write() as writing:
        name = f"{TABLE}_{blake2b(kind.encode(), digest_size=6).hexdigest()}"
        if writing.fetch(f"SELECT to_regclass('{name}') IS NOT NULL")[0][0]:
            return True
        if writing.fetch(f"SELECT count(*) FROM {TABLE} WHERE kind = ?", [kind])[0][0] < INDEXED:
            return False
        run = writing.connection.exec_driver_sql
        run("SET LOCAL maintenance_work_mem = '512MB'")
        # A partial index takes no parameters: kinds are names of ours, of letters, figures and dashes.
        quoted = kind.replace("'", "''").replace("%", "%%")
        run(f"CREATE INDEX {name} ON {TABLE} USING hnsw (point vector_cosine_ops) WHERE kind = '{quoted}'")
        # Else the server takes a kind for a few rows, and sorts them all.
        run(f"ANALYZE {TABLE} (kind)")
    return True


def near(
    writing: Writing, kind: str, point: npt.NDArray[np.float32], count: int
) -> npt.NDArray[np.int64] | None:
    """Find the people whose places are nearest to a point; None where none of the kind are here."""
    writing.fetch("SELECT set_config('hnsw.ef_search', ?, true)", [str(min(max(_BREADTH, 2 * count), 1000))])
    quoted = kind.replace("'", "''").replace("%", "%%")
    # Kind and number stand in the query itself: a plan for any kind could not take the partial index, and one
    # for any number would sort everybody.
    rows: Sequence[tuple[int, ...]] = writing.fetch(
        f"SELECT person FROM {TABLE} WHERE kind = '{quoted}' ORDER BY point <=> ?::vector LIMIT {count:d}",
        [_written(point)],
    )
    return np.array([row[0] for row in rows], dtype=np.int64) if rows else None


def _written(point: npt.NDArray[np.float32]) -> str:
    return "[" + ",".join(f"{number:.6g}" for number in point.tolist()) + "]"
