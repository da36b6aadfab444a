r"""Codes of points: 512 signs, 64 bytes; who is nearest among many.

A point's code is the sign of each of its numbers, which lie along random directions (`spaces`). Of points at
an angle :math:`\theta` a sign differs with probability :math:`\theta / \pi`, so that the number of signs in
which two codes differ tells the angle; of a point :math:`q` and a code :math:`s`,

.. math:: \widehat{\cos} = \sqrt{\pi / (2 \cdot 512)}\; q \cdot s

is right on average, with a deviation of about 0.055 (Charikar 2002, doi 10.1145/509907.509965).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from populace.memory.spaces import BITS

__all__ = ["CODE", "EXACT", "Codes", "codes_of", "likeness", "packed", "unpacked"]

CODE = BITS // 8
"""Bytes of a code."""
EXACT = 200_000
"""People among whom all codes are compared; among more, those that HNSW (of `usearch`) comes by."""
_ROUGH = math.sqrt(math.pi / (2 * BITS))
_SCALE = 127.0
_BYTES = 2.0 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).T.astype(np.float32) - 1.0
"""Shape (8, 256): the signs in a byte."""
_PLACES = np.arange(CODE, dtype=np.int32) * 256
_WIDE = 1000
_BREADTH = 256
"""How many candidates HNSW keeps while it looks (`expansion_search`)."""


def codes_of(points: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Give the codes of points: shape (n, 64)."""
    return np.packbits(points > 0, axis=1)


def likeness(point: npt.NDArray[np.float32], codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Estimate the cosines of a point of unit length and points of which codes are kept: shape (n,).

    Examples
    --------
    >>> from populace.memory.spaces import HASHED
    >>> points = HASHED.points(["raise the tax", "raise this tax", "more trees"])
    >>> found = likeness(points[0], codes_of(points))
    >>> bool(found[0] >= found[1] > 0.5 > found[2])
    True
    """
    if not len(codes):
        return np.zeros(0, dtype=np.float32)
    # What a byte adds, for each of its places and values: 64 look-ups a code instead of 512 products.
    table = (point.reshape(CODE, 8) @ _BYTES).ravel()
    sums = table[codes + _PLACES].sum(axis=1, dtype=np.float32)
    return np.clip(_ROUGH * sums, -1.0, 1.0).astype(np.float32)


def packed(points: npt.NDArray[np.float32]) -> list[bytes]:
    """Write points of unit length as bytes, a number in each, behind their codes."""
    most = np.abs(points).max(axis=1, keepdims=True)
    small = np.round(points * (_SCALE / np.where(most > 0, most, 1.0))).astype(np.int8)
    return [code.tobytes() + row.tobytes() for code, row in zip(codes_of(points), small, strict=True)]


def unpacked(data: Iterable[bytes]) -> npt.NDArray[np.float32]:
    """Read points that `packed` wrote: shape (n, 512), of unit length up to rounding."""
    rows = b"".join(each[: CODE + BITS] for each in data)
    points = np.frombuffer(rows, dtype=np.int8).reshape(-1, CODE + BITS)[:, CODE:].astype(np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", points, points))[:, None]
    return (points / np.where(length > 0, length, 1.0)).astype(np.float32)


class Codes:
    """Codes of people, to find who is near.

    Parameters
    ----------
    people
        Shape (n,), their numbers, ascending.
    codes
        Shape (n, 64).
    exact
        People among whom all are compared.
    """

    def __init__(
        self, people: npt.NDArray[np.int64], codes: npt.NDArray[np.uint8], *, exact: int = EXACT
    ) -> None:
        self.people = people
        self._codes = np.array(codes)  # ours: rows are blanked
        # By word, so that each step below goes through memory in one sweep.
        self._words = np.ascontiguousarray(self._codes.view(np.uint64).reshape(len(people), BITS // 64).T)
        self._graph = _graph(people, codes) if len(people) > exact else None

    def __len__(self) -> int:
        return len(self.people)

    def take_out(self, person: int) -> None:
        """Blank somebody's codes; their number is left, and stands for nobody."""
        row = int(np.searchsorted(self.people, person))
        if row < len(self.people) and self.people[row] == person:
            self._codes[row], self._words[:, row] = 0, 0
            if self._graph is not None:
                self._graph.remove(person)

    def nearest(self, point: npt.NDArray[np.float32], count: int) -> npt.NDArray[np.int64]:
        """Give the people whose codes are most like a point, the most alike first, of equals the first.

        Of all codes those that differ least from the point's are taken (eight times as many as asked for, and
        at least 1,000), and of these the ones of the greatest estimated cosine.
        """
        if not len(self.people):
            return self.people
        wide, code = min(max(8 * count, _WIDE), len(self.people)), codes_of(point[None, :])
        if self._graph is not None:
            wide = min(max(4 * count, _BREADTH), len(self.people))
            keys = np.asarray(self._graph.search(code[0], wide).keys).astype(np.int64)
            best = np.sort(np.searchsorted(self.people, keys))
        elif wide == len(self.people):
            best = np.arange(wide)
        else:
            differing = np.zeros(len(self.people), dtype=np.uint16)
            for mine, word in zip(self._words, code.view(np.uint64)[0], strict=True):
                differing += np.bitwise_count(mine ^ word)
            # All up to the distance that the last of them has: ties are not cut by chance.
            most = np.searchsorted(np.cumsum(np.bincount(differing, minlength=BITS + 1)), wide)
            best = np.flatnonzero(differing <= most)
        scores = likeness(point, self._codes[best])
        return self.people[best[np.argsort(-scores, kind="stable")[:count]]]


def _graph(people: npt.NDArray[np.int64], codes: npt.NDArray[np.uint8]) -> Any:
    """Build a graph of codes (Malkov, Yashunin 2018, arXiv 1603.09320)."""
    try:
        from usearch.compiled import MetricKind, ScalarKind
        from usearch.index import Index
    except ImportError as error:
        from populace.memory.store import needs

        raise needs("memory", error) from error
    graph: Any = Index(
        ndim=BITS, metric=MetricKind.Hamming, dtype=ScalarKind.B1, connectivity=32, expansion_search=_BREADTH
    )
    graph.add(people.astype(np.uint64), codes)
    return graph
