"""A study's database: SQLite in a file, or PostgreSQL by URL; one transaction an action.

SQLite writes ahead and syncs at every commit, so an answer that got a reply survives a kill and a power cut.
Writers take turns from the start of their transaction (`BEGIN IMMEDIATE`); PostgreSQL takes the study's row
for update where seats are given out. What is deleted is overwritten (`secure_delete`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from populace.canonical import content_hash
from populace.databases import connect, scrub, shown, sqlite_file
from populace.errors import DataError, PopulaceError, StudyError
from populace.serve.judging.settings import Settings

if TYPE_CHECKING:
    import polars as pl
    from sqlalchemy import Connection, Engine

    from populace.serve.judging.material import Material
    from populace.serve.judging.plan import Plan

__all__ = ["PATIENCE", "Store", "Texts", "keys_beside"]

_VERSION = 2
PATIENCE = 10.0
"""Seconds that overwriting deleted rows waits for readers."""


def keys_beside(where: str) -> Path:
    """Give the usual place of a store's keys; databases of a server have one each, by their name.

    Examples
    --------
    >>> keys_beside("judging.sqlite").name, keys_beside("sqlite:///study.db").name
    ('judging.sqlite.keys', 'study.db.keys')
    >>> keys_beside("postgresql://host/db?sslmode=require").name
    'judging-db.keys'
    """
    file = sqlite_file(where)
    if file is not None:
        return Path(f"{file}.keys")
    path = where.split("://", 1)[1].partition("?")[0].partition("/")[2]
    name = "".join(char if char.isalnum() or char in "._" else "-" for char in path)
    return Path(f"judging-{name}.keys" if name else "judging.keys")


class Texts(NamedTuple):
    """The researcher's texts as they were when the study began; empty for the built-in ones."""

    consent: str
    instructions: str


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
        file = sqlite_file(where)
        if file is not None and not create and not Path(file).is_file():
            raise DataError("there is no study here", file=where, fix="begin one: populace judge serve FILES")
        if file is not None and create:
            # What people wrote is for the owner only; SQLite's other files take after this one.
            with suppress(OSError):  # it is there, or connecting says what is wrong
                os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        store = cls(connect(where), shown(where))
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

    def begin_study(
        self, settings: Settings, texts: Texts, material: Material, plan: Plan, mark: str
    ) -> bool:
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
                    connection.execute(insert(t.study), head | {"texts": json.dumps(texts), "mark": mark})
                    for table, values in rows:
                        if values:
                            connection.execute(insert(table), values)
                    return True
        except IntegrityError:  # another server began it in the same moment
            with self.read() as connection:
                known = connection.execute(select(t.study.c.fingerprint)).scalar()
            if known is None:
                raise
        if known != fingerprint:
            raise StudyError(
                "another study stands here, or this one with other settings or files",
                file=self.name,
                fix=f"go on with `populace judge serve --store {self.name}`, or name another --store",
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
            version = connection.execute(select(t.study.c.version)).scalar()
            if version is None:
                raise DataError("no study was begun here", file=self.name)
            if version != _VERSION:
                raise DataError(f"this study was begun by another version ({version})", file=self.name)
            row = connection.execute(select(t.study.c.settings, t.study.c.texts)).one()
        return Settings.model_validate_json(row.settings), Texts(*json.loads(row.texts))

    def know_keys(self, mark: str, *, anew: bool) -> None:
        """Check that these are the keys of this study; `anew`: they were made just now, as there were none.

        Raises
        ------
        StudyError
            If they are those of another study.
        """
        from sqlalchemy import select, update

        from populace.serve.judging.tables import study

        with self.write() as connection:
            known = connection.execute(select(study.c.mark)).scalar()
            if known == mark:
                return
            if not anew:
                raise StudyError(
                    "these are the keys of another study: no link that was given out would work",
                    file=self.name,
                    fix="name the right ones with --keys",
                )
            connection.execute(update(study).values(mark=mark))

    def has_raters(self) -> bool:
        """Whether anybody agreed to take part."""
        from sqlalchemy import select

        from populace.serve.judging import tables as t

        with self.read() as connection:
            return connection.execute(select(t.raters.c.rater).limit(1)).first() is not None

    def note_owed(self, connection: Connection) -> None:
        """Remember, with what is deleted, that its bytes are still to be overwritten."""
        from sqlalchemy import update

        from populace.serve.judging.tables import study

        connection.execute(update(study).values(owed=study.c.owed + 1))

    def owed(self) -> int:
        """Count deletions whose bytes may still be in the database's files."""
        from sqlalchemy import select

        from populace.serve.judging.tables import study

        with self.read() as connection:
            return connection.execute(select(study.c.owed)).scalar() or 0

    def scrub(self, patience: float = PATIENCE) -> bool:
        """Make rows deleted so far unreadable, if that is still owed; False if nothing was.

        Raises
        ------
        DataError
            If others read the database all this time (seconds): the rows are deleted, their bytes still
            there, and still owed.
        """
        from sqlalchemy import update

        from populace.serve.judging.tables import study

        owed = self.owed()
        if not owed:
            return False
        if not scrub(self.engine, patience):
            raise DataError(
                "deleted, but others read the database, so the bytes are still in its files",
                file=self.name,
                fix="close what reads it (or wait) and run the same command again",
            )
        with self.write() as connection:  # what was deleted meanwhile stays owed
            connection.execute(update(study).where(study.c.owed == owed).values(owed=0))
        return True

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def fingerprint_of(settings: Settings, texts: Texts, material: Material, plan: Plan) -> str:
    """Hash what a study is: paths do not count, what was read from them does."""
    paths = {"pairs", "study", "personas", "survey", "machines", "consent", "instructions"}
    told = settings.model_dump(mode="json", exclude=paths)
    said = _machines(plan, material).sort("persona_id", "prompt_id", "machine").rows()
    items = [tuple(item) for item in plan.items]
    return content_hash([told, texts, material.personas, items, plan.seats, said])


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
    return [
        (t.personas, people),
        (t.items, items),
        (t.seats, seats),
        (t.tasks, tasks),
        (t.machines, _machines(plan, material).to_dicts()),
    ]


def _machines(plan: Plan, material: Material) -> pl.DataFrame:
    """Give models' verdicts on the pairs that are shown."""
    import polars as pl

    names = ("persona_id", "prompt_id")
    rows = [(item.persona_id, item.prompt_id) for item in plan.items if item.kind == "pair"]
    shown = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return material.machines.join(shown, on=names, how="semi", maintain_order="left")
