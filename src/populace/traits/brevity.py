"""Brevity: how few words a text has."""

from __future__ import annotations

import numpy as np

from populace.traits.scorer import FunctionScorer
from populace.traits.words import words

__all__ = ["BREVITY", "brevity"]


def brevity(half: float = 100.0) -> FunctionScorer:
    """Score brevity as 2^(-words / half): 1 for next to nothing, 1/2 at `half` words, never quite 0.

    A fixed scale, so that a weight means the same in any pool; no two lengths are equal, however long. Works
    in any language; each Chinese or Japanese sign counts as a word.

    Parameters
    ----------
    half
        Words of a text that has 1/2.

    Examples
    --------
    >>> brevity(half=2).score(["one two", "one two three four", ""]).tolist()
    [0.5, 0.25, nan]
    """
    if not half > 0:
        raise ValueError(f"half is {half} and must be above 0")

    def measure(texts: list[str], prompts: list[str] | None) -> np.ndarray:
        return np.exp2(-np.array([len(words(text)) for text in texts]) / half)

    return FunctionScorer("brevity", measure, 0.0, 1.0, "fewer words")


BREVITY = brevity()
