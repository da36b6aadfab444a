"""What a written text may not do: named checks of one text against one persona.

A text adds a habit or a taste; it may not say who the person is. A check is a pattern over words, so it
can be read and argued with; it sees claims that are spelt out, not those that a reader infers. Where a
check errs, it errs toward asking again: a text is cheap, an overwritten census is not. Mentions that
agree with the persona pass, except where they only repeat it (`parroting`).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from populace.authoring import overwriting
from populace.authoring.checks import CHECKS
from populace.personas.diversity import words
from populace.personas.persona import Persona

__all__ = ["CHECKS", "Violation", "normalised", "overwriting", "violations"]


class Violation(msgspec.Struct, frozen=True):
    """What was wrong with a text."""

    rule: str
    detail: str
    """The words that broke the rule, or why."""


def violations(persona: Persona, field: str, text: str | None, copied: Sequence[str] = ()) -> list[Violation]:
    """Check one text.

    Parameters
    ----------
    persona
        Whose text it is; its own free text is not looked at.
    field
        Attribute that the text is for.
    text
        As the model gave it, through `normalised`; None where it gave none.
    copied
        Texts that were shown as examples and may not come back.

    Returns
    -------
    list of Violation
        Empty for a text that may stand.

    Examples
    --------
    >>> one = Persona(age=41, sex="Female", state="Ohio", marital_status="Divorced", religion="Jewish")
    >>> violations(one, "defining_quirks", "folding receipts into tiny boats")
    []
    >>> [each.rule for each in violations(one, "lifestyle", "a Texas retiree's life with his wife")]
    ['grammatical-person', 'age', 'sex', 'state', 'marital-status']
    """
    if not text or not words(text):
        return [Violation("empty", "no words")]
    found = [
        Violation(name, detail)
        for name, check in CHECKS.items()
        if (detail := check.find(persona, field, text))
    ]
    if words(text) in [words(each) for each in copied]:
        found.append(Violation("copies-an-example", text))
    return found


def normalised(text: str) -> str:
    """Take off what is only form: quotes around the whole, a final period, a capital at the start.

    Examples
    --------
    >>> normalised(' "Folding receipts into boats."  ')
    'folding receipts into boats'
    """
    text = " ".join(text.split()).strip("\"'“”‘’ ").rstrip(".;, ")
    first = text.split(" ", 1)[0]
    # A capital stays in what is no ordinary word: I, TV, McCoy.
    return text[:1].lower() + text[1:] if len(first) > 1 and first[1:].islower() else text
