"""Make what was deleted unreadable in the database's files.

SQLite overwrites blanked rows in their pages at the commit, so what is left to do is to copy the write-ahead
log into the file and to empty it: a moment, however large the file. PostgreSQL keeps old rows until their
table is written anew, which takes as long as the table is large, and nobody else can use it meanwhile: where
that is too long, forget with `patience=None` and `compact` at night. Out of reach of both: PostgreSQL's own
write-ahead log, replicas, backups, and what the disk keeps of blocks it gave back.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from populace.memory.store import Store

__all__ = ["compact", "scrub", "settle"]

_HOLD = 0.1
"""Seconds that one try may keep writers waiting."""
_WAIT = 30
_TABLES = ("texts", "blobs")
"""Where words and vectors stand, beside those of pgvector; the other tables hold numbers."""


def scrub(store: Store, patience: float) -> bool:
    """Overwrite what was deleted, journals of calls among it; False if readers are in the way so long (s)."""
    from populace.memory.calls import scrub_calls

    once = _truncate_log if store.is_sqlite else _write_anew
    until, pause = time.monotonic() + patience, 0.02
    while not (scrub_calls(store) and once(store)):
        if time.monotonic() + pause > until:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 5.0)
    return True


def compact(store: Store, patience: float = 60.0) -> bool:
    """Write the database anew, which gives back the room of what was deleted; False if others are in the way.

    Takes minutes for gigabytes, and as much room again while it runs.
    """
    from populace.databases import scrub as vacuum

    owed = store.setting("owed")
    if store.is_sqlite:
        done = scrub(store, patience) and vacuum(store.engine, patience)
    else:
        done = scrub(store, patience)
    if done:
        settle(store, owed)
    return done


def settle(store: Store, owed: int) -> None:
    """Note that so many deletions are overwritten; what was deleted meanwhile stays owed."""
    from sqlalchemy import update

    from populace.memory.tables import settings

    with store.turn() as connection:
        connection.execute(update(settings).where(settings.c.owed == owed).values(owed=0))


def _truncate_log(store: Store) -> bool:
    import sqlite3

    raw = store.engine.raw_connection()
    cursor: Any = raw.cursor()
    try:
        # A checkpoint that waits for readers keeps all writers waiting, so it must not wait long.
        cursor.execute(f"PRAGMA busy_timeout={round(1000 * _HOLD)}")
        return cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    except sqlite3.OperationalError:
        return False
    finally:
        cursor.execute(f"PRAGMA busy_timeout={1000 * _WAIT}")
        raw.close()


def _write_anew(store: Store) -> bool:
    from sqlalchemy.exc import OperationalError

    with store.engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        # Who waits for a table's lock makes all others wait behind.
        connection.exec_driver_sql(f"SET lock_timeout = {round(1000 * _HOLD)}")
        try:
            there = connection.exec_driver_sql("SELECT to_regclass('memory_vectors') IS NOT NULL").scalar()
            for name in (*_TABLES, "vectors") if there else _TABLES:
                connection.exec_driver_sql(f"VACUUM FULL memory_{name}")
        except OperationalError:
            return False
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
    return True
