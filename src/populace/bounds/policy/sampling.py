"""Random situations put to the engine: no tier widens another, and proofs read rules as the engine does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from populace.bounds.policy.bundle import Bundle, Person
from populace.bounds.policy.engine import Answer, ask_whole
from populace.bounds.policy.folder import Folder
from populace.bounds.policy.forms import LEVELS, Form, Own
from populace.bounds.policy.reader import OTHER, Thing, Variable
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.schema import ACTIONS, DATA_ACTIONS, RESOURCES
from populace.bounds.policy.situation import Situation
from populace.bounds.policy.space import Formula, Space, as_tree
from populace.streams import stream

__all__ = ["Sampled", "Tiers", "random_form", "random_situation", "sample"]


_OWN = (Own("sampled.own", "words of one's own"),)


class Sampled(msgspec.Struct, frozen=True):
    """Of random situations, each asked of tier 1, of tiers 1 and 2, and of all three."""

    asked: int
    widened: int = 0
    """Allowed with a lower tier, and not without it."""
    narrowed: int = 0
    """Forbidden by a lower tier alone."""
    errors: int = 0
    apart: int = 0
    """Decided otherwise by the evaluator that proofs use."""

    def __add__(self, other: Sampled) -> Sampled:
        return Sampled(
            *(
                a + b
                for a, b in zip(msgspec.structs.astuple(self), msgspec.structs.astuple(other), strict=True)
            )
        )


class Tiers:
    """One organisation's policies: tier 1 alone, and tiers 1 and 2."""

    def __init__(self, folder: Folder, organisation: str, first: Bundle | None = None) -> None:
        # Words that only tier 2 writes are known all the same: tier 1 alone is asked the same requests.
        known = msgspec.structs.replace(folder.settings, kinds=folder.kinds, purposes=folder.purposes)
        laws = tuple(rule for rule in folder.rules if rule.tier == 1)
        alone = msgspec.structs.replace(folder, rules=laws, settings=known)
        self.first, self.both = first or Bundle(alone, organisation), Bundle(folder, organisation)
        clear = Form("sampled", own=_OWN)
        self._clear = [Person(bundle, clear.user, clear) for bundle in (self.first, self.both)]

    def people(self, form: Form) -> tuple[Person, Person, Person]:
        """Give one user under tier 1 alone, under tiers 1 and 2, and under all three."""
        return self._clear[0], self._clear[1], Person(self.both, form.user, form)


def random_form(folder: Folder, rng: np.random.Generator, user: str = "sampled") -> Form:
    """Draw a form: any of the restrictions that a user can choose."""
    hazards = list(folder.settings.titles())
    names = rng.permutation(len(hazards))[: rng.integers(0, 6)]
    strict = {hazards[i]: int(rng.choice(LEVELS)) for i in names}
    paused = tuple(name for name in (*folder.wishes, _OWN[0].id) if rng.random() < 0.3)
    never = {
        action: tuple(kind for kind in (*folder.kinds, "*") if rng.random() < 0.1)
        for action in DATA_ACTIONS
        if rng.random() < 0.5
    }
    return Form(user, own=_OWN, paused=paused, strict=strict, never=never)


def random_situation(
    space: Space, rng: np.random.Generator, user: str
) -> tuple[Situation, dict[str, int], dict[Variable, Any]]:
    """Draw a situation: any value of each variable, and any score of its cell."""
    cell = {name: values[rng.integers(len(values))] for name, values in space.domains.items()}
    # With every score drawn evenly tier 1 would forbid nearly every reply, and little were tested.
    scores: dict[str, int] = {}
    for name, values in space.domains.items():
        if name[0] == "s":
            at = 0 if rng.random() < 0.7 else int(rng.integers(len(values)))
            end = values[at + 1] - 1 if at + 1 < len(values) else 100
            cell[name], scores[name[1]] = values[at], int(rng.integers(values[at], end + 1))
    thing: Thing = cell["resource",]
    chosen = {
        kind: [name[1] for name in cell if name[0] == kind and cell[name]] for kind in ("law", "consents")
    }
    situation = Situation(
        user=user,
        action=space.action,
        organisation=space.bundle.organisation,
        laws=tuple(sorted(chosen["law"])),
        minor=cell["minor",],
        purpose=cell["purpose",],
        consents=tuple(sorted(chosen["consents"])),
        resource=(thing.kind, thing.id),
    )
    return situation, scores, cell


def sample(
    folder: Folder, organisation: str, count: int, *, seed: int = 0, first: Bundle | None = None
) -> Sampled:
    """Ask the engine `count` random situations of one organisation, over all actions, under random forms.

    `first` is what binds under tier 1 alone, where that is known already.
    """
    rng = stream(seed, "bounds.sampling")
    made: dict[str, tuple[Space, list[Formula], list[Formula]]] = {}
    held = Tiers(folder, organisation, first)
    actions = [action for action in ACTIONS if _named(folder, action)]
    found, people = Sampled(0), None
    for place in range(count):
        if people is None or place % 50 == 0:
            people = held.people(random_form(folder, rng))
        action = actions[int(rng.integers(len(actions)))] if rng.random() < 0.6 else "generate"
        if action not in made:
            made[action] = _formulas(held.both, action)
        found += _one(made[action], people, rng)
    return found


def _named(folder: Folder, action: str) -> bool:
    """Whether there is anything that an action can be done to: a folder may hold no duties."""
    return RESOURCES[action] != "Duty" or bool(folder.duties)


def _formulas(bundle: Bundle, action: str) -> tuple[Space, list[Formula], list[Formula]]:
    rules: Sequence[Rule] = [rule for rule in bundle.rules if action in rule.actions]
    trees = [as_tree(rule) for rule in rules]
    space = Space(bundle, trees, action)
    first = [Formula(tree) for tree, rule in zip(trees, rules, strict=True) if rule.tier == 1]
    return space, first, [Formula(tree) for tree in trees]


def _one(
    made: tuple[Space, list[Formula], list[Formula]],
    people: tuple[Person, Person, Person],
    rng: np.random.Generator,
) -> Sampled:
    space, first, both = made
    situation, scores, cell = random_situation(space, rng, people[0].user)
    if situation.resource[1] == OTHER:
        situation = msgspec.structs.replace(situation, resource=("Wish", _OWN[0].id))
    answers = [_asked(person, situation, scores) for person in people]
    told = [not any(space.holds(each, cell) for each in formulas) for formulas in (first, both)]
    allowed = [bool(answer.allowed) for answer in answers]
    return Sampled(
        asked=1,
        widened=int((allowed[1] and not allowed[0]) or (allowed[2] and not allowed[1])),
        narrowed=int(allowed[0] and not allowed[2]),
        errors=int(any(answer.errors for answer in answers)),
        apart=int(told != allowed[:2]),
    )


def _asked(person: Person, situation: Situation, scores: Mapping[str, int]) -> Answer:
    every = {name: scores.get(name, 0) for name in person.reads[situation.action]}
    return ask_whole(person, situation, situation.action, situation.resource, every)
