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
from populace.pluralism.slate.ballots import Ballots
from populace.pluralism.slate.record import Tie
from populace.pluralism.slate.solver import Solution, identity, kron, maximise, sparse_of, stacked
from populace.stats._arrays import Floats, Ints

__all__ = ["exact"]

_MOST = 2_000_000
"""Cells of a programme beyond which none is written."""


def exact(
    ballots: Ballots, size: int, rule: str, seconds: float
) -> tuple[list[int], float, float, list[Tie], Ints | None]:
    """Return the best slate found, its score, a bound on all scores, another as good, and who stands for
    whom.

    Raises
    ------
    DataError
        If the programme would be too large, or nothing was found in time.
    """
    options = len(ballots.options)
    if rule == "monroe":
        objective, rows, low, high, integer = _monroe(ballots, size)
    else:
        objective, rows, low, high, integer = _thiele(ballots, size, rule)
    first = maximise(objective, rows, low, high, integer=integer, seconds=seconds)
    if first.values is None:
        raise DataError(f"no slate was found in {seconds:g} s", fix="allow more seconds, or choose greedily")
    members = _members(first, options)
    ties: list[Tie] = []
    if first.proven:
        # Another slate as good? The same programme without this one.
        cut = np.zeros((1, rows.shape[1]))
        cut[0, members] = 1
        again = stacked([[rows], [sparse_of(cut)]])
        more_low, more_high = np.append(low, -np.inf), np.append(high, size - 1.0)
        second = maximise(objective, again, more_low, more_high, integer=integer, seconds=seconds)
        if second.values is not None and second.score >= first.score - 1e-7 * max(1.0, abs(first.score)):
            ties.append(Tie(0, tuple(sorted(_members(second, options)))))
    assignment = None
    if rule == "monroe":
        held = first.values[options:].reshape(len(ballots.weights), options)[:, members]
        assignment = held.argmax(axis=1).astype(np.int64)
    return members, first.score, first.bound, ties, assignment


_Programme = tuple[Floats, Any, Floats, Floats, Floats]


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
    if not ballots.even:
        raise DataError("`monroe` gives people to options one by one", fix="give no weights")
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
