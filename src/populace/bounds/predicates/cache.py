"""Verdicts that were given already, by the content of the text; bounded, deletable, without any text.

A line is a keyed hash (BLAKE2b under a random key that the cache was made with) of text, predicate and what
it was told besides, and the verdict's numbers. Without the key a text cannot be looked for; whoever has the
file and the key can ask whether a text they know was judged: the file is made for its owner alone. `clear`
deletes lines and key, and overwrites them; other processes take up the new key with their next call.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
import threading
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from populace.bounds.predicates.verdict import Predicate, Verdict
from populace.canonical import canonical_bytes
from populace.errors import DataError

__all__ = ["Cache", "Cached"]


class Cache:
    """A cache of verdicts, in a file or in memory; safe for threads, and for processes that share the file.

    Parameters
    ----------
    path
        A SQLite file; None keeps it in memory.
    most
        Lines kept; the ones that were not used for longest go first.

    Raises
    ------
    DataError
        If the file is no cache, or `most` is below 1.

    Examples
    --------
    >>> cache = Cache()
    >>> cache.put("Hello.", {}, "words 1", Verdict("off", 3, "0 of 1 rules", "words 1", "none", 0.1))
    >>> cache.get("Hello.", {}, "off", "words 1").score, cache.get("Hello!", {}, "off", "words 1"), len(cache)
    (3, None, 1)
    """

    def __init__(self, path: str | Path | None = None, most: int = 10_000) -> None:
        if most < 1:
            raise DataError(f"a cache of {most} lines keeps nothing", fix="give 1 or more")
        self._most = most
        self._file = Path(path) if path else None
        self._lock = threading.Lock()
        self._puts = 0
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        try:
            if self._file:
                os.close(os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            self._db = sqlite3.connect(
                self._file or ":memory:", check_same_thread=False, isolation_level=None, timeout=30
            )
            self._db.execute("PRAGMA secure_delete = ON")
            self._db.executescript(
                "CREATE TABLE IF NOT EXISTS key (key BLOB NOT NULL, one INTEGER PRIMARY KEY CHECK (one = 1));"
                "CREATE TABLE IF NOT EXISTS verdict (hash BLOB PRIMARY KEY, used INTEGER NOT NULL, "
                "verdict BLOB NOT NULL) WITHOUT ROWID;"
                "CREATE INDEX IF NOT EXISTS by_use ON verdict (used);"
            )
            self._clock = self._db.execute("SELECT COALESCE(MAX(used), 0) FROM verdict").fetchone()[0]
        except (sqlite3.Error, OSError) as error:
            raise DataError(f"this is no cache of verdicts ({error})", file=self._file) from error

    def __len__(self) -> int:
        """Give the number of lines."""
        with self._lock:
            return self._db.execute("SELECT COUNT(*) FROM verdict").fetchone()[0]

    def get(self, text: str, context: Mapping[str, Any], name: str, version: str) -> Verdict | None:
        """Give the verdict of a predicate on a text, if it is there."""
        with self._lock:
            place = self._hash(text, context, name, version)
            row = self._db.execute("SELECT verdict FROM verdict WHERE hash = ?", (place,)).fetchone()
            if row is None:
                return None
            self._clock += 1
            self._db.execute("UPDATE verdict SET used = ? WHERE hash = ?", (self._clock, place))
        return msgspec.msgpack.decode(row[0], type=Verdict)

    def put(self, text: str, context: Mapping[str, Any], version: str, verdict: Verdict) -> None:
        """Keep a verdict."""
        with self._lock:
            place = self._hash(text, context, verdict.name, version)
            self._clock += 1
            self._puts += 1
            self._db.execute(
                "INSERT OR REPLACE INTO verdict VALUES (?, ?, ?)",
                (place, self._clock, msgspec.msgpack.encode(verdict)),
            )
            self._db.execute(
                "DELETE FROM verdict WHERE hash IN (SELECT hash FROM verdict ORDER BY used LIMIT "
                "max(0, (SELECT COUNT(*) FROM verdict) - ?))",
                (self._most,),
            )

    def clear(self) -> None:
        """Delete every line and the key, and overwrite their bytes; the cache goes on, empty."""
        with self._lock:
            self._db.execute("DELETE FROM verdict")
            self._db.execute("DELETE FROM key")
            self._db.execute("VACUUM")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def _own_key(self) -> bytes:
        """Give the key of the file, made by whoever is first; read each time, since another may clear it."""
        while True:
            with closing(self._db.execute("SELECT key FROM key")) as found:
                row = found.fetchone()
            if row is not None:
                return row[0]
            self._db.execute("INSERT OR IGNORE INTO key VALUES (?, 1)", (secrets.token_bytes(32),))

    def _hash(self, text: str, context: Mapping[str, Any], name: str, version: str) -> bytes:
        # A predicate may read any of it.
        told = {key: str(value) for key, value in context.items()}
        # Lone surrogates, which a JSON string may hold, have no UTF-8.
        shown = text.encode("utf-8", "surrogatepass").hex()
        return hashlib.blake2b(
            canonical_bytes([shown, told, name, version]), key=self._own_key(), digest_size=16
        ).digest()


class Cached:
    """A predicate whose verdicts are kept; one that failed is asked again.

    Examples
    --------
    >>> import asyncio
    >>> from populace.bounds.predicates.rules import word_rules
    >>> cached = Cached(word_rules()["off"], Cache())
    >>> [asyncio.run(cached.judge("Damn.", {})).score for _ in range(2)], len(cached.cache)
    ([60, 60], 1)
    """

    def __init__(self, predicate: Predicate, cache: Cache) -> None:
        self._predicate = predicate
        self.cache = cache
        self.name = predicate.name
        self.version = predicate.version
        self.cost = getattr(predicate, "cost", 0)

    async def judge(self, text: str, context: Mapping[str, Any]) -> Verdict:
        """Give the verdict that is there, else ask for it."""
        known = self.cache.get(text, context, self.name, self.version)
        if known is None:
            known = await self._predicate.judge(text, context)
            self.cache.put(text, context, self.version, known)
        return known
