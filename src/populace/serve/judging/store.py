"""A study's database: SQLite in a file, or PostgreSQL by URL; one transaction an action.

SQLite writes ahead and syncs at every commit, so an answer that got a reply survives a kill and a power cut.
Writers take turns from the start of their transaction (`BEGIN IMMEDIATE`); PostgreSQL takes the study's row
for update where seats are given out. What is deleted is overwritten (`secure_delete`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from populace.canonical import content_hash
from populace.errors import DataError, PopulaceError, StudyError
from populace.serve.judging.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from populace.serve.judging.material import Material
    from populace.serve.judging.plan import Plan

__all__ = ["Store", "Texts", "keys_beside"]

_VERSION = 1
_WAIT = 30
"""Seconds a writer waits for its turn."""
_TRIES = 25


class Texts(NamedTuple):
    """The researcher's texts as they were when the study began; empty for the built-in ones."""

    consent: str
    instructions: str


def keys_beside(where: str) -> Path:
    """Give the usual place of a store's keys.

    Examples
    --------
    >>> keys_beside("judging.sqlite").name, keys_beside("postgresql://host/db").name
    ('judging.sqlite.keys', 'judging.keys')
    """
    return Path("judging.keys") if "://" in where else Path(f"{where}.keys")


class Store:
    """A study in a database."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.engine = engine
        self.name = name
        """Where it is, without a password."""
        self.is_sqlite = engine.dialect.name == "sqlite"

    @classmethod
    def open(cls, where: str, *, create: bool = False) -> Store:
        """Connect to a SQLite file or a `postgresql://` URL; make the tables where asked.

        Raises
        ------
        PopulaceError
            If a package is missing.
        DataError
            If there is no study, or the database cannot be reached.
        """
        try:
            import sqlalchemy
            from sqlalchemy.exc import DBAPIError
        except ImportError as error:
            raise PopulaceError(
                "judging needs the extra serve", fix="pip install 'populace[serve]'"
            ) from error
        is_url = "://" in where
        if not is_url and not create and not Path(where).is_file():
            raise DataError("there is no study here", file=where, fix="begin one: populace judge serve FILES")
        store = cls(_engine(where, is_url), _shown(where))
        try:
            from populace.serve.judging.tables import metadata, study

            if create:
                metadata.create_all(store.engine)
            elif not sqlalchemy.inspect(store.engine).has_table(study.name):
                raise DataError("there is no study here", file=store.name)
        except DBAPIError as error:
            raise DataError(f"the database cannot be used ({error.orig})", file=store.name) from error
        return store

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction that may write."""
        with self.engine.connect() as plain:
            connection = plain.execution_options(populace_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction that sees one moment and writes nothing."""
        with self.engine.connect() as plain:
            level = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
            connection = plain.execution_options(**level)
            with connection.begin():
                yield connection

    def begin_study(self, settings: Settings, texts: Texts, material: Material, plan: Plan) -> bool:
        """Write a study; False if the very same one stands here already.

        Raises
        ------
        StudyError
            If another study, or the same one with other settings, stands here.
        """
        from sqlalchemy import insert, select
        from sqlalchemy.exc import IntegrityError

        from populace.serve.judging import tables as t

        fingerprint = fingerprint_of(settings, texts, material, plan)
        rows = _rows(plan, material)
        try:
            with self.write() as connection:
                known = connection.execute(select(t.study.c.fingerprint)).scalar()
                if known is None:
                    told = settings.model_dump_json()
                    head = {"id": 1, "version": _VERSION, "fingerprint": fingerprint, "settings": told}
                    connection.execute(insert(t.study), head | {"texts": json.dumps(texts)})
                    for table, values in rows:
                        if values:
                            connection.execute(insert(table), values)
                    return True
        except IntegrityError:  # another server began it in the same moment
            with self.read() as connection:
                known = connection.execute(select(t.study.c.fingerprint)).scalar()
        if known != fingerprint:
            raise StudyError(
                "another study stands here, or this one with other settings or files",
                file=self.name,
                fix="go on with `populace judge serve STORE`, or name another --store",
            )
        return False

    def settings(self) -> tuple[Settings, Texts]:
        """Read what is studied.

        Raises
        ------
        DataError
            If no study was begun here, or by a later version.
        """
        from sqlalchemy import select

        from populace.serve.judging import tables as t

        with self.read() as connection:
            row = connection.execute(select(t.study.c.version, t.study.c.settings, t.study.c.texts)).first()
        if row is None:
            raise DataError("no study was begun here", file=self.name)
        if row.version != _VERSION:
            raise DataError(f"this study was begun by another version ({row.version})", file=self.name)
        return Settings.model_validate_json(row.settings), Texts(*json.loads(row.texts))

    def has_raters(self) -> bool:
        """Whether anybody agreed to take part."""
        from sqlalchemy import select

        from populace.serve.judging import tables as t

        with self.read() as connection:
            return connection.execute(select(t.raters.c.rater).limit(1)).first() is not None

    def scrub(self) -> None:
        """Make deleted rows unreadable: write the tables anew, and empty SQLite's write-ahead log.

        Raises
        ------
        DataError
            If readers keep the log in use: the rows are deleted, but their bytes are still there.
        """
        if self.is_sqlite:
            self._scrub_sqlite()
            return
        with self.engine.connect() as plain:
            connection = plain.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql("VACUUM FULL judging_answers")
            connection.exec_driver_sql("VACUUM FULL judging_raters")

    def _scrub_sqlite(self) -> None:
        import sqlite3

        raw = self.engine.raw_connection()
        try:
            cursor: Any = raw.cursor()
            for _ in range(_TRIES):
                try:
                    cursor.execute("VACUUM")
                    busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
                except sqlite3.OperationalError:
                    busy = 1
                if not busy:
                    return
                time.sleep(0.2)
        finally:
            raw.close()
        raise DataError(
            "deleted, but others read the database, so the bytes are still in its log",
            file=self.name,
            fix="run the same command again in a moment",
        )

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def fingerprint_of(settings: Settings, texts: Texts, material: Material, plan: Plan) -> str:
    """Hash what a study is: paths do not count, what was read from them does."""
    paths = {"pairs", "study", "personas", "survey", "machines", "consent", "instructions"}
    told = settings.model_dump(mode="json", exclude=paths)
    return content_hash([told, texts, material.personas, [tuple(i) for i in plan.items], plan.seats])


def _rows(plan: Plan, material: Material) -> list[tuple[Any, list[dict[str, Any]]]]:
    from populace.serve.judging import tables as t

    used = {seat.persona_id for seat in plan.seats} - {None}
    people = [{"persona_id": who, "text": text} for who, text in material.personas.items() if who in used]
    items = [
        {"item_id": number, **item._asdict(), "options": json.dumps(item.options)}
        for number, item in enumerate(plan.items)
    ]
    seats = [
        {"seat": number, "persona_id": seat.persona_id, "rank": seat.rank, "rater": None}
        for number, seat in enumerate(plan.seats)
    ]
    tasks = [
        {"seat": number, "place": place, "item_id": item, "order": order}
        for number, seat in enumerate(plan.seats)
        for place, (item, order) in enumerate(seat.tasks)
    ]
    shown = {(item.persona_id, item.prompt_id) for item in plan.items if item.kind == "pair"}
    said = material.machines.unique(["persona_id", "prompt_id", "machine"], keep="first", maintain_order=True)
    machines = [row for row in said.to_dicts() if (row["persona_id"], row["prompt_id"]) in shown]
    return [
        (t.personas, people),
        (t.items, items),
        (t.seats, seats),
        (t.tasks, tasks),
        (t.machines, machines),
    ]


def _engine(where: str, is_url: bool) -> Engine:
    from sqlalchemy import create_engine, event

    if is_url:
        scheme, rest = where.split("://", 1)
        if scheme not in ("postgresql", "postgres", "postgresql+psycopg", "sqlite"):
            raise DataError(f"{scheme} is no database we know", fix="give a file, or postgresql://...")
        if scheme != "sqlite":
            return create_engine(f"postgresql+psycopg://{rest}", pool_pre_ping=True)
        where = rest.lstrip("/") if not rest.startswith("//") else rest[1:]
    engine = create_engine(f"sqlite:///{where}", connect_args={"timeout": _WAIT, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def began(connection: Any) -> None:
        writes = connection.get_execution_options().get("populace_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _shown(where: str) -> str:
    if "://" not in where or "@" not in where:
        return where
    scheme, rest = where.split("://", 1)
    return f"{scheme}://{rest.rsplit('@', 1)[1]}"
