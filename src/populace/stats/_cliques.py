"""Maximal sets of models of which no two were told apart, and their letters."""

from __future__ import annotations

from populace.stats._arrays import Bools

__all__ = ["letters_of", "maximal_cliques"]


def maximal_cliques(tied: Bools) -> list[tuple[int, ...]]:
    """Return the maximal cliques of a graph (Bron and Kerbosch 1973, doi:10.1145/362342.362367).

    With a pivot, without recursion. A leaderboard's graph is nearly an interval graph, with few cliques; a
    contrived one of m nodes may have 3^(m/3).

    Parameters
    ----------
    tied
        Symmetric, shape (nodes, nodes); the diagonal is not read.

    Returns
    -------
    Cliques, each sorted, in lexicographic order.

    Examples
    --------
    >>> import numpy as np
    >>> maximal_cliques(np.array([[1, 1, 0], [1, 1, 1], [0, 1, 1]], dtype=bool))  # a path
    [(0, 1), (1, 2)]
    """
    nodes = range(len(tied))
    near = [{j for j in nodes if j != i and tied[i, j]} for i in nodes]
    found: list[tuple[int, ...]] = []
    stack: list[tuple[frozenset[int], set[int], set[int]]] = [(frozenset(), set(nodes), set())]
    while stack:
        clique, candidates, done = stack.pop()
        if not candidates:
            if not done and clique:
                found.append(tuple(sorted(clique)))
            continue
        pivot = max(sorted(candidates | done), key=lambda node: len(candidates & near[node]))
        for node in sorted(candidates - near[pivot]):
            stack.append((clique | {node}, candidates & near[node], done & near[node]))
            candidates = candidates - {node}
            done = done | {node}
    return sorted(found)


def letters_of(groups: list[tuple[int, ...]], nodes: int) -> list[str]:
    """Return the letters of each node: `a` for the first group, `aa` after `z`, spaced where any has two.

    Examples
    --------
    >>> letters_of([(0, 1), (1, 2)], 3)
    ['a', 'ab', 'b']
    """
    gap = " " if len(groups) > 26 else ""
    return [
        gap.join(_letter(place) for place, group in enumerate(groups) if node in group)
        for node in range(nodes)
    ]


def _letter(place: int) -> str:
    """Return the name of a column of a spreadsheet, in small letters."""
    name = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(ord("a") + rest) + name
    return name
