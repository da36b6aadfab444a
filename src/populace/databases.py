"""Connect to SQLite or PostgreSQL, and make deleted rows unreadable there."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from populace.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

__all__ = ["connect", "scrub", "shown", "sqlite_file"]

_WAIT = 30
"""Seconds a writer waits for its turn."""
_HOLD = 0.1
"""Seconds that scrubbing may keep writers waiting in one try."""


def sqlite_file(where: str) -> str | None:
    """Give the file of a SQLite store, None for another database.

    Examples
    --------
    >>> sqlite_file("a.sqlite"), sqlite_file("sqlite:///b.sqlite"), sqlite_file("postgresql://host/db")
    ('a.sqlite', 'b.sqlite', None)
    """
    if "://" not in where:
        return where
    scheme, rest = where.split("://", 1)
    return rest.removeprefix("/") if scheme == "sqlite" else None


def connect(where: str, *, synchronous: str = "FULL") -> Engine:
    """Make an engine; no error of it ever says what was to be stored.

    Parameters
    ----------
    where
        A file of SQLite, or `postgresql://...`.
    synchronous
        Of SQLite: `FULL` syncs at every commit, so that a commit survives a power cut; with `NORMAL` one
        survives a kill of the process, and the last ones may be missing, never half there, after a power cut.

    Raises
    ------
    DataError
        If it is no database we know, or one that would be gone when the server stops.
    """
    from sqlalchemy import URL, create_engine, event

    file = sqlite_file(where)
    if file is None:
        scheme, rest = where.split("://", 1)
        if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
            raise DataError(f"{scheme} is no database we know", fix="give a file, or postgresql://...")
        return create_engine(f"postgresql+psycopg://{rest}", pool_pre_ping=True, hide_parameters=True)
    if file in ("", ":memory:"):
        raise DataError("this needs a file: such a database would be gone with the process", file=where)
    # Not a URL as text: in it ?, # and % of a file's name would mean something else.
    url = URL.create("sqlite", database=file)
    asked = {"timeout": _WAIT, "check_same_thread": False}
    engine = create_engine(url, connect_args=asked, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "secure_delete=ON",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def began(connection: Any) -> None:
        writes = connection.get_execution_options().get("populace_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def shown(where: str) -> str:
    """Give an address without its password."""
    if "://" not in where or "@" not in where:
        return where
    scheme, rest = where.split("://", 1)
    return f"{scheme}://{rest.rsplit('@', 1)[1]}"


def scrub(engine: Engine, patience: float) -> bool:
    """Write the tables anew, and empty SQLite's write-ahead log; False if readers are in the way so long.

    Readers are never made to wait for more than a moment: each try gives up at once, and the pauses between
    grow.
    """
    once = _scrub_sqlite if engine.dialect.name == "sqlite" else _scrub_postgresql
    until, pause = time.monotonic() + patience, 0.1
    while not once(engine):
        if time.monotonic() + pause > until:
            return False
        time.sleep(pause)
        pause = min(2 * pause, 15.0)
    return True


def _scrub_sqlite(engine: Engine) -> bool:
    import sqlite3

    raw = engine.raw_connection()
    cursor: Any = raw.cursor()
    try:
        # A checkpoint that waits for readers keeps all writers waiting, so it must not wait.
        cursor.execute(f"PRAGMA busy_timeout={round(1000 * _HOLD)}")
        steps: tuple[Callable[[], Any], ...] = (
            lambda: cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0],
            lambda: cursor.execute("VACUUM").fetchone(),
            lambda: cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0],
        )
        return not any(step() for step in steps)
    except sqlite3.OperationalError:
        return False
    finally:
        cursor.execute(f"PRAGMA busy_timeout={1000 * _WAIT}")
        raw.close()


def _scrub_postgresql(engine: Engine) -> bool:
    from sqlalchemy.exc import OperationalError

    with engine.connect() as plain:
        connection = plain.execution_options(isolation_level="AUTOCOMMIT")
        # Who waits for a table's lock makes all others wait behind.
        connection.exec_driver_sql(f"SET lock_timeout = {round(1000 * _HOLD)}")
        try:
            connection.exec_driver_sql("VACUUM FULL judging_answers")
            connection.exec_driver_sql("VACUUM FULL judging_raters")
        except OperationalError:
            return False
        finally:
            connection.exec_driver_sql("RESET lock_timeout")
    return True
