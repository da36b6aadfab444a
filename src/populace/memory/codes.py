"""Codes of a person's items and points of people, as caches: made from that person's data alone.

All codes of a person stand in one blob, since they are read together: 72 bytes an item. They are made when
they are first used, and added to when items were added; what is deleted of a person takes the blob along.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from populace.memory import tables as t
from populace.memory.spaces import Space, unit
from populace.memory.vectors import CODE, codes_of
from populace.memory.words import blocks, delete_blobs, put_blobs, read_texts

if TYPE_CHECKING:
    from populace.memory.store import Writing

__all__ = ["item_codes", "item_points", "kind_of", "write_caches"]

_RESPONSE = 0.7
"""What the words of a response count beside those of what was responded to."""
_ROW = 8 + CODE


def kind_of(way: str, space: Space, purpose: str) -> str:
    """Name the caches of people's points: of a way, a space and a purpose."""
    return f"by {way} {space.name} {blake2b(purpose.encode(), digest_size=4).hexdigest()}"


def item_points(space: Space, words: Sequence[tuple[str, str]]) -> npt.NDArray[np.float32]:
    """Place items, given what was responded to and the response: shape (n, 512), of unit length."""
    texts = space.points([each for pair in words for each in pair]).reshape(len(words), 2, -1)
    return unit(texts[:, 0] + _RESPONSE * texts[:, 1])


def item_codes(
    writing: Writing, rows: Sequence[Any], space: Space
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Give the codes of items, making those that are not kept yet.

    Parameters
    ----------
    writing
        The transaction.
    rows
        With `person`, `item`, `text` and `response` (numbers of texts), of any people.
    space
        Where texts lie.

    Returns
    -------
    Shape (n, 64), in the order of the rows.
    """
    kind = f"items {space.name}"
    asked: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        asked.setdefault(row.person, []).append(place)
    kept = _kept(writing, list(asked), kind)
    found = np.zeros((len(rows), CODE), dtype=np.uint8)
    numbers = np.fromiter((row.item for row in rows), dtype=np.int64, count=len(rows))
    lacking: dict[int, npt.NDArray[np.int64]] = {}
    for person, places in asked.items():
        here = np.array(places)
        ids, codes = kept.get(person, _none())[:2]
        at = np.searchsorted(ids, numbers[here])
        there = np.zeros(len(here), dtype=bool)
        inside = at < len(ids)
        there[inside] = ids[at[inside]] == numbers[here][inside]
        found[here[there]] = codes[at[there]]
        if not there.all():
            lacking[person] = here[~there]
    if lacking:
        _make(writing, rows, space, kind, kept, lacking, found, numbers)
    return numbers, found


def _make(
    writing: Writing,
    rows: Sequence[Any],
    space: Space,
    kind: str,
    kept: Mapping[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], int]],
    lacking: Mapping[int, npt.NDArray[np.int64]],
    found: npt.NDArray[np.uint8],
    numbers: npt.NDArray[np.int64],
) -> None:
    """Make codes that are not kept yet, and keep them."""
    places = np.concatenate(list(lacking.values()))
    new = [rows[place] for place in places.tolist()]
    texts = read_texts(writing.connection, {each for row in new for each in (row.text, row.response)})
    found[places] = codes_of(item_points(space, [(texts[row.text], texts[row.response]) for row in new]))
    values = {}
    for person, mine in lacking.items():
        ids, codes = kept.get(person, _none())[:2]
        ids, codes = np.concatenate([ids, numbers[mine]]), np.concatenate([codes, found[mine]])
        order = np.argsort(ids, kind="stable")
        values[person] = (0, ids[order].astype("<i8").tobytes() + codes[order].tobytes())
    write_caches(writing, kind, values, {person: kept[person][2] for person in lacking if person in kept})


def _none() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], int]:
    return np.zeros(0, dtype=np.int64), np.zeros((0, CODE), dtype=np.uint8), 0


def _kept(
    writing: Writing, people: Sequence[int], kind: str
) -> dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], int]]:
    """Give the numbers of items, ascending, their codes, and the blob, of people who have some."""
    found = {}
    for block in blocks(people):
        rows = writing.fetch(
            "SELECT c.person, c.blob, b.data FROM memory_caches c JOIN memory_blobs b ON b.blob = c.blob "
            f"WHERE c.person IN ({', '.join('?' * len(block))}) AND c.kind = ?",
            [*block, kind],
        )
        for person, blob, raw in rows:
            data = bytes(raw)
            count = len(data) // _ROW
            ids = np.frombuffer(data, dtype="<i8", count=count).astype(np.int64)
            codes = np.frombuffer(data, dtype=np.uint8, offset=8 * count).reshape(count, CODE)
            found[person] = (ids, codes, blob)
    return found


def write_caches(
    writing: Writing, kind: str, values: Mapping[int, tuple[str | int, bytes]], old: Mapping[int, int]
) -> None:
    """Write caches of people, each a text (0: none) and bytes, in place of old ones (person -> blob)."""
    if old:
        uses: Counter[int] = Counter()
        for block in blocks(old):
            marks = ", ".join("?" * len(block))
            texts = writing.fetch(
                f"SELECT text FROM memory_caches WHERE person IN ({marks}) AND kind = ?",
                [*block, kind],
            )
            uses.update(text for (text,) in texts if text)
        writing.run(
            "DELETE FROM memory_caches WHERE person = ? AND kind = ?", [(person, kind) for person in old]
        )
        delete_blobs(writing, old.values())
        if uses:
            writing.words.release(uses)
    if not values:
        return
    bodies = Counter(text for text, _ in values.values() if isinstance(text, str) and text)
    numbers = writing.words.use(bodies) if bodies else {}
    made = time.time()
    blobs = put_blobs(writing, [data for _, data in values.values()])
    rows = [
        (person, kind, numbers[text] if isinstance(text, str) and text else 0, blob, made)
        for (person, (text, _)), blob in zip(values.items(), blobs, strict=True)
    ]
    writing.insert(t.caches, ("person", "kind", "text", "blob", "made"), rows)


def cached(writing: Writing, people: Iterable[int], kind: str) -> dict[int, tuple[int, bytes]]:
    """Give blob and bytes of caches of a kind."""
    found = {}
    for block in blocks(people):
        rows = writing.fetch(
            "SELECT c.person, c.blob, b.data FROM memory_caches c JOIN memory_blobs b ON b.blob = c.blob "
            f"WHERE c.person IN ({', '.join('?' * len(block))}) AND c.kind = ?",
            [*block, kind],
        )
        found.update((person, (blob, bytes(data))) for person, blob, data in rows)
    return found
