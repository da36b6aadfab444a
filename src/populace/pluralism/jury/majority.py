"""Rules that read majority margins: Copeland, minimax, Schulze, split cycle; who dominates whom.

A margin is the share of the jury that prefers the row to the column less the share that prefers the column.
All functions take margins of shape (..., options, options), skew-symmetric, ties exactly zero.
"""

from __future__ import annotations

import numpy as np

from populace.pluralism.jury._solvers import strong_components
from populace.stats._arrays import Bools, Floats

__all__ = [
    "beat_paths",
    "copeland",
    "cycle_in",
    "minimax",
    "schulze",
    "schwartz_set",
    "smith_set",
    "split_cycle",
]


def copeland(margins: Floats) -> Floats:
    """Give wins less losses against the others, over how many there are (Copeland 1951).

    Examples
    --------
    >>> copeland(np.array([[0, 0.2, 0], [-0.2, 0, -0.1], [0, 0.1, 0]])).tolist()
    [0.5, -1.0, 0.5]
    """
    others = max(margins.shape[-1] - 1, 1)
    return np.sign(margins).sum(axis=-1) / others


def minimax(margins: Floats) -> Floats:
    """Give less the greatest margin by which an option loses, 0 for who loses nowhere (Simpson 1969)."""
    return -np.maximum(margins.max(axis=-2), 0.0) + 0.0


def beat_paths(margins: Floats) -> Floats:
    """Give the strength of the strongest path of majorities from each option to each other.

    A path is as strong as its weakest margin. Floyd and Warshall's recursion; since only the order of
    margins counts, it runs over their ranks, in two bytes where those suffice.
    """
    # Sorting and searching is faster here than unique's own inverse, which sorts places.
    levels = np.unique(np.maximum(margins, 0.0))
    kind = np.int16 if len(levels) < 32_767 else np.int32
    paths = np.searchsorted(levels, margins).astype(kind)
    through = np.empty_like(paths)
    for middle in range(margins.shape[-1]):
        np.minimum(paths[..., :, middle : middle + 1], paths[..., middle : middle + 1, :], out=through)
        np.maximum(paths, through, out=paths)
    found = levels[paths]
    return np.where(np.eye(margins.shape[-1], dtype=np.bool_), 0.0, found)


def schulze(margins: Floats, paths: Floats | None = None) -> Floats:
    """Give the least lead of an option's paths over the paths back (Schulze 2011).

    Winners have 0 or more: there no path back is stronger. doi:10.1007/s00355-010-0475-4.
    """
    strong = beat_paths(margins) if paths is None else paths
    apart = strong - np.swapaxes(strong, -1, -2)
    if apart.shape[-1] == 1:
        return apart[..., 0]
    return np.where(np.eye(apart.shape[-1], dtype=np.bool_), np.inf, apart).min(axis=-1)


def split_cycle(margins: Floats, paths: Floats | None = None) -> Floats:
    """Give less the greatest margin of a defeat that outlives its cycles, 0 for the undefeated.

    A majority is a defeat unless a path back is at least as strong: in each cycle the weakest majorities
    are dropped (Holliday and Pacuit 2023, arXiv 2004.02350).
    """
    strong = beat_paths(margins) if paths is None else paths
    lasts = (margins > 0) & (margins > np.swapaxes(strong, -1, -2))
    return -np.where(lasts, margins, 0.0).max(axis=-2) + 0.0


def smith_set(margins: Floats) -> list[int]:
    """Give the least set of options each of which beats everybody outside it.

    It is a prefix of the order by wins: who is inside beats all outside, so has more wins than they.

    Examples
    --------
    >>> smith_set(np.array([[0, 1, -1, 1], [-1, 0, 1, 1], [1, -1, 0, 1], [-1, -1, -1, 0]]))
    [0, 1, 2]
    """
    beats = margins > 0
    order = np.argsort(-beats.sum(axis=1), kind="stable")
    ranked = beats[np.ix_(order, order)]
    size = len(order)
    # Of each option, the last in this order that it does not beat, itself aside; all before it come along.
    free = ~ranked
    np.fill_diagonal(free, False)
    furthest = np.where(free.any(axis=1), size - 1 - np.argmax(free[:, ::-1], axis=1), np.arange(size))
    end = 0
    reach = int(furthest[0])
    while end < reach:
        end += 1
        reach = max(reach, int(furthest[end]))
    return sorted(order[: end + 1].tolist())


def schwartz_set(margins: Floats) -> list[int]:
    """Give the union of the least sets that nobody outside beats.

    Examples
    --------
    >>> schwartz_set(np.array([[0, 0, 1], [0, 0, 0], [-1, 0, 0]]))  # 2 is beaten by 0, and 1 by nobody
    [0, 1]
    """
    inside = smith_set(margins)
    beats: Bools = margins[np.ix_(inside, inside)] > 0
    part = strong_components(beats)
    rows, columns = np.nonzero(beats)
    crossing = part[rows] != part[columns]
    beaten = np.zeros(int(part.max()) + 1, dtype=np.bool_)
    beaten[part[columns[crossing]]] = True
    return [inside[place] for place in np.flatnonzero(~beaten[part]).tolist()]


def cycle_in(beats: Bools, inside: list[int]) -> list[int]:
    """Give a shortest cycle of majorities through the first option of a set that lies on one; else nothing.

    Examples
    --------
    >>> cycle_in(np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=bool), [0, 1, 2])
    [0, 1, 2]
    """
    for start in inside:
        before = np.full(len(beats), -1)
        reached = [start]
        for option in reached:
            for following in np.flatnonzero(beats[option] & (before < 0)).tolist():
                before[following] = option
                reached.append(following)
            if before[start] >= 0:
                path = [int(before[start])]
                while path[-1] != start:
                    path.append(int(before[path[-1]]))
                return path[::-1]
    return []
