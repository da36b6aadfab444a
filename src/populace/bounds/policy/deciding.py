"""From answers of the engine to a decision: what forbade, what is required, what may be used, whom to ask."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import msgspec

from populace.bounds.decision import Decision, Wish
from populace.bounds.policy.bundle import Person
from populace.bounds.policy.engine import Answer, ask, ask_whole, forbade
from populace.bounds.policy.settings import Settings
from populace.bounds.policy.situation import Refusal, Situation
from populace.bounds.policy.templates import template

__all__ = ["Look", "conclude", "look", "refused"]

_CELLS = 4096
"""Answers about duties and wishes that are kept for a user."""
_ENGINE = {"tier": 1, "authority": "the policy engine", "basis": "what cannot be decided is denied"}


class Look(msgspec.Struct, frozen=True):
    """What can be said with the verdicts that there are."""

    main: Answer
    duties: dict[str, Answer]
    """Whether each may be left out."""
    wishes: dict[str, Answer]
    """Whether each may be used."""

    @property
    def needed(self) -> tuple[str, ...]:
        """Verdicts that could still change something; none once the action is refused."""
        if self.main.allowed is False:
            return ()
        others = (each.needed for each in (*self.duties.values(), *self.wishes.values()))
        return tuple(sorted(set(self.main.needed).union(*others)))


def look(person: Person, situation: Situation, scores: Mapping[str, int]) -> Look:
    """Ask the action; of a reply also each duty and each wish of the user."""
    main = ask(person, situation, situation.action, situation.resource, scores)
    if situation.action != "generate":
        return Look(main, {}, {})
    settled = _settled(person, situation)
    found: dict[tuple[str, str], Answer] = {}
    for (action, name), answer in settled.items():
        kind = "Duty" if action == "omit" else "Wish"
        open_still = answer.allowed is None
        resource = (kind, name)
        found[action, name] = _by_cell(person, situation, action, resource, scores) if open_still else answer
    return Look(
        main,
        {name: answer for (action, name), answer in found.items() if action == "omit"},
        {name: answer for (action, name), answer in found.items() if action == "apply"},
    )


def _by_cell(
    person: Person, situation: Situation, action: str, resource: tuple[str, str], scores: Mapping[str, int]
) -> Answer:
    """Ask about a duty or a wish; of scores between the same thresholds once.

    Rules only compare scores with numbers that they write out (see `fragment`), so that the engine's answer
    is the same for them all. The reply itself is asked anew each time, with the scores as they are.
    """
    if not person.reads[action] <= scores.keys():
        return ask(person, situation, action, resource, scores)
    cell = tuple(bisect_right(starts, scores[name]) for name, starts in person.bundle.cuts[action].items())
    key = (action, resource, situation.laws, situation.minor, situation.purpose, situation.consents, cell)
    found = person.cells.get(key)
    if found is None:
        if len(person.cells) >= _CELLS:
            person.cells.clear()
        found = ask(person, situation, action, resource, scores)
        if not found.errors:
            person.cells[key] = found
    return found


def _settled(person: Person, situation: Situation) -> dict[tuple[str, str], Answer]:
    """Give what is decided of duties and wishes without any verdict; kept, for it is the same every time."""
    key = (situation.laws, situation.minor, situation.purpose, situation.consents)
    found = person.settled.get(key)
    if found is None:
        duties = [("omit", "Duty", name) for name in person.bundle.folder.duties]
        wishes = [("apply", "Wish", wish.id) for wish in person.wishes]
        found = {
            (action, name): ask(person, situation, action, (kind, name), {})
            for action, kind, name in (*duties, *wishes)
        }
        if len(person.settled) >= 64:
            person.settled.clear()
        if not any(answer.errors for answer in found.values()):
            person.settled[key] = found
    return found


def conclude(
    person: Person,
    situation: Situation,
    seen: Look,
    scores: Mapping[str, int],
    failures: tuple[str, ...] = (),
) -> Decision:
    """Decide. What is still open is denied; a rule below tier 1 may be left out where the settings say so."""
    settings, main = person.bundle.folder.settings, seen.main
    requirements, preferences, aside, clash = _kept(person, seen)
    told = _known(person, situation) | {
        "requirements": requirements,
        "preferences": preferences,
        "set_aside": aside,
    }
    if main.allowed is None:
        main, left_out = _without(person, situation, main, scores, settings)
        failures = (*failures, *left_out)
    if main.allowed and clash:
        what = f"the duties {' and '.join(clash[:2])} cannot both be met, and neither is of a higher tier"
        return _refusal(person, settings, told, (clash[2],), (what, *failures))
    if main.allowed:
        return Decision(allowed=True, needed=seen.needed, errors=failures, **told)
    lacking = main.needed
    if lacking:
        failures = (*(failures or (f"no verdict of {', '.join(lacking)}",)),)
    elif main.rules and not main.errors:
        failures = ()
    blamed = main.open if lacking else forbade(main, situation.action)
    told["needed"] = lacking
    made = _refusal(person, settings, told, blamed, (*main.errors, *failures))
    return msgspec.structs.replace(made, rules=() if lacking else made.rules)


def refused(
    refusal: Refusal, settings: Settings, *, action: Any, user: Any, organisation: str, bundle: str
) -> Decision:
    """Make a decision of the engine's own refusal."""
    return Decision(
        allowed=False,
        action=action if isinstance(action, str) and action.isalpha() else "unknown",
        rule=refusal.rule,
        appeal=settings.appeal,
        errors=(refusal.what,),
        user=user if isinstance(user, str) and refusal.rule != "base.user" else "",
        organisation=organisation,
        bundle=bundle,
        **_ENGINE,
    )


