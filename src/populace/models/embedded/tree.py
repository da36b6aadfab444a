"""Cut a set of token sequences into a tree of segments, so that what they share is computed once.

Personas open many prompts, a prompt is followed by several options, the two orders of a pair share the
persona: all of these are shared beginnings. The tree finds them from the tokens alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

__all__ = ["Node", "grow"]

_WORTH = 32
"""Tokens of work a shared segment must save: below that a step of its own costs more than it saves."""


@dataclass(eq=False)
class Node:
    """One segment: `tokens` follow those of `parent`, the first of them at position `start`."""

    tokens: Sequence[int]
    start: int
    parent: Node | None
    users: list[int] = field(default_factory=list)
    """Sequences that pass through this segment, in sorted order; the first is the one that pays for it."""

    @property
    def end(self) -> int:
        """Position after the last token."""
        return self.start + len(self.tokens)


def grow(sequences: Sequence[Sequence[int]]) -> list[list[Node]]:
    """Build the tree; level d of the result holds the nodes with d ancestors.

    Every sequence is the concatenation of the segments of exactly one path from a root. Sequences may
    be equal, or one the beginning of another.

    Parameters
    ----------
    sequences
        Token sequences, none empty.

    Examples
    --------
    >>> persona = list(range(40))
    >>> for level in grow([persona + [50, 51], persona + [60], persona + [60]]):
    ...     print([(node.start, len(node.tokens), node.users) for node in level])
    [(0, 40, [0, 1, 2])]
    [(40, 2, [0]), (40, 1, [1, 2])]
    """
    order = sorted(range(len(sequences)), key=lambda i: tuple(sequences[i]))
    levels: list[list[Node]] = []
    # A stack of ranges of `order` yet to be cut, with the node above them and its depth.
    pending: list[tuple[list[int], Node | None, int]] = [(order, None, 0)]
    while pending:
        members, parent, depth = pending.pop()
        start = parent.end if parent else 0
        for group in _shared(sequences, members, start):
            end = _common(sequences, group)
            node = Node(sequences[group[0]][start:end], start, parent, group)
            if len(levels) == depth:
                levels.append([])
            levels[depth].append(node)
            longer = [i for i in group if len(sequences[i]) > end]
            if longer:
                pending.append((longer, node, depth + 1))
    return levels


def _shared(sequences: Sequence[Sequence[int]], members: list[int], start: int) -> Iterator[list[int]]:
    """Split sorted `members` into the groups that are worth a segment from `start` on."""
    end = _common(sequences, members)
    equal = len(sequences[members[0]]) == len(sequences[members[-1]]) == end
    if equal or (end - start) * (len(members) - 1) >= _WORTH:
        yield members
        return
    for _, group in groupby(members, key=lambda i: sequences[i][end] if len(sequences[i]) > end else -1):
        yield from _shared(sequences, list(group), start)


def _common(sequences: Sequence[Sequence[int]], members: Sequence[int]) -> int:
    """Length of the longest common beginning of sorted `members`: that of the first and the last."""
    first, last = sequences[members[0]], sequences[members[-1]]
    for i, (a, b) in enumerate(zip(first, last, strict=False)):
        if a != b:
            return i
    return min(len(first), len(last))
