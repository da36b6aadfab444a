"""Best slates, by integer programming: Chamberlin-Courant, PAV and Monroe, with a bound where time runs out.

Equal ballots are one ballot of their joint weight. People's utilities enter by steps: who holds an option of
level l or more is a variable of its own, so Chamberlin-Courant needs people x levels of them, PAV people x
size.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from populace.errors import DataError
from populace.pluralism.slate.balanced import part_sizes
from populace.pluralism.slate.ballots import Ballots, check_even
from populace.pluralism.slate.record import Tie
from populace.pluralism.slate.solver import Clock, Solution, identity, kron, maximise, sparse_of, stacked
from populace.stats._arrays import Floats, Ints

__all__ = ["exact"]

_MOST = 2_000_000
"""Cells of a programme beyond which none is written."""
_OTHERS = 20
"""Slates as good that are looked for."""


def exact(
    ballots: Ballots, size: int, rule: str, seconds: float
) -> tuple[list[int], float, str, list[Tie], Ints | None]:
    """Return the best slate, a bound on all scores, how ties were broken, the other slates as good, and who
    stands for whom.

    Raises
    ------
    DataError
        If the programme would be too large, or nothing was found in time.
    """
    options, clock = len(ballots.options), Clock(seconds)
    programme = _monroe(ballots, size) if rule == "monroe" else _thiele(ballots, size, rule)
    first = _best(programme, [], size, clock)
    if first.values is None:
        raise DataError(f"no slate was found in {seconds:g} s", fix="allow more seconds, or choose greedily")
    found, complete = _as_good(first, programme, size, options, clock)
    found.sort(key=lambda each: _members(each, options))
    members = _members(found[0], options)
    ties = [Tie(0, tuple(_members(other, options))) for other in found[1:]]
    assignment = None
    if rule == "monroe":
        assert found[0].values is not None
        held = found[0].values[options:].reshape(len(ballots.weights), options)[:, members]
        assignment = held.argmax(axis=1).astype(np.int64)
    told = "of slates as good the first by the order of the options is taken, and all others are listed"
    if not complete:
        told = (
            "of the slates as good that were found the first is taken, the others listed; there may be more"
        )
    return members, first.bound, told, ties, assignment


_Programme = tuple[Floats, Any, Floats, Floats, Floats]


def _best(programme: _Programme, without: list[list[int]], size: int, clock: Clock) -> Solution:
    """Solve a programme, some slates left out."""
    objective, rows, low, high, integer = programme
    for members in without:
        cut = np.zeros((1, rows.shape[1]))
        cut[0, members] = 1
        rows = stacked([[rows], [sparse_of(cut)]])
        low, high = np.append(low, -np.inf), np.append(high, size - 1.0)
    return maximise(objective, rows, low, high, integer=integer, seconds=clock.left)


def _as_good(
    first: Solution, programme: _Programme, size: int, options: int, clock: Clock
) -> tuple[list[Solution], bool]:
    """Find the slates of the same score, and say whether these are all: the same programme without them."""
    found = [first]
    if not first.proven:
        return found, False
    close = 1e-7 * max(1.0, abs(first.score))
    while len(found) <= _OTHERS:
        again = _best(programme, [_members(each, options) for each in found], size, clock)
        if again.infeasible or again.bound < first.score - close:
            return found, True
        if again.values is None or again.score < first.score - close:
            return found, again.proven
        found.append(again)
    return found, False


def _members(found: Solution, options: int) -> list[int]:
    assert found.values is not None
    return [int(place) for place in np.flatnonzero(found.values[:options] > 0.5)]


def _thiele(ballots: Ballots, size: int, rule: str) -> _Programme:
    """Write `cc` (a step a level of utility) or `pav` (a step an option held)."""
    distinct, back = np.unique(
        ballots.utilities if rule == "cc" else ballots.approves, axis=0, return_inverse=True
    )
    weight = np.bincount(back.ravel(), weights=ballots.weights, minlength=len(distinct))
    options = distinct.shape[1]
    if rule == "pav":
        gains = np.outer(weight, 1 / np.arange(1, size + 1))
        _checked(distinct.size)
        held = kron(identity(len(distinct)), np.ones((1, size)))
        links = [[sparse_of(-distinct.astype(np.float64)), held]]
        extra, base = gains.ravel(), 0.0
    else:
        levels = np.unique(distinct)
        _checked(distinct.size * max(1, len(levels) - 1))
        reached = np.concatenate([distinct >= level for level in levels[1:]] or [np.zeros((0, options))])
        links = [[sparse_of(-reached.astype(np.float64)), identity(len(reached))]]
        extra = np.concatenate([weight * step for step in np.diff(levels)] or [np.zeros(0)])
        base = float(weight.sum() * levels[0])
    rows = stacked(links)
    count = np.zeros((1, rows.shape[1]))
    count[0, :options] = 1
    rows = stacked([[rows], [sparse_of(count)]])
    # What everybody has anyway is shared out among the options chosen.
    objective = np.concatenate([np.full(options, base / size), extra])
    low = np.append(np.full(rows.shape[0] - 1, -np.inf), float(size))
    high = np.append(np.zeros(rows.shape[0] - 1), float(size))
    integer = np.concatenate([np.ones(options), np.zeros(len(extra))])
    return objective, rows, low, high, integer


def _monroe(ballots: Ballots, size: int) -> _Programme:
    """Write Monroe's rule: who stands for whom, parts of n/k people rounded up or down."""
    people, options = ballots.utilities.shape
    check_even(ballots, "monroe")
    cells = people * options
    _checked(cells * 4)
    parts = part_sizes(people, size)
    eye, ones = np.eye(options), np.ones((1, options))
    one_each = stacked([[sparse_of((people, options)), kron(identity(people), ones)]])
    every = kron(np.ones((1, people)), identity(options))
    most, least = (stacked([[sparse_of(-eye * part), every]]) for part in (parts[0], parts[-1]))
    count = stacked([[sparse_of(ones), sparse_of((1, cells))]])
    rows = stacked([[one_each], [most], [least], [count]])
    low = np.concatenate([np.ones(people), np.full(options, -np.inf), np.zeros(options), [float(size)]])
    high = np.concatenate([np.ones(people), np.zeros(options), np.full(options, np.inf), [float(size)]])
    objective = np.concatenate([np.zeros(options), ballots.utilities.ravel() * ballots.weights[0]])
    return objective, rows, low, high, np.ones(len(objective))


def _checked(cells: int) -> None:
    if cells > _MOST:
        raise DataError(
            f"the programme would have {cells:,} cells, more than {_MOST:,}",
            fix="choose greedily, or from fewer options",
        )
