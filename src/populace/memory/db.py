"""`PersonaDB`: the surface of the memory; what it does stands in the other files of this room."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any

from populace.errors import DataError
from populace.memory.consent import Consent, as_consent, checked_purpose
from populace.memory.item import Kept, checked_name
from populace.memory.knowing import Knowing

if TYPE_CHECKING:
    from populace.memory.adding import Added
    from populace.memory.exporting import Explanation
    from populace.memory.forgetting import Forgotten
    from populace.memory.reading import Items
    from populace.memory.store import Store

__all__ = ["PersonaDB"]


class PersonaDB(Knowing):
    """A memory of people in a database; use `PersonaDB.open`.

    Examples
    --------
    >>> import tempfile
    >>> from populace.memory import PersonaDB
    >>> folder = tempfile.TemporaryDirectory()
    >>> with PersonaDB.open(folder.name + "/people.db") as db:
    ...     added = db.add("ada", {"text": "Tea or coffee?", "response": "Tea", "options": ["Tea", "Coffee"]})
    ...     db.items("ada")[0].item.response, db.forget("ada").items, db.people()
    ('Tea', 1, [])
    """

    def __init__(
        self, store: Store, purpose: str, redact: Callable[[str], str] | None = None, actor: str = ""
    ) -> None:
        self.store = store
        self.purpose = purpose
        """What everything is read for: items whose consent does not name it are in no result."""
        self.redact = redact
        self.actor = actor
        """Who runs this, for the audit."""

    @classmethod
    def open(
        cls,
        where: str | PathLike[str],
        purpose: str = "research",
        *,
        create: bool = True,
        least_people: int | None = None,
        redact: Callable[[str], str] | str | None = None,
        actor: str = "",
    ) -> PersonaDB:
        """Open a memory, make it where there is none, and bring an older one up to date.

        Parameters
        ----------
        where
            A file of SQLite, or `postgresql://...`.
        purpose
            What it is used for.
        create
            Whether to make one where there is none.
        least_people
            How many people a neighbourhood needs at least (5); kept in the store.
        redact
            What takes out of new texts who somebody is: `patterns`, `presidio`, or a function of a text. Of
            options and attributes patterns are taken out. Not kept in the store.
        actor
            Who runs this, for the audit.

        Raises
        ------
        PopulaceError
            If the extra `memory` (or `postgresql`) is not installed.
        DataError
            If it is no memory, one of a later version, or cannot be reached.
        """
        from populace.memory.redacting import redactor
        from populace.memory.store import Store

        purpose = checked_purpose(purpose)
        taken = redactor(redact) if isinstance(redact, str) else redact
        store = Store.open(where, create=create)
        try:
            if least_people is not None:
                store.set_least_people(least_people)
            if store.is_sqlite:
                from populace.memory.forgetting import overwrite

                overwrite(store, 0.0)  # what a process that was killed still owed
        except BaseException:
            store.close()
            raise
        return cls(store, purpose, taken, actor)

    @property
    def least_people(self) -> int:
        """How many people a neighbourhood needs at least."""
        return self.store.setting("least_people")

    def add(
        self,
        person_id: str | None,
        items: Items,
        consent: Consent | str | Iterable[str] | None = None,
    ) -> Added:
        """Add items of a person, or of several; all of them, or none.

        Parameters
        ----------
        person_id
            Whose they are; None where each row has a `person_id`.
        items
            An `Item` or a dictionary of its fields, several, a Polars frame, or a path to .jsonl, .csv or
            .parquet (columns: `populace.memory.reading`).
        consent
            What they may be used for, where a row does not say it: purposes, shared with predictions of
            other people unless `Consent(..., share=False)`. None: `research` for items that are new, and
            those that are here already keep theirs. One that is said, here or in a row, holds from now on,
            even where it is wider than what `allow` set.

        Raises
        ------
        DataError
            At a malformed row, with file and row: then nothing is written.
        """
        from populace.memory.adding import add
        from populace.memory.reading import read_rows

        told = as_consent("research" if consent is None else consent)
        name = None if person_id is None else checked_name(person_id)
        rows = read_rows(items, told)
        said = consent is not None
        return add(self.store, rows, told, said=said, person_id=name, redact=self.redact)

    def describe(
        self,
        person_id: str,
        attributes: Mapping[str, str | None],
        consent: Consent | str | Iterable[str] = "research",
    ) -> None:
        """Say what a person is (age, region, ...); a None takes an attribute back.

        Raises
        ------
        DataError
            If an attribute is no text.
        """
        from populace.memory.describing import describe

        told = as_consent(consent)
        describe(self.store, checked_name(person_id), attributes, told, redact=self.redact is not None)

    def allow(
        self,
        person_id: str,
        consent: Consent | str | Iterable[str],
        rows: Iterable[int] | None = None,
    ) -> int:
        """Set what a person's items and attributes, or the items of those numbers, may be used for.

        What was derived from them under the old consent goes. Returns how many items it is about.

        Raises
        ------
        DataError
            If there is nobody of this name, or no such item.
        """
        from populace.memory.describing import allow

        return allow(self.store, person_id, as_consent(consent), rows, actor=self.actor)

    def people(self) -> list[str]:
        """List the ids of all people, in the order they came."""
        from populace.memory.finding import names

        with self.store.read() as connection:
            return list(names(connection).values())

    def items(self, person_id: str) -> list[Kept]:
        """Give the items of a person that may be used for this purpose, in the order they came.

        Raises
        ------
        DataError
            If there is nobody of this name.
        """
        from populace.memory.finding import items_of, person_of

        with self.store.read() as connection:
            return items_of(
                connection, self._known(person_of(connection, person_id), person_id), self.purpose
            )

    def attributes(self, person_id: str) -> dict[str, str]:
        """Give the attributes of a person that may be used for this purpose.

        Raises
        ------
        DataError
            If there is nobody of this name.
        """
        from populace.memory.finding import attributes_of, person_of

        with self.store.read() as connection:
            person = self._known(person_of(connection, person_id), person_id)
            return attributes_of(connection, person, self.purpose)

    def forget(
        self, person_id: str, rows: Iterable[int] | None = None, *, patience: float | None = 10.0
    ) -> Forgotten:
        """Delete a person, or the items of those numbers, with everything derived from them, and their bytes.

        Parameters
        ----------
        person_id
            Who.
        rows
            Numbers of items; None for the whole person.
        patience
            Seconds to wait for readers before the bytes are overwritten; `overwritten` says whether they are.
            None leaves it to the next deletion, or `scrubbing.compact`.

        Raises
        ------
        DataError
            If there is nobody of this name, or no such item: then nothing is deleted.
        """
        from populace.memory.forgetting import forget

        return forget(self.store, person_id, rows, patience=patience, actor=self.actor, purpose=self.purpose)

    def export(
        self, person_id: str, path: str | PathLike[str] | None = None, *, password: str | None = None
    ) -> dict[str, Any]:
        """Give everything that is here about a person, as a dictionary that is JSON; into a file if asked.

        Parameters
        ----------
        person_id
            Who.
        path
            File to write.
        password
            Encrypt the file under it (scrypt, AES-256-GCM); `sealing.read_export` opens it.

        Raises
        ------
        DataError
            If there is nobody of this name.
        """
        from populace.memory.exporting import export
        from populace.memory.sealing import write_export

        told = export(self.store, person_id, purpose=self.purpose, actor=self.actor)
        if path is not None:
            write_export(path, told, password)
        return told

    def explain(self, person_id: str) -> Explanation:
        """Say what is known of a person, from which items, by which model, and who read it.

        Raises
        ------
        DataError
            If there is nobody of this name.
        """
        from populace.memory.exporting import explain

        return explain(self.store, person_id, purpose=self.purpose, actor=self.actor)

    def check(self) -> list[str]:
        """Say what is wrong with the store, one line each; reads all of it."""
        from populace.memory.checking import check

        return check(self.store)

    def _known(self, person: int | None, person_id: str) -> int:
        if person is None:
            raise DataError(f"nobody here is named {person_id}", file=self.store.name, column="person_id")
        return person

    def close(self) -> None:
        """Close all connections."""
        self.store.close()

    def __enter__(self) -> PersonaDB:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
