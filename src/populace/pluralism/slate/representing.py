"""How many people a slate represents, with intervals over people.

A slate chosen for these very people flatters itself. `held_out` chooses on some and counts on the others.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np

from populace.errors import DataError
from populace.pluralism.slate.ballots import Ballots, ballots_of, chosen_of, known
from populace.pluralism.slate.choosing import Rule, choose
from populace.stats import Estimate, cluster_bootstrap
from populace.stats._arrays import Floats, Ints
from populace.stats.bootstrap import doubted
from populace.streams import stream

__all__ = ["held_out", "represented"]


def represented(
    jury: Any,
    slate: Any,
    *,
    threshold: float | None = None,
    among: Literal["everybody", "rated"] = "everybody",
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Return the share of people who approve of an option of the slate, the slate taken as given.

    Parameters
    ----------
    jury, slate, threshold
        As in `choose` and `check`.
    among
        `rated` counts those only who rated an option of the slate: with sparse votes, most of those without
        an approved option never saw one. They chose what to rate, so neither number is the truth.
    draws, seed
        Of people.

    Examples
    --------
    >>> votes = [[1, 0, 0]] * 20 + [[0, 1, 0]] * 15 + [[np.nan, np.nan, 1]] * 5
    >>> print(represented(votes, [0, 1]))
    0.875 [0.775, 0.975] (95 %, n=40, 40 clusters)
    >>> represented(votes, [0, 1], among="rated").value
    1.0
    """
    known("among", among, ("everybody", "rated"))
    ballots = ballots_of(jury, threshold, approvals=True)
    members = list(chosen_of(slate, ballots))
    return _share(*_counts(ballots, members, among), among, draws, seed)


def held_out(
    jury: Any,
    size: int,
    rule: Rule = "pav",
    *,
    threshold: float | None = None,
    among: Literal["everybody", "rated"] = "everybody",
    folds: int = 5,
    draws: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Return the share of people represented by slates that others chose: greedily, in turn without each
    fold.

    Examples
    --------
    Everybody likes an option of their own, and one of two in common.

    >>> votes = np.hstack([np.eye(20), np.repeat([[1, 0], [0, 1]], 10, axis=0)])
    >>> held_out(votes, 2).value
    1.0
    """
    known("among", among, ("everybody", "rated"))
    ballots = ballots_of(jury, threshold, approvals=True)
    people = len(ballots.weights)
    if not 2 <= folds <= people:
        raise DataError(
            f"{people} people make no {folds} folds", fix="ask for 2 folds or more, up to the people"
        )
    fold = stream(seed, "slate.held_out").permutation(people) % folds
    hits, of = np.zeros(people), np.zeros(people)
    for each in range(folds):
        out = fold == each
        chosen = choose(_part(ballots, ~out), size, rule, threshold=0.5)
        mine, asked = _counts(ballots, list(chosen.members), among)
        hits[out], of[out] = mine[out], asked[out]
    return _share(hits, of, among, draws, seed, f", {folds} folds: chosen by the others")


class _Part:
    def __init__(self, ballots: Ballots, who: Any) -> None:
        self.utilities = ballots.approves[who].astype(np.float64)
        self.weights = ballots.weights[who]
        self.options = ballots.options


def _part(ballots: Ballots, who: Any) -> _Part:
    return _Part(ballots, who)


def _counts(ballots: Ballots, members: list[int], among: str) -> tuple[Floats, Floats]:
    asked = ballots.rated[:, members].any(axis=1) if among == "rated" else np.ones(len(ballots.weights))
    hit = ballots.approves[:, members].any(axis=1)
    return hit * ballots.weights, asked * ballots.weights


def _share(hits: Floats, of: Floats, among: str, draws: int, seed: int, how: str = "") -> Estimate:
    kept: Ints = np.flatnonzero(of > 0)
    found = cluster_bootstrap(
        np.column_stack([hits[kept], of[kept]]),
        lambda total: total[:, 0] / total[:, 1],
        n=len(kept),
        draws=draws,
        seed=seed,
        unit="person" if among == "everybody" else "person who rated an option",
    )
    found = doubted(found, 0, 1)
    return msgspec.structs.replace(found, method=found.method + how)
