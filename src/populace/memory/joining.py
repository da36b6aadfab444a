"""JOIN: who is like a person, by their caches (the paper), attributes, answers, or a model's points.

A person's place among others is made of those of their data that others may use, for one purpose; what looks
for neighbours is made of all that may be used for the person's own prediction. Of every place the code (64
bytes) is held in memory to find candidates; candidates are read from the database again, in the transaction
of the retrieval, and put in order by their points. So nobody is found who is not there any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.asking import ask_of
from populace.memory.codes import cached, kind_of, write_caches
from populace.memory.consent import usable
from populace.memory.layers import CACHE, statements_of
from populace.memory.spaces import HASHED, Space, signs, unit
from populace.memory.vectors import CODE, Codes, packed, unpacked
from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Store, Writing

__all__ = ["WAYS", "Near", "Way", "checked_way", "found_points", "keep_placed", "nearest", "place"]

Way = Literal["answers", "cache", "demographics", "learned"]
WAYS: tuple[Way, ...] = ("answers", "cache", "demographics", "learned")
_CHUNK = 500
_CANDIDATES = 160
"""Whose points are compared: those whose codes are most alike. Or four times as many as asked for."""
_FEW = 2000
"""People who are placed without being asked."""
_GONE = 5.0
"""Seconds for which codes are used without asking who went; whoever went is found by nobody even so."""
_OTHERS = 60.0
"""Seconds after which places are looked for that another process made."""
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX2 = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class Near:
    """Somebody who is like a person."""

    person: int
    score: float
    """Cosine of the two places."""


def place(
    store: Store,
    purpose: str,
    *,
    ways: Iterable[Way] = ("answers", "cache", "demographics"),
    space: Space = HASHED,
    people: Iterable[int] | None = None,
) -> int:
    """Place people among each other; only whom something has changed about.

    Returns
    -------
    How many places were made or changed.

    Raises
    ------
    DataError
        If there is no such way.
    """
    from sqlalchemy import select

    ways = [checked_way(way) for way in ways if way != "learned"]  # `learn` places all at once
    if people is None:
        with store.read() as connection:
            people = connection.execute(select(t.people.c.person).order_by(t.people.c.person)).scalars().all()
    changed = 0
    for block in blocks(people, _CHUNK):
        with store.write() as writing:
            changed += sum(_place(writing, block, way, purpose, space) for way in ways)
    if changed:
        _LOADED.pop(store, None)
    return changed


def checked_way(way: Any) -> Way:
    """Give a way back if it is one."""
    if way not in WAYS:
        raise DataError(f"nobody is alike by {way!r}", fix=f"take one of {', '.join(WAYS)}")
    return way


def _place(writing: Writing, people: Sequence[int], way: Way, purpose: str, space: Space) -> int:
    kind = kind_of(way, space, purpose)
    old = cached(writing, people, kind)
    stamps = _stamps(writing, people, way, purpose)
    stale = [person for person in people if stamps.get(person) != _stamp_of(old.get(person))]
    if not stale:
        return 0
    points, words = found_points(writing.connection, stale, way, purpose, space, shared=True)
    there = [person for person in stale if person in points]
    values: dict[int, tuple[str | int, bytes]] = {}
    if there:
        rows = packed(np.stack([points[person] for person in there]))
        for person, data in zip(there, rows, strict=True):
            stamp = stamps.get(person, 0).to_bytes(8, "little", signed=True)
            values[person] = (words.get(person, 0), data + stamp)
    write_caches(writing, kind, values, {person: old[person][0] for person in stale if person in old})
    return len(stale)


def _stamp_of(kept: tuple[int, bytes] | None) -> int | None:
    return None if kept is None else int.from_bytes(kept[1][-8:], "little", signed=True)


def _stamps(writing: Writing, people: Sequence[int], way: Way, purpose: str) -> dict[int, int]:
    """Give a number a person that changes with what the place is made of; none where there is nothing."""
    from sqlalchemy import func, select

    connection = writing.connection
    if way == "answers":
        c = t.items.c
        may = usable(c.consent, purpose, by_others=True)
        wanted = select(c.person, func.max(c.item)).where(c.person.in_(people), c.scale != 0, may)
        return {row[0]: row[1] for row in connection.execute(wanted.group_by(c.person))}
    if way == "demographics":
        rows = _attributes(connection, people, purpose, shared=True)
        told: dict[int, list[tuple[int, int]]] = {}
        for row in rows:
            told.setdefault(row.person, []).append((row.name, row.value))
        return {person: _digest(repr(sorted(pairs))) for person, pairs in told.items()}
    words = _cache_words(connection, people, purpose, shared=True)
    return {person: _digest(text) for person, text in words.items()}


def _digest(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def found_points(
    connection: Connection,
    people: Sequence[int],
    way: Way,
    purpose: str,
    space: Space = HASHED,
    *,
    shared: bool,
    but_text: int | None = None,
) -> tuple[dict[int, npt.NDArray[np.float32]], dict[int, str]]:
    """Place people by a way; those of whom nothing is known that way are left out.

    Parameters
    ----------
    connection
        A transaction.
    people
        Numbers of people.
    way, purpose, space
        As in `place`.
    shared
        Whether only what others may use counts.
    but_text
        The number of a text whose responses do not count.

    Returns
    -------
    Person -> shape (512,), of unit length; person -> the words of the cache.
    """
    if way == "cache":
        words = _cache_words(connection, people, purpose, shared=shared, but_text=but_text)
        points = space.points(list(words.values()))
        return {each: row for each, row in zip(words, points, strict=True) if row.any()}, words
    if way == "demographics":
        rows = [(row.person, row.name, row.value) for row in _attributes(connection, people, purpose, shared)]
        return _features(rows), {}
    wanted = (
        f"SELECT person, text, response FROM memory_items WHERE person IN ({{}}) AND scale <> 0 AND {_MAY}"
    )
    values: list[Any] = [purpose]
    if but_text is not None:
        wanted += " AND text <> ?"
        values.append(but_text)
    rows = ask_of(connection, wanted.replace("/*shared*/", _SHARING if shared else ""), people, values)
    return _features(rows), {}


_MAY = "consent IN (SELECT p.consent FROM memory_purposes p /*shared*/ WHERE p.purpose = ?)"
"""The mask of `consent.usable`."""
_SHARING = "JOIN memory_consents c ON c.consent = p.consent AND c.share"


def _features(rows: Sequence[tuple[int, int, int]]) -> dict[int, npt.NDArray[np.float32]]:
    """Add up 512 signs of each pair of numbers, a person: the product of two sums counts what both share."""
    if not rows:
        return {}
    table = np.array(rows, dtype=np.int64)
    table = table[np.argsort(table[:, 0], kind="stable")]
    keys = table[:, 1].astype(np.uint64) * _MIX ^ table[:, 2].astype(np.uint64) * _MIX2
    people, firsts = np.unique(table[:, 0], return_index=True)
    found = {}
    for start in range(0, len(people), 64):  # the signs of many items at once take much room
        part = firsts[start : start + 64]
        end = firsts[start + 64] if start + 64 < len(people) else len(table)
        sums = np.add.reduceat(signs(keys[part[0] : end]), part - part[0], axis=0, dtype=np.float32)
        for person, row in zip(people[start : start + 64].tolist(), unit(sums), strict=True):
            if row.any():
                found[person] = row
    return found


class _Attribute(NamedTuple):
    person: int
    name: int
    value: int


def _attributes(
    connection: Connection, people: Sequence[int], purpose: str, shared: bool
) -> list[_Attribute]:
    wanted = f"SELECT person, name, value FROM memory_attributes WHERE person IN ({{}}) AND {_MAY}"
    said = wanted.replace("/*shared*/", _SHARING if shared else "")
    return [_Attribute(*row) for row in ask_of(connection, said, people, [purpose])]


def _cache_words(
    connection: Connection, people: Sequence[int], purpose: str, *, shared: bool, but_text: int | None = None
) -> dict[int, str]:
    """Write the paper's Cache: a line a field, `topics: cats, taxes`."""
    told = statements_of(
        connection,
        people,
        purpose,
        layers=("distilled",),
        fields=CACHE,
        by_others=shared,
        but_text=but_text,
    )
    found = {}
    for person, statements in told.items():
        lines = []
        for field in CACHE:
            said = sorted({each.text for each in statements if each.field == field})
            if said:
                lines.append(f"{field}: {', '.join(said)}")
        if lines:
            found[person] = "\n".join(lines)
    return found


