"""Self-consistency: does the judge agree with itself, between the orders, ways and repeats?

The verdict that is released rests on both orders. If r is the agreement of one with the other (E[f b], free
of position), that of two such verdicts would be 2 r / (1 + r) (Spearman 1910, Brown 1910); what is missing
to 1 is noise, and that is tested.
"""

from __future__ import annotations

import numpy as np

from populace.feedback.shortcuts.finding import Finding, Row, decide, not_run
from populace.feedback.shortcuts.verdicts import Draws, Floats, Seats, share, statistic
from populace.stats import Estimate

__all__ = ["self_consistency"]


def self_consistency(
    seats: Seats, settings: Draws, limit: float, *, others: dict[str, Seats] | None = None
) -> Finding:
    """Audit the judge's agreement with itself.

    Parameters
    ----------
    others
        The same judge's verdicts by other ways: their agreement is a row.
    """
    name, what = "self-consistency", "a coin tossed anew each time the judge is asked"
    rows: list[Row] = [
        ("agreement of ways", way, found)
        for way, other in (others or {}).items()
        if (found := _ways(seats, other, settings))
    ]
    measure, one, two = "orders", seats, seats
    first, second = one.f, two.b
    repeats = _repeats(seats)
    if repeats is not None:
        measure, (left, right) = "repeats", repeats
        one, first, second = seats.take(left), seats.verdict[left], seats.verdict[right]
    elif not seats.ordered:
        return not_run(name, what, limit, "nothing was asked twice: judge in both orders, or repeat")
    if not len(one):
        return not_run(name, what, limit, "there is no verdict on answers that differ")
    score = share((1 + first * second) / 2, one.clusters, settings)
    half = share(np.full(len(one), 0.5), one.clusters, settings)
    # Repeats are compared whole, orders are halves of a verdict.
    formula = _halves if measure == "orders" else _wholes
    tested = statistic(
        [first * second, np.ones(len(one))], one.clusters, formula, settings, n=len(one), within=(0.0, 1.0)
    )
    rows.insert(0, (f"agreement of {measure}", name, score))
    return decide(name, what, half, score, tested, limit, rows=rows)


def _halves(sums: Floats) -> Floats:
    r = np.clip(sums[:, 0] / sums[:, 1], 0.0, 1.0)
    return 1 - 2 * r / (1 + r)


def _wholes(sums: Floats) -> Floats:
    return 1 - np.clip(sums[:, 0] / sums[:, 1], 0.0, 1.0)


def _repeats(seats: Seats) -> tuple[np.ndarray, np.ndarray] | None:
    """Places of judgements that follow an earlier one of the same persona on the same pair."""
    order = np.lexsort((seats.persona, seats.pair))
    same = (np.diff(seats.pair[order]) == 0) & (np.diff(seats.persona[order]) == 0)
    return (order[:-1][same], order[1:][same]) if same.any() else None


def _ways(seats: Seats, other: Seats, settings: Draws) -> Estimate | None:
    """Agreement of two ways on what both judged."""
    width = int(max(seats.persona.max(initial=0), other.persona.max(initial=0))) + 2
    mine, theirs = (each.pair * width + each.persona + 1 for each in (seats, other))
    _, left, right = np.intersect1d(mine, theirs, return_indices=True)
    if not len(left):
        return None
    agreement = (1 + np.sign(seats.verdict[left]) * np.sign(other.verdict[right])) / 2
    return share(agreement, seats.clusters.take(left), settings)
