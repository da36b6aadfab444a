"""Texts and blobs of a store: each text kept once, gone with the last thing that points at it.

A text is found by a keyed hash of 64 bits and then compared, so two texts that share a hash stay two. The
empty text is number 0 and has no row. Rows are appended, and blanked where nothing uses them any more (see
`tables`): PostgreSQL deletes them, since it writes a blanked row elsewhere anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from populace.memory.store import Writing

__all__ = [
    "Words",
    "blocks",
    "delete_blobs",
    "keyed_hash",
    "put_blobs",
    "read_blobs",
    "read_scale",
    "read_texts",
    "scale_of",
]

_BLOCK = 500
_T = TypeVar("_T")
_KNOWN = 300_000
"""Texts whose numbers a long transaction keeps in memory."""


def blocks(values: Iterable[_T], size: int = _BLOCK) -> Iterator[list[_T]]:
    """Cut into lists of at most `size`.

    Examples
    --------
    >>> list(blocks(range(5), 2))
    [[0, 1], [2, 3], [4]]
    """
    rest = iter(values)
    while block := list(islice(rest, size)):
        yield block


def scale_of(options: Sequence[str], ordinal: bool) -> str:
    """Write options as one text; empty where there are none.

    Examples
    --------
    >>> scale_of(("Yes", "No"), False)
    '[false,["Yes","No"]]'
    >>> read_scale(scale_of(("Yes", "No"), False))
    (('Yes', 'No'), False)
    """
    return msgspec.json.encode((ordinal, options)).decode() if options else ""


def read_scale(text: str) -> tuple[tuple[str, ...], bool]:
    """Read what `scale_of` wrote."""
    if not text:
        return (), False
    ordinal, options = msgspec.json.decode(text, type=tuple[bool, tuple[str, ...]])
    return options, ordinal


def keyed_hash(key: bytes, body: str) -> int:
    """Hash a text under a store's key, as a signed number of 64 bits."""
    return int.from_bytes(blake2b(body.encode(), digest_size=8, key=key).digest(), "big", signed=True)


