"""How few jurors can change who wins, by rating at the ends of the scale.

For welfare that is a mean of something (utilitarian, p-means, approval, plurality) the least share is found
by taking first the jurors who move most; where jurors weigh differently, by a programme that covers every
rival's lead at the least weight, or beyond 20,000 jurors by rivals, as a bound from below. It is counted for
anybody (faults, bribes, raters who do not read), and for those alone who would gain by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from populace.errors import DataError
from populace.pluralism.jury import welfare
from populace.pluralism.jury._solvers import covered
from populace.pluralism.jury.ballots import Ballots
from populace.pluralism.jury.rules import rule_of, settled
from populace.pluralism.jury.scoring import measured, scores_of
from populace.pluralism.jury.ties import ROUNDING
from populace.stats._arrays import Bools, Floats
from populace.streams import stream

__all__ = ["Change", "Strategy", "exaggerated_of", "strategy_of"]

_SOLVED = 20_000
"""Jurors by rivals up to which jurors of unequal weight are chosen exactly."""
_EXPONENTS = {"utilitarian": 1.0, "approval": 1.0, "nash": 0.0}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes for an option to win, alone or tied."""

    option: str
    share: float | None
    """Of the jury's weight that must rate otherwise; None where no number of them is enough."""
    jurors: int | None
    """How many at least; of unequal weights, these need not be those of the least share."""
    exact: bool
    """Whether the share is enough, and no less would do; else no less than this would do."""


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to change the winner."""

    rule: str
    winner: str
    anybody: tuple[Change, ...]
    """Of every other option, whoever the jurors are; the cheapest first."""
    gaining: tuple[Change, ...]
    """Only jurors who rate the option above the winner take part."""

    @property
    def least(self) -> float | None:
        """Give the least share of anybody that changes the winner."""
        return self.anybody[0].share if self.anybody else None


def strategy_of(ballots: Ballots, name: str, given: Mapping[str, Any]) -> Strategy:
    """Count the jurors.

    Raises
    ------
    DataError
        If the rule is no mean, ratings are missing, the scale is not known, or several options win already.

    Examples
    --------
    a leads by 8 points. A juror who gave 9 and 1 and gives 0 and 10 moves 18 of them.

    >>> from populace.pluralism.jury import Jury
    >>> jury = Jury([[9, 1], [9, 1], [2, 10]], ["a", "b"], scale=(0, 10))
    >>> jury.strategic_sensitivity("utilitarian").anybody[0].jurors
    1
    """
    rule = rule_of(name)
    setting = settled(rule, ballots, given)
    if not ballots.complete:
        raise DataError("with ratings missing this is not defined", fix="fill them in: jury.filled(value)")
    table, foot, top = _additive(ballots, name, setting)
    scores = scores_of(measured(ballots, rule), ballots.weights[None], rule, setting)[0]
    winners = welfare.leading(scores)
    if len(winners) > 1:
        told = " and ".join(ballots.options[each] for each in winners)
        raise DataError(f"{told} are tied: no change is needed", fix="break the tie first")
    winner = winners[0]
    anybody: list[Change] = []
    gaining: list[Change] = []
    for option, label in enumerate(ballots.options):
        if option == winner:
            continue
        wants = ballots.utilities[:, option] > ballots.utilities[:, winner]
        for kept, who in ((anybody, np.ones(len(wants), dtype=np.bool_)), (gaining, wants)):
            kept.append(_least(table, ballots.weights, (option, winner), who, (foot, top), label))

    def cheapest(changes: list[Change]) -> tuple[Change, ...]:
        return tuple(sorted(changes, key=lambda each: (each.share is None, each.share or 0.0)))

    return Strategy(
        rule=name, winner=ballots.options[winner], anybody=cheapest(anybody), gaining=cheapest(gaining)
    )


def exaggerated_of(ballots: Ballots, share: float, seed: int) -> Floats:
    """Push the ratings of a random share of jurors to the ends of the scale: above their own mean, or
    below.
    """
    if not 0 <= share <= 1:
        raise DataError(f"the share is {share:g}", fix="give one from 0 to 1")
    low, high = ballots.bounds()
    table = ballots.utilities.copy()
    order = stream(seed, "pluralism.jury.exaggerated").permutation(len(table))
    chosen = order[: round(share * len(table))]
    own = np.nanmean(table[chosen], axis=1, keepdims=True) if len(chosen) else np.zeros((0, 1))
    some = table[chosen]
    table[chosen] = np.where(some > own, high, np.where(some < own, low, some))
    return table


def _additive(ballots: Ballots, name: str, setting: Mapping[str, Any]) -> tuple[Floats, float, float]:
    """Give the numbers that a rule averages, and the least and greatest a juror can give."""
    if name == "plurality":
        best = ballots.utilities == ballots.utilities.max(axis=1, keepdims=True)
        return best / best.sum(axis=1, keepdims=True), 0.0, 1.0
    if name == "approval":
        threshold = 0.5 if setting["threshold"] is None else float(setting["threshold"])
        return (ballots.utilities >= threshold).astype(np.float64), 0.0, 1.0
    p = (
        setting["p"]
        if name == "p_mean"
        else 1 - setting["epsilon"]
        if name == "atkinson"
        else _EXPONENTS.get(name)
    )
    if p is None or p == -np.inf:
        fix = "use utilitarian, nash, p_mean, atkinson, approval or plurality"
        raise DataError(f"{name} is no mean, and how few jurors change it is not counted", fix=fix)
    zero = (ballots.zero or 0.0) if name != "utilitarian" else 0.0
    ends = np.array(ballots.bounds()) - zero
    if p <= 0 and ends[0] <= 0:
        raise DataError(
            f"at the foot of the scale {name} is 0: one juror alone decides", fix="give a zero point below it"
        )

    def moved(values: Floats) -> Floats:
        return np.log(values) if p == 0 else np.sign(p) * values**p

    foot, top = moved(ends)
    return moved(ballots.utilities - zero), float(foot), float(top)


def _least(
    table: Floats, weights: Floats, rivals: tuple[int, int], who: Bools, ends: tuple[float, float], label: str
) -> Change:
    """Find the fewest who, giving the option the top and all others the foot, let it pass every other.

    Each juror's change adds up against each rival, so that this is a covering programme.
    """
    (option, winner), (foot, top) = rivals, ends
    others: list[int] = [place for place in range(table.shape[1]) if place != option]
    apart = table[:, others] - table[:, [option]]
    behind = weights @ apart
    # Relative to what was added up; of the winner, whom the option does not tie, nothing is rounding.
    near = ROUNDING * (weights @ np.abs(apart))
    behind = np.where((behind > near) | (np.array(others) == winner), behind, -np.inf)
    gains = np.where(who[:, None], weights[:, None] * (apart + (top - foot)), 0.0)
    if (gains.sum(axis=0) < behind - near).any() or not who.any():
        return Change(option=label, share=None, jurors=None, exact=True)
    open_ = behind > -np.inf
    gains, behind, near = gains[:, open_], behind[open_], near[open_]
    order = np.argsort(-gains, axis=0, kind="stable")
    sums = np.cumsum(np.take_along_axis(gains, order, axis=0), axis=0)
    counts = np.minimum((sums < behind - near).sum(axis=0) + 1, len(weights))
    hardest = int(np.argmax(counts))
    jurors, whole = int(counts[hardest]), float(weights.sum())
    if (weights == weights[0]).all():
        passes = gains[order[:jurors, hardest]].sum(axis=0) >= behind - near
        return Change(option=label, share=jurors / len(weights), jurors=jurors, exact=bool(passes.all()))
    bound = max(_pro_rata(gains[:, n], weights, float(behind[n])) for n in range(len(behind)))
    least = covered(weights, (gains / behind).T) if gains.size <= _SOLVED and (behind > 0).all() else None
    if least is None:
        return Change(option=label, share=bound / whole, jurors=jurors, exact=False)
    share = max(float(weights[least].sum()), bound) / whole
    passes = gains[least].sum(axis=0) >= behind - near
    return Change(option=label, share=share, jurors=jurors, exact=bool(passes.all()))


def _pro_rata(gains: Floats, weights: Floats, behind: float) -> float:
    """Give the least weight that makes up for `behind`, if of one juror a part may be taken."""
    some = np.flatnonzero((gains > 0) & (weights > 0))
    order = some[np.argsort(-gains[some] / weights[some], kind="stable")]
    sums = np.concatenate([[0.0], np.cumsum(gains[order])])
    held = np.concatenate([[0.0], np.cumsum(weights[order])])
    return float(np.interp(behind, sums, held))
