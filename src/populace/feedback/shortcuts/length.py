"""Length only: the longer answer is preferred (or the shorter: whichever way the verdicts lean)."""

from __future__ import annotations

import numpy as np
import polars as pl

from populace.feedback.shortcuts.finding import Finding
from populace.feedback.shortcuts.rules import ruled
from populace.feedback.shortcuts.verdicts import Draws, Seats

__all__ = ["length_only"]


def length_only(pairs: pl.DataFrame, seats: Seats, settings: Draws, limit: float) -> Finding:
    """Audit the rule that looks at lengths alone.

    Parameters
    ----------
    pairs
        Columns `original_words`, `revision_words`.

    Examples
    --------
    >>> from populace.feedback.shortcuts.planted import plant
    >>> from populace.feedback.shortcuts.running import seated
    >>> sets = {cheat: plant(cheat, seed=1) for cheat in ("honest", "longer")}
    >>> [length_only(one.pairs, seated(one)[0], Draws(draws=200), 0.5).passed for one in sets.values()]
    [True, False]
    """
    more = np.sign((pairs["revision_words"] - pairs["original_words"]).to_numpy().astype(np.float64))
    return ruled(
        "length-only", "the longer (or the shorter) answer", more[seats.pair], seats, settings, limit
    )
