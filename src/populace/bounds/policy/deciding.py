"""From answers of the engine to a decision: what forbade, what is required, what may be used, whom to ask."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any

import msgspec

from populace.bounds.decision import Decision, Wish
from populace.bounds.policy.bundle import Person
from populace.bounds.policy.engine import Answer, ask, ask_whole, forbade
from populace.bounds.policy.schema import ACTIONS
from populace.bounds.policy.settings import OWN, Settings
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
    """Ask the action; of a reply also duties and the user's wishes; of a wish the duties that exclude it."""
    main = ask(person, situation, situation.action, situation.resource, scores)
    if situation.action not in ("generate", "apply"):
        return Look(main, {}, {})
    against = _against(person, situation) if situation.action == "apply" else None
    found: dict[tuple[str, str], Answer] = {}
    for (action, name), answer in _settled(person, situation).items():
        if against is not None and (action != "omit" or name not in against):
            continue
        kind = "Duty" if action == "omit" else "Wish"
        open_still = answer.allowed is None
        resource = (kind, name)
        found[action, name] = _by_cell(person, situation, action, resource, scores) if open_still else answer
    return Look(
        main,
        {name: answer for (action, name), answer in found.items() if action == "omit"},
        {name: answer for (action, name), answer in found.items() if action == "apply"},
    )


def _against(person: Person, situation: Situation) -> set[str]:
    """Give the duties that exclude the wish which is to be used, and those that these could give way to."""
    duties, name = person.bundle.folder.duties, situation.resource[1]
    excluding = {each for each in duties if _excludes(person, each, name)}
    return excluding.union(*(duties[each].clashes for each in excluding))


def _excludes(person: Person, duty: str, wish: str) -> bool:
    known = person.bundle.folder.wishes.get(wish)
    topic = known.topic if known else OWN
    return bool({wish, topic} & {*person.bundle.folder.duties[duty].excludes})


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
    required, aside, clash = _required(person, seen)
    requirements, preferences, aside = _kept(person, seen, required, aside)
    told = _known(person, situation) | {
        "requirements": requirements,
        "preferences": preferences,
        "set_aside": aside,
    }
    if main.allowed is None:
        main, left_out = _without(person, situation, main, scores, settings)
        failures = (*failures, *left_out)
    if main.allowed and situation.action == "apply":
        return _applied(person, situation, seen, required, told, failures)
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


def _applied(
    person: Person,
    situation: Situation,
    seen: Look,
    required: Mapping[str, tuple[int, str]],
    told: dict[str, Any],
    failures: tuple[str, ...],
) -> Decision:
    """Allow that a wish is used, unless a reply in this situation would set it aside for a duty."""
    name, settings = situation.resource[1], person.bundle.folder.settings
    told |= {"requirements": (), "set_aside": ()}
    over = [duty for duty in required if _excludes(person, duty, name)]
    if not over:
        return Decision(allowed=True, needed=seen.needed, errors=failures, **told)
    # What is certain is named before what a verdict could still change.
    over = [duty for duty in over if seen.duties[duty].allowed is False] or over
    told["needed"] = tuple(sorted({each for duty in over for each in seen.duties[duty].needed}))
    told["set_aside"] = tuple(_gives_way(name, duty, required[duty]) for duty in over)
    if told["needed"]:
        failures = failures or (f"no verdict of {', '.join(told['needed'])}",)
    return _refusal(person, settings, told, tuple(required[duty][1] for duty in over), failures)


def _gives_way(wish: str, duty: str, why: tuple[int, str]) -> str:
    return f"the wish {wish} gives way to the duty {duty} of tier {why[0]} ({why[1]})"


def refused(
    refusal: Refusal, settings: Settings, *, action: Any, user: Any, organisation: str, bundle: str
) -> Decision:
    """Make a decision of the engine's own refusal."""
    return Decision(
        allowed=False,
        # Whoever asks for an action that there is not can write a name there.
        action=action if isinstance(action, str) and action in ACTIONS else "unknown",
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
    """Leave out open rules of tier 2, where the settings allow it and none of the law or the user is open."""
    open_rules = frozenset(main.open)
    if settings.limits.tier2 == "deny" or any(_told(person, each)["tier"] != 2 for each in open_rules):
        return main, ()
    # Without those rules nothing depends on the verdicts that lack: any value of them gives the same answer.
    filled = dict.fromkeys(person.reads[situation.action], 0) | dict(scores)
    answer = ask_whole(person, situation, situation.action, situation.resource, filled, open_rules)
    lacking = ", ".join(main.needed)
    return answer, tuple(f"{each} is left out: no verdict of {lacking}" for each in sorted(open_rules))


def _required(person: Person, seen: Look) -> tuple[dict[str, tuple[int, str]], list[str], tuple[str, ...]]:
    """Give the duties that hold together with tier and rule, what gave way, and two that cannot hold both."""
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
    return required, aside, clash


def _kept(
    person: Person, seen: Look, required: Mapping[str, tuple[int, str]], aside: list[str]
) -> tuple[tuple[str, ...], tuple[Wish, ...], tuple[str, ...]]:
    """Give the duties that are required, the wishes that can be met beside them, and all that gave way."""
    kept: list[Wish] = []
    for wish in person.wishes:
        if wish.id not in seen.wishes or not seen.wishes[wish.id].allowed:
            continue
        over = [name for name in required if name in person.excluding[wish.id]]
        if over:
            aside.append(_gives_way(wish.id, over[0], required[over[0]]))
        else:
            kept.append(wish)
    return tuple(name for name in seen.duties if name in required), tuple(kept), tuple(aside)


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
        appeal=said.get("appeal", "").strip() or settings.appeal,
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
