"""Length only: the longer answer is preferred (or the shorter: whichever way the verdicts lean)."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.feedback.shortcuts.finding import Finding
from populace.feedback.shortcuts.rules import ruled
from populace.feedback.shortcuts.verdicts import Draws, Seats

__all__ = ["length_only"]

UNSPACED = 15
"""Letters a word from which a text is taken to be of a script without spaces, whose words say no length."""


def length_only(pairs: pl.DataFrame, seats: Seats, settings: Draws, limit: float) -> Finding:
    """Audit the rule that looks at lengths alone.

    Parameters
    ----------
    pairs
        Columns `original_words`, `revision_words`; and `original`, `revision`, whose letters count where a
        script has no spaces between words.

    Examples
    --------
    >>> from populace.feedback.shortcuts.planted import plant
    >>> from populace.feedback.shortcuts.running import seated
    >>> sets = {cheat: plant(cheat, seed=1) for cheat in ("honest", "longer")}
    >>> [length_only(one.pairs, seated(one)[0], Draws(draws=200), 0.5).passed for one in sets.values()]
    [True, False]
    """
    more = np.sign(_difference(pairs).astype(np.float64))
    return ruled(
        "length-only", "the longer (or the shorter) answer", more[seats.pair], seats, settings, limit
    )


def _difference(pairs: pl.DataFrame) -> np.ndarray:
    """By how many words the second answer is longer; letters, where words are no measure."""
    words = [pairs["original_words"].to_numpy(), pairs["revision_words"].to_numpy()]
    if not {"original", "revision"} <= set(pairs.columns):
        return words[1].astype(np.int64) - words[0]
    letters = [
        pairs[name].fill_null("").str.len_chars().to_numpy().astype(np.int64)
        for name in ("original", "revision")
    ]
    unspaced = np.sum(letters, axis=0) > UNSPACED * np.sum(words, axis=0)
    return np.where(unspaced, letters[1] - letters[0], words[1].astype(np.int64) - words[0])
