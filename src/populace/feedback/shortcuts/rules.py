"""A shortcut that is a rule: it says which answer will be preferred without being a judge.

What it scores is how often it is right about the persona's verdict; beside it stands how often the judge is
right about itself, the two orders of one pair; tested is the cosine of the rule with what is reproducible in
the verdicts (`verdicts`).
"""

from __future__ import annotations

import numpy as np

from populace.feedback.shortcuts.finding import Finding, decide, not_run
from populace.feedback.shortcuts.verdicts import (
    LEAST_REPRODUCIBLE,
    Draws,
    Floats,
    Seats,
    cosine,
    folded,
    share,
    statistic,
)

__all__ = ["nothing_reproducible", "ruled"]


def ruled(
    name: str,
    what: str,
    rule: Floats,
    seats: Seats,
    settings: Draws,
    limit: float,
    *,
    centred: bool = False,
) -> Finding:
    """Audit a rule.

    Parameters
    ----------
    rule
        1 where it says the revision, -1 the original, 0 neither; shape (judgements,).
    centred
        Test only what the rule knows beyond the side it says on the whole.
    """
    if not len(seats):
        return not_run(name, what, limit, "there is no verdict on answers that differ")
    beside = seats.own_agreement(settings)
    score = share((1 + rule * seats.verdict) / 2, seats.clusters, settings)
    if why := nothing_reproducible(seats, settings):
        return not_run(name, what, limit, why, estimate=score, beside=beside)
    decided = share((rule != 0).astype(float), seats.clusters, settings)
    if decided.value == 0:
        # The most such a rule could explain is the share of verdicts that it might yet decide.
        return decide(name, what, score, beside, decided, limit)
    columns = [rule * seats.verdict, rule, seats.verdict, seats.f * seats.b, np.ones(len(seats))]
    formula = _centred if centred else _cosine
    tested = folded(statistic(columns, seats.clusters, formula, settings, n=len(seats)))
    rows = [("decided by the rule", name, decided)]
    return decide(name, what, score, beside, tested, limit, rows=rows)


def nothing_reproducible(seats: Seats, settings: Draws) -> str | None:
    """Say why verdicts hold nothing that a shortcut could explain; None where they do."""
    found = seats.reproducible(settings)
    if found.clusters < 2:
        return "the pairs of one author give no interval"
    if found.low > LEAST_REPRODUCIBLE:
        return None
    same = (1 + found.value) / 2
    return f"the judge contradicts itself: its two orders agree in {same:.0%}, position taken off"


def _cosine(sums: Floats) -> Floats:
    mean = sums / sums[:, 4:]
    return cosine(mean[:, 0], mean[:, 3])


def _centred(sums: Floats) -> Floats:
    mean = sums / sums[:, 4:]
    return cosine(mean[:, 0] - mean[:, 1] * mean[:, 2], mean[:, 3])
