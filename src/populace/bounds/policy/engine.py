"""One question put to Cedar, whole or in part, and its answer with everything that went wrong told.

Whole: every verdict that the action's policies read is known, and stands in the request as a record. In
part: verdicts are entities, and those that lack are unknown. An answer that is not a plain Allow without
errors is no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from populace.bounds.policy.base import base_id
from populace.bounds.policy.bundle import Person
from populace.bounds.policy.rules import cedar
from populace.bounds.policy.situation import Situation

__all__ = ["Answer", "ask", "ask_in_part", "ask_whole", "forbade"]

_ENCODER = msgspec.json.Encoder()
_VERDICT = re.compile(r'^Verdict::"(\w+)"$')
_POLICY = re.compile(r"policy `([\w.:-]+)`")


class Answer(msgspec.Struct, frozen=True):
    """Yes, no, or not yet."""

    allowed: bool | None
    """None where verdicts are lacking that could still change it."""
    rules: tuple[str, ...] = ()
    """Ids of the policies that forbade."""
    errors: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    """Ids of the policies that lack a verdict."""
    needed: tuple[str, ...] = ()
    """Hazards whose verdicts they lack."""


def ask(
    person: Person,
    situation: Situation,
    action: str,
    resource: tuple[str, str],
    scores: Mapping[str, int],
) -> Answer:
    """Ask what can be said with these verdicts."""
    if person.reads[action] <= scores.keys():
        return ask_whole(person, situation, action, resource, scores)
    return ask_in_part(person, situation, action, resource, scores)


def ask_whole(
    person: Person,
    situation: Situation,
    action: str,
    resource: tuple[str, str],
    scores: Mapping[str, int],
    without: frozenset[str] = frozenset(),
) -> Answer:
    """Ask the whole question; what is not a plain Allow is no.

    A verdict that the policies read and `scores` lacks makes the request malformed: the answer is no.
    """
    read = {name: scores[name] for name in person.reads[action] if name in scores}
    context = _ENCODER.encode(situation.context(read)).decode()
    request = _request(person, action, resource, context)
    held, known, schema = person.policies(action, without), person.entities, person.schema(action)
    try:
        got = cedar().is_authorized(request, held, known, schema)
    except ValueError as error:
        return Answer(False, (), (_brief(error),))
    told = got.diagnostics
    errors = tuple(_brief(each) for each in told.errors)
    if got.decision.value == "NoDecision" and not errors:
        errors = ("the engine gave no decision",)
    rules = () if got.allowed else tuple(told.reasons)
    return Answer(got.allowed and not errors, rules, errors)


def ask_in_part(
    person: Person, situation: Situation, action: str, resource: tuple[str, str], scores: Mapping[str, int]
) -> Answer:
    """Ask what can be said already, and which verdicts could still change it.

    A yes is asked again as a whole question over the verdicts that are there, as the engine's authors want.
    """
    context = situation.context()
    context["s"] = {name: {"__entity": {"type": "Verdict", "id": name}} for name in person.reads[action]}
    request = _request(person, action, resource, _ENCODER.encode(context).decode())
    held, base, schema = person.policies(action), person.entities, person.schema(action, partial=True)
    rows = [
        {"uid": {"type": "Verdict", "id": name}, "attrs": {"score": score}, "parents": []}
        for name, score in scores.items()
        if name in person.reads[action]
    ]
    try:
        known = base.with_added_json_str(_ENCODER.encode(rows).decode(), schema)
        got = cedar().is_authorized_partial(_written(request), held, known, schema)
        told = got.diagnostics
        if told.errors:
            return Answer(False, (), tuple(_brief(each) for each in told.errors))
        if got.decision.value == "Deny":
            # Here the engine lists every policy that is satisfied, the base's permit among them.
            return Answer(False, tuple(each for each in told.reasons if each != base_id(action)))
        if got.decision.value == "Allow":
            final = cedar().is_authorized(request, held, known, schema)
            errors = tuple(_brief(each) for each in final.diagnostics.errors)
            return Answer(final.allowed and not errors, (), errors)
    except ValueError as error:
        return Answer(False, (), (_brief(error),))
    named = (_VERDICT.match(each) for each in told.unknown_entities)
    needed = tuple(sorted({each[1] for each in named if each} - set(scores)))
    if not needed:
        return Answer(False, (), ("the engine gave no decision",))
    return Answer(None, open=tuple(sorted(told.nontrivial_residuals)), needed=needed)


def forbade(answer: Answer, action: str) -> tuple[str, ...]:
    """Give the policies that said no or could not be evaluated; the base's permit where none is named."""
    if answer.rules:
        return answer.rules
    named = [found[1] for each in answer.errors if (found := _POLICY.search(each))]
    return tuple(dict.fromkeys(named)) or (base_id(action),)


def _request(person: Person, action: str, resource: tuple[str, str], context: str) -> dict[str, Any]:
    # Given as records: text the engine would parse, each time; that took a third of the whole.
    return {
        "principal": {"type": "User", "id": person.key},
        "action": {"type": "Action", "id": action},
        "resource": {"type": resource[0], "id": resource[1]},
        "context": context,
    }


def _written(request: Mapping[str, Any]) -> dict[str, str]:
    """Write a request as a partial question wants it."""
    # Every id here is ours: a hash, or a word of a closed list. Nothing has to be escaped.
    return {
        key: f'{value["type"]}::"{value["id"]}"' if isinstance(value, dict) else value
        for key, value in request.items()
    }


def _brief(error: object) -> str:
    return " ".join(str(error).split())[:300]
