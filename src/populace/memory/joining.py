"""JOIN: who is like a person, by their caches (the paper), attributes, answers, or a model's points.

Of every place (`placing`) the code (64 bytes) is held in memory to find candidates, or a server finds them
(`pgvector`). Candidates are read from the database again, in the transaction of the retrieval, and put in
order by their points. So nobody is found who is not there any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np

from populace.memory import pgvector
from populace.memory import tables as t
from populace.memory.asking import ask, marks
from populace.memory.codes import cached, kind_of
from populace.memory.placing import WAYS, Way, checked_way, found_points, place_some
from populace.memory.spaces import HASHED, Space
from populace.memory.vectors import CODE, Codes, unpacked
from populace.memory.words import blocks

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Store, Writing

__all__ = [
    "WAYS",
    "Near",
    "Way",
    "checked_way",
    "found_points",
    "keep_placed",
    "nearest",
    "place",
    "take_out",
]

_CHUNK = 500
_CANDIDATES = 64
"""Whose points are compared: those whose codes are most alike. Or four times as many as asked for."""
_FEW = 2000
"""People who are placed without being asked."""
_GONE = 5.0
"""Seconds for which codes are used without asking who went; whoever went is found by nobody even so."""
_OTHERS = 60.0
"""Seconds after which places are looked for that another process made."""


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
    changed, vectors = 0, pgvector.make(store)
    kinds = [kind_of(way, space, purpose) for way in ways]
    for block in blocks(people, _CHUNK):
        with store.write() as writing:
            changed += sum(place_some(writing, block, way, purpose, space) for way in ways)
            for kind in kinds if vectors else ():
                pgvector.fill(writing, kind, block)
    for kind in kinds if vectors else ():
        pgvector.index(store, kind)
    if changed:
        _LOADED.pop(store, None)
    return changed


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
    gone: int = 0
    """Lines since then of whom this process itself took out."""


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
        kinds = [kind_of(way, space, purpose) for way in WAYS if way != "learned"]
        placed = _placed(connection, kinds)
    if _LOOKED.get(store) != (*seen, placed):  # places go with any of a person's items, and by `allow`
        place(store, purpose, space=space)
        with store.read() as connection:
            _LOOKED[store] = (*seen, _placed(connection, kinds))
    return True


def _placed(connection: Connection, kinds: Sequence[str]) -> int:
    """Count the places of these kinds."""
    counted = f"SELECT count(*) FROM memory_caches WHERE kind IN ({marks(kinds)})"
    return ask(connection, counted, kinds)[0][0]


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
    wanted, candidates = max(_CANDIDATES, 4 * count) + 1, None
    if pgvector.has_vectors(store, writing):
        candidates = pgvector.near(writing, kind, points[person], wanted)
    if candidates is None:
        candidates = _codes(store, writing, kind).nearest(points[person], wanted)
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
    gone = "SELECT count(*) FROM memory_audit WHERE line > ? AND action IN ('forget', 'consent')"
    if line > loaded.line and writing.fetch(gone, [loaded.line])[0][0] != loaded.gone:
        return True
    loaded.line, loaded.gone = line, 0
    if blob == loaded.blob or now - loaded.at < _OTHERS:
        return False
    loaded.blob, loaded.at = blob, now
    return _latest(writing, kind) != loaded.latest


def take_out(store: Store, person: int) -> None:
    """Forget the codes of somebody whose places this process deleted, with one line in the audit."""
    for loaded in _LOADED.get(store, {}).values():
        loaded.codes.take_out(person)
        loaded.gone += 1


def _latest(writing: Writing, kind: str) -> int:
    return writing.fetch("SELECT max(blob) FROM memory_caches WHERE kind = ?", [kind])[0][0] or 0
