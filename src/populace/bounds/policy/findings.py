"""Rules without effect, duties and wishes that cannot be met together: each with a sentence that says so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from populace.bounds.policy.bundle import Bundle
from populace.bounds.policy.folder import literals
from populace.bounds.policy.fragment import cuts
from populace.bounds.policy.reader import OTHER, Thing, Variable
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.schema import ACTIONS
from populace.bounds.policy.search import Search
from populace.bounds.policy.settings import OWN
from populace.bounds.policy.space import Formula, Space, as_tree
from populace.bounds.policy.words import as_list, said_box

__all__ = ["Problem", "conflicts", "formulas", "unknown_topics", "unknown_words", "without_effect"]

Severity = Literal["error", "warning", "note"]


class Problem(msgspec.Struct, frozen=True):
    """Something that whoever wrote the rules should know."""

    kind: str
    """`conflict`, `no effect`, `never fires`, `never required`, `unknown word`, `no rules`, `expired`."""
    severity: Severity
    sentence: str
    rules: tuple[str, ...] = ()
    where: str = ""
    """File and line of the first rule."""


def formulas(bundle: Bundle, action: str) -> tuple[Space, dict[str, Formula]]:
    """Give the space of an action, and its rules as formulas, tier 1 first."""
    rules = [rule for rule in bundle.rules if action in rule.actions]
    trees = {rule.id: as_tree(rule) for rule in rules}
    return Space(bundle, trees.values(), action), {name: Formula(tree) for name, tree in trees.items()}


def without_effect(bundle: Bundle) -> Iterator[Problem]:
    """Find rules that no situation fires, and those that forbid only what another forbids already."""
    always = bundle.folder.settings.jurisdictions
    told: dict[str, list[tuple[str, str | None]]] = {}
    here: dict[str, list[tuple[str, str | None]]] = {}
    for action in ACTIONS:
        space, held = formulas(bundle, action)
        settled, _ = formulas(bundle, action)
        settled.domains |= {("law", name): (True,) for name in always if ("law", name) in settled.domains}
        for name in held:
            by = _covered(bundle, space, held, name)
            told.setdefault(name, []).append((action, by))
            again = _covered(bundle, settled, held, name) if by is None and always else by
            here.setdefault(name, []).append((action, again))
    for name, found in here.items():
        if any(by is None for _, by in told[name]) and all(by is not None for _, by in found):
            by = sorted({each for _, covers in found if covers for each in covers.split()})
            why = f"{', '.join(by)} forbids the same already" if by else "its condition cannot hold"
            said = f"{name} has no effect here, where {as_list(always, 'and')} always applies: {why}."
            yield Problem("no effect", "note", said, (name, *by), bundle.by_id[name].where)
    for name, found in told.items():
        if any(by is None for _, by in found):
            continue
        rule = bundle.by_id[name]
        by = sorted({each for _, covers in found if covers for each in covers.split()})
        if not by:
            yield Problem(
                "never fires",
                "warning",
                f"{name} never fires: its condition cannot hold.",
                (name,),
                rule.where,
            )
            continue
        above = [bundle.by_id[each] for each in by]
        looser = _looser(rule, above, bundle.folder.settings.titles())
        tier = f"tier {above[0].tier}" if len({each.tier for each in above}) == 1 else "other rules"
        covers = f"whenever it fires, {tier} forbids the same already ({', '.join(by)}){looser}"
        said = f"{name} has no effect: {covers}."
        yield Problem("no effect", "warning", said, (name, *by), rule.where)


def unknown_words(bundle: Bundle) -> Iterator[Problem]:
    """Tell of words that an organisation's rule alone knows: misspelt, they would bind nobody."""
    settings = bundle.folder.settings
    first = [rule for rule in bundle.folder.rules if rule.tier == 1]
    for what, listed, subjects in (
        ("kind of data", settings.kinds, (("resource", "kind"),)),
        ("purpose", settings.purposes, (("context", "purpose"), ("context", "consents"))),
    ):
        known = set(listed).union(*(literals(first, each) for each in subjects))
        for rule in (each for each in bundle.rules if each.tier == 2):
            for word in sorted(set().union(*(literals([rule], each) for each in subjects)) - known):
                said = (
                    f"{rule.id} names the {what} {word}, which neither bounds.toml lists nor a law names: "
                    "it binds only requests that write it so."
                )
                yield Problem("unknown word", "warning", said, (rule.id,), rule.where)
    if bundle.organisation in bundle.folder.organisations and all(
        rule.organisation != bundle.organisation for rule in bundle.rules
    ):
        said = f"The organisation {bundle.organisation} has no rule of its own."
        yield Problem("no rules", "warning", said)


def unknown_topics(bundle: Bundle) -> Iterator[Problem]:
    """Tell of rules about a topic that no wish has: of a word that was misspelt, most likely."""
    known = {wish.topic for wish in bundle.folder.wishes.values()} | {OWN}
    for rule in bundle.rules:
        for word in sorted(literals([rule], ("resource", "topic")) - known):
            said = f"{rule.id} names the topic {word}, which no wish has."
            yield Problem("no effect", "warning", said, (rule.id,), rule.where)


