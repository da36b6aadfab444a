"""The words of a rendering: each attribute as a phrase that fits a sentence, None where it is missing.

Templates hold the sentences; this file holds what no template should: articles, rounding, and the turn
from a census label to plain English.
"""

from __future__ import annotations

from typing import Any

import msgspec

from populace.personas.persona import Persona
from populace.personas.schema import BIG_FIVE, EMPLOYED

__all__ = ["Voice", "dollars", "phrases", "voice"]

_RACE = {
    "White alone": "white",
    "Black or African American alone": "Black",
    "American Indian alone": "American Indian",
    "Alaska Native alone": "Alaska Native",
    "American Indian/Alaska Native unspecified": "Native American",
    "Asian alone": "Asian",
    "Native Hawaiian/Pacific Islander alone": "Pacific Islander",
    "Two or More Races": "multiracial",
}
_ORIGIN = {
    "Not Hispanic": None,
    "Other Central American": "Central American",
    "Other South American": "South American",
    "Spaniard": "Spanish",
    "All other Spanish/Hispanic/Latino": "Hispanic",
}
_EDUCATION = {
    "No schooling": "no formal schooling",
    "Preschool": "schooling through preschool",
    "Kindergarten": "schooling through kindergarten",
    **{f"Grade {n}": f"schooling through grade {n}" for n in range(1, 12)},
    "12th grade, no diploma": "schooling through grade 12 but no diploma",
    "Regular high school diploma": "a high school diploma",
    "GED": "a GED",
    "College, under 1 year": "less than a year of college",
    "College, 1 or more years, no degree": "some college but no degree",
    "Associate's degree": "an associate's degree",
    "Bachelor's degree": "a bachelor's degree",
    "Master's degree": "a master's degree",
    "Professional degree": "a professional degree",
    "Doctorate": "a doctorate",
}
_SPOUSELESS = {
    "with children under 18": "in a single-adult household with children",
    "with relatives, no children under 18": "with relatives",
    "only nonrelatives present": "with roommates",
}
_HOUSEHOLD = {
    "Married couple household": "in a married-couple household",
    "Married couple household with children under 18": "in a married-couple household with children",
    "Married couple household, no children under 18": "in a married-couple household without children",
    "Cohabiting couple household with children under 18": "in an unmarried-couple household with children",
    "Cohabiting couple household, no children under 18": "in an unmarried-couple household without children",
    **{
        f"{sex} householder, no spouse or partner, {rest}": phrase
        for sex in ("Female", "Male")
        for rest, phrase in _SPOUSELESS.items()
    },
    **{f"{sex} householder living alone": "alone" for sex in ("Female", "Male")},
    **{
        f"Other family household: {sex} householder, no spouse present": "with family"
        for sex in ("female", "male")
    },
    **{f"Nonfamily household: {sex} householder living alone": "alone" for sex in ("female", "male")},
    **{
        f"Nonfamily household: {sex} householder not living alone": "with roommates"
        for sex in ("female", "male")
    },
}
_CHILDREN = {
    "Related children under 5 only": "children under 5",
    "Related children 5 to 17 only": "children aged 5 to 17",
    "Related children under 5 and 5 to 17": "children both under and over 5",
}
_LANGUAGE = {
    "Spanish": "Spanish",
    "Other Indo-European": "another Indo-European language",
    "Asian and Pacific Island": "an Asian or Pacific Island language",
    "Other": "a language other than English",
}
_CITIZENSHIP = {"Naturalized citizen": "a naturalized U.S. citizen", "Not a citizen": "not a U.S. citizen"}
_BIRTH = {
    "Born in the United States": "in the United States",
    "Born in US territories": "in a U.S. territory",
    "Born abroad of US parents": "abroad to American parents",
}
_RELIGION = {
    "Other Christian": "Christian",
    "Other": "a follower of a less common religion",
    "Unaffiliated": "not affiliated with any religion",
}
_PARTY = {
    "Democrat": "a Democrat",
    "Republican": "a Republican",
    "Independent": "a political independent",
    "Other": "a supporter of a smaller party",
}
_TRAITS = {
    "openness": ("conventional", "curious"),
    "conscientiousness": ("disorganized", "organized"),
    "extraversion": ("reserved", "outgoing"),
    "agreeableness": ("blunt", "warm-hearted"),
    "neuroticism": ("calm", "anxious"),
}
_DIFFICULTIES = {
    "vision_difficulty": "seeing",
    "hearing_difficulty": "hearing",
    "cognitive_difficulty": "concentrating or remembering",
}


class Voice(msgspec.Struct, frozen=True):
    """The grammatical person of a text."""

    subject: str
    object: str
    possessive: str
    be: str
    was: str
    have: str
    singular: bool

    def verb(self, base: str) -> str:
        """Inflect a regular verb: `live` becomes `lives` after he or she."""
        return f"{base}s" if self.singular else base


_VOICES = {
    "you": Voice("You", "you", "Your", "are", "were", "have", False),
    "Male": Voice("He", "him", "His", "is", "was", "has", True),
    "Female": Voice("She", "her", "Her", "is", "was", "has", True),
    None: Voice("They", "them", "Their", "are", "were", "have", False),
}


def voice(persona: Persona, *, second_person: bool) -> Voice:
    """Speak to the persona (you), or of them (he, she; they where the sex is missing)."""
    return _VOICES["you" if second_person else persona.sex]


