"""People as a model is given them: the attribute schema, enrichment, consistency rules and rendering."""

from populace.personas.frames import Personas, build, load
from populace.personas.persona import Persona
from populace.personas.render import TEMPLATES, render
from populace.personas.rules import RULES, Rule
from populace.personas.schema import ATTRIBUTES, BASIC_VALUES, BIG_FIVE, COLUMNS, Attribute, attribute
from populace.personas.validation import validate

__all__ = [
    "ATTRIBUTES",
    "BASIC_VALUES",
    "BIG_FIVE",
    "COLUMNS",
    "RULES",
    "TEMPLATES",
    "Attribute",
    "Persona",
    "Personas",
    "Rule",
    "attribute",
    "build",
    "load",
    "render",
    "validate",
]