def _covered(bundle: Bundle, space: Space, held: dict[str, Formula], name: str) -> str | None:
    """Give the rules that cover one, "" where it cannot fire, None where it is alone in some situation."""
    search, rule = Search(space), bundle.by_id[name]
    if search.find([held[name]]) is None:
        return ""
    order = list(held)
    others = [
        each
        for each in order
        if bundle.by_id[each].tier < rule.tier
        or (bundle.by_id[each].tier == rule.tier and order.index(each) < order.index(name))
    ]
    if search.find([held[name]], [held[each] for each in others]) is not None:
        return None
    alone = [each for each in others if search.find([held[name]], [held[each]]) is None]
    return " ".join(alone[:1] or others)


def _looser(rule: Rule, above: Sequence[Rule], titles: dict[str, str]) -> str:
    """Say which threshold is looser than that of a rule above."""
    mine = _thresholds(rule)
    for other in above:
        for name, number in _thresholds(other).items():
            if name in mine and mine[name] > number:
                return f"; its {mine[name]} for {titles[name]} is looser than the {number} of {other.id}"
    return ""


def _thresholds(rule: Rule) -> dict[str, int]:
    return {name: min(numbers) for name, numbers in cuts([as_tree(rule)]).items()}


def conflicts(bundle: Bundle) -> Iterator[Problem]:
    """Find duties that clash, and wishes that a duty excludes, in situations that there can be."""
    duties = bundle.folder.duties
    required = {name: _required(bundle, name) for name in duties}
    for name, duty in duties.items():
        if not required[name] and not any(_required_in(each, name) for each in bundle.folder.rules):
            yield Problem("never required", "note", f"No rule ever requires the duty {name}.")
        for other in duty.clashes:
            if name < other:
                yield from _clash(bundle, name, other, required)
        yield from _excluded(bundle, name, required[name])


def _required(bundle: Bundle, duty: str) -> list[Rule]:
    return [rule for rule in bundle.rules if _required_in(rule, duty)]


def _required_in(rule: Rule, duty: str) -> bool:
    """Whether a rule can forbid that a duty be left out, as far as its scope says."""
    scope = rule.tree["resource"].get("entity", {}).get("id", duty)
    return "omit" in rule.actions and scope == duty


def _clash(bundle: Bundle, name: str, other: str, required: dict[str, list[Rule]]) -> Iterator[Problem]:
    """Tell of two duties that cannot both be met, and are required at once: the higher tier wins."""
    pairs = list(itertools.product(required[name], required[other]))
    things = {each: Thing("Duty", each) for each in (name, other)}
    space = Space(bundle, [as_tree(rule) for pair in pairs for rule in pair], "omit")
    for first, second in pairs:
        asked = [Formula(as_tree(first), things[name]), Formula(as_tree(second), things[other])]
        found = Search(space).find(asked)
        if found is None:
            continue
        when = _when(found, space, bundle)
        said = (
            f"The duties {name} ({first.id}, {first.authority}) and {other} ({second.id}, {second.authority})"
        )
        if first.tier == second.tier:
            end = "neither is of a higher tier: every reply is refused then"
        else:
            end = f"{name if first.tier < second.tier else other} wins, as its tier is higher"
        severity: Severity = "error" if first.tier == second.tier else "warning"
        yield Problem(
            "conflict",
            severity,
            f"{said} cannot both be met {when}; {end}.",
            (first.id, second.id),
            first.where,
        )


def _excluded(bundle: Bundle, duty: str, rules: Sequence[Rule]) -> Iterator[Problem]:
    """Tell of wishes that may be used in a situation in which a duty that excludes them is required."""
    held = bundle.folder.duties[duty].excludes
    wishes = [wish for wish in bundle.folder.wishes.values() if {wish.id, wish.topic} & {*held}]
    applying = [as_tree(rule) for rule in bundle.rules if "apply" in rule.actions]
    for wish, rule in itertools.product(wishes, rules):
        space = Space(bundle, [as_tree(rule), *applying], "omit")
        thing = Thing("Wish", wish.id, wish.topic)
        quiet = [Formula(tree, thing) for tree in applying]
        found = Search(space).find([Formula(as_tree(rule), Thing("Duty", duty))], quiet)
        if found is not None:
            when = _when(found, space, bundle)
            whose = f"{rule.id}, tier {rule.tier}, {rule.authority}"
            said = f"The wish {wish.id} gives way to the duty {duty} ({whose}) {when}."
            yield Problem("conflict", "note", said, (rule.id,), rule.where)


def _when(cell: dict[Variable, Any], space: Space, bundle: Bundle) -> str:
    """Say one situation in which something holds: of every variable what the cell says of it."""
    box = {name: (value,) for name, value in cell.items() if value not in (False, OTHER)}
    said = said_box(box, space, bundle.folder.settings.titles(), things=False)
    return "always" if said == "always" else f"when {said}"
