"""A memory's database: SQLite in a file, or PostgreSQL by URL; one transaction an action.

SQLite writes ahead and syncs at checkpoints (`synchronous=NORMAL`): what was committed survives a kill of
the process; after a power cut the last commits may be missing, never half there. Writers take turns from the
start of their transaction, in SQLite by `BEGIN IMMEDIATE`, in PostgreSQL by a lock that goes with it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from populace.databases import connect, shown, sqlite_file
from populace.errors import DataError, PopulaceError
from populace.memory.consent import Consent, consent_number
from populace.memory.words import Words

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table

__all__ = ["LEAST_PEOPLE", "Store", "Writing", "needs"]

LEAST_PEOPLE = 5
"""People that a neighbourhood needs at least, unless the store says otherwise."""
_CACHE = 64 << 20
"""Bytes of pages that SQLite keeps in memory."""
_LOG = 4096
"""Pages of SQLite's write-ahead log after which it is copied into the file: 16 MiB, so that one call in some
hundreds pays for it."""
_LOCK = 5_731_206
"""PostgreSQL's number of the writers' turn."""
_COUNTED = ("text", "blob", "person", "item", "statement", "model", "line")


def needs(extra: str, error: ImportError) -> PopulaceError:
    """Say which extra holds what is missing."""
    return PopulaceError(
        f"this needs the extra {extra} ({error.name} is not installed)",
        fix=f"pip install 'populace[{extra}]'",
    )


class Writing:
    """One transaction that writes: its connection, its texts, the numbers it gives out."""

    def __init__(self, connection: Connection, consents: dict[Consent, int]) -> None:
        self.connection = connection
        self._cursor: Any = connection.connection.cursor()
        self.consents = dict(consents)
        self.is_sqlite = connection.dialect.name == "sqlite"
        columns = ", ".join(f"last_{name}" for name in _COUNTED)
        key, least, *last = self.fetch(f"SELECT key, least_people, {columns} FROM memory_settings")[0]
        self.least_people: int = least
        self._last: dict[str, int] = dict(zip(_COUNTED, last, strict=True))
        self._given = False
        self.words = Words(self, bytes(key))

    def fetch(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the driver itself, with a `?` a value: a tenth of the cost where a call asks for little."""
        cursor = self._cursor
        cursor.execute(self._said(statement), values)
        return cursor.fetchall()

    def run(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Have the driver itself run a statement for each row, with a `?` a value."""
        if rows:
            self._cursor.executemany(self._said(statement), rows)

    def insert(self, table: Table, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Insert tuples."""
        columns, marks = ", ".join(names), ", ".join("?" * len(names))
        self.run(f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", rows)

    def _said(self, statement: str) -> str:
        return statement if self.is_sqlite else statement.replace("?", "%s")

    def numbers(self, kind: str, count: int) -> int:
        """Give the first of `count` new numbers; none is ever given twice."""
        first = self._last[kind] + 1
        self._last[kind] += count
        self._given = True
        return first

    def consent_number(self, consent: Consent) -> int:
        """Give the number of a consent, writing it down if it is new."""
        number = self.consents.get(consent)
        if number is None:
            number = self.consents[consent] = consent_number(self.connection, consent)
        return number

    def finish(self) -> None:
        """Write down which numbers were given out."""
        if self._given:
            columns = ", ".join(f"last_{name} = ?" for name in self._last)
            self.run(f"UPDATE memory_settings SET {columns}", [tuple(self._last.values())])


class Store:
    """A memory in a database."""

    def __init__(self, engine: Engine, name: str, file: str | None) -> None:
        self.engine = engine
        self.name = name
        """Where it is, without a password."""
        self.file = None if file is None else Path(file)
        """Of SQLite."""
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._consents: dict[Consent, int] = {}

    @classmethod
    def open(cls, where: str | os.PathLike[str], *, create: bool = True) -> Store:
        """Connect to a SQLite file or a `postgresql://` URL; make the tables, or bring them up to date.

        Raises
        ------
        PopulaceError
            If a package is missing.
        DataError
            If there is no memory (and none is to be made), it is of a later version, or cannot be reached.
        """
        where = os.fspath(where)
        file = sqlite_file(where)
        try:
            import sqlalchemy  # noqa: F401

            if file is None:
                import psycopg  # noqa: F401
        except ImportError as error:
            raise needs("memory" if error.name == "sqlalchemy" else "postgresql", error) from error
        if file is not None and not Path(file).is_file():
            if not create:
                raise DataError("there is no memory here", file=where, fix="make one: populace memory add")
            # What people said is for the owner only; SQLite's other files take after this one.
            with suppress(OSError):  # it is there, or connecting says what is wrong
                os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        engine = connect(where, synchronous="NORMAL")
        if file is not None:
            _tune(engine)
        store = cls(engine, shown(where), file)
        try:
            from populace.memory.migrating import bring_up_to_date

            bring_up_to_date(store, create=create)
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def turn(self) -> Iterator[Connection]:
        """Open a transaction that may write, when it is its turn."""
        with self._errors(), self.engine.connect() as plain:
            connection = plain.execution_options(populace_writes=True)
            with connection.begin():
                if not self.is_sqlite:
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection

    @contextmanager
    def write(self) -> Iterator[Writing]:
        """Open a transaction that may write: all of it happens, or nothing."""
        with self.turn() as connection:
            writing = Writing(connection, self._consents)
            yield writing
            writing.finish()
        self._consents = writing.consents

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one moment and writes nothing."""
        with self._errors(), self.engine.connect() as plain:
            level: dict[str, Any] = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            connection = plain.execution_options(**level)
            with connection.begin():
                yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Say in one line what the database could not do (locked, full, gone); it names no values."""
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except DBAPIError as error:
            raise DataError(f"the database failed ({error.orig})", file=self.name) from error
        except self.engine.dialect.loaded_dbapi.Error as error:
            raise DataError(f"the database failed ({error})", file=self.name) from error

    def setting(self, name: str) -> int:
        """Give a number of the settings' row."""
        from sqlalchemy import select

        from populace.memory.tables import settings

        with self.read() as connection:
            return connection.execute(select(settings.c[name])).scalar_one()

    def set_least_people(self, count: int) -> None:
        """Set how many people a neighbourhood needs at least.

        Raises
        ------
        DataError
            If it is below 1.
        """
        from sqlalchemy import update

        from populace.memory.tables import settings

        if count < 1:
            raise DataError(f"{count} people are no neighbourhood", fix="give 1 or more")
        with self.turn() as connection:
            connection.execute(update(settings).values(least_people=count))

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def first_settings() -> dict[str, Any]:
    """Give the settings of a store that begins."""
    counted = {f"last_{name}": 0 for name in _COUNTED}
    return {"id": 1, "key": secrets.token_bytes(16), "least_people": LEAST_PEOPLE, "owed": 0, **counted}


def _tune(engine: Engine) -> None:
    """Give SQLite room for pages, and keep what it sorts out of files that nobody scrubs."""
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.execute(f"PRAGMA cache_size=-{_CACHE >> 10}")
        connection.execute(f"PRAGMA wal_autocheckpoint={_LOG}")
        connection.execute("PRAGMA temp_store=MEMORY")
