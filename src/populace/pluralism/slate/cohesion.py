"""Justified representation: no large group of like mind may be passed over.

With n people and k seats, n / k people deserve a seat, l n / k people l seats, if they agree on l options:

- **JR** (Aziz et al. 2017): n / k who share an option: one of them has an approved option.
- **PJR** (Sanchez-Fernandez et al. 2017): l n / k who share l options have l options between them.
- **EJR** (Aziz et al. 2017): one of them has l of their own.
- **EJR+** (Brill and Peters 2023, arXiv 2302.01989): so it is, too, if they share but one option left out.

EJR+ implies EJR, EJR implies PJR, PJR implies JR. JR and EJR+ are checked in polynomial time. For PJR and EJR
a group that shares l options and has enough people is looked for like a frequent item set: exact, and quick
where few options are so popular; with a limit on the steps, beyond which the answer is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from populace.pluralism.slate.ballots import Ballots
from populace.pluralism.slate.record import Violation
from populace.stats._arrays import Bools, Floats

__all__ = ["ejr", "ejr_plus", "jr", "pjr", "violation"]

_ROUNDING = 1e-9


class _Steps:
    """A count of steps that ends a search."""

    def __init__(self, most: int) -> None:
        self.left = most

    @property
    def out(self) -> bool:
        return self.left <= 0


def jr(ballots: Ballots, members: Sequence[int], quota: float) -> Violation | None:
    """Find n / k people without an approved option who share one."""
    lacking = ~ballots.approves[:, list(members)].any(axis=1)
    support = (ballots.weights * lacking) @ ballots.approves
    best = int(support.argmax())
    if not _enough(float(support[best]), quota):
        return None
    return violation(ballots, lacking & ballots.approves[:, best], [best], 1, quota)


def ejr_plus(ballots: Ballots, members: Sequence[int], quota: float) -> Violation | None:
    """Find l n / k people who share an option left out, none of whom has l approved options."""
    held = ballots.approves[:, list(members)].sum(axis=1)
    for level in range(1, len(members) + 1):
        short = held < level
        support = (ballots.weights * short) @ ballots.approves
        support[list(members)] = -1
        best = int(support.argmax())
        if _enough(float(support[best]), level * quota):
            return violation(ballots, short & ballots.approves[:, best], [best], level, level * quota)
    return None


def ejr(ballots: Ballots, members: Sequence[int], quota: float, most: int) -> tuple[Violation | None, bool]:
    """Find l n / k people who share l options, none of whom has l; also whether the search was complete."""
    held = ballots.approves[:, list(members)].sum(axis=1)
    steps = _Steps(most)
    for level in range(1, len(members) + 1):
        found = _shared(ballots, held < level, level, level * quota, steps)
        if found is not None:
            return found, True
    return None, not steps.out


def pjr(ballots: Ballots, members: Sequence[int], quota: float, most: int) -> tuple[Violation | None, bool]:
    """Find l n / k people who share l options and have fewer than l of the slate between them."""
    steps = _Steps(most)
    for level in range(1, len(members) + 1):
        for allowed in combinations(members, level - 1):
            # Sets of options are steps too: there may be very many, and nobody to look for in them.
            steps.left -= 1
            if steps.out:
                return None, False
            others = [place for place in members if place not in allowed]
            within: Bools = np.logical_not(ballots.approves[:, others].any(axis=1))
            found = _shared(ballots, within, level, level * quota, steps)
            if found is not None:
                return found, True
            if steps.out:
                return None, False
    return None, True


def violation(
    ballots: Ballots, who: Bools, options: Sequence[int], level: float, deserve: float
) -> Violation:
    """Write down a group that is passed over."""
    return Violation(
        people=tuple(int(row) for row in np.flatnonzero(who)),
        weight=float(ballots.weights[who].sum()),
        deserve=deserve,
        options=tuple(options),
        names=tuple(ballots.options[place] for place in options),
        level=float(level),
    )


def _enough(weight: float, need: float) -> bool:
    return weight >= need - _ROUNDING * max(1.0, need) and weight > 0


def _shared(ballots: Ballots, who: Bools, level: int, need: float, steps: _Steps) -> Violation | None:
    """Find `level` options that people among `who` of weight `need` all approve of."""
    weights = ballots.weights[who]
    if not _enough(float(weights.sum()), need):
        return None
    table = ballots.approves[who]
    support = weights @ table
    popular = np.flatnonzero(support >= need - _ROUNDING * max(1.0, need))
    if len(popular) < level:
        return None
    popular = popular[np.argsort(-support[popular], kind="stable")]
    found = _deeper(table[:, popular], weights, level, need, steps)
    if found is None:
        return None
    options = [int(popular[place]) for place in found]
    return violation(ballots, who & ballots.approves[:, options].all(axis=1), options, level, need)


def _deeper(table: Bools, weights: Floats, level: int, need: float, steps: _Steps) -> list[int] | None:
    """Search depth first; an option too unpopular among who is left is never tried."""
    steps.left -= 1
    if steps.out:
        return None
    if level == 1:
        support = weights @ table
        best = int(support.argmax())
        return [best] if _enough(float(support[best]), need) else None
    for first in range(table.shape[1] - level + 1):
        rows = table[:, first]
        rest = table[rows, first + 1 :]
        mine = weights[rows]
        kept = np.flatnonzero(mine @ rest >= need - _ROUNDING * max(1.0, need))
        if len(kept) < level - 1:
            continue
        found = _deeper(rest[:, kept], mine, level - 1, need, steps)
        if found is not None:
            return [first, *(first + 1 + int(kept[place]) for place in found)]
        if steps.out:
            return None
    return None
