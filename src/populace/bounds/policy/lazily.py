"""Judging a text no more than the decision needs: the cheapest verdicts first, none once it is definite.

A predicate that fails, takes too long or answers with what is no verdict gives nothing: a rule that needs
it then cannot be evaluated, and `deciding` says what follows. Nothing here turns a failure into a zero.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from populace.bounds.policy.bundle import Person
from populace.bounds.policy.deciding import Look, look
from populace.bounds.policy.situation import Situation

if TYPE_CHECKING:
    from populace.bounds.predicates import Predicate

__all__ = ["Lazily"]


class Lazily:
    """The predicates of a deployment, run for one decision.

    Parameters
    ----------
    predicates
        Of several for one hazard the highest score counts, and all have to give one. `cost` is an optional
        attribute: those of the lowest run first (0 for patterns, 1 for small models, 2 for a language model).
    seconds
        For each.
    """

    def __init__(self, predicates: Iterable[Predicate], seconds: float) -> None:
        self._by_name: dict[str, list[Predicate]] = {}
        for each in predicates:
            self._by_name.setdefault(each.name, []).append(each)
        self._seconds = seconds
        self.failures: list[str] = []
        """Why verdicts are lacking; never a word of the text."""
        self.ran: list[str] = []
        """Hazards that were judged, in order."""

    async def gather(
        self, person: Person, situation: Situation, known: Mapping[str, int], text: str
    ) -> tuple[dict[str, int], Look]:
        """Judge the text until the decision is definite, or nothing more can be had."""
        scores = dict(known)
        tried: set[str] = set()
        told = {
            "action": situation.action,
            "organisation": situation.organisation,
            "laws": situation.laws,
            "minor": situation.minor,
            "purpose": situation.purpose,
        }
        while True:
            seen = look(person, situation, scores)
            open_names = [name for name in seen.needed if name not in tried]
            if not open_names:
                return scores, seen
            wave = self._cheapest(open_names)
            tried.update(wave)
            self.ran += [name for name in wave if name in self._by_name]
            for name, score in zip(
                wave, await asyncio.gather(*(self._judged(name, text, told) for name in wave)), strict=True
            ):
                if score is not None:
                    scores[name] = score

    def _cheapest(self, names: list[str]) -> list[str]:
        cost = {
            name: max((float(getattr(each, "cost", 0)) for each in self._by_name.get(name, ())), default=0.0)
            for name in names
        }
        least = min(cost.values())
        return [name for name in names if cost[name] == least]

    async def _judged(self, name: str, text: str, told: Mapping[str, Any]) -> int | None:
        held = self._by_name.get(name)
        if not held:
            self.failures.append(f"no predicate judges {name}")
            return None
        scores = await asyncio.gather(*(self._one(each, text, told) for each in held))
        return None if None in scores else max(score for score in scores if score is not None)

    async def _one(self, predicate: Predicate, text: str, told: Mapping[str, Any]) -> int | None:
        try:
            verdict = await asyncio.wait_for(predicate.judge(text, told), self._seconds)
        except TimeoutError:
            self.failures.append(f"{predicate.name}: no verdict within {self._seconds:g} s")
            return None
        except Exception as error:
            self.failures.append(f"{predicate.name}: {type(error).__name__}")
            return None
        score = getattr(verdict, "score", None)
        if (
            getattr(verdict, "name", None) != predicate.name
            or type(score) is not int
            or not 0 <= score <= 100
        ):
            self.failures.append(f"{predicate.name}: what it gave is no verdict")
            return None
        return score
