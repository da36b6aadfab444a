"""The Cedar schema of a deployment: one for decisions, one for partial ones. No attribute in it is optional.

A rule reads `context.s.NAME.score`. In a decision a verdict is a record, so that a request without one is no
request; in partial evaluation it is an entity, so that one that is not there is an unknown. The rules are the
same text.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["ACTIONS", "DATA_ACTIONS", "RESOURCES", "schema_text"]

DATA_ACTIONS = ("store", "infer", "read", "share", "train", "retain")
RESOURCES = {"generate": "Reply", "omit": "Duty", "apply": "Wish", **dict.fromkeys(DATA_ACTIONS, "Datum")}
"""What each action is done to."""
ACTIONS = tuple(RESOURCES)


def schema_text(hazards: Iterable[str], *, partial: bool = False) -> str:
    """Write the schema of rules that read these hazards.

    Examples
    --------
    >>> [line for line in schema_text(["cse"]).splitlines() if line.startswith("type Verdict")]
    ['type Verdict = { score: Long };', 'type Verdicts = { "cse": Verdict };']
    """
    verdict = "entity Verdict { score: Long };" if partial else "type Verdict = { score: Long };"
    fields = ", ".join(f'"{name}": Verdict' for name in sorted(hazards))
    lines = [
        "entity Org;",
        "entity User in [Org];",
        "entity Reply;",
        "entity Duty;",
        "entity Wish { topic: String };",
        "entity Datum { kind: String };",
        verdict,
        f"type Verdicts = {{ {fields} }};",
        "type Situation = { s: Verdicts, law: Set<String>, org: Org, minor: Bool, purpose: String,"
        " consents: Set<String> };",
    ]
    lines += [
        f"action {action} appliesTo {{ principal: User, resource: {kind}, context: Situation }};"
        for action, kind in RESOURCES.items()
    ]
    return "\n".join(lines) + "\n"
