"""People as a model is given them: the attribute schema, enrichment, consistency rules and rendering."""

from populace.personas import presets
from populace.personas.frames import Personas, build, load
from populace.personas.imports import ImportReport, import_nemotron, import_persona
from populace.personas.leaks import GROUPS
from populace.personas.matching import Matching, match
from populace.personas.persona import Persona
from populace.personas.render import LEVELS, TEMPLATES, render, template_hash
from populace.personas.rules import RULES, Rule, rates, soften, with_flags
from populace.personas.schema import ATTRIBUTES, BASIC_VALUES, BIG_FIVE, COLUMNS, Attribute, attribute
from populace.personas.tokens import count_tokens, token_lengths
from populace.personas.validation import validate

__all__ = [
    "ATTRIBUTES",
    "BASIC_VALUES",
    "BIG_FIVE",
    "COLUMNS",
    "GROUPS",
    "LEVELS",
    "RULES",
    "TEMPLATES",
    "Attribute",
    "ImportReport",
    "Matching",
    "Persona",
    "Personas",
    "Rule",
    "attribute",
    "build",
    "count_tokens",
    "import_nemotron",
    "import_persona",
    "load",
    "match",
    "presets",
    "rates",
    "render",
    "soften",
    "template_hash",
    "token_lengths",
    "validate",
    "with_flags",
]
