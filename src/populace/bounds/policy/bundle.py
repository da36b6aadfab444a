"""Policies compiled for one organisation, and for one of its users."""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Iterable
from typing import Any

from populace.bounds.decision import Wish
from populace.bounds.policy.base import base_id, permits, policies
from populace.bounds.policy.folder import Folder
from populace.bounds.policy.forms import Form, user_key
from populace.bounds.policy.fragment import condition, cuts, path, walk
from populace.bounds.policy.rules import cedar
from populace.bounds.policy.schema import ACTIONS, schema_text
from populace.bounds.policy.settings import OWN
from populace.bounds.policy.templates import Link, engine_text, links
from populace.canonical import content_hash
from populace.errors import DataError

__all__ = ["Bundle", "Person", "scores_read"]


def scores_read(tree: dict[str, Any]) -> frozenset[str]:
    """Give the hazards whose scores a policy reads."""
    chains = (path({name: inner}) for name, inner in walk(condition(tree)) if name == ".")
    return frozenset(each[2] for each in chains if each and each[:2] == ("context", "s") and len(each) > 2)


@functools.lru_cache(maxsize=256)
def _schema(hazards: frozenset[str], partial: bool) -> Any:
    return cedar().Schema.from_str(schema_text(hazards, partial=partial))


class Bundle:
    """The policies that bind the users of one organisation: tier 1, its provider's and its own of tier 2."""

    def __init__(self, folder: Folder, organisation: str) -> None:
        self.folder, self.organisation = folder, organisation
        own = [organisation, folder.settings.provider]
        self.members = tuple(dict.fromkeys(name for name in own if name))
        """Organisations that bind."""
        self.rules = tuple(r for r in folder.rules if r.tier == 1 or r.organisation in self.members)
        self.by_id = {rule.id: rule for rule in self.rules}
        self.permits = permits(self.rules, self.members)
        self.reads = {
            action: frozenset().union(*(scores_read(r.tree) for r in self.rules if action in r.actions))
            for action in ACTIONS
        }
        """The hazards whose scores decide on each action."""
        self.hash = content_hash(
            {
                "members": self.members,
                "permits": self.permits,
                "rules": [(rule.id, rule.text) for rule in self.rules],
                "duties": folder.duties,
                "engine": str(getattr(cedar(), "__version__", "4.12.2")),
                "wishes": folder.choices,
                "settings": folder.settings,
            }
        )
        self.cuts = {action: self._cuts(action) for action in ACTIONS}
        """From which scores on the answer about an action can be another, by hazard."""
        self.compiled = functools.lru_cache(maxsize=512)(self._compile)
        self.templated = functools.lru_cache(maxsize=512)(self._with_templates)
        self._validate()

    def trees(self, action: str, without: Collection[str] = ()) -> dict[str, Any]:
        """Give the policies that decide on an action, by id."""
        held = {
            rule.id: rule.tree for rule in self.rules if action in rule.actions and rule.id not in without
        }
        return {base_id(action): self.permits[action], **held}

    @functools.cached_property
    def entities(self) -> Any:
        """Organisations, duties, the catalogue's wishes, kinds of data, the reply."""
        rows = [_entity("Org", name) for name in self.members]
        rows += [_entity("Reply", "reply"), *(_entity("Duty", name) for name in self.folder.duties)]
        rows += [_entity("Wish", wish.id, topic=wish.topic) for wish in self.folder.wishes.values()]
        rows += [_entity("Datum", kind, kind=kind) for kind in self.folder.kinds]
        return cedar().Entities.from_json_str(json.dumps(rows), _schema(frozenset(), False))

    def _compile(self, action: str, without: frozenset[str] = frozenset()) -> Any:
        return cedar().PolicySet.from_json_str(json.dumps(policies(self.trees(action, without))))

    def _with_templates(self, action: str, without: frozenset[str], names: frozenset[str]) -> Any:
        """Give the compiled policies of an action with approved templates beside them."""
        return self.compiled(action, without).with_added_str("".join(map(engine_text, sorted(names))))

    def _cuts(self, action: str) -> dict[str, tuple[int, ...]]:
        found = cuts([condition(rule.tree) for rule in self.rules if action in rule.actions])
        return {name: tuple(sorted(starts)) for name, starts in found.items()}

    def _validate(self) -> None:
        """Hold the generated permits to the schema, as the rules were when they were read.

        Raises
        ------
        DataError
            If one does not fit: a defect of ours, and nothing is decided with it.
        """
        text = cedar().policies_from_json_str(json.dumps(policies(self.permits)))
        everything = frozenset().union(*self.reads.values())
        for partial in (False, True):
            told = cedar().validate_policies(text, _schema(everything, partial))
            if not told.validation_passed:
                raise DataError(
                    f"the base permits do not fit the schema ({told.errors[0].error})", file=self.folder.root
                )


class Person:
    """The policies and entities of one user, compiled when first asked for."""

    def __init__(self, bundle: Bundle, user: str, form: Form | None) -> None:
        self.bundle, self.user, self.form = bundle, user, form
        self.key = user_key(user)
        self.links = links(form) if form else {}
        known = bundle.folder.wishes
        chosen = [known[name] for name in dict.fromkeys(form.wishes)] if form else []
        own = [Wish(each.id, OWN, each.text) for each in form.own] if form else []
        self.wishes = (*chosen, *own)
        strict = frozenset(form.strict) if form else frozenset()
        self.reads = {**bundle.reads, "generate": bundle.reads["generate"] | strict}
        self.settled: dict[Any, Any] = {}
        """Answers that need no verdict, by situation."""
        self.cells: dict[Any, Any] = {}
        """Answers that need some, by situation and by the thresholds that scores lie between."""
        self._sets: dict[Any, Any] = {}

    def policies(self, action: str, without: frozenset[str] = frozenset()) -> Any:
        """Give the compiled policies of an action, the user's links among them."""
        held = self._sets.get((action, without))
        if held is None:
            made: list[Link] = [each for each in self.links.get(action, ()) if each["new_id"] not in without]
            if made:
                needed = frozenset(each["template_id"] for each in made)
                held = self.bundle.templated(action, without, needed).with_linked_batch(made)
            else:
                held = self.bundle.compiled(action, without)
            self._sets[action, without] = held
        return held

    @functools.cached_property
    def excluding(self) -> dict[str, frozenset[str]]:
        """Give the duties that exclude each wish of the user."""
        duties = self.bundle.folder.duties.values()
        return {
            wish.id: frozenset(each.id for each in duties if {wish.id, wish.topic} & {*each.excludes})
            for wish in self.wishes
        }

    @functools.cached_property
    def entities(self) -> Any:
        """Give the bundle's entities, the user linked to every organisation that binds, and own wishes."""
        rows = [_entity("User", self.key, parents=self.bundle.members)]
        rows += [_entity("Wish", wish.id, topic=OWN) for wish in self.wishes if wish.topic == OWN]
        return self.bundle.entities.with_added_json_str(json.dumps(rows), _schema(frozenset(), False))

    def schema(self, action: str, *, partial: bool = False) -> Any:
        """Give the schema of an action's requests: the verdicts that its policies read, and no others."""
        return _schema(self.reads[action], partial)


def _entity(kind: str, ident: str, /, parents: Iterable[str] = (), **attributes: str) -> dict[str, Any]:
    above = [{"type": "Org", "id": name} for name in parents]
    return {"uid": {"type": kind, "id": ident}, "attrs": attributes, "parents": above}
