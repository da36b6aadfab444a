"""Ranked pairs (Tideman 1987, doi:10.1007/BF00433944): lock majorities in, the greatest first, unless they
close a cycle.

Where margins are tied and conflict, the order in which they are tried decides. Here every order is followed
(parallel universes), so that the winners are those of *some* order; which is hard in general (Brill and
Fischer 2012), so that there is a limit of states, beyond which the answer is a bound and says so: winners of
ranked pairs are among the undefeated of split cycle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from populace.pluralism.jury._solvers import strong_components
from populace.pluralism.jury.majority import smith_set, split_cycle
from populace.stats._arrays import Bools, Floats, Ints

__all__ = ["Ranked", "ranked_pairs"]

_STATES = 2000
"""Ways to break ties that are followed, of few options."""
_CELLS = 2_000_000
"""Cells of all the tables of what reaches what that are looked at: of many options, fewer ways."""


class Ranked(NamedTuple):
    """Who wins."""

    winners: list[int]
    exact: bool
    """Whether these are the winners of some order of tied majorities; else they hold all of them."""


def ranked_pairs(margins: Floats, *, states: int | None = None, paths: Floats | None = None) -> Ranked:
    """Give the winners in some order of tied majorities.

    Parameters
    ----------
    margins
        Shape (options, options).
    states
        Partial rankings that may be looked at; by default 2,000, of more than 31 options fewer.

    paths
        Strengths of paths of majorities, where they are known.

    Examples
    --------
    A cycle of three, whose weakest majority, of 2 over 0, is dropped:

    >>> ranked_pairs(np.array([[0, 0.3, -0.1], [-0.3, 0, 0.2], [0.1, -0.2, 0]])).winners
    [0]
    """
    inside = smith_set(margins)
    if len(inside) == 1:
        return Ranked(inside, True)
    table = margins[np.ix_(inside, inside)]
    known = None if paths is None else paths[np.ix_(inside, inside)]
    undefeated = np.flatnonzero(split_cycle(table, known) >= 0).tolist()
    # A defeat of split cycle is locked in by every order: no path back is as strong.
    if len(undefeated) == 1:
        return Ranked([inside[undefeated[0]]], True)
    most = min(_STATES, _CELLS // table.size) if states is None else states
    search = _Search(table, max(most, 1))
    found = search.winners()
    if found is None:
        return Ranked([inside[each] for each in undefeated], False)
    return Ranked([inside[each] for each in sorted(found)], True)


class _Search:
    def __init__(self, margins: Floats, states: int) -> None:
        rows, columns = np.nonzero(margins > 0)
        order = np.argsort(-margins[rows, columns], kind="stable")
        self.rows, self.columns = rows[order], columns[order]
        strength = margins[self.rows, self.columns]
        self.starts = np.flatnonzero(np.concatenate([[True], strength[1:] < strength[:-1], [True]]))
        self.size, self.states = len(margins), states
        self.seen: set[tuple[int, bytes]] = set()

    def winners(self) -> set[int] | None:
        """Follow every order of tied majorities; None where there are too many."""
        found: set[int] = set()
        stack: list[tuple[int, Bools]] = [(0, np.eye(self.size, dtype=np.bool_))]
        while stack:
            level, reach = stack.pop()
            # What some majority was locked in against is out; who is left alone has won.
            if {*_unbeaten(reach)} <= found:
                continue
            forks = self._until_fork(level, reach)
            if forks is None:
                found |= {*_unbeaten(reach)}
                continue
            for fork in forks:
                key = fork[0], np.packbits(fork[1]).tobytes()
                if key not in self.seen:
                    self.seen.add(key)
                    stack.append(fork)
            if len(self.seen) > self.states:
                return None
        return found

    def _until_fork(self, level: int, reach: Bools) -> list[tuple[int, Bools]] | None:
        """Lock in majorities, in place, until tied ones conflict; None at the end, or once one option is
        left unbeaten.
        """
        free = set(_unbeaten(reach))
        while level < len(self.starts) - 1 and len(free) > 1:
            where = slice(self.starts[level], self.starts[level + 1])
            rows, columns = self.rows[where], self.columns[where]
            if len(rows) > 1:
                open_ = ~(reach[rows, columns] | reach[columns, rows])
                rows, columns = rows[open_], columns[open_]
            if len(rows) > 1:
                conflict = _in_cycles(reach, rows, columns)
                for row, column in zip(rows[~conflict], columns[~conflict], strict=True):
                    _lock(reach, int(row), int(column))
                free.difference_update(columns[~conflict].tolist())
                if conflict.any() and len(free) > 1:
                    return self._forks(level, reach, rows[conflict], columns[conflict])
            elif len(rows) and not reach[columns[0], rows[0]]:
                _lock(reach, int(rows[0]), int(columns[0]))
                free.discard(int(columns[0]))
            level += 1
        return None

    def _forks(
        self, level: int, reach: Bools, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]
    ) -> list[tuple[int, Bools]]:
        """Lock in each of some majorities first; all of them are open."""
        found: list[tuple[int, Bools]] = []
        for row, column in zip(rows, columns, strict=True):
            fork = reach.copy()
            _lock(fork, int(row), int(column))
            found.append((level, fork))
            if len(found) + len(self.seen) > self.states:
                break
        return found


def _unbeaten(reach: Bools) -> list[int]:
    return np.flatnonzero(reach.sum(axis=0) == 1).tolist()


def _lock(reach: Bools, row: int, column: int) -> bool:
    """Add a majority to what reaches what, in place; False where it would close a cycle."""
    if reach[column, row]:
        return False
    if not reach[row, column]:
        above: Ints = reach[:, row].nonzero()[0]
        reach[above] |= reach[column]
    return True


def _in_cycles(reach: Bools, rows: npt.NDArray[np.intp], columns: npt.NDArray[np.intp]) -> Bools:
    """Say which of tied majorities lie on a cycle of them and what is locked."""
    # What reaches what is transitive already: the ends of the tied majorities are enough.
    ends, place = np.unique(np.concatenate([rows, columns]), return_inverse=True)
    graph = reach[np.ix_(ends, ends)]
    start, end = place[: len(rows)], place[len(rows) :]
    graph[start, end] = True
    part = strong_components(graph)
    return np.asarray(part[start] == part[end])
