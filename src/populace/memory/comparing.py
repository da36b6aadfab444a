r"""How like a query people's items are: choices by the codes of their texts, own words by codes of their own.

A question and its options are asked of many, so their codes are held in memory, by the number of the text:
an item that is a choice needs nothing of its own, however many people gave it. What somebody said in their
own words is nobody else's: of it codes are kept (`codes`). What was responded to, :math:`a`, and the
response, :math:`b`, make the place of an item, :math:`a + r b` with r = 0.7; its cosine with a query is

.. math:: (q \cdot a + r\, q \cdot b) / \sqrt{1 + r^2 + 2 r\, a \cdot b},

of which the products with q are estimated as in `vectors`, and a . b by the signs in which the codes differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from populace.memory.asking import texts_of
from populace.memory.codes import RESPONSE, item_codes
from populace.memory.spaces import BITS, Space
from populace.memory.vectors import CODE, codes_of, likeness

if TYPE_CHECKING:
    from populace.memory.store import Store, Writing

__all__ = ["COLUMNS", "alike", "let_go", "rows_of"]

COLUMNS = "person, item, text, response, scale"
"""What is asked of an item to compare it."""
_MOST = 65_536
"""Texts whose codes are held: 4 MiB."""


class _Codes:
    """Codes of texts by number. A store's writers take turns, so no two threads come here at once."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self._texts = np.zeros(0, dtype=np.int64)  # ascending
        self._rows = np.zeros(0, dtype=np.int64)  # of the table
        self._table = np.zeros((256, CODE + 1), dtype=np.uint8)
        self._used = 0

    def of(
        self, writing: Writing, space: Space, texts: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32]]:
        """Give the codes of texts (numbers, ascending), shape (texts, 64), and 0 for empty ones, else 1."""
        new = np.setdiff1d(texts, self._texts, assume_unique=True)
        if new.size and self._used + new.size > _MOST:
            self._clear()
            new = texts
        if new.size:
            bodies = texts_of(writing.connection, new.tolist())
            start, self._used = self._used, self._used + new.size
            while len(self._table) < self._used:
                self._table = np.concatenate([self._table, np.zeros_like(self._table)])
            points = space.points([bodies[text] for text in new.tolist()])
            self._table[start : self._used, :CODE] = codes_of(points)
            self._table[start : self._used, CODE] = points.any(axis=1)
            places = np.searchsorted(self._texts, new)
            self._texts = np.insert(self._texts, places, new)
            self._rows = np.insert(self._rows, places, np.arange(start, self._used))
        found = self._table[self._rows[np.searchsorted(self._texts, texts)]]
        return np.ascontiguousarray(found[:, :CODE]), found[:, CODE].astype(np.float32)

    def let_go(self, texts: Sequence[int]) -> None:
        """Forget codes."""
        gone = np.isin(self._texts, texts)
        self._table[self._rows[gone]] = 0
        self._texts, self._rows = self._texts[~gone], self._rows[~gone]


_HELD: WeakKeyDictionary[Store, dict[str, _Codes]] = WeakKeyDictionary()
"""Store -> space -> codes of questions and options."""


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
    """Estimate the cosines of items and a point.

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
        held = _HELD.setdefault(store, {}).setdefault(space.name, _Codes())
        texts, place = np.unique(items[choice][:, 2:4], return_inverse=True)
        codes, there = held.of(writing, space, texts)
        found[choice] = _sums(point, codes, there, place.reshape(-1, 2))
    if not choice.all():
        words = items[~choice]
        found[~choice] = likeness(point, item_codes(writing, words, space))
    return found


def _sums(
    point: npt.NDArray[np.float32],
    codes: npt.NDArray[np.uint8],
    there: npt.NDArray[np.float32],
    pairs: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Estimate the cosines of a point and a + r b, of pairs of texts: shape (n,)."""
    near, one, two = likeness(point, codes) * there, pairs[:, 0], pairs[:, 1]
    words = codes.view(np.uint64)
    differ = np.bitwise_count(words[one] ^ words[two]).sum(axis=1, dtype=np.float32)
    both = np.cos(np.pi * differ / BITS) * there[one] * there[two]
    square = there[one] + RESPONSE**2 * there[two] + 2 * RESPONSE * both
    return ((near[one] + RESPONSE * near[two]) / np.sqrt(np.maximum(square, 0.01))).astype(np.float32)


def let_go(store: Store, writing: Writing, texts: Collection[int]) -> None:
    """Have this process forget the codes of those texts that are no longer in the store."""
    held = _HELD.get(store)
    if held:
        bodies = texts_of(writing.connection, texts)
        gone = [number for number in texts if not bodies.get(number)]
        for codes in held.values():
            codes.let_go(gone)
