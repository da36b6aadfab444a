"""Shuffled personas: judgements handed to other personas who judged the same pair.

The score is how well a persona's verdict in one order predicts its verdict in the other. Were it not to
matter who judges, the verdict of somebody else before the same pair would predict it as well. What
the score would be is drawn by permuting the personas before each pair, and stands with its interval
beside what it is.
"""

from __future__ import annotations

import numpy as np

from populace.feedback.shortcuts.couples import Panels, once, panels
from populace.feedback.shortcuts.finding import Finding, decide, not_run
from populace.feedback.shortcuts.intervals import by_couples
from populace.feedback.shortcuts.rules import nothing_reproducible
from populace.feedback.shortcuts.verdicts import Draws, Floats, Ints, Seats
from populace.stats import Estimate
from populace.streams import stream

__all__ = ["permuted", "shuffled_persona"]

PERMUTATIONS = 200
STEPS = 16
"""Places by which a panel is rotated at most; a larger one is by so many, drawn once."""


def shuffled_persona(seats: Seats, settings: Draws, limit: float) -> Finding:
    """Audit the verdicts of other personas as a prediction of the persona's own."""
    name, what = "shuffled-persona", "another persona's verdict on the same pair"
    seats = once(seats)
    sums = panels(seats)
    if not len(sums):
        return not_run(name, what, limit, "no pair was judged by two personas")
    members = seats.take(np.isin(seats.pair, sums.pair))
    beside = members.own_agreement(settings)
    score = permuted(members, settings)
    if why := nothing_reproducible(members, settings):
        return not_run(name, what, limit, why, estimate=score, beside=beside)
    tested = ratio_of_couples(sums, settings)
    return decide(name, what, score, beside, tested, limit)


def ratio_of_couples(sums: Panels, settings: Draws) -> Estimate:
    """Estimate what couples share, of what is reproducible in their verdicts."""
    n = int(sums.couples.sum()) // 2
    return by_couples(sums.sums, sums.votes, sums.of_pairs, sums.of_votes, _ratio, settings, n)


def permuted(seats: Seats, settings: Draws) -> Estimate:
    """Agreement of the two orders had the personas been permuted: mean and interval over permutations.

    Before each pair the verdicts in the second order are rotated among its judges, by a number of places
    drawn anew each time, at least one: nobody keeps their own.
    """
    order = np.lexsort((seats.persona, seats.pair))
    pair, f, b = seats.pair[order], seats.f[order], seats.b[order]
    start = np.flatnonzero(np.diff(pair, prepend=-1))
    size = np.diff(np.append(start, len(pair)))
    rng = stream(settings.seed, "feedback.shortcuts.shuffled")
    totals = _rotated(f, b, start, size, rng)
    panel, steps = np.arange(len(start)), np.minimum(size - 1, len(totals))
    drawn = np.empty(PERMUTATIONS)
    for draw in range(PERMUTATIONS):
        chosen = (rng.random(len(start)) * steps).astype(np.int64)
        drawn[draw] = (1 + totals[chosen, panel].sum() / len(f)) / 2
    tail = (1 - settings.level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(
        value=float(drawn.mean()),
        low=float(low),
        high=float(high),
        level=settings.level,
        n=len(f),
        clusters=len(start),
        method=f"permutation of personas within pairs, {PERMUTATIONS} draws",
        seed=settings.seed,
    )


def _rotated(f: Floats, b: Floats, start: Ints, size: Ints, rng: np.random.Generator) -> Floats:
    """Sum of f times rotated b, shape (steps, panels): by every step, or in large panels by some of them."""
    panel = np.repeat(np.arange(len(start)), size)
    place = np.arange(len(f)) - start[panel]
    begin = (rng.random(len(start)) * (size - 1)).astype(np.int64)
    totals = np.zeros((min(int(size.max()) - 1, STEPS), len(start)))
    for at in range(len(totals)):
        step = 1 + (begin + at) % (size - 1)
        partner = start[panel] + (place + step[panel]) % size[panel]
        totals[at] = np.bincount(panel, weights=f * b[partner], minlength=len(start))
    return totals


def _ratio(sums: Floats) -> Floats:
    own = sums[:, 2] / sums[:, 3]
    return sums[:, 0] / sums[:, 1] / np.where(own > 0, own, np.nan)
