"""Judging a text no more than the decision needs: the cheapest verdicts first, none once it is definite.

A predicate that fails or takes too long gives no verdict: a rule that needs it then cannot be evaluated, and
`deciding` says what follows. Nothing here turns a failure into a zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from populace.bounds.policy.bundle import Person
from populace.bounds.policy.deciding import Look, look
from populace.bounds.policy.situation import Situation

if TYPE_CHECKING:
    from populace.bounds.predicates import Predicate

__all__ = ["Gathered", "gather"]


class Gathered:
    """What was judged for one decision."""

    def __init__(self, scores: Mapping[str, int]) -> None:
        self.scores = dict(scores)
        self.failures: list[str] = []
        """Why verdicts are lacking; never a word of the text."""


async def gather(
    person: Person,
    situation: Situation,
    known: Mapping[str, int],
    text: str,
    predicates: Sequence[Predicate],
    seconds: float,
) -> tuple[Gathered, Look]:
    """Judge a text until the decision is definite, or nothing more can be had.

    Parameters
    ----------
    known
        Verdicts that there are already.
    predicates
        Those of the lowest `cost` (an optional attribute: 0 for patterns, more for models) run first.
    seconds
        For each.
    """
    from populace.bounds.predicates import ask

    found, tried = Gathered(known), set[str]()
    cost: dict[str, float] = {}
    for each in predicates:
        cost[each.name] = max(cost.get(each.name, 0.0), float(getattr(each, "cost", 0)))
    told: dict[str, Any] = {
        "action": situation.action,
        "organisation": situation.organisation,
        "jurisdiction": situation.laws,
        "minor": situation.minor,
        "purpose": situation.purpose,
    }
    while True:
        seen = look(person, situation, found.scores)
        open_names = [name for name in seen.needed if name not in tried]
        if not open_names:
            return found, seen
        least = min(cost.get(name, 0.0) for name in open_names)
        wave = [name for name in open_names if cost.get(name, 0.0) == least]
        tried.update(wave)
        asked = await ask(predicates, text, wave, told, seconds=seconds)
        found.scores |= {name: verdict.score for name, verdict in asked.verdicts.items()}
        found.failures += [f"{name}: {why}" for name, why in asked.lacking.items()]
