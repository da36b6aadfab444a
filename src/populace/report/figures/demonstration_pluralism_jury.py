"""A jury to try its figure on: ratings drawn at rates that stand here, which say nothing of any model."""

from __future__ import annotations

import numpy as np

from populace.pluralism.jury import Jury
from populace.streams import stream

__all__ = ["jury"]


def jury() -> Jury:
    """Sixty jurors, of whom two in three like a plain answer much and the others not at all; three answers.

    Examples
    --------
    >>> [flip.below for flip in jury().profile().flips]
    [('compromise',), ('both sides',)]
    """
    rng = stream(0, "report.demonstration.jury")
    most = np.arange(60) < 40
    middle = np.stack([np.where(most, 8.6, 3.4), np.where(most, 7.1, 5.6), np.where(most, 5.9, 6.0)], axis=1)
    spread = np.array([0.9, 0.8, 0.3])
    table = np.clip(np.round(middle + spread * rng.normal(size=(60, 3)), 1), 1, 10)
    return Jury(table, ["plain", "both sides", "compromise"], zero=0, scale=(1, 10))
