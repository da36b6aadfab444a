"""The situations that rules can tell apart: finitely many, as a rule only compares with what it writes out.

Thresholds cut the scores of a hazard into cells, and every score of a cell gives the same answer. With
words it is the same: those that rules write, and one that stands for all others. A question over these few
values is therefore one over all situations. `holds` is an evaluator of its own, beside the engine: what is
proved with it is held to the engine's answers by `sampling`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from populace.bounds.policy.bundle import Bundle
from populace.bounds.policy.fragment import SETS, condition, cuts, path, walk
from populace.bounds.policy.reader import COMPARED, Cell, Reader, Thing, Truth, Variable
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.schema import RESOURCES
from populace.bounds.policy.settings import OWN

__all__ = ["OTHER", "Cell", "Formula", "Space", "Thing", "Variable", "as_tree"]

OTHER = "any other"
"""Stands for every word that no rule writes."""
_WORDED = ("kind", "topic")
"""Attributes of what an action is done to."""


class Formula(msgspec.Struct, frozen=True, eq=False):
    """A condition of an action's requests."""

    tree: Any
    thing: Thing | None = None
    """Of one thing alone; of whichever, where none is given."""


def as_tree(rule: Rule | Mapping[str, Any]) -> Any:
    """Give all that a rule asks as one expression."""
    return condition(rule.tree if isinstance(rule, Rule) else rule)


class Space:
    """The situations of one organisation's requests, as far as some rules can tell them apart.

    Parameters
    ----------
    bundle
        Whose organisation, duties and wishes.
    trees
        The expressions to be told apart.
    action
        What is asked.
    """

    def __init__(self, bundle: Bundle, trees: Iterable[Any], action: str) -> None:
        self.bundle, self.action = bundle, action
        self.things = _things(bundle, action)
        held = list(trees)
        purposes = {word for tree in held for word in _words(tree, ("context", "purpose"))}
        self.domains: dict[Variable, tuple[Any, ...]] = {
            ("minor",): (False, True),
            ("purpose",): (*sorted(purposes), OTHER),
            ("resource",): self.things,
        }
        for name, starts in sorted(cuts(held).items()):
            self.domains["s", name] = (0, *sorted(each for each in starts if 0 < each <= 100))
        for name in SETS:
            words = {word for tree in held for word in _words(tree, ("context", name))}
            if any(_asks(tree, ("context", name), ("context", "purpose")) for tree in held):
                words |= {*purposes, OTHER}
            if any(_asks(tree, ("context", name), ("resource", each)) for tree in held for each in _WORDED):
                words |= {thing.attribute for thing in self.things if thing.attribute}
            for word in sorted(words):
                self.domains[name, word] = (False, True)
        self._readers: dict[int, tuple[Any, Truth]] = {}

    @property
    def size(self) -> int:
        """How many situations there are, if each is counted."""
        return math.prod(len(each) for each in self.domains.values())

    def variables(self, formula: Formula) -> list[Variable]:
        """Give what a formula can depend on, where nothing is decided yet."""
        return sorted(self.open(formula, {}))

    def cells(self, formula: Formula) -> list[dict[Variable, Any]]:
        """List the cells in which a formula holds, each over the variables that made it hold."""
        found: list[dict[Variable, Any]] = []
        waiting: list[dict[Variable, Any]] = [{}]
        while waiting:
            cell = waiting.pop()
            told = self.holds(formula, cell)
            if told:
                found.append(cell)
            elif told is None:
                name = min(self.open(formula, cell))
                waiting += [{**cell, name: value} for value in reversed(self.domains[name])]
        return found

    def holds(self, formula: Formula, cell: Cell) -> bool | None:
        """Say whether a formula holds; None where the cell leaves it open."""
        return self._read(formula)(self._with(formula, cell))

    def open(self, formula: Formula, cell: Cell) -> set[Variable]:
        """Give the variables that a formula is open for, in a cell."""
        return self._open(formula.tree, self._with(formula, cell))

    def reach(self, formula: Formula, cell: Cell) -> set[Variable]:
        """Give all that a formula could come to depend on in a cell, also by a word that is open still."""
        found = self.open(formula, cell)
        for held, word in _memberships(formula.tree):
            if word in found and not any(name == word for name in self._with(formula, cell)):
                found |= {name for name in self.domains if name[0] == held and name not in cell}
        return found

    def _with(self, formula: Formula, cell: Cell) -> Cell:
        thing = formula.thing or (self.things[0] if len(self.things) == 1 else None)
        return cell if thing is None else {**cell, ("resource",): thing}

    def _read(self, formula: Formula) -> Truth:
        return self._reader(formula.tree)

    def _reader(self, tree: Any) -> Truth:
        kept = self._readers.get(id(tree))
        if kept is None:
            # The tree is kept with its reader: a number of one that is gone could become another's.
            kept = (
                tree,
                Reader(self.bundle.organisation, self.bundle.members, RESOURCES[self.action]).truth(tree),
            )
            self._readers[id(tree)] = kept
        return kept[1]

    def _open(self, node: Any, cell: Cell) -> set[Variable]:
        if self._reader(node)(cell) is not None:
            return set()
        ((name, inner),) = node.items()
        if name in ("&&", "||", "!", "if-then-else"):
            return set().union(*(self._open(each, cell) for each in inner.values()))
        if name == "contains":
            word = path(inner["right"])
            purpose = cell.get(("purpose",)) if word == ("context", "purpose") else None
            if word and word[0] == "context" and purpose is None:
                return {("purpose",)}
        return _leaves(node, cell) - cell.keys()


