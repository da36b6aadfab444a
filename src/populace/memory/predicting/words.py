"""Texts as points that go together: by the room's hashed words (`memory.spaces`), or any embedding.

Questions of one survey begin alike (*Do you agree with this statement ...*). What all of them share says
nothing about which are alike, so a `Space` takes the mean of its texts off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from populace.errors import DataError
from populace.memory.spaces import Embed, hashed

__all__ = ["Embed", "Remembering", "Space", "hashed", "space"]

_FEWEST = 8
"""Texts of which a mean is taken off; that of fewer is mostly what tells them apart."""


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
