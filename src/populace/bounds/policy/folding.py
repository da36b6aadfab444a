"""Rules with what is settled of them put in: two versions of a deployment are compared request by request.

Whose users, of which organisations, under which law that always applies: in each version that is the same for
every request, and it need not be the same in both. With it put in, all rules ask about the request alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from populace.bounds.policy.bundle import Bundle
from populace.bounds.policy.fragment import path
from populace.bounds.policy.reader import Cell, Reader, Truth
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.schema import RESOURCES
from populace.bounds.policy.space import as_tree

__all__ = ["always", "folded"]


def always(bundle: Bundle, *, unsaid: bool = False) -> dict[tuple[str, ...], Any]:
    """Give what holds in each request at an organisation: the laws; minority, where all users are minors.

    Where it is `unsaid`, the age that then counts as well.
    """
    settings = bundle.folder.settings
    found: dict[tuple[str, ...], Any] = {("law", name): True for name in settings.jurisdictions}
    return found | ({("minor",): settings.minor is not False} if unsaid or settings.minor else {})


def folded(rule: Rule, action: str, bundle: Bundle, cell: Cell) -> Any:
    """Give all that a rule asks, with what a bundle and a cell settle put in."""
    return _fold(as_tree(rule), Reader(bundle.organisation, bundle.members, RESOURCES[action]).truth, cell)


def _fold(node: Any, truth: Callable[[Any], Truth], cell: Cell) -> Any:
    """Put in what is settled; what is not stays as it was written."""
    told = truth(node)(cell)
    if told is not None:
        return {"Value": told}
    ((name, inner),) = node.items()
    if name in ("&&", "||"):
        sides = {side: _fold(inner[side], truth, cell) for side in ("left", "right")}
        # A side that is settled and settles nothing goes without saying.
        open_sides = [each for each in sides.values() if "Value" not in each]
        return open_sides[0] if len(open_sides) == 1 else {name: sides}
    if name in ("!", "if-then-else"):
        return {name: {part: _fold(each, truth, cell) for part, each in inner.items()}}
    if name == "containsAll":
        held = path(inner["left"]) or ("", "")
        words = [each for each in inner["right"]["Set"] if cell.get((held[1], each["Value"])) is not True]
        return {name: {"left": inner["left"], "right": {"Set": words}}}
    return node
