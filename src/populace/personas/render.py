"""A persona as text: sentences in `templates/`, one file a reading level, rendered in a sandbox.

A file of sentences is cut into topics (`=== home`); a template is a choice of voice and of what stands
between the topics. A missing attribute leaves its sentence or line out. A name a file misspells is an error
(StrictUndefined), never an empty string; attribute values are data and are never rendered themselves.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from importlib import resources
from typing import Any

from populace.canonical import content_hash
from populace.errors import DataError
from populace.personas.leaks import hidden, masked
from populace.personas.persona import Persona
from populace.personas.phrases import phrases
from populace.personas.schema import ATTRIBUTES, BASIC_VALUES, BIG_FIVE
from populace.personas.voices import Person, voice

__all__ = ["LEVELS", "TEMPLATES", "render", "template_hash"]

TEMPLATES = {
    "profile": "concise, in the second person, for a role-play prompt",
    "story": "three paragraphs in the third person, for a reader or a judge",
    "interview": "questions and answers in the first person, for a prompt that continues a conversation",
    "release": "`key: value` lines, as in the public PERSONA release",
}
"""Name of each template -> what it is for."""

LEVELS = {
    "plain": "one short sentence a fact, common words",
    "standard": "concise; the usual one",
    "rich": "long sentences that join facts, a fuller vocabulary",
}
"""Reading level -> how it is written. `release` has none: it gives the values themselves."""

_VOICES: dict[str, Person] = {"profile": "second", "story": "third", "interview": "first"}
_PARAGRAPHS = (
    ("who", "origin", "home", "language"),
    ("study", "work", "service", "money", "health"),
    ("temper", "habits", "life", "values", "religion", "politics"),
)
"""Topics of each paragraph of a story."""
_QUESTIONS = {
    "who": "Could you introduce yourself?",
    "origin": "What is your background?",
    "home": "What is your home life like?",
    "study": "How much schooling have you had?",
    "work": "What about work?",
    "service": "Have you served in the military?",
    "money": "What is your household's income?",
    "language": "Which languages do you speak, and which are spoken at home?",
    "health": "Is there anything to say about health or health insurance?",
    "religion": "What is your religion, if any?",
    "politics": "How would you describe your politics?",
    "values": "What matters to you?",
    "temper": "What are you like as a person?",
    "life": "What is your everyday life like?",
    "habits": "What are you known for?",
}
"""Topic -> the question of an interview; no question suggests an answer."""
# Phrases hold no control characters (`populace.personas.phrases`), so nothing else can look like a cut.
_CUT = "\x1f"


def render(
    persona: Persona,
    template: str = "profile",
    *,
    level: str = "standard",
    leave_out: Iterable[str] = (),
    only: Iterable[str] | None = None,
) -> str:
    """Render a persona.

    Parameters
    ----------
    persona
        Any attributes may be missing; with none the text is empty.
    template
        `profile`, `story`, `interview` or `release`.
    level
        `plain`, `standard` or `rich`; `release` has only the standard one.
    leave_out
        Attributes and groups (`populace.personas.leaks.GROUPS`) that the text must not tell. What would tell
        them goes too: without the sex there is no *he* and no *gave birth* (`populace.personas.leaks.LEAKS`).
    only
        Attributes and groups to tell; all others are left out. Those named are told in full, also where they
        hint at others.

    Raises
    ------
    DataError
        If there is no such template, level, attribute or group.

    Examples
    --------
    >>> one = Persona(age=34, sex="Female", state="Ohio", openness="High", neuroticism="Average")
    >>> render(one)
    'You are a 34-year-old woman living in Ohio. You are curious.'
    >>> render(one, "story", leave_out=["sex", "big_five"])
    'Meet a 34-year-old person living in Ohio.'
    >>> print(render(one, "release"))
    age: 34
    sex: Female
    state: Ohio
    big five scores: Openness: High, Neuroticism: Average
    >>> print(render(one, "interview", level="plain", only=["state"]))
    Q: Could you introduce yourself?
    A: I live in Ohio.
    """
    _check(template, level)
    shown = persona
    if leave_out or only is not None:
        shown = masked(persona, *_hidden(_names(leave_out), None if only is None else _names(only)))
    if template == "release":
        return _template("release").render(items=_items(shown)).strip()
    speak = voice(shown, _VOICES[template])
    text = _template(level).render(v=speak, **phrases(shown, speak, level))
    # The files have one sentence a line.
    topics = [" ".join(topic.split()) for topic in text.split(_CUT)[1:]]
    return _arranged(template, dict(zip(_topics(level), topics, strict=True)))


def template_hash(
    template: str,
    *,
    level: str = "standard",
    leave_out: Iterable[str] = (),
    only: Iterable[str] | None = None,
) -> str:
    """Content hash of a rendering, for a run's provenance: sentences, words, and what is left out.

    Two ways of naming the same attributes give the same hash.

    Examples
    --------
    >>> politics = template_hash("profile", leave_out=["politics"])
    >>> politics == template_hash("profile", leave_out=["ideology", "political_views"])
    True
    >>> politics == template_hash("profile")
    False
    """
    _check(template, level)
    hide, guarded = _hidden(_names(leave_out), None if only is None else _names(only))
    return content_hash(
        {
            "template": template,
            "level": level,
            "hidden": sorted(hide),
            "guarded": sorted(guarded),
            "sentences": _source("release" if template == "release" else level),
            "words": {name: _code(name) for name in ("words", "phrases", "voices", "leaks", "render")},
        }
    )


def _check(template: str, level: str) -> None:
    if template not in TEMPLATES:
        raise DataError(f"there is no template '{template}'", fix=f"use one of {', '.join(TEMPLATES)}")
    if level not in LEVELS:
        raise DataError(f"there is no reading level '{level}'", fix=f"use one of {', '.join(LEVELS)}")
    if template == "release" and level != "standard":
        raise DataError(
            "release gives values and has no reading level", fix="leave the level out, or use profile"
        )


def _names(names: Iterable[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


@functools.lru_cache(maxsize=256)
def _hidden(
    leave_out: tuple[str, ...], only: tuple[str, ...] | None
) -> tuple[frozenset[str], frozenset[str]]:
    return hidden(leave_out, only)


def _arranged(template: str, said: dict[str, str]) -> str:
    """Put the topics in the order of a template; those that say nothing are passed over."""
    if template == "interview":
        return "\n\n".join(f"Q: {_QUESTIONS[topic]}\nA: {text}" for topic, text in said.items() if text)
    if template == "story":
        paragraphs = (" ".join(said[topic] for topic in topics if said[topic]) for topics in _PARAGRAPHS)
        return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
    return " ".join(text for text in said.values() if text)


def _items(persona: Persona) -> list[tuple[str, Any]]:
    """Titles and values of what is not missing; the five traits as one, and the ten values as one."""
    found: dict[str, Any] = {}
    for each in ATTRIBUTES:
        value = getattr(persona, each.name)
        if value is None:
            continue
        if each.name in BIG_FIVE:
            found["big five scores"] = persona.big_five_scores
        elif each.name in BASIC_VALUES:
            found["basic values"] = _levels(persona, BASIC_VALUES)
        else:
            # A text with a line break would look like two keys.
            found[each.title] = " ".join(value.split()) if isinstance(value, str) else value
    return list(found.items())


def _levels(persona: Persona, names: Iterable[str]) -> str:
    known = ((name, getattr(persona, name)) for name in names)
    return ", ".join(f"{name.replace('_', '-').title()}: {level}" for name, level in known if level)


def _source(name: str) -> str:
    return resources.files("populace.personas").joinpath("templates", f"{name}.txt").read_text("utf-8")


@functools.cache
def _code(module: str) -> str:
    """Text of a module of this room: the words are as much of a rendering as the sentences."""
    return resources.files("populace.personas").joinpath(f"{module}.py").read_text("utf-8")


@functools.cache
def _topics(level: str) -> tuple[str, ...]:
    return tuple(re.findall(r"^=== (\w+)$", _source(level), flags=re.MULTILINE))


@functools.cache
def _template(name: str) -> Any:
    # jinja2 takes a while to import, and many commands render nothing.
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(re.sub(r"^=== \w+$", _CUT, _source(name), flags=re.MULTILINE))
