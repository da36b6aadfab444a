"""Prompts that begin alike: in which order they are asked, and what a perfect cache would compute.

A plan is expanded persona by persona, so calls whose prompts begin alike stand together. One cache for all
calls (vLLM, SGLang, hosted services) needs no more than that. A server whose calls each have a cache of
their own (llama.cpp: one a slot) would compute every persona once in each of them. `Streams` keeps as many
personas under way as there are caches, and each of them on as few calls at a time as possible, so that a
persona stays with one cache. It changes which call comes next, never what is asked.

`unique_tokens` is the yardstick: the tokens of the prefix tree, each computed once.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from populace.models.records import Request

__all__ = ["Group", "Streams", "unique_tokens"]

_WINDOW = 4096
"""Groups read ahead at most: some megabytes."""

Group = dict[str, Request]
"""Requests by key, in the order of the plan."""


class _Stream(NamedTuple):
    opening: Hashable
    groups: deque[Group]


class Streams(Iterator[Group]):
    """The groups of a plan, so ordered that calls in flight side by side begin differently.

    A stream is a run of consecutive groups with one opening: all messages but the last, which is the
    persona. `count` streams are open at once. The next group is the first of the stream with the fewest
    calls under way, the earliest such stream of the plan. With one stream that is the plan's own order.
    A group is under way from when it is taken until `landed` is told of it.

    Parameters
    ----------
    groups
        The plan, read lazily.
    count
        Caches of the server that share nothing.
    window
        Groups read ahead at most. Where it is too small to hold the beginnings of `count` streams, fewer
        are open.

    Examples
    --------
    >>> from populace.models.records import GenerateRequest, Message
    >>> def ask(persona, question):
    ...     messages = (Message("system", persona), Message("user", question))
    ...     return {persona + question: GenerateRequest(model="m", messages=messages, max_tokens=1)}
    >>> plan = [ask(persona, question) for persona in "AB" for question in "123"]
    >>> streams = Streams(plan, 2)
    >>> first, second = next(streams), next(streams)
    >>> [*first, *second]
    ['A1', 'B1']
    >>> streams.landed(second)
    >>> list(next(streams))  # A1 is still under way: B goes on
    ['B2']
    """

    def __init__(self, groups: Iterable[Group], count: int, *, window: int = _WINDOW) -> None:
        self._plan = iter(groups)
        self._count = max(count, 1)
        self._window = max(window, 1)
        self._open: list[_Stream] = []
        """In the order of the plan; none is empty."""
        self._held = 0
        self._under_way: Counter[Hashable] = Counter()

    def __next__(self) -> Group:
        if self._count == 1:
            return next(self._plan)  # the plan's own order: nothing to keep count of
        self._read_ahead()
        if not self._open:
            raise StopIteration
        stream = min(self._open, key=lambda stream: self._under_way[stream.opening])
        group = stream.groups.popleft()
        self._under_way[stream.opening] += 1
        self._held -= 1
        if not stream.groups:
            self._open.remove(stream)
        return group

    def landed(self, group: Group) -> None:
        """Take note that `group` is dealt with: answered, failed, or passed over."""
        if self._count == 1:
            return
        opening = _opening(group)
        self._under_way[opening] -= 1
        if not self._under_way[opening]:
            del self._under_way[opening]

    def _read_ahead(self) -> None:
        while len(self._open) < self._count and self._held < self._window:
            group = next(self._plan, None)
            if group is None:
                return
            opening = _opening(group)
            if not self._open or self._open[-1].opening != opening:
                self._open.append(_Stream(opening, deque()))
            self._open[-1].groups.append(group)
            self._held += 1


def _opening(group: Group) -> Hashable:
    return next(iter(group.values())).messages[:-1]


def unique_tokens(sequences: Iterable[Sequence[int]]) -> int:
    """Tokens of the prefix tree of `sequences`: what a cache that forgets nothing computes.

    In sorted order a sequence shares with all before it what it shares with the one just before it, so the
    tree has as many nodes as there are tokens, less the common beginnings of neighbours.

    Parameters
    ----------
    sequences
        Token ids, each in [0, 2^32). Four bytes a token are held.

    Examples
    --------
    >>> unique_tokens([[1, 2, 3], [1, 2, 4], [1, 2], [5]])
    5
    """
    # Any order of the tokens will do, and bytes are compared fastest.
    ordered = sorted(np.asarray(sequence, dtype=np.uint32).tobytes() for sequence in sequences)
    total, before = 0, np.empty(0, dtype=np.uint32)
    for sequence in ordered:
        tokens = np.frombuffer(sequence, dtype=np.uint32)
        width = min(len(tokens), len(before))
        differ = tokens[:width] != before[:width]
        total += len(tokens) - (int(differ.argmax()) if differ.any() else width)
        before = tokens
    return total
