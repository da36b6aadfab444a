"""Shortcuts: what would explain the verdicts without anybody's preference, one audit a file.

`audit_findings` runs them all over the tables of a study; `failed` is the gate of a release; `plant` makes
feedback with one known fault, which the audits are held to. `docs/design/audits.md` has the rule by which an
audit passes and its measured error rates.
"""

from populace.feedback.shortcuts.finding import (
    Finding,
    Limits,
    failed,
    findings_frame,
    undone,
    untested,
)
from populace.feedback.shortcuts.planted import CHEATS, Planted, plant
from populace.feedback.shortcuts.running import AUDITS, IMPLIES, audit_findings
from populace.feedback.shortcuts.telling import findings_markdown, findings_table, summary

__all__ = [
    "AUDITS",
    "CHEATS",
    "IMPLIES",
    "Finding",
    "Limits",
    "Planted",
    "audit_findings",
    "failed",
    "findings_frame",
    "findings_markdown",
    "findings_table",
    "plant",
    "summary",
    "undone",
    "untested",
]
