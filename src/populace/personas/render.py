"""A persona as text: Jinja templates in `templates/`, rendered in a sandbox.

A missing attribute leaves its sentence or line out. A name a template misspells is an error
(StrictUndefined), never an empty string; attribute values are data and are never rendered themselves.
"""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import Any

from populace.canonical import content_hash
from populace.errors import DataError
from populace.personas.persona import Persona
from populace.personas.phrases import phrases, voice
from populace.personas.schema import ATTRIBUTES, BIG_FIVE

__all__ = ["TEMPLATES", "render", "template_hash"]

TEMPLATES = {
    "profile": "concise, in the second person, for a role-play prompt",
    "story": "three paragraphs in the third person, for a reader or a judge",
    "release": "`key: value` lines, as in the public PERSONA release",
}
"""Name of each template -> what it is for."""


def render(persona: Persona, template: str = "profile") -> str:
    """Render a persona.

    Parameters
    ----------
    persona
        Any attributes may be missing; with none the text is empty.
    template
        `profile`, `story` or `release`.

    Raises
    ------
    DataError
        If there is no such template.

    Examples
    --------
    >>> one = Persona(age=34, sex="Female", state="Ohio", openness="High", neuroticism="Average")
    >>> render(one)
    'You are a 34-year-old woman living in Ohio. By temperament, you are curious.'
    >>> print(render(one, "release"))
    age: 34
    sex: Female
    state: Ohio
    big five scores: Openness: High, Neuroticism: Average
    """
    if template not in TEMPLATES:
        raise DataError(f"there is no template '{template}'", fix=f"use one of {', '.join(TEMPLATES)}")
    if template == "release":
        return _template(template).render(items=_items(persona)).strip()
    speak = voice(persona, second_person=template == "profile")
    text = _template(template).render(v=speak, **phrases(persona, speak))
    # A template has one sentence a line; a blank line parts paragraphs.
    paragraphs = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def template_hash(template: str) -> str:
    """Content hash of a template's text, for a run's provenance."""
    return content_hash(_source(template))


def _items(persona: Persona) -> list[tuple[str, Any]]:
    """Titles and values of what is not missing, the five traits as one."""
    values: dict[str, Any] = {}
    for each in ATTRIBUTES:
        value = persona.big_five_scores if each.name in BIG_FIVE else getattr(persona, each.name)
        if value is not None:
            values["big five scores" if each.name in BIG_FIVE else each.title] = value
    return list(values.items())


def _source(name: str) -> str:
    return resources.files("populace.personas").joinpath("templates", f"{name}.txt").read_text("utf-8")


@functools.cache
def _template(name: str) -> Any:
    # jinja2 takes a while to import, and many commands render nothing.
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_source(name))
