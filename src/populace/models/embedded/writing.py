"""Write texts: prompts are read as a tree, then all rows go on together, a token a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from populace.models.embedded.decoder import Cache, Decoder
from populace.models.embedded.reading import cached_tokens, read, within
from populace.models.embedded.tree import Node

__all__ = ["Prompt", "Written", "write"]

_CACHE_BYTES = 450_000_000
"""Keys and values of the rows that are written together: 64 rows of 300 tokens of the packaged model."""


class Prompt(NamedTuple):
    """What to go on from, and how."""

    tokens: list[int]
    max_tokens: int
    temperature: float
    """0 takes the likeliest token; above it, logits are divided by it before the draw."""
    seed: int


class Written(NamedTuple):
    """What was written, without the token that ended it."""

    tokens: list[int]
    stopped: bool
    """Whether the model ended its turn, and was not cut at `max_tokens`."""
    cached_tokens: int
    """Tokens of the prompt whose computation was shared with another prompt."""


def write(decoder: Decoder, prompts: Sequence[Prompt], stop: frozenset[int]) -> list[Written]:
    """Continue every prompt until a token of `stop` or `max_tokens`.

    The draws of a prompt come from its own seed alone, one uniform number a token.
    """
    order = sorted(range(len(prompts)), key=lambda i: prompts[i].tokens)
    costs = [len(prompt.tokens) + prompt.max_tokens for prompt in prompts]
    widest = max(costs, default=0)
    written: dict[int, Written] = {}
    for run in within([widest] * len(prompts), order, decoder.cache_tokens(_CACHE_BYTES)):
        written |= dict(zip(run, _write_run(decoder, [prompts[i] for i in run], stop), strict=True))
    return [written[i] for i in range(len(prompts))]


def _write_run(decoder: Decoder, prompts: list[Prompt], stop: frozenset[int]) -> list[Written]:
    width = max(len(prompt.tokens) + prompt.max_tokens for prompt in prompts)
    cache, logits, cached = _read_prompts(decoder, prompts, width)
    rows = _Rows(prompts, stop)
    while True:
        tokens = rows.take(logits)
        alive = rows.alive()
        if not len(alive):
            return [Written(rows.tokens[i], rows.stopped[i], cached[i]) for i in range(len(prompts))]
        if len(alive) <= len(rows.owners) // 2:
            cache.keep(alive)
            rows.keep(alive)
            tokens = tokens[alive]
        positions = torch.tensor([rows.position(i) for i in rows.owners])
        stream = decoder.extend(cache, tokens, torch.arange(len(tokens)), positions)
        logits = decoder.logits(stream)


def _read_prompts(decoder: Decoder, prompts: list[Prompt], width: int) -> tuple[Cache, Tensor, list[int]]:
    """Read all prompts into one cache with room to write; logits of each one's next token."""
    cache = decoder.new_cache(len(prompts), width)
    last = torch.zeros(len(prompts), decoder.shape.hidden)
    nodes: list[Node] = []
    for step in read(decoder, [prompt.tokens for prompt in prompts]):
        nodes += step.nodes
        for row, (node, first) in enumerate(zip(step.nodes, step.firsts, strict=True)):
            for user in node.users:
                if len(prompts[user].tokens) == node.end:
                    cache.copy_row(user, step.cache, row, node.end)
                    last[user] = step.stream[first + len(node.tokens) - 1]
    return cache, decoder.logits(last), cached_tokens(nodes, len(prompts))


class _Rows:
    """The texts being written; a row that has ended stays until half of them have."""

    def __init__(self, prompts: list[Prompt], stop: frozenset[int]) -> None:
        self.tokens: list[list[int]] = [[] for _ in prompts]
        self.stopped = [False] * len(prompts)
        self.owners = list(range(len(prompts)))
        """Prompt of each row of the cache."""
        self._ended = [False] * len(prompts)
        self._prompts = prompts
        self._stop = stop
        self._draws = [np.random.default_rng(prompt.seed).random(prompt.max_tokens) for prompt in prompts]

    def take(self, logits: Tensor) -> Tensor:
        """Choose each row's next token and note it."""
        tokens = logits.argmax(dim=-1)
        drawn = [
            (row, self._prompts[i].temperature, self._draws[i][len(self.tokens[i])])
            for row, i in enumerate(self.owners)
            if self._prompts[i].temperature > 0 and not self._ended[i]
        ]
        if drawn:
            rows, temperatures, uniforms = map(list, zip(*drawn, strict=True))
            tokens[rows] = _draw(logits[rows], torch.tensor(temperatures), torch.tensor(uniforms))
        for i, token in zip(self.owners, tokens.tolist(), strict=True):
            self._note(i, token)
        return tokens

    def _note(self, i: int, token: int) -> None:
        if self._ended[i]:
            return
        if token in self._stop:
            self.stopped[i] = True
        else:
            self.tokens[i].append(token)
        self._ended[i] = self.stopped[i] or len(self.tokens[i]) == self._prompts[i].max_tokens

    def position(self, i: int) -> int:
        """Place of the prompt's newest token in its text."""
        return len(self._prompts[i].tokens) + len(self.tokens[i]) - 1

    def alive(self) -> Tensor:
        """Rows still being written."""
        going = [row for row, i in enumerate(self.owners) if not self._ended[i]]
        return torch.tensor(going, dtype=torch.long)

    def keep(self, rows: Tensor) -> None:
        """Drop every row not in `rows`."""
        self.owners = [self.owners[row] for row in rows.tolist()]


def _draw(logits: Tensor, temperatures: Tensor, uniforms: Tensor) -> Tensor:
    """Draw from the softmax by inverting its distribution function at the given uniform numbers."""
    probabilities = torch.softmax(logits.double() / temperatures[:, None], dim=-1)
    cumulated = probabilities.cumsum(dim=-1)
    target = (uniforms * cumulated[:, -1])[:, None]
    return torch.searchsorted(cumulated, target, right=True).squeeze(1).clamp_max(logits.shape[-1] - 1)
