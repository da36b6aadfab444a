"""Free texts as answers: responses that say nearly the same are one option, named by the most central one.

What people wrote to a question is embedded and cut into a few groups (k-means on directions), the number by
how many there are. A question with free answers is then a question like others: the same routes predict
which group a person's answer falls in, and the candidates that are offered are texts that people wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from populace.memory.predicting.words import Embed, hashed

__all__ = ["Voices", "voices"]

_MOST, _EACH = 6, 8
"""Groups at most, and responses that a group should have."""
_ROUNDS = 25


@dataclass(frozen=True)
class Voices:
    """Groups of responses.

    Attributes
    ----------
    texts
        The most central response of each group, all different.
    centres
        Shape (groups, d), unit length.
    """

    texts: tuple[str, ...]
    centres: np.ndarray
    embed: Embed

    def codes(self, texts: Sequence[str]) -> np.ndarray:
        """Say which group each text is nearest to, of equals the first: shape (texts,)."""
        if not len(texts):
            return np.zeros(0, dtype=np.int64)
        return (_unit(self.embed(list(texts))) @ self.centres.T).argmax(axis=1)


def voices(texts: Sequence[str], embed: Embed = hashed, *, least: int = 1) -> Voices | None:
    """Group responses; None where fewer than two differ.

    A group of fewer responses than `least` is none: its text would be one person's, not that of a group.

    Examples
    --------
    >>> found = voices(["lower taxes", "taxes must fall", "lower the taxes", "plant trees", "more trees"])
    >>> len(found.texts), found.codes(["trees please"]).tolist() == found.codes(["more trees"]).tolist()
    (2, True)
    """
    distinct = list(dict.fromkeys(texts))
    if len(distinct) < 2:
        return None
    order = {text: place for place, text in enumerate(distinct)}
    points = _unit(np.asarray(embed(distinct), dtype=np.float64))
    counts = np.bincount([order[text] for text in texts], minlength=len(distinct)).astype(np.float64)
    wanted = int(np.clip(len(texts) // _EACH, 2, min(_MOST, len(distinct))))
    # The first centre is the most central text, each next the one farthest from those there are.
    middle = points @ (counts @ points)
    chosen = [int(middle.argmax())]
    while len(chosen) < wanted:
        far = (points @ points[chosen].T).max(axis=1)
        far[chosen] = np.inf
        chosen.append(int(far.argmin()))
    centres = points[chosen]
    near = np.zeros(len(distinct), dtype=np.int64)
    for _ in range(_ROUNDS):
        near = (points @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, near, counts[:, None] * points)
        there = np.linalg.norm(sums, axis=1) > 0
        moved = np.where(there[:, None], _unit(sums), centres)
        if np.allclose(moved, centres):
            break
        centres = moved
    near = (points @ centres.T).argmax(axis=1)
    sizes = np.bincount(near, counts, minlength=len(centres))
    kept = [group for group in range(len(centres)) if sizes[group] >= max(least, 1)]
    if len(kept) < 2:
        return None
    named = []
    for group in kept:
        inside = np.flatnonzero(near == group)
        named.append(distinct[int(inside[(points[inside] @ centres[group]).argmax()])])
    return Voices(tuple(named), centres[kept], embed)


def _unit(rows: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
