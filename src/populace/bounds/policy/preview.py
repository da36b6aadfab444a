"""What a change of a user's form would allow and forbid, before it is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from populace.bounds.policy.bundle import Person
from populace.bounds.policy.deciding import conclude, look
from populace.bounds.policy.engine import ask
from populace.bounds.policy.forms import Form
from populace.bounds.policy.fragment import path, walk
from populace.bounds.policy.schema import DATA_ACTIONS
from populace.bounds.policy.search import Search
from populace.bounds.policy.situation import Refusal, Situation, read_situation
from populace.bounds.policy.space import Formula, Space, as_tree
from populace.bounds.policy.templates import template
from populace.bounds.policy.words import DONE, as_list, sentence

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Preview", "preview"]


class Preview(msgspec.Struct, frozen=True):
    """Sentences for the user."""

    allowed: tuple[str, ...]
    """What would be done that is not done now."""
    forbidden: tuple[str, ...]
    """What would not be done any more."""
    without_effect: tuple[str, ...]
    """What was chosen, and changes nothing: because of whose rule."""

    def __str__(self) -> str:
        parts = (("Allowed", self.allowed), ("Forbidden", self.forbidden), ("No effect", self.without_effect))
        lines = [f"{title}: {said}" for title, held in parts for said in held]
        return "\n".join(lines) or "Nothing would change."


def preview(bounds: Bounds, form: Form) -> Preview:
    """Compare a form with the one that its user has; of one who has none, with an empty one.

    Raises
    ------
    DataError
        If the form names what there is not.
    """
    after_bounds = bounds.with_form(form)
    before, after = bounds.person(form.user), after_bounds.person(form.user)
    found: dict[str, list[str]] = {"allowed": [], "forbidden": [], "without_effect": []}
    for kind, said in (
        *_wishes(bounds, before, after),
        *_strict(before, after),
        *_data(bounds, before, after),
        *_minor(before, after),
    ):
        if said not in found[kind]:
            found[kind].append(said)
    return Preview(**{kind: tuple(said) for kind, said in found.items()})


def _wishes(bounds: Bounds, before: Person, after: Person) -> Iterator[tuple[str, str]]:
    """Tell which wishes would be used, which not any more, and which never are, for whose rule."""
    held = {wish.id: wish for wish in (*before.wishes, *after.wishes)}
    for name, wish in held.items():
        used, why = _used(bounds, before, name)
        will, then = _used(bounds, after, name)
        words = f"{name} ({wish.text})"
        if will and not used:
            yield "allowed", f"the wish {words} is used"
        elif used and not will:
            yield "forbidden", f"the wish {words} is not used any more"
        elif then and then != why:
            yield "without_effect", f"the wish {words} is not used: {then}"


def _used(bounds: Bounds, person: Person, name: str) -> tuple[bool, str]:
    """Say whether a wish is used, and if it was chosen and is not, why."""
    if name not in {wish.id for wish in person.wishes}:
        return False, ""
    situation = read_situation(
        bounds.policies, person.form, person.user, "apply", {"wish": name, **_home(bounds)}
    )
    told = conclude(person, situation, look(person, situation, {}), {})
    if told.allowed or told.needed:
        return True, ""
    rule = person.bundle.by_id.get(told.rule or "")
    if told.set_aside:
        return False, f"{told.set_aside[0]}, set by {told.authority}"
    return False, f"{rule.authority} forbids it ({rule.basis})" if rule else "you paused it"


def _home(bounds: Bounds) -> dict[str, object]:
    """Name a jurisdiction where a deployment names none of its own: what is asked here is of every day."""
    return {} if bounds.settings.jurisdictions else {"jurisdiction": bounds.laws[:1]}


def _strict(before: Person, after: Person) -> Iterator[tuple[str, str]]:
    """Tell from which scores replies would be refused."""
    titles = after.bundle.folder.settings.titles()
    old = before.form.strict if before.form else {}
    new = after.form.strict if after.form else {}
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name, 101), new.get(name, 101)
        if now < was:
            said = f"replies in which {titles[name]} scores {now} or more"
            by = _covered(after, name, now)
            yield ("without_effect", f"{said}: {by} forbids them already") if by else ("forbidden", said)
        elif was < now and not _covered(after, name, was):
            end = "" if now > 100 else f", up to {now - 1}"
            yield (
                "allowed",
                f"replies in which {titles[name]} scores {was} or more{end}, as far as other rules allow",
            )


def _minor(before: Person, after: Person) -> Iterator[tuple[str, str]]:
    """Tell what being a minor, or no longer saying so, forbids and allows: by which rules."""
    was, will = (bool(person.form and person.form.minor) for person in (before, after))
    if was == will:
        return
    titles = after.bundle.folder.settings.titles()
    asking = [r for r in after.bundle.rules if ("context", "minor") in map(path, _nodes(as_tree(r)))]
    for rule in asking:
        said = sentence(rule, titles).rstrip(".")
        yield (
            ("forbidden", f"what is forbidden to minors: {said}")
            if will
            else ("allowed", f"what is forbidden to minors, unless the application says you are one: {said}")
        )
    if not asking:
        yield "without_effect", "whether you are a minor: no rule asks for it"


def _nodes(tree: Any) -> Iterator[Any]:
    return ({name: inner} for name, inner in walk(tree))


def _covered(person: Person, name: str, level: int) -> str:
    """Name the rule that forbids all that a stricter level would."""
    tree = as_tree(template(f"t3.strict.{name}.{level}") | {"principal": {"op": "All"}})
    for rule in (each for each in person.bundle.rules if "generate" in each.actions):
        space = Space(person.bundle, [tree, as_tree(rule)], "generate")
        if Search(space).find([Formula(tree)], [Formula(as_tree(rule))]) is None:
            return rule.authority
    return ""


def _data(bounds: Bounds, before: Person, after: Person) -> Iterator[tuple[str, str]]:
    """Tell what would be done with which data, for the purposes that either form agrees to.

    A form agrees to kinds of data too: they are no purposes that anything is done for.
    """
    agreed = {each for person in (before, after) for each in (person.form and person.form.consents) or ()}
    purposes = sorted(agreed - {*bounds.policies.kinds}) or ["memory"]
    told: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for action in DATA_ACTIONS:
        for purpose in purposes:
            kinds: dict[str, list[str]] = {}
            for kind in bounds.policies.kinds:
                was, will = (_may(bounds, person, action, kind, purpose) for person in (before, after))
                if was != will:
                    kinds.setdefault("allowed" if will else "forbidden", []).append(kind)
            for change, held in kinds.items():
                told.setdefault((change, action, tuple(held)), []).append(purpose)
    for (change, action, held), named in told.items():
        yield change, f"{DONE[action]} on {as_list(held, 'and')}, for {as_list(named, 'and')}"


def _may(bounds: Bounds, person: Person, action: str, kind: str, purpose: str) -> bool:
    context = {"kind": kind, "purpose": purpose, **_home(bounds)}
    try:
        situation: Situation = read_situation(bounds.policies, person.form, person.user, action, context)
    except Refusal:
        return False
    return ask(person, situation, action, situation.resource, {}).allowed is not False