@dataclass
class _Loaded:
    codes: Codes
    line: int
    """The last line of the audit when it was loaded."""
    blob: int
    """The last blob of the store then."""
    latest: int
    """The last blob of this kind."""
    at: float
    """When that was, or when it was last looked whether it still is."""


_LOADED: WeakKeyDictionary[Store, dict[str, _Loaded]] = WeakKeyDictionary()
"""Store -> kind -> the codes of all people."""
_LOOKED: WeakKeyDictionary[Store, tuple[Any, ...]] = WeakKeyDictionary()
"""Store -> what was there when few people were placed."""


_MANY: WeakSet[Store] = WeakSet()
"""Stores with many people."""


def keep_placed(store: Store, purpose: str, space: Space) -> bool:
    """Place people where there are few; False where there are many, and only `place` does it."""
    if store in _MANY:
        return False
    with store.read() as connection:
        seen: tuple[Any, ...] = tuple(
            connection.exec_driver_sql(
                "SELECT last_item, last_person, last_statement FROM memory_settings"
            ).one()
        )
        if seen[1] > _FEW:  # numbers of people are never given twice, so this stays so
            _MANY.add(store)
            return False
        told = "SELECT count(*), sum(name), sum(value) FROM memory_attributes"
        seen = (*seen, *connection.exec_driver_sql(told).one(), purpose, space.name)
    if _LOOKED.get(store) != seen:
        place(store, purpose, space=space)
        _LOOKED[store] = seen
    return True


