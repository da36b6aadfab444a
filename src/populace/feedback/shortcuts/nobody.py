"""No persona: the same judge, told of nobody, predicts the verdict.

That some answers please everybody is no fault, so nobody may be right often. It is one if nobody is right as
often as the persona itself: then telling the persona changed nothing.
"""

from __future__ import annotations

import numpy as np

from populace.feedback.shortcuts.finding import Finding, decide, not_run
from populace.feedback.shortcuts.rules import nothing_reproducible
from populace.feedback.shortcuts.verdicts import Draws, Floats, Seats, cosine, share, statistic

__all__ = ["no_persona"]


def no_persona(seats: Seats, nobody: Seats, settings: Draws, limit: float) -> Finding:
    """Audit the verdicts of nobody as a prediction of the personas'; `nobody` has one judgement a pair."""
    name, what = "no-persona", "the same judge, told of nobody"
    place = np.full(int(max(seats.pair.max(initial=-1), nobody.pair.max(initial=-1))) + 1, -1)
    place[nobody.pair] = np.arange(len(nobody))
    both = place[seats.pair] >= 0
    if not both.any():
        return not_run(name, what, limit, "nobody was not asked about these pairs")
    theirs = seats.take(both)
    untold = nobody.take(place[theirs.pair])
    score = share((1 + theirs.verdict * untold.verdict) / 2, theirs.clusters, settings)
    beside = theirs.own_agreement(settings)
    for side in (theirs, untold):
        if why := nothing_reproducible(side, settings):
            return not_run(name, what, limit, why, estimate=score, beside=beside)
    columns = [
        theirs.verdict * untold.verdict,
        theirs.f * theirs.b,
        untold.f * untold.b,
        np.ones(len(theirs)),
    ]
    tested = statistic(columns, theirs.clusters, _cosine, settings, n=len(theirs))
    return decide(name, what, score, beside, tested, limit)


def _cosine(sums: Floats) -> Floats:
    mean = sums / sums[:, 3:]
    return cosine(mean[:, 0], mean[:, 1], mean[:, 2])
