"""What changed between two versions of a deployment, in plain language: what, for whom, and by whom.

A rule that was added or mended is not yet a change: another may have forbidden the same before. So of every
rule that differs the situations are sought in which it forbids, and the other version's rules do not. A rule
differs too where its text is the same and whom it binds is not: by the law that always applies, the provider,
the organisation or the age that count where a request says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from populace.bounds.policy.bundle import Bundle
from populace.bounds.policy.changes import Change, known_organisations, listed, settings_changed
from populace.bounds.policy.folding import always, folded
from populace.bounds.policy.reader import Thing
from populace.bounds.policy.rules import ANNOTATIONS, Rule
from populace.bounds.policy.schema import ACTIONS
from populace.bounds.policy.search import Search
from populace.bounds.policy.space import Cell, Formula, Space
from populace.bounds.policy.words import DONE, Box, as_list, boxes, said_box, said_things

if TYPE_CHECKING:
    from populace.bounds.bounds import Bounds

__all__ = ["Change", "Difference", "differences", "widened"]

_MOST = 12
"""Sentences for one rule and action; what is beyond is counted."""
_CELLS = 2048
"""Cells that are looked at for one rule and action."""


class Difference(msgspec.Struct, frozen=True):
    """All changes."""

    changes: tuple[Change, ...]

    @property
    def widens(self) -> bool:
        """Whether anything is allowed that was not, or may be: what cannot be shown not to counts."""
        return any(each.widens for each in self.changes)

    def __str__(self) -> str:
        return "\n".join(each.sentence for each in self.changes) or "Nothing changed."


def differences(old: Bounds, new: Bounds) -> Difference:
    """Say what changed between two versions."""
    found = [*settings_changed(old, new), *listed(old, new)]
    for label, pairs in _compared(old, new):
        at: dict[Change, list[str]] = {}
        for pair in pairs:
            for change in (
                *_gained(pair.old, pair.new, "forbidden"),
                *_gained(pair.new, pair.old, "allowed"),
            ):
                at.setdefault(change, []).append(pair.name)
        for change, where in at.items():
            everybody = len(where) == len(pairs)
            place = (
                label if everybody else f" At {as_list(where, 'and')}{label and ','}{label.lower() or '.'}"
            )
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


class _Side(NamedTuple):
    """One version, at one organisation."""

    bundle: Bundle
    cell: Cell
    """What holds there in every request."""

    def formulas(self, action: str) -> dict[str, Formula]:
        """Give what its rules of an action ask, by id."""
        return {
            rule.id: Formula(folded(rule, action, self.bundle, self.cell))
            for rule in _of(self.bundle, action)
        }


class _Pair(NamedTuple):
    name: str
    old: _Side
    new: _Side


def _compared(old: Bounds, new: Bounds) -> Iterator[tuple[str, list[_Pair]]]:
    """Give what binds the same request in both: at each organisation, and where something is unsaid."""

    def pair(name: str, before: str, after: str, *, unsaid: bool = False) -> _Pair:
        sides = [
            _Side(bundle, always(bundle, unsaid=unsaid)) for bundle in (old.bundle(before), new.bundle(after))
        ]
        return _Pair(name, *sides)

    known = known_organisations(new)
    shared = [name for name in known_organisations(old) if name in known]
    yield "", [pair(name, name, name) for name in shared]
    default = (old.organisation, new.organisation)
    if default[0] != default[1]:
        yield " Where a request names no organisation.", [pair("default", *default)]
    if (old.settings.minor is False) != (new.settings.minor is False):
        pairs = [pair(name, name, name, unsaid=True) for name in shared]
        if default[0] != default[1]:
            pairs.append(pair("no organisation that is named", *default, unsaid=True))
        yield " Where nobody says the age.", pairs


def widened(old: Bundle, new: Bundle, action: str) -> dict[Any, Any] | None:
    """Find a situation in which `new` allows what `old` forbids; None if there is none."""
    before, after = (list(_Side(each, always(each)).formulas(action).values()) for each in (old, new))
    space = Space(new, [each.tree for each in (*before, *after)], action)
    for formula in before:
        found = Search(space).find([formula], after)
        if found is not None:
            return found
    return None


def _of(bundle: Bundle, action: str) -> list[Rule]:
    return [rule for rule in bundle.rules if action in rule.actions]


def _gained(other: _Side, side: _Side, kind: Literal["forbidden", "allowed"]) -> Iterator[Change]:
    """Tell what the rules of `side` forbid that those of `other` do not."""
    for action in ACTIONS:
        mine, theirs = side.formulas(action), other.formulas(action)
        changed = [
            rule
            for rule in _of(side.bundle, action)
            if rule.id not in theirs or theirs[rule.id].tree != mine[rule.id].tree
        ]
        if not changed:
            continue
        space = Space(side.bundle, [each.tree for each in (*mine.values(), *theirs.values())], action)
        for rule in changed:
            cells = _alone(space, mine[rule.id], list(theirs.values()), theirs.get(rule.id))
            held = boxes(cells, space.domains)
            # A duty that is required now can make another give way.
            clashes = action == "omit" and any(duty.clashes for duty in side.bundle.folder.duties.values())
            who, wider = ((), rule.id, rule.tier, rule.authority), kind == "allowed" or clashes
            for box in held[:_MOST]:
                yield Change(kind, _said(rule, action, box, space, kind), *who, wider)
            if len(held) > _MOST:
                more = f"{len(held) - _MOST} more kinds of situations of {DONE[action]} ({rule.id})"
                yield Change(kind, f"Now {kind}: {more}.", *who, wider)


def _alone(
    space: Space, formula: Formula, quiet: Sequence[Formula], counterpart: Formula | None
) -> list[Cell]:
    """List the cells in which a rule forbids, and none of `quiet` does.

    Told apart is what the rule asks, what its other version asks, and what rules about the same hazards ask,
    unless that is very much; of all else there has to be one case in which the others are quiet.
    """
    search = Search(space)
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
                # Which of two duties gives way, and which rules may be left out, go by the tier.
                yield Change("record", said, (), name, rule.tier, widens=key == "tier")
    for name, rule in before.items():
        if name not in after:
            yield Change(
                "record", f"The rule {name} is gone ({rule.authority}: {rule.basis}).", (), name, rule.tier
            )