def nearest(
    store: Store,
    writing: Writing,
    person: int,
    way: Way,
    count: int,
    purpose: str,
    space: Space = HASHED,
    *,
    but_text: int | None = None,
) -> list[Near] | None:
    """Find the people most like a person, of equals the first; None if nothing places the person that way."""
    if way == "learned":
        from populace.memory.learning import learned_nearest

        return learned_nearest(store, writing, person, count, purpose)
    points, _ = found_points(
        writing.connection, [person], way, purpose, space, shared=False, but_text=but_text
    )
    if person not in points:
        return None
    kind = kind_of(way, space, purpose)
    codes = _codes(store, writing, kind)
    candidates = codes.nearest(points[person], max(_CANDIDATES, 4 * count) + 1)
    here = cached(writing, [one for one in candidates.tolist() if one != person], kind)
    scores = unpacked(data for _, data in here.values()) @ points[person]
    order = sorted(zip((-scores).tolist(), here, strict=True))
    return [Near(one, -score) for score, one in order[:count]]


def _codes(store: Store, writing: Writing, kind: str) -> Codes:
    """Give the codes of all people, as they are held in memory, loaded anew where that is due."""
    loaded = _LOADED.setdefault(store, {}).get(kind)
    line, blob = writing.fetch("SELECT last_line, last_blob FROM memory_settings")[0]
    now = time.monotonic()
    fresh = loaded is not None and now - loaded.at < _GONE
    if loaded is not None and (fresh or not _changed(writing, kind, loaded, line, blob, now)):
        return loaded.codes
    rows = writing.fetch(
        "SELECT c.person, substr(b.data, 1, ?) FROM memory_caches c JOIN memory_blobs b ON b.blob = c.blob "
        "WHERE c.kind = ? ORDER BY c.person",
        [CODE, kind],
    )
    people = np.fromiter((row[0] for row in rows), dtype=np.int64, count=len(rows))
    table = np.frombuffer(b"".join(bytes(row[1]) for row in rows), dtype=np.uint8).reshape(-1, CODE)
    latest = _latest(writing, kind)
    _LOADED[store][kind] = _Loaded(Codes(people, table), line, blob, latest, now)
    return _LOADED[store][kind].codes


def _changed(writing: Writing, kind: str, loaded: _Loaded, line: int, blob: int, now: float) -> bool:
    """Say whether somebody went, or, now and then, whether another process placed somebody."""
    gone = "SELECT 1 FROM memory_audit WHERE line > ? AND action IN ('forget', 'consent') LIMIT 1"
    if line > loaded.line and writing.fetch(gone, [loaded.line]):
        return True
    loaded.line = line
    if blob == loaded.blob or now - loaded.at < _OTHERS:
        return False
    loaded.blob, loaded.at = blob, now
    return _latest(writing, kind) != loaded.latest


def _latest(writing: Writing, kind: str) -> int:
    return writing.fetch("SELECT max(blob) FROM memory_caches WHERE kind = ?", [kind])[0][0] or 0
