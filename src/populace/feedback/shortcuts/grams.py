"""Words and word n-grams of many texts as 64-bit numbers, in whole-array steps.

A word is a run of letters and digits (any byte beyond ASCII counts as a letter; capitals are lowered); its
number is a polynomial of its bytes modulo 2^64, with no state and no seed, so the same on every machine. Two
different n-grams have the same number with a chance of about n^2 / 2^65 among n of them: 1 in 10^5 for 20
million.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Grams", "Hashes", "Ints", "Sieve", "grams", "lookup", "mixed", "words"]

Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

_WORD = np.zeros(256, dtype=np.uint8)
for _low, _high in (("0", "9"), ("a", "z")):
    _WORD[ord(_low) : ord(_high) + 1] = np.arange(ord(_low), ord(_high) + 1)
_WORD[ord("A") : ord("Z") + 1] = np.arange(ord("a"), ord("z") + 1)
_WORD[0x80:] = np.arange(0x80, 0x100)
_BASE = 0x9E3779B97F4A7C15 | 1
_STEP = np.uint64(0xD6E8FEB86659FD93)
_LONGEST = 64
"""Bytes of a word after which its number goes round: longer words differ by earlier bytes alone."""
_POWERS = np.array([pow(_BASE, power, 1 << 64) for power in range(_LONGEST)], dtype=np.uint64)
_CHUNK = 1 << 20
"""Bytes turned into numbers at once."""


class Grams(msgspec.Struct, frozen=True, eq=False):
    """Numbers of the n-grams of some texts, text by text."""

    codes: Hashes
    """Shape (n-grams of all texts,)."""
    ends: Ints
    """Where each text's end, shape (texts,)."""

    @property
    def counts(self) -> Ints:
        """How many each text has."""
        return np.diff(self.ends, prepend=0)

    @property
    def texts(self) -> Ints:
        """Which text each n-gram is of."""
        return np.repeat(np.arange(len(self.ends)), self.counts)


def words(texts: Sequence[str]) -> Grams:
    """Number the words of each text.

    Examples
    --------
    >>> found = words(["Not a cat, NOT a dog.", ""])
    >>> found.counts.tolist(), bool(found.codes[0] == found.codes[3])
    ([6, 0], True)
    """
    codes, counts = [np.zeros(0, dtype=np.uint64)], [np.zeros(0, dtype=np.int64)]
    for part in _parts(texts):
        found, many = _words(part)
        codes.append(found)
        counts.append(many)
    return Grams(np.concatenate(codes), np.cumsum(np.concatenate(counts)))


def _parts(texts: Sequence[str]) -> Iterator[list[bytes]]:
    part, size = [], 0
    for text in texts:
        encoded = text.encode("utf-8", "replace")
        part.append(encoded)
        size += len(encoded)
        if size >= _CHUNK:
            yield part
            part, size = [], 0
    if part:
        yield part


def _words(part: list[bytes]) -> tuple[Hashes, Ints]:
    # A blank before every text and behind the last: words never touch the border.
    joined = _WORD[np.frombuffer(b" " + b" ".join(part) + b" ", dtype=np.uint8)]
    inside = joined != 0
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, stops = edges[::2], edges[1::2]
    sizes = np.array([len(text) for text in part], dtype=np.int64)
    ends = np.cumsum(sizes + 1)
    counts = np.diff(np.searchsorted(starts, ends), prepend=0)
    if not len(starts):
        return np.zeros(0, dtype=np.uint64), counts
    length = stops - starts
    letters = joined[inside].astype(np.uint64)
    first = np.cumsum(length) - length
    place = np.arange(len(letters)) - np.repeat(first, length)
    if length.max() > _LONGEST:
        place %= _LONGEST
    letters *= _POWERS[place]
    return mixed(np.add.reduceat(letters, first)), counts


def mixed(codes: Hashes) -> Hashes:
    """Spread the bits: neighbours become strangers (the finaliser of MurmurHash3, public domain)."""
    codes = codes ^ (codes >> np.uint64(33))
    codes *= np.uint64(0xFF51AFD7ED558CCD)
    codes ^= codes >> np.uint64(33)
    codes *= np.uint64(0xC4CEB9FE1A85EC53)
    return codes ^ (codes >> np.uint64(33))


def grams(found: Grams, n: int) -> Grams:
    """Number the runs of `n` words of each text; a text of fewer has none.

    Examples
    --------
    >>> grams(words(["to be or not to be", "to be"]), 2).counts.tolist()
    [5, 1]
    """
    if n == 1:
        return found
    count = len(found.codes) - n + 1
    ends = np.cumsum(np.maximum(found.counts - n + 1, 0))
    if count <= 0:
        return Grams(np.zeros(0, dtype=np.uint64), ends)
    codes = found.codes[:count].copy()
    for step in range(1, n):
        codes *= _STEP
        codes += found.codes[step : step + count]
    kept = np.ones(count, dtype=bool)
    # Runs that start among the last n - 1 words of a text would reach into the next.
    for back in range(1, n):
        last = found.ends - back
        last = last[(last >= found.ends - found.counts) & (last < count)]
        kept[last] = False
    return Grams(mixed(codes[kept]), ends)


class Sieve:
    """Which of many numbers are among a few: a table of their low bits before the exact search.

    Examples
    --------
    >>> Sieve(np.array([3, 9], dtype=np.uint64)).places(np.array([1, 9, 3, 9], dtype=np.uint64)).tolist()
    [1, 2, 3]
    """

    def __init__(self, wanted: Hashes) -> None:
        self.wanted = np.unique(wanted)
        bits = max(16, len(self.wanted).bit_length() + 5)
        self._mask = np.uint64((1 << bits) - 1)
        self._table = np.zeros(1 << bits, dtype=bool)
        self._table[(self.wanted & self._mask).astype(np.int64)] = True

    def places(self, codes: Hashes) -> Ints:
        """Give the places of those that are wanted, in order."""
        if not len(self.wanted):
            return np.zeros(0, dtype=np.int64)
        found = [np.zeros(0, dtype=np.int64)]
        for start in range(0, len(codes), _CHUNK):
            part = codes[start : start + _CHUNK]
            maybe = np.flatnonzero(self._table[(part & self._mask).astype(np.int64)])
            at = np.searchsorted(self.wanted, part[maybe])
            exact = self.wanted[np.minimum(at, len(self.wanted) - 1)] == part[maybe]
            found.append(maybe[exact] + start)
        return np.concatenate(found)


def lookup(owners: Ints, codes: Hashes, table_owners: Ints, table_codes: Hashes) -> npt.NDArray[np.bool_]:
    """Say which (owner, number) are in a table of such.

    Examples
    --------
    >>> code = np.array([7, 7, 8], dtype=np.uint64)
    >>> lookup(np.array([0, 1, 1]), code, np.array([1]), code[:1]).tolist()
    [False, True, False]
    """
    if not len(table_codes):
        return np.zeros(len(codes), dtype=bool)
    table = np.unique(_keyed(table_owners, table_codes))
    wanted = _keyed(owners, codes)
    at = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return table[at] == wanted


def _keyed(owners: Ints, codes: Hashes) -> Hashes:
    return mixed(codes ^ mixed((owners.astype(np.uint64) + np.uint64(1)) * _STEP))
