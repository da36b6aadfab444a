"""Texts as points: by hashed words where no model is at hand, by any embedding that is passed.

Questions of one survey begin alike (*Do you agree with this statement ...*). What all of them share says
nothing about which are alike, so a `Space` takes the mean of its texts off.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from populace.errors import DataError

__all__ = ["Embed", "Remembering", "Space", "hashed", "space"]

Embed = Callable[[Sequence[str]], np.ndarray]
"""Turns n texts into the rows of an array."""

_SIZE = 512
_WORD = re.compile(r"\w+", re.UNICODE)
_FEWEST = 8
"""Texts of which a mean is taken off; that of fewer is mostly what tells them apart."""


def hashed(texts: Sequence[str], *, size: int = _SIZE) -> np.ndarray:
    """Hash the words of texts and their runs of three letters into signed counts of unit length.

    Weinberger et al. (2009), Feature Hashing for Large Scale Multitask Learning (arXiv 0902.2206). No
    model, the same on every machine; it sees that words are spelt alike, and nothing of what they mean.

    Parameters
    ----------
    texts
        Of any language with words; without any word a row is 0.
    size
        Columns.

    Returns
    -------
    Shape (texts, size).

    Examples
    --------
    >>> rows = hashed(["Raise the tax", "raise taxes", "More trees"])
    >>> bool(rows[0] @ rows[1] > 0.3 > rows[0] @ rows[2]), rows.shape
    (True, (3, 512))
    """
    found = np.zeros((len(texts), size))
    for row, text in enumerate(texts):
        for word in _WORD.findall(text.lower()):
            around = f"^{word}$"
            parts = [(word, 1.0)]
            parts += [(around[at : at + 3], 0.4) for at in range(len(around) - 2)]
            for part, weight in parts:
                code = zlib.crc32(part.encode())
                found[row, code % size] += weight if code >> 31 else -weight
    return _unit(np.sign(found) * np.sqrt(np.abs(found)))


class Remembering:
    """An embedding that is asked for each text once: for models that take their time.

    Examples
    --------
    >>> asked = []
    >>> embed = Remembering(lambda texts: asked.extend(texts) or np.ones((len(texts), 2)))
    >>> embed(["a", "b"]).shape, embed(["b", "a", "b"]).shape, asked
    ((2, 2), (3, 2), ['a', 'b'])
    """

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._rows: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts, the new ones in one call."""
        new = [text for text in dict.fromkeys(texts) if text not in self._rows]
        if new:
            self._rows.update(zip(new, np.asarray(self._embed(new), dtype=np.float64), strict=True))
        return np.stack([self._rows[text] for text in texts])


@dataclass(frozen=True)
class Space:
    """Where texts lie.

    Attributes
    ----------
    embed
        What places them.
    mean
        Shape (size,), what is taken off.
    """

    embed: Embed
    mean: np.ndarray

    def points(self, texts: Sequence[str]) -> np.ndarray:
        """Place texts: shape (texts, size), of unit length; an empty text is 0."""
        found = np.zeros((len(texts), self.mean.size))
        there = [place for place, text in enumerate(texts) if text.strip()]
        if there:
            distinct = list(dict.fromkeys(texts[place] for place in there))
            rows = np.asarray(self.embed(distinct), dtype=np.float64)
            if rows.shape != (len(distinct), self.mean.size):
                what = f"{len(distinct)} texts became {rows.shape}, and not {(len(distinct), self.mean.size)}"
                raise DataError(what, fix="give an embedding with a row a text, of one size")
            order = {text: row for row, text in enumerate(distinct)}
            found[there] = _unit(rows[[order[texts[place]] for place in there]] - self.mean)
        return found


def space(texts: Sequence[str], embed: Embed = hashed) -> Space:
    """Make the space of texts that go together: their mean is its origin.

    Examples
    --------
    >>> place = space(["More trees", "Raise the tax"])
    >>> place.points(["", "More trees"]).any(axis=1).tolist()
    [False, True]
    """
    distinct = [text for text in dict.fromkeys(texts) if text.strip()]
    rows = np.asarray(embed(distinct or ["empty"]), dtype=np.float64)
    mean = rows.mean(axis=0) if len(distinct) >= _FEWEST else np.zeros(rows.shape[1])
    return Space(embed, mean)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
