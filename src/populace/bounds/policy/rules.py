"""Rules: Cedar files into single policies, each with its annotations and its place."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from populace.bounds.policy.fragment import check_fragment
from populace.bounds.policy.schema import ACTIONS, RESOURCES
from populace.bounds.policy.tables import TOKEN, read_text
from populace.errors import DataError

__all__ = ["ANNOTATIONS", "Rule", "cedar", "read_rules", "statements"]

ANNOTATIONS = ("id", "tier", "authority", "basis", "version")
"""What every rule has to say of itself."""
RESERVED = ("base.", "t3.")
_DEEPEST = 50
"""Brackets within brackets: the engine's reader has no guard of its own, and ends the process."""
_LONGEST = 20_000
"""Characters of a policy."""
_STEPS = 100
"""Operators within operators, a chain of `&&` among them: proofs walk them."""
_LOUD = re.compile(r"\x1b\[[0-9;]*m")


class Rule(msgspec.Struct, frozen=True):
    """One rule of a tier."""

    id: str
    tier: int
    authority: str
    """Who set it."""
    basis: str
    """On what ground."""
    version: str
    actions: tuple[str, ...]
    """What it can forbid."""
    text: str
    """As it stands in its file."""
    file: str
    line: int
    organisation: str | None = None
    """Whose folder of tier 2 it is in."""
    annotations: dict[str, str] = {}
    """All of them, as written."""
    tree: dict[str, Any] = {}
    """As Cedar's JSON."""

    @property
    def where(self) -> str:
        """File and line."""
        return f"{self.file}:{self.line}"


@functools.cache
def cedar() -> Any:
    """Open the engine's package.

    Raises
    ------
    DataError
        If it is not installed.
    """
    try:
        import cedarpy
    except ImportError as error:
        raise DataError(
            "the policy engine is not installed",
            fix="install populace with the extra: pip install 'populace[bounds]'",
        ) from error
    return cedarpy


def read_rules(
    path: Path, tier: int, organisation: str | None = None, *, root: Path | None = None
) -> list[Rule]:
    """Read the rules of a file.

    Raises
    ------
    DataError
        If a policy is malformed, permits, lacks an annotation, says another tier than its folder, or uses
        what the proofs do not cover. The error names file and line.
    """
    name = str(path.relative_to(root)) if root else str(path)
    return [
        _rule(text, line, tier, organisation, path, name) for line, text in statements(read_text(path), path)
    ]


def statements(text: str, path: object = None) -> Iterator[tuple[int, str]]:
    r"""Cut Cedar text into policies, with the line at which each begins.

    Examples
    --------
    >>> list(statements('// a;b\n@id("x;")\nforbid (principal, action, resource);'))
    [(2, '@id("x;")\nforbid (principal, action, resource);')]
    """
    at, start, line, begun, depth = 0, None, 1, 1, 0
    while at < len(text):
        sign = text[at]
        if text.startswith("//", at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if not sign.isspace() and start is None:
            start, begun = at, line
        depth += (sign in "([{") - (sign in ")]}")
        if depth > _DEEPEST or (start is not None and at - start > _LONGEST):
            raise DataError(
                "this policy is nested too deeply or too long",
                file=path,
                row=begun,
                fix="cut it into several",
            )
        if sign == '"':
            end = _closing(text, at)
            if end < 0:
                raise DataError("this string has no end", file=path, row=line, fix='close it with "')
            line += text.count("\n", at, end)
            at = end
        elif sign == ";" and start is not None:
            yield begun, text[start : at + 1]
            start, depth = None, 0
        line += sign == "\n"
        at += 1
    if start is not None:
        raise DataError("this policy has no end", file=path, row=begun, fix="close it with a semicolon")


def _closing(text: str, at: int) -> int:
    """Find the quote that ends the string that begins at `at`; -1 where there is none."""
    at += 1
    while at < len(text) and text[at] != '"':
        at += 2 if text[at] == "\\" else 1
    return at if at < len(text) else -1


def _rule(text: str, line: int, tier: int, organisation: str | None, path: Path, name: str) -> Rule:
    def wrong(what: str, fix: str | None = None) -> DataError:
        return DataError(what, file=path, row=line, fix=fix)

    try:
        parsed = json.loads(cedar().policies_to_json_str(text))
    except ValueError as error:
        told = " ".join(_LOUD.sub("", str(error)).split())
        raise wrong(
            f"this is no policy ({told[:200]})", "see the Cedar language's syntax of policies"
        ) from error
    except RecursionError as error:
        raise wrong("this policy is nested too deeply", "cut it into several") from error
    if _depth(parsed) > 2 * _STEPS:
        raise wrong("this policy is nested too deeply", "cut it into several")
    if parsed["templates"]:
        raise wrong("a slot (?principal, ?resource) stands here", "templates are approved ones; write a rule")
    (tree,) = parsed["staticPolicies"].values()
    notes = {key: value or "" for key, value in tree.get("annotations", {}).items()}
    lacking = [key for key in ANNOTATIONS if not notes.get(key, "").strip()]
    if lacking:
        raise wrong(f"this rule lacks {', '.join('@' + key for key in lacking)}", "say who set it, and why")
    ident = notes["id"]
    if not TOKEN.fullmatch(ident) or ident.startswith(RESERVED):
        raise wrong(
            f"{ident!r} cannot be the id of a rule",
            f"use letters, digits, dots; do not begin with {' or '.join(RESERVED)}",
        )
    if tree["effect"] != "forbid":
        raise wrong(
            f"{ident} permits, and a tier only forbids",
            "write the opposite as forbid; what no rule forbids is permitted by the base",
        )
    if notes["tier"] != str(tier):
        raise wrong(
            f"{ident} says tier {notes['tier']}, and stands in the folder of tier {tier}", "mend one of them"
        )
    check_fragment(tree, wrong)
    return Rule(
        id=ident,
        tier=tier,
        authority=notes["authority"],
        basis=notes["basis"],
        version=notes["version"],
        actions=_actions(tree, wrong),
        text=text,
        file=name,
        line=line,
        organisation=organisation,
        annotations=notes,
        tree=tree,
    )


def _depth(node: Any) -> int:
    """Count how deep a tree is, without going deep oneself."""
    depth, level = 0, [node]
    while level:
        depth += 1
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _actions(tree: Mapping[str, Any], wrong: Any) -> tuple[str, ...]:
    """Give the actions that a rule can forbid: those of its scope whose resource it can be about."""
    scope = tree["action"]
    listed = scope.get("entities") or ([scope["entity"]] if "entity" in scope else None)
    named = ACTIONS if listed is None else tuple(each["id"] for each in listed)
    for each in named:
        if each not in ACTIONS:
            raise wrong(f"there is no action {each!r}", f"name one of {', '.join(ACTIONS)}")
    resource = tree["resource"].get("entity", {}).get("type") or tree["resource"].get("entity_type")
    found = tuple(each for each in ACTIONS if each in named and resource in (None, RESOURCES[each]))
    if not found:
        raise wrong(f"no action of this rule is done to a {resource}", "mend the action or the resource")
    return found
