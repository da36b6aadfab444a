"""Rules, situations and their parts in plain English."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from populace.bounds.policy.fragment import as_entity, path
from populace.bounds.policy.reader import OTHER, Thing, Variable
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.space import Space, as_tree

__all__ = ["DONE", "Box", "as_list", "boxes", "clause", "said_box", "said_rule", "said_things", "sentence"]

Box = Mapping[Variable, Sequence[Any]]
"""Values of each variable, of which any combination is meant."""
DONE = {
    "generate": "a reply",
    "omit": "leaving out",
    "apply": "using the wish",
    "store": "storing data",
    "infer": "inferring data",
    "read": "reading data",
    "share": "sharing data",
    "train": "training on data",
    "retain": "keeping data",
}
_NUMBERS = {
    ">=": "{0} or more",
    ">": "above {0}",
    "<": "below {0}",
    "<=": "{0} or less",
    "==": "{0}",
    "!=": "not {0}",
}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def sentence(rule: Rule, titles: Mapping[str, str]) -> str:
    """Say a rule in one sentence."""
    return f"{said_rule(rule, titles)} ({rule.id}, tier {rule.tier}, {rule.authority}: {rule.basis})."


def said_rule(rule: Rule, titles: Mapping[str, str]) -> str:
    """Say what a rule forbids, without whose it is."""
    scope = rule.tree["resource"]
    named = scope["entity"]["id"] if scope["op"] == "==" else ""
    tree = {**rule.tree, "resource": {"op": "All"}} if named else rule.tree
    when = clause(as_tree(tree), titles, own=rule.organisation or "")
    said = "" if when == "always" else f" when {when}"
    if named and rule.actions == ("omit",):
        return f"The duty {named} is required{said or ' always'}"
    done = as_list([DONE[action] for action in rule.actions]) + (f" {named}" if named else "")
    return f"{done[0].upper()}{done[1:]} is forbidden{said}"


def as_list(words: Sequence[str], last: str = "or") -> str:
    """Join words as English does.

    Examples
    --------
    >>> as_list(["a", "b", "c"])
    'a, b or c'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def clause(  # noqa: PLR0911 (a case each)
    node: Any, titles: Mapping[str, str], *, inside: str = "", own: str = ""
) -> str:
    """Say a condition; that it is asked at the rule's own organisation goes without saying."""
    ((name, inner),) = node.items()
    if name in ("&&", "||"):
        sides = [clause(inner[side], titles, inside=name, own=own) for side in ("left", "right")]
        sides = [side for side in sides if side != "always" or name == "||"] or ["always"]
        if len(sides) == 1:
            return sides[0]
        said = f"{sides[0]} {'and' if name == '&&' else 'or'} {sides[1]}"
        return f"({said})" if inside not in ("", name) else said
    if name == "!":
        return _negated(inner["arg"], titles)
    if name == "if-then-else":
        parts = [clause(inner[each], titles, inside="if") for each in ("if", "then", "else")]
        return f"(if {parts[0]} then {parts[1]} else {parts[2]})"
    if name == "Value":
        return "always" if inner else "never"
    if name == ".":
        return "the user is a minor"
    if name.startswith("contains"):
        return _membership(name, inner)
    if name == "is":
        return "always"
    if name == "in":
        who = {("principal",): "the user is of", ("context", "org"): "it is at"}.get(
            path(inner["left"]) or (), "it is"
        )
        named = [as_entity(each) for each in inner["right"].get("Set", [inner["right"]])]
        if [each[1] for each in named if each] == [own]:
            return "always"
        return f"{who} {as_list([each[1] for each in named if each])}"
    if name == "==" and own and as_entity(inner["right"]) == ("Org", own):
        return "always"
    return _comparison(name, inner, titles)


def _negated(node: Any, titles: Mapping[str, str]) -> str:
    ((name, inner),) = node.items()
    if name == ".":
        return "the user is of age"
    if name == "contains" and path(inner["left"]) == ("context", "law"):
        return f"it is outside {inner['right'].get('Value')}"
    if name == "contains" and path(inner["left"]) == ("context", "consents"):
        return _membership(name, inner).replace("agreed", "has not agreed", 1)
    if name == "!":
        return clause(inner["arg"], titles, inside="!")
    return f"not ({clause(node, titles)})"


