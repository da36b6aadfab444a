"""Codes of what people said in their own words, and points of people, as caches: of each one's data alone.

All codes of a person stand in one blob, since they are read together: 72 bytes an item. They are made when
they are first used, and added to when items were added; what is deleted of a person takes the blob along.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from populace.memory import tables as t
from populace.memory.asking import texts_of
from populace.memory.spaces import Space, unit
from populace.memory.vectors import CODE, codes_of
from populace.memory.words import blocks, delete_blobs, put_blobs

if TYPE_CHECKING:
    from populace.memory.store import Writing

__all__ = ["RESPONSE", "cached", "item_codes", "item_points", "kind_of", "write_caches"]

RESPONSE = 0.7
"""What the words of a response count beside those of what was responded to."""
_ROW = 8 + CODE


def kind_of(way: str, space: Space, purpose: str) -> str:
    """Name the caches of people's points: of a way, a space and a purpose."""
    return f"by {way} {space.name} {blake2b(purpose.encode(), digest_size=4).hexdigest()}"


def item_points(space: Space, words: Sequence[tuple[str, str]]) -> npt.NDArray[np.float32]:
    """Place items, given what was responded to and the response: shape (n, 512), of unit length."""
    texts = list(dict.fromkeys(each for pair in words for each in pair))
    points, place = space.points(texts), {text: at for at, text in enumerate(texts)}
    rows = np.array([[place[text] for text in pair] for pair in words]).reshape(-1, 2)
    return unit((points[rows[:, 0]] + RESPONSE * points[rows[:, 1]]).astype(np.float32))


def item_codes(writing: Writing, asked: npt.NDArray[np.int64], space: Space) -> npt.NDArray[np.uint8]:
    """Give the codes of items, making those that are not kept yet.

    Parameters
    ----------
    writing
        The transaction.
    asked
        Shape (n, 4 or more), person, item, text and response, by person.
    space
        Where texts lie.

    Returns
    -------
    Shape (n, 64).
    """
    found = np.zeros((len(asked), CODE), dtype=np.uint8)
    if not len(asked):
        return found
    kind = f"items {space.name}"
    people, firsts = np.unique(asked[:, 0], return_index=True)
    kept = _kept(writing, people.tolist(), kind)
    lacking: dict[int, npt.NDArray[np.int64]] = {}
    for person, first, end in zip(people.tolist(), firsts, [*firsts[1:], len(asked)], strict=True):
        mine = asked[first:end, 1]
        ids, codes = kept.get(person, _none())[:2]
        at = np.minimum(np.searchsorted(ids, mine), max(len(ids) - 1, 0))
        there = ids[at] == mine if len(ids) else np.zeros(len(mine), dtype=bool)
        found[first:end][there] = codes[at[there]]
        if not there.all():
            lacking[person] = first + np.flatnonzero(~there)
    if lacking:
        places = np.concatenate(list(lacking.values()))
        found[places] = _codes_of(writing, asked[places], space)
        _keep(writing, kind, {one: (asked[at, 1], found[at]) for one, at in lacking.items()}, kept)
    return found


def _codes_of(writing: Writing, items: npt.NDArray[np.int64], space: Space) -> npt.NDArray[np.uint8]:
    pairs = items[:, 2:4].tolist()
    texts = texts_of(writing.connection, {each for pair in pairs for each in pair})
    return codes_of(item_points(space, [(texts[one], texts[two]) for one, two in pairs]))


def _keep(
    writing: Writing,
    kind: str,
    made: Mapping[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]],
    kept: Mapping[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], int]],
) -> None:
    """Keep codes (numbers of items, codes) of people beside those that are kept."""
    values: dict[int, tuple[str | int, bytes]] = {}
    for person, (items, new) in made.items():
        ids, codes = kept.get(person, _none())[:2]
        ids, codes = np.concatenate([ids, items]), np.concatenate([codes, new])
        order = np.argsort(ids, kind="stable")
        values[person] = (0, ids[order].astype("<i8").tobytes() + codes[order].tobytes())
    write_caches(writing, kind, values, {person: kept[person][2] for person in made if person in kept})


def _none() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], int]:
    return np.zeros(0, dtype=np.int64), np.zeros((0, CODE), dtype=np.uint8), 0


def _kept(
    writing: Writing, people: Sequence[int], kind: str
) -> dict[int, tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8], int]]:
    """Give the numbers of items, ascending, their codes, and the blob, of people who have some."""
    found = {}
    for person, (blob, data) in cached(writing, people, kind).items():
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
