"""Position only: the answer shown first is preferred (or the one shown second).

Read from the signs as they were given, one an order. Averaging the orders cancels a constant lean, so
this is about the judge and not about the label; but a judge that mostly reads the place leaves few verdicts.
"""

from __future__ import annotations

from populace.feedback.shortcuts.finding import Finding, decide, not_run
from populace.feedback.shortcuts.verdicts import Draws, Seats, folded, share, signed_mean

__all__ = ["position_only"]


def position_only(seats: Seats, settings: Draws, limit: float) -> Finding:
    """Audit the rule that looks at the place alone; `limit` is on 2 P(first preferred) - 1, either way."""
    name, what = "position-only", "the answer shown first (or second)"
    if not seats.ordered or not len(seats):
        return not_run(name, what, limit, "no pair was judged in both orders")
    first = (seats.raw_b - seats.raw_f) / 2
    tested = folded(signed_mean(first, seats.clusters, settings))
    score = share((1 + first) / 2, seats.clusters, settings)
    beside = share((1 + seats.raw_f * seats.raw_b) / 2, seats.clusters, settings)
    return decide(name, what, score, beside, tested, limit)
