"""The words of a rendering: each attribute as a phrase that fits a sentence, None where it is missing.

Templates hold the sentences; this file holds what no template should: articles, rounding, and the turn
from a census label to plain English (the tables are in `words`).
"""

from __future__ import annotations

from typing import Any

from populace.personas import words
from populace.personas.leaks import neutral_household
from populace.personas.persona import Persona
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, EMPLOYED, TRAIT_LEVELS
from populace.personas.titles import job_title
from populace.personas.voices import Voice, voice

__all__ = ["dollars", "phrases"]

_YOU = voice(Persona())
_EMPLOYED = frozenset((*EMPLOYED, "Employed"))
_MOST_VALUES = {"plain": 2, "standard": 2, "rich": 3}
"""Reading level -> how many of the ten basic values are named."""


def phrases(persona: Persona, speak: Voice = _YOU, level: str = "standard") -> dict[str, Any]:
    """Put every attribute into words.

    Parameters
    ----------
    persona
        Of the schema, or masked (`populace.personas.leaks.masked`).
    speak
        The grammatical person, for what carries a verb.
    level
        Reading level: `plain` chooses short and common words, `rich` names more values.

    Examples
    --------
    >>> said = phrases(Persona(age=80, sex="Female", race="Asian alone", income=61_480, openness="High"))
    >>> said["person"], said["income"], said["traits"]
    ('an 80-year-old Asian woman', 'about $61,000', 'curious')
    """
    education = words.PLAIN_EDUCATION if level == "plain" else words.EDUCATION
    more, less = _values(persona, _MOST_VALUES[level])
    return {
        "person": _person(persona),
        "state": _with_article(persona.state),
        "ancestry": persona.ancestry,
        "birthplace": _birthplace(persona),
        "citizenship": words.CITIZENSHIP.get(persona.citizenship or ""),
        "marital": _marital(persona, speak),
        "household": _household(persona),
        "alone": "living alone" in (persona.household_type or ""),
        "children": None if _minor(persona) else words.CHILDREN.get(persona.family_presence_and_age or ""),
        "income": dollars(persona.income) if persona.income and persona.income > 0 else None,
        "loss": dollars(-persona.income) if persona.income and persona.income < 0 else None,
        "no_income": persona.income == 0,
        "education": None if _too_young_for_school(persona) else education.get(persona.education or ""),
        "employed": persona.employment_status in _EMPLOYED,
        "unemployed": persona.employment_status == "Unemployed",
        "out_of_labor_force": persona.employment_status == "Not in labor force",
        "field": _field(persona.occupation_category),
        "industry": _industry(persona.industry_category, persona.occupation_category),
        "job": _text(persona.detailed_job_description),
        "active_duty": persona.veteran_status == "Active duty",
        "veteran": persona.veteran_status == "Veteran",
        "language": words.LANGUAGE.get(persona.household_language or ""),
        "english": _english(persona.ability_to_speak_english),
        "difficulties": _difficulties(persona),
        "disability": persona.disability == "With a disability",
        "uninsured": persona.health_insurance == "Without health insurance",
        "birth": persona.fertility == "Yes",
        "religion": words.RELIGION.get(persona.religion, persona.religion) if persona.religion else None,
        "politics": _politics(persona),
        "more": more,
        "less": less,
        "core": _text(persona.core_values),
        "traits": _traits(persona),
        "quirk": _text(persona.defining_quirks),
        "mannerism": _text(persona.mannerisms),
        "pastime": _text(persona.personal_time),
        "lifestyle": _text(persona.lifestyle),
    }


def dollars(amount: int) -> str:
    """Round an amount as people say it.

    Examples
    --------
    >>> [dollars(amount) for amount in (0, 61_480, 248_300, 1_230_000, -4_200)]
    ['nothing', 'about $61,000', 'about $250,000', 'about $1.2 million', 'a loss of about $4,000']
    """
    size = abs(amount)
    if size == 0:
        return "nothing"
    if size < 100:
        text = "less than $100"
    elif size >= 950_000:
        text = f"about ${size / 1e6:.1f}".removesuffix(".0") + " million"
    else:
        step = 100 if size < 1_000 else 1_000 if size < 100_000 else 10_000
        text = f"about ${round(size / step) * step:,}"
    return text if amount > 0 else f"a loss of {text}"


def _minor(persona: Persona) -> bool:
    return persona.age is not None and persona.age < 18


def _too_young_for_school(persona: Persona) -> bool:
    """Whether "no schooling" is nothing to say."""
    return persona.education == "No schooling" and persona.age is not None and persona.age < 6


def _text(text: str | None) -> str | None:
    """Free text on one line: a line break of its own would be taken for one of the template's."""
    return " ".join(text.split()) or None if text else None


