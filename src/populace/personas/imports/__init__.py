"""Personas of others, normalised to our schema, with a report of all that did not fit."""

from populace.personas.imports.nemotron import import_nemotron
from populace.personas.imports.persona_release import import_persona, parse_persona
from populace.personas.imports.report import Defect, ImportReport, RuleNote, ValueNote

__all__ = [
    "Defect",
    "ImportReport",
    "RuleNote",
    "ValueNote",
    "import_nemotron",
    "import_persona",
    "parse_persona",
]
