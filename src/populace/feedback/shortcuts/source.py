"""Source only: one side is always preferred, whatever it says.

In the paper's pairs the revision is preferred by construction, so that a model of style alone scores 100 %.
"""

from __future__ import annotations

import numpy as np

from populace.feedback.shortcuts.finding import Finding
from populace.feedback.shortcuts.rules import ruled
from populace.feedback.shortcuts.verdicts import Draws, Seats

__all__ = ["source_only"]


def source_only(seats: Seats, settings: Draws, limit: float) -> Finding:
    """Audit the rule that always takes the revision (or, of two sources, always the same one)."""
    what = "always the revision (or always the original)"
    return ruled("source-only", what, np.ones(len(seats)), seats, settings, limit)
