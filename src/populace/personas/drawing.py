"""Which written texts fit a person, and the draw of one: bit sets over entries, a chunk of rows at a time.

A person's fitting entries are the intersection of what their age allows and what each block of eight flags
allows; both are looked up in small tables, so that a million people and two hundred entries never make a
matrix. The draw takes the entry whose place among the fitting ones is a uniform number times their count:
every fitting entry is equally likely, and the bytes depend on nothing but the numbers given.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["MIN_AGE", "Entry", "Pool"]

MIN_AGE = 6
"""Youngest age with free text: nobody younger has quirks worth writing down."""

_AGES = 100
_CHUNK = 1 << 16
_COUNT = np.array([value.bit_count() for value in range(256)], dtype=np.uint16)
"""Bits set in a byte."""
_PLACE = np.zeros((256, 8), dtype=np.uint8)
"""Position of the k-th set bit of a byte, counted from the highest as `packbits` does."""
for _value in range(256):
    _set = [place for place in range(8) if _value >> (7 - place) & 1]
    _PLACE[_value, : len(_set)] = _set


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text and whom it fits."""

    text: str
    min_age: int = MIN_AGE
    max_age: int = 99
    needs: tuple[str, ...] = ()
    """Flags that the person must have."""
    avoid: tuple[str, ...] = ()
    """Flags that the person must not have."""
    says: tuple[str, ...] = ()
    """What the text says of the person beyond the flags: `early`, of whoever is early to everything. An entry
    that says the opposite is not drawn beside it."""


class Pool:
    """Entries made ready for drawing.

    Parameters
    ----------
    entries
        At least one.
    kinds
        Which entries each kind of person allows, booleans, shape (kinds, entries); None where there is one.

    Examples
    --------
    >>> pool = Pool([Entry("whittling", min_age=10), Entry("sleeping in", needs=("late",))])
    >>> pool.flags
    ('late',)
    >>> pool.draw([8, 12, 12], [[False], [False], [True]], [0.9, 0.9, 0.9]).tolist()
    [-1, 0, 1]
    """

    def __init__(self, entries: Sequence[Entry], kinds: npt.ArrayLike | None = None) -> None:
        self.entries = tuple(entries)
        self.flags = tuple(sorted({flag for each in entries for flag in (*each.needs, *each.avoid)}))
        """Flags that the entries speak of: the columns that `draw` wants, in order."""
        ages = np.arange(_AGES)[:, None]
        low = np.array([each.min_age for each in entries])
        high = np.array([each.max_age for each in entries])
        self._by_age = _packed((low <= ages) & (ages <= high))
        blocks = range(0, len(self.flags), 8)
        self._by_flags = [self._table(self.flags[start : start + 8]) for start in blocks]
        self._by_kind = None if kinds is None else _packed(np.asarray(kinds, dtype=np.bool_))

    def draw(
        self,
        ages: npt.ArrayLike,
        flags: npt.ArrayLike,
        uniform: npt.ArrayLike,
        kinds: npt.ArrayLike | None = None,
        beside: Sequence[tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]] = (),
    ) -> npt.NDArray[np.int32]:
        """Choose one fitting entry a row.

        Parameters
        ----------
        ages
            Years, shape (rows,); below zero where unknown, and nothing fits then.
        flags
            Booleans, shape (rows, flags), columns as `self.flags`.
        uniform
            Numbers in [0, 1), shape (rows,).
        kinds
            Kind of each person, shape (rows,), for a pool that has kinds; below zero where nothing fits.
        beside
            What each person has of other pools: a table of `together`, and the places chosen there, shape
            (rows,), -1 for none.

        Returns
        -------
        Place of the chosen entry, shape (rows,); -1 where none fits.
        """
        years, numbers = np.asarray(ages), np.asarray(uniform, dtype=np.float64)
        wanted = np.asarray(flags, dtype=np.bool_).reshape(len(years), len(self.flags))
        kind = None if kinds is None else np.asarray(kinds)
        chosen = np.empty(len(years), dtype=np.int32)
        for start in range(0, len(years), _CHUNK):
            part = slice(start, start + _CHUNK)
            fitting = self._fitting(years[part], wanted[part])
            if self._by_kind is not None and kind is not None:
                fitting &= self._by_kind[kind[part]]
                fitting[kind[part] < 0] = 0
            for table, places in beside:
                fitting &= table[places[part]]
            chosen[part] = _pick(fitting, numbers[part])
        return chosen

    def together(self, other: Pool, clash: Callable[[Entry, Entry], bool]) -> npt.NDArray[np.uint64]:
        """Table of the entries that may stand beside each entry of another pool; the last row is for none."""
        allowed = [[not clash(theirs, ours) for ours in self.entries] for theirs in other.entries]
        return _packed(np.array([*allowed, [True] * len(self.entries)]))

    def fitting(self, ages: npt.ArrayLike, flags: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Count the entries that fit each row; parameters as those of `draw`."""
        years = np.asarray(ages)
        wanted = np.asarray(flags, dtype=np.bool_).reshape(len(years), len(self.flags))
        return _COUNT[self._fitting(years, wanted).view(np.uint8)].sum(axis=1, dtype=np.int64)

    def _fitting(self, ages: npt.NDArray[np.int_], flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
        """Bit set of the fitting entries of each row."""
        fitting = self._by_age[np.clip(ages, 0, _AGES - 1)]
        fitting[ages < 0] = 0
        for block, table in enumerate(self._by_flags):
            pattern = np.packbits(flags[:, 8 * block : 8 * block + 8], axis=1)[:, 0]
            fitting &= table[pattern]
        return fitting

    def _table(self, flags: Sequence[str]) -> npt.NDArray[np.uint64]:
        """Entries that each of the 256 patterns of up to eight flags allows."""
        patterns = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.bool_)
        allowed = np.ones((256, len(self.entries)), dtype=np.bool_)
        for place, flag in enumerate(flags):
            has = patterns[:, place, None]
            needs = np.array([flag in each.needs for each in self.entries])
            avoid = np.array([flag in each.avoid for each in self.entries])
            allowed &= (has | ~needs) & (~has | ~avoid)
        return _packed(allowed)


def _packed(fits: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """Pack booleans, shape (rows, entries), into whole 64-bit words a row."""
    words = -(-fits.shape[1] // 64)
    padded = np.zeros((len(fits), 64 * words), dtype=np.bool_)
    padded[:, : fits.shape[1]] = fits
    return np.packbits(padded, axis=1).view(np.uint64)


def _pick(fitting: npt.NDArray[np.uint64], uniform: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    """Place of the entry that each uniform number chooses among the fitting ones; -1 where none fits."""
    bits = fitting.view(np.uint8)
    running = np.cumsum(_COUNT[bits], axis=1, dtype=np.uint16)
    counts = running[:, -1].astype(np.int64)
    rank = np.clip((uniform * counts).astype(np.int64), 0, np.maximum(counts - 1, 0))
    byte = (running > rank[:, None].astype(np.uint16)).argmax(axis=1)
    rows = np.arange(len(bits))
    inside = bits[rows, byte]
    before = running[rows, byte].astype(np.int64) - _COUNT[inside]
    place = _PLACE[inside, np.minimum(rank - before, 7)]
    return np.where(counts > 0, 8 * byte + place, -1).astype(np.int32)
