"""An evaluator of the part of Cedar that rules are written in, beside the engine; its third answer is "open".

It serves proofs alone, and never a decision. `sampling` holds it to the engine's own answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from populace.bounds.policy.fragment import as_entity, path

__all__ = ["COMPARED", "OTHER", "Cell", "Reader", "Thing", "Truth", "Variable"]

OTHER = "any other"
"""Stands for every word that no rule writes."""
Variable = tuple[str, ...]
"""`("s", HAZARD)`, `("law", NAME)`, `("consents", WORD)`, `("minor",)`, `("purpose",)`, `("resource",)`."""
Cell = Mapping[Variable, Any]
"""A value for each of some variables."""
Truth = Callable[[Cell], "bool | None"]


class Thing(msgspec.Struct, frozen=True):
    """What an action is done to."""

    kind: str
    id: str
    attribute: str = ""
    """The topic of a wish, the kind of data."""


COMPARED: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


class Reader:
    """Makes functions of expressions, for the requests of one organisation's users."""

    def __init__(self, organisation: str, members: Sequence[str], resource: str) -> None:
        self._org, self._members, self._resource = ("Org", organisation), set(members), resource

    def truth(self, node: Any) -> Truth:  # noqa: PLR0911 (a case each)
        """Make a function that says whether an expression holds in a cell; None where it is open."""
        ((name, inner),) = node.items()
        if name in ("&&", "||"):
            return _joined(name == "||", self.truth(inner["left"]), self.truth(inner["right"]))
        if name == "!":
            return _not(self.truth(inner["arg"]))
        if name == "if-then-else":
            return _choice(self.truth(inner["if"]), self.truth(inner["then"]), self.truth(inner["else"]))
        if name == "contains":
            return self._contains(inner)
        if name in ("containsAny", "containsAll"):
            held = path(inner["left"]) or ("", "")
            return _several(
                name == "containsAny", [(held[1], each["Value"]) for each in inner["right"]["Set"]]
            )
        if name == "is":
            kind = "User" if path(inner["left"]) == ("principal",) else self._resource
            return _always(inner["entity_type"] == kind)
        if name == "in":
            return self._belongs(inner)
        if name in COMPARED:
            return _compared(COMPARED[name], self._value(inner["left"]), self._value(inner["right"]))
        return self._value(node)

    def _value(self, node: Any) -> Callable[[Cell], Any]:
        """Make a function that gives a score, word or entity; None where it is open."""
        thing = as_entity(node)
        if thing is not None:
            return _always(thing)
        if "Value" in node:
            return _always(node["Value"])
        chain = path(node) or ("", "", "")
        if chain == ("context", "org"):
            return _always(self._org)
        if chain[0] == "resource":
            return _attribute if chain[1:] else _entity
        name = ("s", chain[2]) if chain[1] == "s" else (chain[1],)
        return lambda cell: cell.get(name)

    def _contains(self, inner: Any) -> Truth:
        held, word = path(inner["left"]), self._value(inner["right"])
        if held is None:
            words = {each["Value"] for each in inner["left"]["Set"]}
            return lambda cell: None if (said := word(cell)) is None else said in words
        return lambda cell: None if (said := word(cell)) is None else cell.get((held[1], said))

    def _belongs(self, inner: Any) -> Truth:
        wanted = {as_entity(each) for each in inner["right"].get("Set", [inner["right"]])}
        if path(inner["left"]) == ("principal",):
            return _always(any(("Org", member) in wanted for member in self._members))
        value = self._value(inner["left"])
        return lambda cell: None if (said := value(cell)) is None else said in wanted


def _always(value: Any) -> Callable[[Cell], Any]:
    return lambda cell: value


def _attribute(cell: Cell) -> str | None:
    thing = cell.get(("resource",))
    return None if thing is None else thing.attribute


def _entity(cell: Cell) -> tuple[str, str] | None:
    thing = cell.get(("resource",))
    return None if thing is None else (thing.kind, thing.id)


def _joined(stop: bool, left: Truth, right: Truth) -> Truth:
    """And (stops at False) or or (stops at True)."""

    def read(cell: Cell) -> bool | None:
        first = left(cell)
        if first is stop:
            return stop
        second = right(cell)
        if second is stop:
            return stop
        return None if first is None or second is None else not stop

    return read


def _not(inner: Truth) -> Truth:
    return lambda cell: None if (said := inner(cell)) is None else not said


def _choice(asked: Truth, yes: Truth, no: Truth) -> Truth:
    def read(cell: Cell) -> bool | None:
        said = asked(cell)
        if said is None:
            first = yes(cell)
            return first if first is not None and first is no(cell) else None
        return yes(cell) if said else no(cell)

    return read


def _several(any_of: bool, names: Sequence[Variable]) -> Truth:
    def read(cell: Cell) -> bool | None:
        told = [cell.get(name) for name in names]
        if any_of in told:
            return any_of
        return None if None in told else not any_of

    return read


def _compared(
    holds: Callable[[Any, Any], bool], left: Callable[[Cell], Any], right: Callable[[Cell], Any]
) -> Truth:
    def read(cell: Cell) -> bool | None:
        first, second = left(cell), right(cell)
        return None if first is None or second is None else holds(first, second)

    return read