def _membership(name: str, inner: Any) -> str:
    held = path(inner["left"])
    if name == "contains":
        word = inner["right"].get(
            "Value", "the purpose" if path(inner["right"]) == ("context", "purpose") else "it"
        )
        if held is None:
            words = as_list([each["Value"] for each in inner["left"]["Set"]])
            return f"{_subject(path(inner['right']) or ())} {words}"
    else:
        word = as_list(
            [each["Value"] for each in inner["right"]["Set"]], "or" if name == "containsAny" else "and"
        )
    return f"it is in {word}" if held == ("context", "law") else f"the user agreed to {word}"


def _comparison(name: str, inner: Any, titles: Mapping[str, str]) -> str:
    left, right = inner["left"], inner["right"]
    chain, other = path(left), right
    if chain is None or (path(right) or ("",))[:2] == ("context", "s"):
        chain, other, name = path(right) or ("", "", ""), left, _MIRROR.get(name, name)
    if chain[:2] == ("context", "s"):
        return f"{titles.get(chain[2], chain[2])} scores {_NUMBERS[name].format(other['Value'])}"
    thing = as_entity(other)
    if chain == ("context", "minor"):
        return "the user is a minor" if (name == "==") == other["Value"] else "the user is of age"
    word = thing[1] if thing else other.get("Value") or _subject(path(other) or ()).removesuffix(" is")
    return f"{_subject(chain)} {'' if name == '==' else 'not '}{word}"


def _subject(chain: Sequence[str]) -> str:
    return {
        ("context", "purpose"): "the purpose is",
        ("resource", "kind"): "the kind of data is",
        ("resource", "topic"): "the wish is about",
        ("context", "org"): "the organisation is",
        ("principal",): "the user is",
    }.get(tuple(chain), "it is")


def boxes(cells: Iterable[Mapping[Variable, Any]], domains: Mapping[Variable, Sequence[Any]]) -> list[Box]:
    """Join cells that differ in one variable alone, so that few sentences say what many cells are.

    Examples
    --------
    >>> cells = [{("minor",): m, ("s", "x"): n} for m in (False, True) for n in (0, 30)]
    >>> boxes(cells, {("minor",): (False, True), ("s", "x"): (0, 30, 60)})
    [{('s', 'x'): (0, 30)}]
    """
    held = list(cells)
    names = sorted({name for cell in held for name in cell})
    full = {name: tuple(domains[name]) for name in names}
    rows = {tuple((cell[n],) if n in cell else full[n] for n in names) for cell in held}
    for place, name in enumerate(names):
        groups: dict[Any, set[Any]] = {}
        for row in rows:
            groups.setdefault((*row[:place], None, *row[place + 1 :]), set()).update(row[place])
        rows = {
            (*rest[:place], tuple(v for v in full[name] if v in values), *rest[place + 1 :])
            for rest, values in groups.items()
        }
    return [
        {name: row[place] for place, name in enumerate(names) if row[place] != full[name]}
        for row in sorted(rows, key=repr)
    ]


def said_box(box: Box, space: Space, titles: Mapping[str, str], *, things: bool = True) -> str:
    """Say a box of situations; "always" for all of them."""
    parts: list[str] = []
    for name, values in sorted(box.items(), key=lambda item: (item[0][0] != "s", item[0])):
        kind = name[0]
        if kind == "s":
            parts.append(f"{titles.get(name[1], name[1])} scores {_ranges(values, space.domains[name])}")
        elif kind == "law":
            parts.append(f"it is {'in' if values[0] else 'outside'} {name[1]}")
        elif kind == "minor":
            parts.append("the user is a minor" if values[0] else "the user is of age")
        elif kind == "consents":
            parts.append(f"the user {'agreed' if values[0] else 'has not agreed'} to {name[1]}")
        elif kind == "purpose":
            parts.append(f"the purpose is {as_list(values)}")
        elif things:
            parts.append(f"it is {as_list(said_things(values))}")
    return " and ".join(parts) or "always"


def said_things(values: Sequence[Thing]) -> list[str]:
    """Name what an action is done to."""
    return ["words of one's own" if each.id == OTHER else each.id for each in values]


def _ranges(values: Sequence[int], domain: Sequence[int]) -> str:
    """Say which scores: each value stands for all from it up to the next of the domain."""
    ends = {start: (domain[at + 1] - 1 if at + 1 < len(domain) else 100) for at, start in enumerate(domain)}
    spans: list[list[int]] = []
    for start in sorted(values):
        if spans and spans[-1][1] + 1 == start:
            spans[-1][1] = ends[start]
        else:
            spans.append([start, ends[start]])
    said = [
        f"{low} or more" if high == 100 else f"below {high + 1}" if low == 0 else f"{low} to {high}"
        for low, high in spans
    ]
    return as_list(said)
