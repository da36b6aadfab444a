"""What changed between two versions of a deployment, in plain language: what, for whom, and by whom.

A rule that was added or mended is not yet a change: another may have forbidden the same before. So of every
rule that differs the situations are sought in which it forbids, and the other version's rules do not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from populace.bounds.policy.bundle import Bundle
from populace.bounds.policy.reader import Thing
from populace.bounds.policy.rules import ANNOTATIONS, Rule
from populace.bounds.policy.schema import ACTIONS
from populace.bounds.policy.search import Search
from populace.bounds.policy.settings import NOBODY
from populace.bounds.policy.space import Cell, Formula, Space, as_tree
from populace.bounds.policy.words import DONE, Box, as_list, boxes, said_box, said_things

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Change", "Difference", "differences", "widened"]

_MOST = 12
"""Sentences for one rule and action; what is beyond is counted."""
_CELLS = 2048
"""Cells that are looked at for one rule and action."""


class Change(msgspec.Struct, frozen=True):
    """One change, in a sentence."""

    kind: Literal["forbidden", "allowed", "record", "setting", "list"]
    """`forbidden` and `allowed` are changes of what may be done; the others of what is said about it."""
    sentence: str
    organisations: tuple[str, ...] = ()
    """At whom; none where it is everybody."""
    rule: str = ""
    tier: int | None = None
    authority: str = ""


class Difference(msgspec.Struct, frozen=True):
    """All changes."""

    changes: tuple[Change, ...]

    @property
    def widens(self) -> bool:
        """Whether anything is allowed that was not."""
        return any(each.kind == "allowed" for each in self.changes)

    def __str__(self) -> str:
        return "\n".join(each.sentence for each in self.changes) or "Nothing changed."


def differences(old: Bounds, new: Bounds) -> Difference:
    """Say what changed between two versions."""
    found = [*_settings(old, new), *_lists(old, new)]
    names = [*old.organisations, *new.organisations]
    shared = [
        each for each in dict.fromkeys(names) if each in old.organisations and each in new.organisations
    ]
    for name in dict.fromkeys(names):
        if name not in shared:
            there = "is new" if name in new.organisations else "is gone"
            found.append(Change("list", f"The organisation {name} {there}.", (name,)))
    at: dict[Change, list[str]] = {}
    for name in shared or [NOBODY]:
        before, after = old.bundle(name), new.bundle(name)
        for change in (*_gained(before, after, "forbidden"), *_gained(after, before, "allowed")):
            at.setdefault(change, []).append(name)
    for change, where in at.items():
        everybody = len(where) == len(shared or [NOBODY])
        place = "" if everybody else f" At {as_list(where, 'and')}."
        found.append(
            msgspec.structs.replace(
                change, sentence=change.sentence + place, organisations=() if everybody else tuple(where)
            )
        )
    found += _records(old, new)
    order = {"allowed": 0, "forbidden": 1, "list": 2, "setting": 3, "record": 4}
    return Difference(
        tuple(sorted(found, key=lambda each: (order[each.kind], each.tier or 9, each.sentence)))
    )


def widened(old: Bundle, new: Bundle, action: str) -> dict[Any, Any] | None:
    """Find a situation in which `new` allows what `old` forbids; None if there is none."""
    before, after = _of(old, action), _of(new, action)
    space = Space(new, [as_tree(rule) for rule in (*before, *after)], action)
    quiet = [Formula(as_tree(rule)) for rule in after]
    for rule in before:
        found = Search(space).find([Formula(as_tree(rule))], quiet)
        if found is not None:
            return found
    return None


def _of(bundle: Bundle, action: str) -> list[Rule]:
    return [rule for rule in bundle.rules if action in rule.actions]


def _gained(other: Bundle, bundle: Bundle, kind: Literal["forbidden", "allowed"]) -> Iterator[Change]:
    """Tell what the rules of `bundle` forbid that those of `other` do not."""
    for action in ACTIONS:
        mine, theirs = _of(bundle, action), _of(other, action)
        same = {rule.id: rule.tree for rule in theirs}
        changed = [rule for rule in mine if _asked(same.get(rule.id)) != _asked(rule.tree)]
        if not changed:
            continue
        space = Space(bundle, [as_tree(rule) for rule in (*mine, *theirs)], action)
        quiet = {rule.id: Formula(as_tree(rule)) for rule in theirs}
        for rule in changed:
            cells = _alone(space, rule, list(quiet.values()), quiet.get(rule.id))
            held = boxes(cells, space.domains)
            for box in held[:_MOST]:
                yield Change(
                    kind, _said(rule, action, box, space, kind), (), rule.id, rule.tier, rule.authority
                )
            if len(held) > _MOST:
                more = f"{len(held) - _MOST} more kinds of situations of {DONE[action]} ({rule.id})"
                yield Change(kind, f"Now {kind}: {more}.", (), rule.id, rule.tier, rule.authority)


def _asked(tree: Any) -> Any:
    return tree and {name: value for name, value in tree.items() if name != "annotations"}


def _alone(space: Space, rule: Rule, quiet: Sequence[Formula], counterpart: Formula | None) -> list[Cell]:
    """List the cells in which a rule forbids, and none of `quiet` does.

    Told apart is what the rule asks, what its other version asks, and what rules about the same hazards ask,
    unless that is very much; of all else there has to be one case in which the others are quiet.
    """
    formula, search = Formula(as_tree(rule)), Search(space)
    names = {*space.variables(formula), *(space.variables(counterpart) if counterpart else ())}
    asked = [space.variables(each) for each in quiet]
    wider = names.union(*(each for each in asked if any(name[0] == "s" and name in names for name in each)))
    if math.prod(len(space.domains[name]) for name in wider) <= _CELLS:
        names = wider
    waiting, found = list(space.cells(formula)), []
    while waiting:
        cell = waiting.pop()
        left = sorted(names - cell.keys())
        if search.find([formula], quiet, given=cell) is None:
            continue
        if left:
            waiting += [{**cell, left[0]: value} for value in space.domains[left[0]]]
        else:
            found.append(cell)
    return found


def _said(rule: Rule, action: str, box: Box, space: Space, kind: str) -> str:
    titles = space.bundle.folder.settings.titles()
    things: Sequence[Thing] = box.get(("resource",), ())
    named = f" {as_list(said_things(things))}" if things else ""
    when = said_box({name: values for name, values in box.items() if name != ("resource",)}, space, titles)
    clause = "" if when == "always" else f" when {when}"
    who = f"{rule.authority} ({rule.id}, tier {rule.tier})"
    if action == "omit":
        said = "Now required" if kind == "forbidden" else "No longer required"
        return f"{said}: the duty{named or ', whichever'}{clause}, by {who}."
    of = " of the kind" if named and action not in ("generate", "apply") else ""
    said = f"Now {kind}: {DONE[action]}{of}{named if action != 'generate' else ''}{clause}"
    return (
        f"{said}, by {who}."
        if kind == "forbidden"
        else f"{said}, where nothing else forbids it; until now forbidden by {who}."
    )


def _records(old: Bounds, new: Bounds) -> Iterator[Change]:
    """Tell of rules that came, went, or say something else of themselves."""
    before, after = ({rule.id: rule for rule in each.rules} for each in (old, new))
    for name, rule in after.items():
        if name not in before:
            yield Change(
                "record", f"The rule {name} is new ({rule.authority}: {rule.basis}).", (), name, rule.tier
            )
            continue
        was = before[name].annotations
        for key in dict.fromkeys((*ANNOTATIONS, *was, *rule.annotations)):
            if was.get(key) != rule.annotations.get(key):
                before_it, after_it = was.get(key, "none"), rule.annotations.get(key, "none")
                said = f"The rule {name} says another {key}: {after_it!r}, where {before_it!r} stood."
                yield Change("record", said, (), name, rule.tier)
    for name, rule in before.items():
        if name not in after:
            yield Change(
                "record", f"The rule {name} is gone ({rule.authority}: {rule.basis}).", (), name, rule.tier
            )


def _settings(old: Bounds, new: Bounds) -> Iterator[Change]:
    before, after = old.table, new.table
    for key in before:
        if before[key] != after[key]:
            yield Change("setting", f"bounds.toml: {key} was {before[key]!r} and is {after[key]!r}.")


def _lists(old: Bounds, new: Bounds) -> Iterator[Change]:
    for what, before, after in (
        ("duty", old.duties, new.duties),
        ("wish", old.wishes, new.wishes),
        ("form of", old.forms, new.forms),
    ):
        for name in dict.fromkeys((*before, *after)):
            if before.get(name) != after.get(name):
                said = "is new" if name not in before else "is gone" if name not in after else "is another"
                yield Change("list", f"The {what} {name} {said}.")
