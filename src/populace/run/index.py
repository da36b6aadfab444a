"""Where each key's record is: a map from 128-bit keys to 64-bit places that takes 24 bytes an entry.

A Python dictionary takes about 130 bytes an entry, which is 260 MB for two million calls. Here new entries
collect in a small dictionary, and are merged into arrays sorted by the key's upper half when it is full. A
look-up is one dictionary miss and one bisection.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Index"]

_HALF = 64
_LOWER = (1 << _HALF) - 1


class Index:
    """A growing map from keys (32 hex digits) to places (integers below 2**64). Nothing is ever removed.

    Parameters
    ----------
    recent
        New entries held in a dictionary before they are merged.

    Examples
    --------
    >>> index = Index(recent=2)
    >>> for place, key in enumerate(["0a" * 16, "0b" * 16, "0c" * 16]):
    ...     index.set(key, place)
    >>> index.get("0b" * 16), index.get("0d" * 16), len(index)
    (1, None, 3)
    """

    def __init__(self, recent: int = 1 << 15) -> None:
        self._limit = recent
        self._recent: dict[int, int] = {}
        # Views of numpy arrays: their items are plain integers, which bisection reads ten times faster.
        self._upper = self._lower = self._places = np.empty(0, dtype=np.uint64).data

    def __len__(self) -> int:
        """Count keys."""
        return len(self._recent) + len(self._upper)

    def get(self, key: str) -> int | None:
        """Return the place of `key`, None where it has none."""
        number = int(key, 16)
        place = self._recent.get(number)
        if place is None and (row := self._find(number)) is not None:
            return self._places[row]
        return place

    def set(self, key: str, place: int) -> None:
        """Give `key` a place, in the stead of any earlier one."""
        number = int(key, 16)
        row = self._find(number)
        if row is not None:
            self._places[row] = place
            return
        self._recent[number] = place
        if len(self._recent) >= self._limit:
            self._merge()

    def places(self) -> NDArray[np.uint64]:
        """Return every place, ascending."""
        merged = np.array(self._places, dtype=np.uint64)
        return np.sort(np.concatenate([merged, np.fromiter(self._recent.values(), np.uint64)]))

    def _find(self, number: int) -> int | None:
        """Row of a merged key. Keys that share their upper half lie side by side."""
        upper, lower = number >> _HALF, number & _LOWER
        row = bisect_left(self._upper, upper)
        while row < len(self._upper) and self._upper[row] == upper:
            if self._lower[row] == lower:
                return row
            row += 1
        return None

    def _merge(self) -> None:
        """Move the recent entries into the sorted arrays."""
        upper = self._joined(self._upper, (number >> _HALF for number in self._recent))
        order = np.argsort(upper, kind="stable")
        self._upper = upper[order].data
        del upper
        lower = self._joined(self._lower, (number & _LOWER for number in self._recent))
        self._lower = lower[order].data
        del lower
        self._places = self._joined(self._places, self._recent.values())[order].data
        self._recent.clear()

    def _joined(self, old: memoryview, new: Iterable[int]) -> NDArray[np.uint64]:
        fresh = np.fromiter(new, np.uint64, len(self._recent))
        return np.concatenate([np.asarray(old), fresh])
