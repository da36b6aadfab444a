"""The permits of a deployment, generated from tier 1 so that what makes a rule err makes the permit err too.

Cedar skips a policy that errors. A forbid that errors over a plain permit is therefore an Allow. Here the
permit of an action asks all that tier 1's rules of that action ask: it permits `unless` one of them holds,
so that the same input that a rule cannot be evaluated on leaves no permit, and the answer is Deny. It also
asks that the user be linked to every organisation whose rules bind: a missing link, on which `principal in
Org::"x"` is false without an error, leaves no permit either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from populace.bounds.policy.fragment import condition
from populace.bounds.policy.rules import Rule
from populace.bounds.policy.schema import ACTIONS

__all__ = ["base_id", "permits", "policies"]

Tree = dict[str, Any]
_AUTHOR = {"tier": "1", "authority": "the base", "basis": "what no rule forbids", "version": "1"}


def base_id(action: str) -> str:
    """Name the permit of an action."""
    return f"base.{action}"


def permits(rules: Iterable[Rule], members: Sequence[str]) -> dict[str, Tree]:
    """Write the permit of every action.

    Parameters
    ----------
    rules
        Those of tier 1.
    members
        Organisations that the user has to be linked to.
    """
    first = [rule for rule in rules if rule.tier == 1]
    return {action: _permit(action, [r for r in first if action in r.actions], members) for action in ACTIONS}


def policies(trees: dict[str, Tree], templates: dict[str, Tree] | None = None) -> Tree:
    """Put policies together as Cedar's JSON, under ids of ours: its own are positions."""
    return {"staticPolicies": trees, "templates": templates or {}, "templateLinks": []}


def _permit(action: str, rules: Sequence[Rule], members: Sequence[str]) -> Tree:
    linked = [
        {"in": {"left": {"Var": "principal"}, "right": {"Value": {"__entity": {"type": "Org", "id": name}}}}}
        for name in members
    ]
    clauses = [{"kind": "when", "body": _joined("&&", linked)}]
    if rules:
        clauses.append({"kind": "unless", "body": _joined("||", [condition(rule.tree) for rule in rules])})
    return {
        "effect": "permit",
        "principal": {"op": "All"},
        "action": {"op": "==", "entity": {"type": "Action", "id": action}},
        "resource": {"op": "All"},
        "conditions": clauses,
        "annotations": {"id": base_id(action), **_AUTHOR},
    }


def _joined(operator: str, parts: Sequence[Tree]) -> Tree:
    """Join expressions as a balanced tree: a long chain would be nested deeper than the engine reads."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return {operator: {"left": _joined(operator, parts[:middle]), "right": _joined(operator, parts[middle:])}}