def _leaves(node: Any, cell: Cell) -> set[Variable]:
    """Give the variables that a comparison or membership reads."""
    found: set[Variable] = set()
    for name, inner in walk(node):
        if name == "Var" and inner == "resource":
            found.add(("resource",))
        chain = path({name: inner}) if name == "." else None
        if not chain or chain[0] != "context" or chain[1] == "org" or chain == ("context", "s"):
            continue
        if chain[1] == "s":
            found.add(("s", chain[2]))
        elif chain[1] in SETS:
            ((_, held),) = node.items()
            words = held["right"].get("Set", [held["right"]])
            named = [
                each["Value"]
                if "Value" in each
                else getattr(cell.get(("resource",)), "attribute", None)
                if path(each) != ("context", "purpose")
                else cell.get(("purpose",))
                for each in words
            ]
            found |= {(chain[1], word) for word in named if word is not None}
        elif chain[1] in ("minor", "purpose"):
            found.add((chain[1],))
    return found


def _words(tree: Any, subject: tuple[str, ...]) -> set[str]:
    """Give the words that an expression compares a part of the situation with."""
    found: set[str] = set()
    for name, inner in walk(tree):
        if (name in COMPARED or name.startswith("contains")) and subject in map(
            path, (inner["left"], inner["right"])
        ):
            sides = [each for side in (inner["left"], inner["right"]) for each in side.get("Set", [side])]
            found |= {each["Value"] for each in sides if isinstance(each.get("Value"), str)}
    return found


def _asks(tree: Any, held: tuple[str, ...], word: tuple[str, ...]) -> bool:
    """Whether an expression asks if a set of the situation holds another word of it."""
    return any(
        name == "contains" and path(inner["left"]) == held and path(inner["right"]) == word
        for name, inner in walk(tree)
    )


def _memberships(tree: Any) -> set[tuple[str, Variable]]:
    """Give the sets that an expression asks for another part of the situation, and the variable of that."""
    found: set[tuple[str, Variable]] = set()
    for name, inner in walk(tree):
        held = path(inner["left"]) if name == "contains" else None
        word = path(inner["right"]) if held else None
        if held and word:
            found.add((held[1], ("resource",) if word[0] == "resource" else ("purpose",)))
    return found


def _things(bundle: Bundle, action: str) -> tuple[Thing, ...]:
    """Give all that an action can be done to; one own wish stands for all of them."""
    kind, folder = RESOURCES[action], bundle.folder
    if kind == "Reply":
        return (Thing(kind, "reply"),)
    if kind == "Duty":
        return tuple(Thing(kind, name) for name in folder.duties)
    if kind == "Wish":
        return (*(Thing(kind, w.id, w.topic) for w in folder.wishes.values()), Thing(kind, OTHER, OWN))
    return tuple(Thing(kind, name, name) for name in folder.kinds)