def phrases(persona: Persona, speak: Voice = _VOICES["you"]) -> dict[str, Any]:
    """Put every attribute into words.

    Examples
    --------
    >>> said = phrases(Persona(age=80, sex="Female", race="Asian alone", income=61_480, openness="High"))
    >>> said["person"], said["income"], said["traits"]
    ('an 80-year-old Asian woman', 'about $61,000', 'curious')
    """
    employed = persona.employment_status in EMPLOYED
    return {
        "person": _person(persona),
        "state": _with_article(persona.state),
        "ancestry": persona.ancestry,
        "birthplace": _birthplace(persona),
        "citizenship": _CITIZENSHIP.get(persona.citizenship or ""),
        "marital": _marital(persona, speak),
        "household": _household(persona),
        "children": _CHILDREN.get(persona.family_presence_and_age or ""),
        "income": None if persona.income is None else dollars(persona.income),
        "education": _EDUCATION.get(persona.education or ""),
        "employed": employed,
        "unemployed": persona.employment_status == "Unemployed",
        "out_of_labor_force": persona.employment_status == "Not in labor force",
        "field": _field(persona.occupation_category),
        "industry": _field(persona.industry_category),
        "job": persona.detailed_job_description,
        "active_duty": persona.veteran_status == "Active duty",
        "veteran": persona.veteran_status == "Veteran",
        "language": _LANGUAGE.get(persona.household_language or ""),
        "english": _english(persona.ability_to_speak_english),
        "difficulties": _listed(
            [word for name, word in _DIFFICULTIES.items() if getattr(persona, name) == "Yes"]
        ),
        "disability": persona.disability == "With a disability",
        "uninsured": persona.health_insurance == "Without health insurance",
        "birth": persona.fertility == "Yes",
        "religion": _RELIGION.get(persona.religion, persona.religion) if persona.religion else None,
        "politics": _politics(persona),
        "traits": _traits(persona),
        "quirk": persona.defining_quirks,
        "mannerism": persona.mannerisms,
        "pastime": persona.personal_time,
        "lifestyle": persona.lifestyle,
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


def _person(persona: Persona) -> str | None:
    grown = persona.age is None or persona.age >= 18
    nouns = {"Male": ("boy", "man"), "Female": ("girl", "woman")}.get(persona.sex or "", ("child", "person"))
    age = None if persona.age is None else f"{persona.age}-year-old" if persona.age else "newborn"
    words = [word for word in (age, _RACE.get(persona.race or "")) if word]
    origin = _ORIGIN.get(persona.hispanic_origin or "", persona.hispanic_origin)
    if not (words or origin or persona.sex):
        return None
    text = " ".join([*words, nouns[grown]]) + (f" of {origin} origin" if origin else "")
    # An 8-, 11-, 18- or 80-year-old, an Asian, an American: said with a vowel.
    vowel = text[0] in "AEIOaeio" or text.split("-")[0] in {"8", "11", "18", *map(str, range(80, 90))}
    return f"{'an' if vowel else 'a'} {text}"


def _birthplace(persona: Persona) -> str | None:
    place = persona.place_of_birth
    if place == "Puerto Rico or U.S. Island Areas":
        return _BIRTH["Born in US territories"]
    return f"in {_with_article(place)}" if place else _BIRTH.get(persona.citizenship or "")


def _with_article(place: str | None) -> str | None:
    return f"the {place}" if place in ("District of Columbia", "United States") else place


def _household(persona: Persona) -> str | None:
    kind = persona.household_type or ""
    # Of a married person, a couple's household says nothing new unless there are children in it.
    couple = kind in ("Married couple household", "Married couple household, no children under 18")
    return None if couple and persona.marital_status == "Married" else _HOUSEHOLD.get(kind)


def _marital(persona: Persona, speak: Voice) -> str | None:
    # Of a child, "never married" is nothing to say.
    if persona.marital_status is None or (persona.age is not None and persona.age < 18):
        return None
    if persona.marital_status.startswith("Never"):
        return f"{speak.have} never married"
    return f"{speak.be} {persona.marital_status.lower()}"


def _field(label: str | None) -> str | None:
    """Name an occupation or industry in running text; the codebook's label for having none is no name."""
    if not label or label.startswith("Unemployed"):
        return None
    name = label.removesuffix(" occupations")
    return name[0].lower() + name[1:]


def _english(ability: str | None) -> str | None:
    return {"Not at all": "no English", "Not well": "little English", "Well": "English well"}.get(
        ability or "", f"English {ability.lower()}" if ability else None
    )


def _politics(persona: Persona) -> str | None:
    ideology = persona.ideology.lower() if persona.ideology else None
    party = _PARTY.get(persona.political_views or "")
    return _listed([word for word in (ideology, party) if word])


def _traits(persona: Persona) -> str | None:
    words = []
    for trait in BIG_FIVE:
        level = getattr(persona, trait)
        if level in (None, "Average"):
            continue
        word = _TRAITS[trait]["High" in level]
        words.append(f"extremely {word}" if "Extremely" in level else word)
    return _listed(words)


def _listed(words: list[str]) -> str | None:
    """Join words as a list in a sentence; None if there are none."""
    if len(words) < 3:
        return " and ".join(words) or None
    return f"{', '.join(words[:-1])}, and {words[-1]}"
