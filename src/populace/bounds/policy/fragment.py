"""The part of Cedar that rules are written in: all of it can be enumerated, so that proofs leave nothing out.

A rule compares scores with whole numbers, and words with words that it writes out; it asks whether a set of
the situation holds a word; it combines such questions by and, or, not, if. It computes nothing, so that it
cannot overflow; it names no user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from populace.errors import DataError

__all__ = ["SETS", "as_entity", "check_fragment", "condition", "cuts", "entities", "path", "walk"]

Tree = Mapping[str, Any]
SETS = ("law", "consents")
_WORDS = ("minor", "purpose", "org")
_COMPARE = ("==", "!=", "<", "<=", ">", ">=")
_ORDER = ("<", "<=", ">", ">=")


def path(node: Any) -> tuple[str, ...] | None:
    """Give `context.s.cse.score` as its words, or None for what is no such chain."""
    words: list[str] = []
    while isinstance(node, dict) and "." in node:
        words.append(node["."]["attr"])
        node = node["."]["left"]
    if isinstance(node, dict) and "Var" in node:
        return (node["Var"], *reversed(words))
    return None


def as_entity(node: Any) -> tuple[str, str] | None:
    """Give the type and id of an entity that is named, or None for anything else."""
    value = node.get("Value") if isinstance(node, Mapping) else None
    if isinstance(value, Mapping) and "__entity" in value:
        return value["__entity"]["type"], value["__entity"]["id"]
    return None


def condition(tree: Tree) -> dict[str, Any]:
    """Give all that a policy asks, of its scope but for the action and of its clauses, as one expression."""
    parts: list[dict[str, Any]] = []
    for name in ("principal", "resource"):
        scope, subject = tree[name], {"Var": name}
        if "entity_type" in scope:
            parts.append({"is": {"left": subject, "entity_type": scope["entity_type"]}})
            scope = {"op": "in", **scope["in"]} if "in" in scope else {"op": "All"}
        if scope["op"] in ("==", "in") and "entity" in scope:
            parts.append({scope["op"]: {"left": subject, "right": {"Value": {"__entity": scope["entity"]}}}})
    for clause in tree["conditions"]:
        parts.append(clause["body"] if clause["kind"] == "when" else {"!": {"arg": clause["body"]}})
    whole = parts[0] if parts else {"Value": True}
    for part in parts[1:]:
        whole = {"&&": {"left": whole, "right": part}}
    return whole


def walk(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield every operator of an expression with what it is applied to."""
    if isinstance(node, list):
        for each in node:
            yield from walk(each)
    elif isinstance(node, dict):
        for name, inner in node.items():
            yield name, inner
            if name not in ("Value", "Var"):
                yield from walk(list(inner.values()) if isinstance(inner, dict) else inner)


def entities(tree: Tree) -> set[tuple[str, str]]:
    """Give type and id of every entity that a policy names, but for actions."""
    found = (as_entity({name: inner}) for name, inner in walk(condition(tree)) if name == "Value")
    return {each for each in found if each is not None}


def check_fragment(tree: Tree, wrong: Callable[[str, str | None], DataError]) -> None:
    """Refuse a policy that uses what the proofs do not cover.

    Raises
    ------
    DataError
        As `wrong` makes it.
    """
    for name, _ in entities(tree):
        if name == "User":
            raise wrong("this rule names a user", "rules are for everybody; a user's own are in tier 3")
    told = _question(condition(tree))
    if told:
        raise wrong(
            f"{told} is outside the part of Cedar that is proved",
            "compare scores with whole numbers, words with words written out; combine by &&, ||, !, if",
        )


def _question(node: Any) -> str | None:  # noqa: PLR0911 (a case each)
    """Say what of a Boolean expression is outside, or None."""
    if path(node) == ("context", "minor") or (
        isinstance(node, Mapping) and isinstance(node.get("Value"), bool)
    ):
        return None
    ((name, inner),) = node.items()
    if name in ("&&", "||"):
        return _question(inner["left"]) or _question(inner["right"])
    if name == "!":
        return _question(inner["arg"])
    if name == "if-then-else":
        return next((told for told in map(_question, inner.values()) if told), None)
    if name == "is":
        return (
            None
            if path(inner["left"]) in (("resource",), ("principal",)) and "in" not in inner
            else "`is ... in`"
        )
    if name == "in":
        right = [as_entity(each) for each in inner["right"].get("Set", [inner["right"]])]
        fine = path(inner["left"]) in (("principal",), ("resource",), ("context", "org")) and all(right)
        return None if fine else "this `in`"
    if name in ("contains", "containsAny", "containsAll"):
        return _membership(name, inner)
    if name in _COMPARE:
        return _comparison(name, inner["left"], inner["right"])
    return f"`{name}`"


def _membership(name: str, inner: Mapping[str, Any]) -> str | None:
    held = path(inner["left"])
    if held is not None:
        if held[0] != "context" or held[1:] not in {(each,) for each in SETS}:
            return f"a membership of {'.'.join(held)}"
    elif not _words(inner["left"]):
        return f"this `{name}`"
    if name == "contains":
        return None if _word(inner["right"]) else "this `contains`"
    return None if held is not None and _words(inner["right"]) else f"this `{name}`"


def _words(node: Any) -> bool:
    return "Set" in node and all(isinstance(each.get("Value"), str) for each in node["Set"])


def _word(node: Any) -> bool:
    """Whether a node is a word: written out, or one of the situation's."""
    return isinstance(node.get("Value"), str) or path(node) in (
        ("context", "purpose"),
        ("resource", "kind"),
        ("resource", "topic"),
    )


def _comparison(name: str, left: Any, right: Any) -> str | None:  # noqa: PLR0911 (a case each)
    sides = (path(left), path(right))
    scores = [side is not None and side[:2] == ("context", "s") and len(side) == 4 for side in sides]
    numbers = [type(side.get("Value")) is int for side in (left, right)]
    if (scores[0] and numbers[1]) or (scores[1] and numbers[0]):
        return None
    if name in _ORDER or any(scores):
        return "a comparison other than of a score with a whole number"
    if all(sides):
        return "a comparison of two parts of the situation"
    if _word(left) and _word(right):
        return None
    things = (("resource",), ("context", "org"), ("principal",))
    if (sides[0] in things and as_entity(right)) or (sides[1] in things and as_entity(left)):
        return None
    minor = ("context", "minor")
    if (sides[0] == minor and isinstance(right.get("Value"), bool)) or (
        sides[1] == minor and isinstance(left.get("Value"), bool)
    ):
        return None
    return f"this `{name}`"


_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_CUTS = {">=": (0,), "<": (0,), ">": (1,), "<=": (1,), "==": (0, 1), "!=": (0, 1)}
"""At which scores, from the number compared with, the answer changes."""


def cuts(trees: Sequence[Any]) -> dict[str, set[int]]:
    """Give the scores at which the answers of expressions change, by hazard."""
    found: dict[str, set[int]] = {}
    for tree in trees:
        for name, inner in walk(tree):
            if name not in _COMPARE:
                continue
            for side, other, way in (("left", "right", name), ("right", "left", _MIRROR.get(name, name))):
                chain = path(inner[side])
                if chain and chain[:2] == ("context", "s"):
                    number = inner[other]["Value"]
                    found.setdefault(chain[2], set()).update(number + step for step in _CUTS[way])
    return found