def _known(person: Person, situation: Situation) -> dict[str, Any]:
    return {
        "action": situation.action,
        "user": situation.user,
        "organisation": situation.organisation,
        "laws": situation.laws,
        "bundle": person.bundle.hash,
    }


def _without(
    person: Person, situation: Situation, main: Answer, scores: Mapping[str, int], settings: Settings
) -> tuple[Answer, tuple[str, ...]]:
    """Leave out open rules of tiers 2 and 3, where the settings allow it and nothing of tier 1 is open."""
    open_rules = frozenset(main.open)
    if settings.limits.tier2 == "deny" or any(_told(person, each)["tier"] == 1 for each in open_rules):
        return main, ()
    # Without those rules nothing depends on the verdicts that lack: any value of them gives the same answer.
    filled = dict.fromkeys(person.reads[situation.action], 0) | dict(scores)
    answer = ask_whole(person, situation, situation.action, situation.resource, filled, open_rules)
    lacking = ", ".join(main.needed)
    return answer, tuple(f"{each} is left out: no verdict of {lacking}" for each in sorted(open_rules))


def _kept(
    person: Person, seen: Look
) -> tuple[tuple[str, ...], tuple[Wish, ...], tuple[str, ...], tuple[str, ...]]:
    """Give duties and wishes that hold together, what gave way, and two duties of one tier that cannot."""
    bundle = person.bundle
    required: dict[str, tuple[int, str]] = {}
    for name, answer in seen.duties.items():
        if not answer.allowed:
            ids = answer.open if answer.allowed is None else forbade(answer, "omit")
            required[name] = min((_told(person, each)["tier"], each) for each in ids)
    aside: list[str] = []
    clash: tuple[str, ...] = ()
    for name in sorted(required, key=lambda each: required[each]):
        for other in bundle.folder.duties[name].clashes:
            if name not in required or other not in required:
                continue
            (above, by), (below, _) = required[name], required[other]
            if above == below:
                clash = clash or (name, other, by)
            elif above < below:
                del required[other]
                aside.append(f"the duty {other} gives way to {name} of tier {above} ({by})")
    kept: list[Wish] = []
    for wish in person.wishes:
        if wish.id not in seen.wishes or not seen.wishes[wish.id].allowed:
            continue
        over = [name for name in required if {wish.id, wish.topic} & {*bundle.folder.duties[name].excludes}]
        if over:
            tier, by = required[over[0]]
            aside.append(f"the wish {wish.id} gives way to the duty {over[0]} of tier {tier} ({by})")
        else:
            kept.append(wish)
    return tuple(name for name in seen.duties if name in required), tuple(kept), tuple(aside), clash


def _refusal(
    person: Person,
    settings: Settings,
    told: Mapping[str, Any],
    blamed: tuple[str, ...],
    errors: tuple[str, ...],
) -> Decision:
    """Refuse, naming the highest tier first; of one tier the base's permit last: its twins have names."""

    def rank(ident: str) -> tuple[int, bool, str]:
        return _told(person, ident)["tier"], ident.startswith("base."), ident

    order = sorted(blamed, key=rank)
    said = _told(person, order[0])
    return Decision(
        allowed=False,
        tier=said["tier"],
        rule=order[0],
        basis=said["basis"],
        authority=said["authority"],
        appeal=said.get("appeal") or settings.appeal,
        rules=tuple(each for each in order if not each.startswith("base.")),
        errors=tuple(dict.fromkeys(errors)),
        **told,
    )


def _told(person: Person, ident: str) -> Mapping[str, Any]:
    """Say of what tier, basis and authority a policy is."""
    rule = person.bundle.by_id.get(ident)
    if rule is not None:
        return {**rule.annotations, "tier": rule.tier}
    if ident.startswith("t3."):
        return {**template(ident.partition(":")[0])["annotations"], "tier": 3}
    return _ENGINE
