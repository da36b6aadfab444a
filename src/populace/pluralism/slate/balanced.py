"""Slates whose every option stands for the same number of people: Monroe's rule, and balanced representation.

Greedy Monroe (Skowron et al. 2015) takes the option whose best n/k people, of those left, like it most in
sum. The democratic process of generative social choice (Fish et al. 2023, arXiv 2309.01291) takes the one
whose n/k-th best supporter likes it most, so that its n/k people are all well off. Its slates satisfy
balanced justified representation where a statement can be had again; a slate here holds an option once, so
more than n/k people who all want that one may be left out, and nobody else. Parts are of n/k people rounded
up, then down, and add up.

With few levels (approval has two) many statements are equally good for their n/k-th supporter; of these the
one of most utility in its part is taken.
"""

from __future__ import annotations

import numpy as np

from populace.errors import DataError
from populace.pluralism.slate.ballots import Ballots, check_even
from populace.pluralism.slate.greedy import best_of
from populace.pluralism.slate.record import Tie
from populace.stats._arrays import Floats, Ints

__all__ = ["balanced", "part_sizes"]


def part_sizes(people: int, size: int) -> list[int]:
    """Divide people into parts as equal as can be, the larger first.

    Examples
    --------
    >>> part_sizes(11, 3)
    [4, 4, 3]
    """
    return [people // size + (part < people % size) for part in range(size)]


def balanced(ballots: Ballots, size: int, rule: str) -> tuple[list[int], list[Tie], Ints]:
    """Choose by `monroe` or `bjr`, greedily; also return whom each option stands for.

    Raises
    ------
    DataError
        If people weigh differently, or are fewer than the slate is long.
    """
    people = len(ballots.weights)
    check_even(ballots, rule)
    if people < size:
        raise DataError(f"{people} people cannot be shared out among {size} options")
    left = np.arange(people)
    assignment = np.full(people, -1, dtype=np.int64)
    members: list[int] = []
    ties: list[Tie] = []
    for step, part in enumerate(part_sizes(people, size)):
        table = ballots.utilities[left]
        scores = _sums(table, part) if rule == "monroe" else _levels(table, part, members)
        scores[members] = -np.inf
        taken = best_of(scores, step + 1, ties)
        # Of equally happy people those named first are served.
        served = left[np.argsort(-table[:, taken], kind="stable")[:part]]
        assignment[served] = step
        members.append(taken)
        left = np.flatnonzero(assignment < 0)
    return members, ties, assignment


def _sums(table: Floats, part: int) -> Floats:
    return np.partition(table, len(table) - part, axis=0)[len(table) - part :].sum(axis=0)


def _levels(table: Floats, part: int, members: list[int]) -> Floats:
    """Return the sum of the part of each option whose part-th highest utility is the best; -inf of others."""
    top = np.partition(table, len(table) - part, axis=0)[len(table) - part :]
    level = top[0].astype(np.float64)
    level[members] = -np.inf
    return np.where(level >= level.max(), top.sum(axis=0), -np.inf)
