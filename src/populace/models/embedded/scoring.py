"""Log-likelihood of options: what `choose` asks of the packaged model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import Tensor

from populace.models.embedded.decoder import Decoder
from populace.models.embedded.reading import cached_tokens, read, within
from populace.models.embedded.tree import Node

__all__ = ["Question", "Scores", "score"]

_LOGIT_ROWS = 512
"""Positions whose logits are held at once: 100 MB at 49 152 tokens."""
_CACHE_BYTES = 400_000_000
"""Keys and values the contexts and options of one run may take, before what they share is taken off."""


class Question(NamedTuple):
    """A context and the options that may follow it, as tokens; no option is empty."""

    context: list[int]
    options: list[list[int]]


class Scores(NamedTuple):
    """Log-likelihood of each option, and the tokens of work that were shared."""

    log_likelihoods: tuple[float, ...]
    cached_tokens: int


def score(decoder: Decoder, questions: Sequence[Question]) -> list[Scores]:
    """Score every option of every question: natural log of p(option | context), summed over its tokens.

    An option of n tokens needs the model's output at the last token of the context and at the option's
    first n - 1; options of one token thus share a single pass over the context.
    """
    order = sorted(range(len(questions)), key=lambda i: questions[i].context)
    costs = [len(q.context) + sum(map(len, q.options)) for q in questions]
    scores: dict[int, Scores] = {}
    for run in within(costs, order, decoder.cache_tokens(_CACHE_BYTES)):
        scores |= dict(zip(run, _score_run(decoder, [questions[i] for i in run]), strict=True))
    return [scores[i] for i in range(len(questions))]


def _score_run(decoder: Decoder, questions: list[Question]) -> list[Scores]:
    owners = [(question, k) for question in questions for k in range(len(question.options))]
    sequences = [question.context + question.options[k][:-1] for question, k in owners]
    totals = [0.0] * len(owners)
    nodes: list[Node] = []
    for step in read(decoder, sequences):
        nodes += step.nodes
        targets = []
        for node, first_row in zip(step.nodes, step.firsts, strict=True):
            for user in node.users:
                question, k = owners[user]
                last = len(question.context) - 1
                targets += [
                    (user, first_row + position - node.start, question.options[k][position - last])
                    for position in range(max(last, node.start), node.end)
                ]
        for user, value in _log_probabilities(decoder, step.stream, targets):
            totals[user] += value
    return _gather(questions, totals, cached_tokens(nodes, len(owners)))


def _log_probabilities(
    decoder: Decoder, stream: Tensor, targets: list[tuple[int, int, int]]
) -> Iterator[tuple[int, float]]:
    """For targets (sequence, row of the stream, token): sequence and log-probability of the token."""
    targets = sorted(targets, key=lambda target: target[1])
    needed = sorted({row for _, row, _ in targets})
    for start in range(0, len(needed), _LOGIT_ROWS):
        some = needed[start : start + _LOGIT_ROWS]
        place = {row: i for i, row in enumerate(some)}
        here = [target for target in targets if target[1] in place]
        logits = decoder.logits(stream[some])
        rows = [place[row] for _, row, _ in here]
        picked = logits[rows, [token for _, _, token in here]] - logits.logsumexp(dim=-1)[rows]
        yield from zip((user for user, _, _ in here), picked.tolist(), strict=True)


def _gather(questions: list[Question], totals: list[float], saved: list[int]) -> list[Scores]:
    """Put the options back under their questions.

    That a question's own options share its context is not counted as saved: only what another
    question paid for is, which the option that was charged least shows.
    """
    results, start = [], 0
    for question in questions:
        mine = slice(start, start := start + len(question.options))
        results.append(Scores(tuple(totals[mine]), min(*saved[mine], len(question.context))))
    return results
