"""Read many token sequences at once, each shared segment once and within a bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from populace.models.embedded.decoder import Cache, Decoder
from populace.models.embedded.tree import Node, grow

__all__ = ["Step", "cached_tokens", "read", "within"]

_CACHE_BYTES = 150_000_000
"""Keys and values one step may hold."""
_STEP_TOKENS = 2_048
"""Tokens read in one step, which bounds the feed-forward's intermediate results."""


class Step(NamedTuple):
    """Nodes of the tree that were read together, with what the decoder computed."""

    nodes: list[Node]
    stream: Tensor
    """Residual stream of all their tokens, [tokens, hidden], node after node."""
    firsts: list[int]
    """Row of `stream` where each node begins."""
    cache: Cache
    """Row i holds the whole text up to the end of node i."""


def read(decoder: Decoder, sequences: Sequence[Sequence[int]]) -> Iterator[Step]:
    """Read every sequence, parents before children.

    A cache stays alive only until the next level of the tree has been read, or as long as the caller
    keeps it.
    """
    levels = grow(sequences)
    room = decoder.cache_tokens(_CACHE_BYTES)
    above: dict[Node, tuple[Cache, int]] = {}
    for depth, level in enumerate(levels):
        parents = {node.parent for node in levels[depth + 1]} if depth + 1 < len(levels) else set()
        here: dict[Node, tuple[Cache, int]] = {}
        for nodes in _cut(level, room):
            step = _read_step(decoder, nodes, above)
            here |= {node: (step.cache, row) for row, node in enumerate(nodes) if node in parents}
            yield step
        above = here


def within(costs: Sequence[int], order: Sequence[int], limit: int) -> Iterator[list[int]]:
    """Cut `order` into runs of about equal cost, each within `limit` (in tokens of cache).

    An item dearer than the limit gets a run of its own.

    Examples
    --------
    >>> list(within([4, 4, 9, 1], order=[0, 1, 2, 3], limit=8))
    [[0, 1], [2], [3]]
    >>> list(within([2, 2, 2, 2], order=[3, 2, 1, 0], limit=7))
    [[3, 2], [1, 0]]
    """
    total = sum(costs)
    fair = total / max(1, -(-total // limit))
    run: list[int] = []
    spent = 0
    for item in order:
        if run and (spent + costs[item] > limit or spent >= fair):
            yield run
            run, spent = [], 0
        run.append(item)
        spent += costs[item]
    if run:
        yield run


def cached_tokens(nodes: Sequence[Node], count: int) -> list[int]:
    """Of each of `count` sequences, the tokens that another one paid for."""
    cached = [0] * count
    for node in nodes:
        for user in node.users[1:]:
            cached[user] += len(node.tokens)
    return cached


def _cut(level: Sequence[Node], room: int) -> Iterator[list[Node]]:
    """Cut a level into batches: like lengths together, within the bounds on tokens and cache."""
    step: list[Node] = []
    for node in sorted(level, key=lambda n: (n.end, len(n.tokens), n.users[0]), reverse=True):
        widest = step[0].end if step else 0
        tokens = sum(len(n.tokens) for n in step) + len(node.tokens)
        if step and ((len(step) + 1) * widest > room or tokens > _STEP_TOKENS):
            yield step
            step = []
        step.append(node)
    if step:
        yield step


def _read_step(decoder: Decoder, nodes: list[Node], above: dict[Node, tuple[Cache, int]]) -> Step:
    cache = decoder.new_cache(len(nodes), max(node.end for node in nodes))
    for row, node in enumerate(nodes):
        if node.parent is not None:
            cache.copy_row(row, *above[node.parent], node.start)
    lengths = [len(node.tokens) for node in nodes]
    tokens = torch.tensor([token for node in nodes for token in node.tokens])
    rows = torch.repeat_interleave(torch.arange(len(nodes)), torch.tensor(lengths))
    positions = torch.cat([torch.arange(node.start, node.end) for node in nodes])
    firsts = [0, *itertools.accumulate(lengths[:-1])]
    return Step(nodes, decoder.extend(cache, tokens, rows, positions), firsts, cache)
