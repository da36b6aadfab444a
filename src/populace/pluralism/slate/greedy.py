"""Slates option by option: each step takes what adds most.

Chamberlin-Courant counts each person's best option, PAV counts 1 + 1/2 + 1/3 + ... for those they approve of
(Thiele 1895). Both are monotone and submodular, so the greedy slate has at least 1 - 1/e of the best score
(Nemhauser et al. 1978). `av` and `sav` count approvals, and approvals shared out among all a person gives.
"""

from __future__ import annotations

import numpy as np

from populace.pluralism.slate.ballots import Ballots
from populace.pluralism.slate.record import Tie
from populace.stats._arrays import Floats

__all__ = ["best_of", "coverage_score", "greedy", "harmonic_score", "separable"]

CLOSE = 1e-9
"""Scores nearer than this, relatively, tie."""


def best_of(scores: Floats, step: int, ties: list[Tie]) -> int:
    """Return the first of the best options, and note the others; -inf is out of the question."""
    top = float(scores.max())
    best = np.flatnonzero(scores >= top - CLOSE * max(1.0, abs(top)))
    if len(best) > 1:
        ties.append(Tie(step, tuple(int(place) for place in best)))
    return int(best[0])


def greedy(ballots: Ballots, size: int, rule: str) -> tuple[list[int], list[Tie]]:
    """Choose by `cc` or `pav`, an option a step."""
    gain = _coverage_gains if rule == "cc" else _harmonic_gains
    state = np.full(len(ballots.weights), ballots.utilities.min() if rule == "cc" else 0.0)
    members: list[int] = []
    ties: list[Tie] = []
    for step in range(1, size + 1):
        gains = gain(ballots, state)
        gains[members] = -np.inf
        taken = best_of(gains, step, ties)
        members.append(taken)
        if rule == "cc":
            state = np.maximum(state, ballots.utilities[:, taken])
        else:
            state = state + ballots.approves[:, taken]
    return members, ties


def separable(ballots: Ballots, size: int, rule: str) -> tuple[list[int], list[Tie]]:
    """Choose by `av` or `sav`, whose scores of options do not depend on each other."""
    shares = ballots.approves.astype(np.float64)
    if rule == "sav":
        shares = shares / np.maximum(shares.sum(axis=1, keepdims=True), 1)
    scores = ballots.weights @ shares
    members: list[int] = []
    ties: list[Tie] = []
    for step in range(1, size + 1):
        members.append(best_of(scores, step, ties))
        scores[members] = -np.inf
    return members, ties


def coverage_score(ballots: Ballots, members: list[int]) -> float:
    """Sum everybody's utility of their best option."""
    return float(ballots.weights @ ballots.utilities[:, members].max(axis=1))


def harmonic_score(ballots: Ballots, members: list[int]) -> float:
    """Sum 1 + 1/2 + ... + 1/(options approved of) over everybody."""
    ladder = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, len(members) + 1))])
    return float(ballots.weights @ ladder[ballots.approves[:, members].sum(axis=1)])


def _coverage_gains(ballots: Ballots, best: Floats) -> Floats:
    return ballots.weights @ np.maximum(ballots.utilities - best[:, None], 0)


def _harmonic_gains(ballots: Ballots, held: Floats) -> Floats:
    return (ballots.weights / (1 + held)) @ ballots.approves