class Words:
    """The texts inside one write transaction.

    Parameters
    ----------
    writing
        The transaction.
    key
        Of the hashes, the store's.
    """

    def __init__(self, writing: Writing, key: bytes) -> None:
        self._writing = writing
        self._connection = writing.connection
        self._key = key
        self._known: dict[str, tuple[int, int]] = {}

    def hash(self, body: str) -> int:
        """Hash a text under the store's key, as a signed number of 64 bits."""
        return keyed_hash(self._key, body)

    def find(self, bodies: Iterable[str]) -> dict[str, int]:
        """Give the numbers of those texts that are here."""
        bodies = list(bodies)
        self.look(bodies)
        known = self._known
        return {body: 0 if not body else known[body][0] for body in bodies if not body or body in known}

    def use(self, uses: Mapping[str, int]) -> dict[str, int]:
        """Give the numbers of texts, writing down new ones, and count that so much more points at them."""
        wanted = [body for body in uses if body]
        self.look(wanted)
        known = self._known
        new = [body for body in wanted if body not in known]
        old = sorted((*known[body][::-1], uses[body]) for body in wanted if body in known)
        if old:
            rows = [(more, hashed, text) for hashed, text, more in old]
            self._writing.run(
                "UPDATE memory_text_index SET uses = uses + ? WHERE hash = ? AND text = ?", rows
            )
        if new:
            first = self._writing.numbers("text", len(new))
            numbered = list(enumerate(new, first))
            self._writing.insert(_tables().texts, ("text", "body"), numbered)
            index = []
            for text, body in numbered:
                hashed = self.hash(body)
                known[body] = (text, hashed)
                index.append((hashed, text, uses[body]))
            self._writing.insert(_tables().text_index, ("hash", "text", "uses"), sorted(index))
        return {body: known[body][0] if body else 0 for body in uses}

    def release(self, uses: Mapping[int, int]) -> int:
        """Count that so much less points at texts (by number); blank those that nothing points at.

        Returns
        -------
        int
            How many texts are gone.
        """
        from sqlalchemy import select

        index = _tables().text_index
        left, gone = [], []
        for block in blocks(sorted(text for text in uses if text)):
            bodies = read_texts(self._connection, block)
            hashes = {self.hash(body): text for text, body in bodies.items()}
            rows = select(index.c.hash, index.c.text, index.c.uses).where(index.c.hash.in_(list(hashes)))
            for hashed, text, count in self._connection.execute(rows):
                if text not in bodies:
                    continue
                if count > uses[text]:
                    left.append((count - uses[text], hashed, text))
                else:
                    gone.append((hashed, text))
        if left:
            self._writing.run("UPDATE memory_text_index SET uses = ? WHERE hash = ? AND text = ?", left)
        self._remove(gone)
        return len(gone)

    def look(self, bodies: Iterable[str]) -> None:
        """Look up texts at once that are asked for one by one later."""
        if len(self._known) > _KNOWN:
            self._known.clear()
        unknown = {body for body in bodies if body and body not in self._known}
        hashed = sorted((self.hash(body), body) for body in unknown)
        for block in blocks(hashed):
            rows = self._writing.fetch(
                "SELECT i.hash, i.text, t.body "
                "FROM memory_text_index i JOIN memory_texts t ON t.text = i.text "
                f"WHERE i.hash IN ({', '.join('?' * len(block))})",
                [each for each, _ in block],
            )
            for number, text, body in rows:
                if body in unknown:
                    self._known[body] = (text, number)

    def _remove(self, gone: list[tuple[int, int]]) -> None:
        """Delete what is known of texts, and the texts."""
        if not gone:
            return
        self._writing.run("DELETE FROM memory_text_index WHERE hash = ? AND text = ?", sorted(gone))
        _blank(self._writing, _tables().texts, "text", "body = ''", sorted(text for _, text in gone))
        self._known.clear()


def read_texts(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    """Give texts by number; 0 is the empty one."""
    from sqlalchemy import select

    texts = _tables().texts
    found: dict[int, str] = {0: ""}
    for block in blocks(sorted(set(numbers) - {0})):
        rows = connection.execute(select(texts.c.text, texts.c.body).where(texts.c.text.in_(block)))
        found.update((text, body) for text, body in rows)
    return found


def put_blobs(writing: Writing, values: Sequence[bytes]) -> list[int]:
    """Write blobs down, each for one owner; give their numbers."""
    first = writing.numbers("blob", len(values))
    rows = list(enumerate(values, first))
    writing.insert(_tables().blobs, ("blob", "data"), rows)
    return [number for number, _ in rows]


def read_blobs(connection: Connection, numbers: Iterable[int]) -> dict[int, bytes]:
    """Give blobs by number."""
    from sqlalchemy import select

    table = _tables().blobs
    found: dict[int, bytes] = {}
    for block in blocks(sorted(set(numbers))):
        rows = connection.execute(select(table.c.blob, table.c.data).where(table.c.blob.in_(block)))
        found.update((number, data) for number, data in rows)
    return found


def delete_blobs(writing: Writing, numbers: Iterable[int | None]) -> None:
    """Blank blobs whose owner goes."""
    _blank(writing, _tables().blobs, "blob", "data = x''", sorted({n for n in numbers if n is not None}))


def _blank(writing: Writing, table: Table, key: str, empty: str, numbers: list[int]) -> None:
    """Overwrite rows where they stand: a shorter row of SQLite stays in its page, and is zeroed first."""
    change = f"UPDATE {table.name} SET {empty}" if writing.is_sqlite else f"DELETE FROM {table.name}"
    writing.run(f"{change} WHERE {key} = ?", [(number,) for number in numbers])


def _tables() -> Any:
    from populace.memory import tables

    return tables
