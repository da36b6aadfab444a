"""How like a query people's items are: choices by the points of their texts, own words by codes.

A question and its options are asked of many, so their points are held in memory, by the number of the text:
an item that is a choice needs nothing of its own, however many people gave it. What somebody said in their
own words is nobody else's: of it codes are kept (`codes`). What was responded to, `a`, and the response, `b`,
make the place of an item, a + 0.7 b.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from populace.memory.asking import texts_of
from populace.memory.codes import RESPONSE, item_codes
from populace.memory.spaces import BITS, Space
from populace.memory.vectors import likeness

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["COLUMNS", "alike", "let_go", "rows_of"]

COLUMNS = "person, item, text, response, scale"
"""What is asked of an item to compare it."""
_MOST = 16_384
"""Texts whose points are held: 32 MiB."""


class _Points:
    """Points of texts by number. A store's writers take turns, so no two threads come here at once."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._places: dict[int, int] = {}
        self._table = np.zeros((256, BITS), dtype=np.float32)
        self._used = 0

    def of(self, writing: Writing, space: Space, texts: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Give the points of texts, each a number: shape (texts, 512)."""
        numbers = texts.tolist()
        new = [number for number in numbers if number not in self._places]
        if new and self._used + len(new) > _MOST:
            self._clear()
            new = numbers
        if new:
            bodies = texts_of(writing.connection, new)
            start, self._used = self._used, self._used + len(new)
            while len(self._table) < self._used:
                self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            self._table[start : self._used] = space.points([bodies[number] for number in new])
            self._places.update(zip(new, range(start, self._used), strict=True))
        return self._table[[self._places[number] for number in numbers]]

    def let_go(self, texts: Iterable[int]) -> None:
        """Forget points."""
        for number in texts:
            place = self._places.pop(number, None)
            if place is not None:
                self._table[place] = 0.0


_HELD: WeakKeyDictionary[Store, dict[str, _Points]] = WeakKeyDictionary()
"""Store -> space -> points of questions and options."""


def rows_of(rows: Iterable[tuple[int, ...]]) -> npt.NDArray[np.int64]:
    """Make rows of `COLUMNS` an array: shape (n, 5)."""
    return np.array(list(rows), dtype=np.int64).reshape(-1, 5)


def alike(
    store: Store,
    writing: Writing,
    items: npt.NDArray[np.int64],
    point: npt.NDArray[np.float32],
    space: Space,
) -> npt.NDArray[np.float32]:
    """Give the cosines of items and a point; of own words they are estimated.

    Parameters
    ----------
    store, writing
        The store and the transaction.
    items
        Shape (n, 5): the `COLUMNS`, by person.
    point
        Shape (512,), of unit length.
    space
        Where texts lie.

    Returns
    -------
    Shape (n,).
    """
    found = np.zeros(len(items), dtype=np.float32)
    choice = items[:, 4] != 0
    if choice.any():
        held = _HELD.setdefault(store, {}).setdefault(space.name, _Points())
        texts, place = np.unique(items[choice][:, 2:4], return_inverse=True)
        points, place = held.of(writing, space, texts), place.reshape(-1, 2)
        said, response = points[place[:, 0]], points[place[:, 1]]
        # |a + r b|^2 of points of length 1, or 0 where a text is empty.
        length = np.einsum("ij,ij->i", points, points)[place]
        both = np.einsum("ij,ij->i", said, response)
        square = length[:, 0] + RESPONSE**2 * length[:, 1] + 2 * RESPONSE * both
        near = (points @ point)[place] @ np.array([1.0, RESPONSE], dtype=np.float32)
        found[choice] = near / np.sqrt(np.maximum(square, 1e-12))
    if not choice.all():
        words = items[~choice]
        found[~choice] = likeness(point, item_codes(writing, words, space))
    return found


def let_go(store: Store, writing: Writing, texts: Iterable[int]) -> None:
    """Have this process forget the points of those texts that are no longer in the store."""
    held = _HELD.get(store)
    if held:
        bodies = texts_of(writing.connection, texts)
        gone = [number for number in texts if not bodies.get(number)]
        for points in held.values():
            points.let_go(gone)
