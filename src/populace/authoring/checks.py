"""The registry of checks, and the checks of form: is it one phrase, in English, that names nobody?"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from populace.authoring.vocabulary import NAMES
from populace.personas.diversity import words
from populace.personas.persona import Persona

__all__ = ["CHECKS", "Check", "check", "match"]

MOST_WORDS = 20
"""Longest text; a job description may have twice as many."""


Find = Callable[[Persona, str, str], str | None]


class Check(msgspec.Struct, frozen=True):
    """A named check: gives the offending words, None where there are none."""

    name: str
    description: str
    find: Find


CHECKS: dict[str, Check] = {}
"""Every check by name, in the order in which violations are told."""


def check(function: Find) -> Find:
    """Register a check: the function's name is its name, the docstring its description."""
    name = function.__name__.strip("_").replace("_", "-")
    CHECKS[name] = Check(name, (function.__doc__ or "").strip().splitlines()[0], function)
    return function


def match(pattern: str, text: str) -> str | None:
    """Give the first words that fit a pattern, case ignored; None where there are none."""
    found = re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    return found.group(0) if found else None


@check
def _refusal(persona: Persona, field: str, text: str) -> str | None:
    """The model declined, or spoke of itself."""
    pattern = (
        r"as an ai|language model|i(?:'m| am) sorry|i (?:can(?:no|')t|won't)|i am unable|"
        r"unable to (?:provide|comply)"
    )
    return match(pattern, text.replace("’", "'"))


@check
def _length(persona: Persona, field: str, text: str) -> str | None:
    """More words than a phrase has, or next to nothing."""
    count = len(text.split())
    most = MOST_WORDS * (2 if field == "detailed_job_description" else 1)
    return None if count <= most and len(text) >= 4 else f"{count} words"


@check
def _form(persona: Persona, field: str, text: str) -> str | None:
    """Not one phrase: markup, placeholders, several sentences."""
    found = re.search(r"[{}<>\[\]*#|`_]|\.\.\.|…|[.!?] [A-Z]", text)
    return found.group(0) if found else None


@check
def _language(persona: Persona, field: str, text: str) -> str | None:
    """Not English: another script, or another language's small words and none of English."""
    letters = [sign for sign in text if sign.isalpha()]
    strange = [sign for sign in letters if ord(sign) > 0x24F]
    if strange:
        return "".join(strange[:10])
    said = words(text)
    other = {
        "el",
        "los",
        "las",
        "una",
        "con",
        "para",
        "der",
        "und",
        "mit",
        "les",
        "des",
        "avec",
        "dans",
        "che",
    }
    english = {"the", "a", "an", "of", "to", "in", "on", "and", "for", "with", "at", "every", "by", "from"}
    foreign = [word for word in said if word in other]
    return " ".join(foreign) if len(foreign) >= 2 and not english & set(said) else None


@check
def _grammatical_person(persona: Persona, field: str, text: str) -> str | None:
    """First, second or third person: the phrase must fit *you*, *I* and *she* alike."""
    # What somebody says is in quotation marks, and may be in any person.
    # A compound (do-it-yourself, thank-you) speaks of nobody.
    outside = re.sub(r"[\"“][^\"”]*[\"”]|\w+(?:-\w+)+", " ", text)
    return match(
        r"i|i'm|i've|me|my|mine|myself|we|our|us|you|your|yours|yourself|he|she|his|hers?|him", outside
    )


@check
def _name(persona: Persona, field: str, text: str) -> str | None:
    """A name for the person or for somebody else, which nobody asked for."""
    found = re.search(r"\b(?:[Nn]amed|[Cc]alled|[Nn]icknamed) [A-Z]\w+", text)
    if found:
        return found.group(0)
    return next((word for word in re.findall(r"\b[A-Z][a-z]+\b", text) if word in NAMES), None)
