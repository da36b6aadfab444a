"""Places of people among each other: by answers, by the paper's Cache, by attributes.

A place is made of those of a person's data that others may use, for one purpose; what looks for neighbours is
made of all that may be used for the person's own prediction. It is kept with a stamp of what it was made of,
so that only whom something changed about is placed anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from populace.errors import DataError
from populace.memory import tables as t
from populace.memory.asking import ask_of
from populace.memory.codes import cached, kind_of, write_caches
from populace.memory.consent import usable
from populace.memory.layers import CACHE, statements_of
from populace.memory.spaces import HASHED, Space, signs, unit
from populace.memory.vectors import packed

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from populace.memory.store import Writing

__all__ = ["WAYS", "Way", "checked_way", "found_points", "place_some"]

Way = Literal["answers", "cache", "demographics", "learned"]
WAYS: tuple[Way, ...] = ("answers", "cache", "demographics", "learned")
_MIX = np.uint64(0x9E3779B97F4A7C15)
_MIX2 = np.uint64(0xC2B2AE3D27D4EB4F)


def checked_way(way: Any) -> Way:
    """Give a way back if it is one."""
    if way not in WAYS:
        raise DataError(f"nobody is alike by {way!r}", fix=f"take one of {', '.join(WAYS)}")
    return way


def place_some(writing: Writing, people: Sequence[int], way: Way, purpose: str, space: Space) -> int:
    """Place those of some people whom something changed about; give how many."""
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
