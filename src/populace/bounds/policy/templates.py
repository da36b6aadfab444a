"""Tier 3 in Cedar: approved templates, and the links that a user's form makes to them.

A template is written here, by us; a link fills in who (a hash) and what (an id of a list). No word that a
user wrote is part of either.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from typing import Any

from populace.bounds.policy.forms import LEVELS, Form, user_key
from populace.bounds.policy.rules import cedar
from populace.bounds.policy.schema import DATA_ACTIONS

__all__ = ["Link", "engine_text", "links", "template", "template_ids", "template_text"]

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
def template_text(ident: str) -> str:
    """Write an approved template in Cedar.

    Examples
    --------
    >>> print(template_text("t3.strict.off.30"), end="")
    @id("t3.strict.off.30") @tier("3") @authority("the user") @version("1")
    @basis("own choice: stricter than the tiers above")
    forbid (principal == ?principal, action == Action::"generate", resource)
      when { context.s.off.score >= 30 };
    """
    _, kind, *rest = ident.split(".")
    action, thing, clause = "apply", "resource == ?resource", ""
    if kind == "strict":
        action, thing, clause = (
            "generate",
            "resource",
            f"\n  when {{ context.s.{rest[0]}.score >= {rest[1]} }}",
        )
    elif kind == "never":
        action = rest[0]
        thing = "resource" if rest[1:] else thing
    basis = _BASIS.get(kind, f"own choice: never {action}")
    return (
        f'@id("{ident}") @tier("3") @authority("the user") @version("1")\n@basis("{basis}")\n'
        f'forbid (principal == ?principal, action == Action::"{action}", {thing}){clause};\n'
    )


@functools.cache
def engine_text(ident: str) -> str:
    """Write an approved template as it is given to the engine: whose it is and why, the engine never asks.

    Examples
    --------
    >>> print(engine_text("t3.pause"), end="")
    @id("t3.pause")
    forbid (principal == ?principal, action == Action::"apply", resource == ?resource);
    """
    return f'@id("{ident}")\nforbid{template_text(ident).partition("forbid")[2]}'


@functools.cache
def template(ident: str) -> dict[str, Any]:
    """Give an approved template as Cedar's JSON.

    Examples
    --------
    >>> template("t3.pause")["effect"], template("t3.never.store.any")["resource"]
    ('forbid', {'op': 'All'})
    """
    (tree,) = json.loads(cedar().policies_to_json_str(template_text(ident)))["templates"].values()
    return tree


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
