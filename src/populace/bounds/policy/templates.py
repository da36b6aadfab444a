"""Tier 3 in Cedar: approved templates, and the links that a user's form makes to them.

A template is written here, by us; a link fills in who (a hash) and what (an id of a list). No word that a
user wrote is part of either.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from populace.bounds.policy.forms import LEVELS, Form, user_key
from populace.bounds.policy.schema import DATA_ACTIONS

__all__ = ["Link", "links", "template", "template_ids"]

Link = dict[str, Any]
_BASIS = {
    "pause": "own choice: not to be used for now",
    "strict": "own choice: stricter than the tiers above",
}


def template_ids(hazards: Iterable[str]) -> tuple[str, ...]:
    """List all approved templates."""
    strict = [f"t3.strict.{name}.{level}" for name in hazards for level in LEVELS]
    never = [f"t3.never.{action}{end}" for action in DATA_ACTIONS for end in ("", ".any")]
    return ("t3.pause", *strict, *never)


@functools.cache
def template(ident: str) -> dict[str, Any]:
    """Write an approved template as Cedar's JSON.

    Examples
    --------
    >>> template("t3.pause")["effect"], template("t3.never.store.any")["resource"]
    ('forbid', {'op': 'All'})
    """
    _, kind, *rest = ident.split(".")
    body, action, resource = None, "apply", {"op": "==", "slot": "?resource"}
    if kind == "strict":
        chain: dict[str, Any] = {"Var": "context"}
        for word in ("s", rest[0], "score"):
            chain = {".": {"left": chain, "attr": word}}
        body, action = {">=": {"left": chain, "right": {"Value": int(rest[1])}}}, "generate"
        resource = {"op": "All"}
    elif kind == "never":
        action = rest[0]
        if rest[1:]:
            resource = {"op": "All"}
    basis = _BASIS.get(kind, f"own choice: never {action}")
    notes = {"id": ident, "tier": "3", "authority": "the user", "basis": basis, "version": "1"}
    return {
        "effect": "forbid",
        "principal": {"op": "==", "slot": "?principal"},
        "action": {"op": "==", "entity": {"type": "Action", "id": action}},
        "resource": resource,
        "conditions": [] if body is None else [{"kind": "when", "body": body}],
        "annotations": notes,
    }


def links(form: Form) -> dict[str, list[Link]]:
    """Give the links of a form, by action.

    Examples
    --------
    >>> made = links(Form("ana", paused=("slang",), never={"store": ("*",)}))
    >>> [each["new_id"] for each in made["apply"] + made["store"]]
    ['t3.pause:slang', 't3.never.store.any:all']
    """
    who = {"type": "User", "id": user_key(form.user)}
    found: dict[str, list[Link]] = {}

    def link(action: str, ident: str, what: str, resource: dict[str, str] | None = None) -> None:
        values = {"?principal": who} | ({"?resource": resource} if resource else {})
        made = {"template_id": ident, "new_id": f"{ident}:{what}", "values": values}
        found.setdefault(action, []).append(made)

    for name in dict.fromkeys(form.paused):
        link("apply", "t3.pause", name, {"type": "Wish", "id": name})
    for name, level in form.strict.items():
        link("generate", f"t3.strict.{name}.{level}", "all")
    for action, kinds in form.never.items():
        for kind in dict.fromkeys(kinds):
            if kind == "*":
                link(action, f"t3.never.{action}.any", "all")
            else:
                link(action, f"t3.never.{action}", kind, {"type": "Datum", "id": kind})
    return found
