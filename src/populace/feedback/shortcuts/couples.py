"""Couples of personas before one pair: what is shared by two who judged the same answers.

For personas x and y before one pair, E[f_x b_y] is what they share, and E[f b] of one persona what is
reproducible at all; their ratio is 1 where it does not matter who judges, 0 where people have nothing in
common. Sums over couples need no couples: in a panel, the sum over ordered couples of f_x b_y is
(sum f)(sum b) - sum f b.
"""

from __future__ import annotations

import numpy as np

from populace.feedback.shortcuts.verdicts import Floats, Ints, Seats

__all__ = ["Panels", "panels"]


class Panels:
    """Sums a panel: a pair, or the judges of one pair who have something in common.

    Attributes
    ----------
    of_pairs, of_votes
        The clusters of each panel, and of each judge in it.
    seat
        Place of each vote among the seats that were given.
    votes
        What of the four sums below would be gone without a vote; shape (votes, 4).
    shared, couples
        Sum of f_x b_y over ordered couples, and their number.
    own, judges
        Sum of f b over the judges, and their number.
    """

    def __init__(self, seats: Seats, panel: Ints, seat: Ints) -> None:
        codes, first, place = np.unique(panel, return_index=True, return_inverse=True)
        f, b, own, n = (
            np.bincount(place, weights=values, minlength=len(codes)).astype(np.float64)
            for values in (seats.f, seats.b, seats.f * seats.b, np.ones(len(seats)))
        )
        self.of_votes, self.of_pairs = seats.clusters, seats.clusters.take(first)
        self.seat = seat
        left = n[place] - 1
        shared = seats.f * (b[place] - seats.b) + seats.b * (f[place] - seats.f)
        self.votes: Floats = np.stack([shared, 2 * left, seats.f * seats.b, np.ones(len(seats))], axis=1)
        self.pair = seats.pair[first]
        self.shared: Floats = f * b - own
        self.couples: Floats = n * (n - 1)
        self.own: Floats = own
        self.judges: Floats = n

    def __len__(self) -> int:
        return len(self.pair)

    @property
    def sums(self) -> Floats:
        """Shape (panels, 4)."""
        return np.stack([self.shared, self.couples, self.own, self.judges], axis=1)


def panels(seats: Seats, panel: Ints | None = None) -> Panels:
    """Sum over panels of at least two judges, by pair unless `panel` says otherwise; one seat a judge."""
    panel = seats.pair if panel is None else panel
    counts = np.bincount(panel, minlength=1) if len(panel) else np.zeros(1, dtype=np.int64)
    together = counts[panel] > 1
    return Panels(seats.take(together), panel[together], np.flatnonzero(together))


def once(seats: Seats) -> Seats:
    """Keep the first of repeated judgements of one persona on one pair."""
    keys = seats.pair * (int(seats.persona.max(initial=0)) + 2) + seats.persona + 1
    first = np.unique(keys, return_index=True)[1]
    return seats if len(first) == len(seats) else seats.take(np.sort(first))
