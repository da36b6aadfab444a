"""The grammatical person of a text: I, you, he, she or they."""

from __future__ import annotations

from typing import Literal

import msgspec

from populace.personas.persona import Persona

__all__ = ["Person", "Voice", "voice"]

Person = Literal["first", "second", "third"]


class Voice(msgspec.Struct, frozen=True):
    """The words that change with the grammatical person."""

    subject: str
    """At the start of a sentence."""
    mid: str
    """The same inside one: only *I* keeps its capital."""
    object: str
    possessive: str
    """At the start of a sentence."""
    own: str
    """The same inside one."""
    be: str
    was: str
    have: str
    opens: str
    """How the first sentence begins: *You are a man*, *Meet a man*."""
    singular: bool

    def verb(self, base: str) -> str:
        """Inflect a regular verb: after he or she `live` becomes `lives`, `attach` `attaches`."""
        if not self.singular:
            return base
        return f"{base}es" if base.endswith(("ch", "sh", "s", "x", "z")) else f"{base}s"


_YOU = Voice("You", "you", "you", "Your", "your", "are", "were", "have", "You are", False)
_I = Voice("I", "I", "me", "My", "my", "am", "was", "have", "I am", False)
_THIRD = {
    "Male": Voice("He", "he", "him", "His", "his", "is", "was", "has", "Meet", True),
    "Female": Voice("She", "she", "her", "Her", "her", "is", "was", "has", "Meet", True),
    None: Voice("They", "they", "them", "Their", "their", "are", "were", "have", "Meet", False),
}


def voice(persona: Persona, person: Person = "second") -> Voice:
    """Speak as the persona, to it, or of it: he, she, or they where the sex is missing.

    Examples
    --------
    >>> voice(Persona(sex="Female"), "third").own
    'her'
    >>> voice(Persona(), "third").verb("live"), voice(Persona(sex="Male"), "third").verb("live")
    ('live', 'lives')
    >>> voice(Persona(sex="Male"), "third").verb("attach")
    'attaches'
    """
    if person == "third":
        return _THIRD[persona.sex]
    return _I if person == "first" else _YOU