def _noun(persona: Persona) -> str:
    if persona.age is None:
        # Of unknown age: neither a man nor a boy.
        return {"Male": "male person", "Female": "female person"}.get(persona.sex or "", "person")
    young, grown = {"Male": ("boy", "man"), "Female": ("girl", "woman")}.get(
        persona.sex or "", ("child", "person")
    )
    return young if _minor(persona) else grown


def _person(persona: Persona) -> str | None:
    age = None if persona.age is None else f"{persona.age}-year-old" if persona.age else "newborn"
    said = [word for word in (age, words.RACE.get(persona.race or "")) if word]
    origin = words.ORIGIN.get(persona.hispanic_origin or "", persona.hispanic_origin)
    if not (said or origin or persona.sex):
        return None
    text = " ".join([*said, _noun(persona)]) + (f" of {origin} origin" if origin else "")
    # An 8-, 11-, 18- or 80-year-old, an Asian, an American: said with a vowel.
    vowel = text[0] in "AEIOaeio" or text.split("-")[0] in {"8", "11", "18", *map(str, range(80, 90))}
    return f"{'an' if vowel else 'a'} {text}"


def _birthplace(persona: Persona) -> str | None:
    place = persona.place_of_birth
    if place == "Puerto Rico or U.S. Island Areas":
        return words.BIRTH["Born in US territories"]
    return f"in {_with_article(place)}" if place else words.BIRTH.get(persona.citizenship or "")


def _with_article(place: str | None) -> str | None:
    return f"the {place}" if place in ("District of Columbia", "United States") else place


def _household(persona: Persona) -> str | None:
    kind = neutral_household(persona.household_type) if persona.household_type else ""
    # Of a married person, a couple's household says nothing new unless there are children in it.
    couple = kind in ("Married couple household", "Married couple household, no children under 18")
    if couple and persona.marital_status == "Married":
        return None
    usual = words.HOUSEHOLD.get(kind)
    # Of a married person, the partner of a household outside the family would be somebody else.
    if persona.marital_status == "Married" and kind in words.OUTSIDE_FAMILY:
        usual = words.OUTSIDE_FAMILY[kind]
    return words.MINOR_HOUSEHOLD.get(kind, usual) if _minor(persona) else usual


def _marital(persona: Persona, speak: Voice) -> str | None:
    # Of a child, "never married" is nothing to say.
    if persona.marital_status is None or _minor(persona):
        return None
    if persona.marital_status.startswith("Never"):
        return f"{speak.have} never married"
    return f"{speak.be} {persona.marital_status.lower()}"


def _field(label: str | None) -> str | None:
    """Name an occupation after *works*; the codebook's label for having none is no name."""
    if not label or label.startswith("Unemployed"):
        return None
    if label in words.FIELD:
        return f"in {words.FIELD[label]}"
    title = job_title(label)
    return f"as {title}" if title else f'in an occupation that the census calls "{_text(label)}"'


def _industry(label: str | None, occupation: str | None) -> str | None:
    # Where both have one name ("Construction"), once is enough.
    if not label or label.startswith("Unemployed") or (occupation or "").startswith(label):
        return None
    return label[0].lower() + label[1:]


def _english(ability: str | None) -> str | None:
    return {"Not at all": "no English", "Not well": "little English", "Well": "English well"}.get(
        ability or "", f"English {ability.lower()}" if ability else None
    )


def _difficulties(persona: Persona) -> str | None:
    return _listed([word for name, word in words.DIFFICULTIES.items() if getattr(persona, name) == "Yes"])


def _politics(persona: Persona) -> str | None:
    ideology = persona.ideology.lower() if persona.ideology else None
    party = words.PARTY.get(persona.political_views or "")
    return _listed([word for word in (ideology, party) if word])


def _traits(persona: Persona) -> str | None:
    said = []
    for trait in BIG_FIVE:
        level = getattr(persona, trait)
        if level in (None, "Average"):
            continue
        word = words.TRAITS[trait]["High" in level]
        said.append(f"extremely {word}" if "Extremely" in level else word)
    return _listed(said)


def _values(persona: Persona, most: int) -> tuple[str | None, str | None]:
    """What the person cares for more and less than most: the most marked first."""
    middle = TRAIT_LEVELS.index("Average")
    found = [
        (TRAIT_LEVELS.index(level) - middle, words.VALUES[name])
        for name in BASIC_VALUES
        if (level := getattr(persona, name)) not in (None, "Average")
    ]
    # Sorting is stable: of equally marked values the first in their circle is named.
    marked = sorted(found, key=lambda each: -abs(each[0]))[:most]
    return (
        _listed([word for by, word in marked if by > 0]),
        _listed([word for by, word in marked if by < 0]),
    )


def _listed(said: list[str]) -> str | None:
    """Join words as a list in a sentence; None if there are none."""
    if len(said) < 3:
        return " and ".join(said) or None
    return f"{', '.join(said[:-1])}, and {said[-1]}"
