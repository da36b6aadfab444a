"""Checks that a text leaves the person as they are: no census value, no faith, no party is overwritten.

Where an attribute is missing, a text may not supply it either.
"""

from __future__ import annotations

import re

from populace.authoring.checks import check, match
from populace.authoring.vocabulary import JOBS, NATIONS, POLITICS, RELIGIONS, STATES
from populace.personas.diversity import words
from populace.personas.jobs import group_of_occupation
from populace.personas.persona import Persona
from populace.personas.schema import EMPLOYED

__all__: list[str] = []

DEMONYMS = {
    "texan": "Texas",
    "californian": "California",
    "floridian": "Florida",
    "ohioan": "Ohio",
    "virginian": "Virginia",
    "michigander": "Michigan",
    "hoosier": "Indiana",
    "alaskan": "Alaska",
    "oregonian": "Oregon",
    "coloradan": "Colorado",
    "minnesotan": "Minnesota",
    "new yorker": "New York",
}
"""People of a state, where one word names them."""

_REPEATED = (
    *("state", "race", "hispanic_origin", "ancestry", "education", "employment_status", "class_of_worker"),
    *("industry_category", "occupation_category", "marital_status", "household_type", "religion"),
    *("citizenship", "veteran_status", "disability", "ideology", "political_views", "place_of_birth"),
)
"""Attributes whose values a text may not simply repeat."""


@check
def _age(persona: Persona, field: str, text: str) -> str | None:
    """Another age than the persona's, in figures or by a stage of life."""
    stated = re.search(r"\b(?:aged?|turning) (\d{1,3})\b|\b(\d{1,3})[- ]years?[- ]old\b", text, re.IGNORECASE)
    if stated and persona.age is not None and int(stated.group(1) or stated.group(2)) != persona.age:
        return stated.group(0)
    if persona.age is None:
        return stated.group(0) if stated else None
    stages = (
        (r"teenager's|teenage (?:life|years)|high school student|prom night", 13, 19),
        (r"college student|sorority|fraternity house", 17, 40),
        (r"retire[ds]?|retirees?'?s?|retirement", 50, 99),
        (r"senior citizen'?s?|elderly|octogenarian|old age", 60, 99),
        (r"midlife|middle[- ]aged", 35, 65),
        (r"grandparent's|being a grand\w+|grandkids|grandchildren", 38, 99),
        (r"millennial", 25, 46),
        (r"baby boomer", 58, 84),
        (r"young adult'?s?|twenty-?somethings?", 18, 32),
        (r"child's|toddler's life|kid's life", 0, 14),
    )
    for pattern, low, high in stages:
        if not low <= persona.age <= high and (found := match(pattern, text)):
            return found
    return None


@check
def _sex(persona: Persona, field: str, text: str) -> str | None:
    """The other sex."""
    of = {
        "Male": r"he|his|him|husband's life|father of|dad of|grandfather of|widower|bachelor",
        "Female": r"she|hers?|wife's life|mother of|mom of|grandmother of|widow|pregnan\w+|housewife",
    }
    return next(
        (found for sex, pattern in of.items() if sex != persona.sex and (found := match(pattern, text))),
        None,
    )


@check
def _state(persona: Persona, field: str, text: str) -> str | None:
    """Another state than the one lived in or born in."""
    rest = text
    people = match("|".join(DEMONYMS), text)
    if people and DEMONYMS[people.lower()] not in (persona.state, persona.place_of_birth):
        return people
    for state in sorted(STATES, key=len, reverse=True):  # West Virginia before Virginia
        if (found := match(re.escape(state), rest)) and found[0].isupper():
            if state not in (persona.state, persona.place_of_birth):
                return found
            rest = rest.replace(found, " ")
    return None


@check
def _citizenship(persona: Persona, field: str, text: str) -> str | None:
    """Voting or holding office by somebody who is no citizen."""
    if persona.citizenship != "Not a citizen":
        return None
    return match(r"voting|votes|cast(?:s|ing) (?:a |every )?ballots?|registered voter|jury duty", text)


@check
def _english(persona: Persona, field: str, text: str) -> str | None:
    """Good English by somebody who speaks it not well or not at all."""
    if persona.ability_to_speak_english not in ("Not well", "Not at all"):
        return None
    return match(r"(?:fluent|perfect|flawless|native|polished) english", text)


@check
def _sight(persona: Persona, field: str, text: str) -> str | None:
    """Reading ordinary print by somebody who has difficulty seeing."""
    if persona.vision_difficulty != "Yes" or match(r"audio\w*|large[- ]print|braille|aloud", text):
        return None
    return match(r"reading (?:\w+ )?(?:novels?|books?|newspapers?|magazines?|maps?)", text)


@check
def _religion(persona: Persona, field: str, text: str) -> str | None:
    """Another religion than the persona's, or any where none is known."""
    for pattern, fits in RELIGIONS:
        if found := match(pattern, text):
            return None if persona.religion in fits else found
    return None


@check
def _politics(persona: Persona, field: str, text: str) -> str | None:
    """Another party or ideology than the persona's, or any where none is known."""
    for pattern, attribute, fits in POLITICS:
        found = match(pattern, text)
        # "Conservative with money" and "liberal with salt" are no politics.
        if found and not match(rf"(?:{pattern}) (?:with|in|about|amounts?|use)", text):
            return None if getattr(persona, attribute) in fits else found
    return None


@check
def _marital_status(persona: Persona, field: str, text: str) -> str | None:
    """Another marital status than the persona's."""
    status = persona.marital_status
    late = match(r"late (?:husband|wife|spouse)|widow\w*", text)
    if late:
        return None if status == "Widowed" else late
    claims = (
        (r"husband|wife|spouse|married|wedding anniversary", ("Married",)),
        (r"divorc\w+|ex-(?:husband|wife)|alimony", ("Divorced",)),
        (r"single life|bachelor\w*|never married|fianc[ée]+", ("Never married or under 15", "Divorced")),
        (
            r"girlfriend|boyfriend|dating apps?",
            ("Never married or under 15", "Divorced", "Widowed", "Separated"),
        ),
    )
    return next(
        (found for pattern, fits in claims if status not in fits and (found := match(pattern, text))), None
    )


@check
def _household(persona: Persona, field: str, text: str) -> str | None:
    """Living alone, with roommates or with children, where the household says otherwise."""
    kind = persona.household_type or ""
    alone = "householder living alone" in kind
    if not alone and (
        found := match(r"liv(?:es|ing) alone|place to (?:one|him|her)self|solitary household", text)
    ):
        return found
    if alone and (found := match(r"roommates?|with (?:the )?(?:kids|children)|crowded house", text)):
        return found
    children = (persona.family_presence_and_age or "").startswith("Related") or "with children" in kind
    return (
        None
        if children
        else match(r"toddlers?|newborn|diapers?|school drop-?offs?|the kids'?|bedtime stories to", text)
    )


@check
def _work(persona: Persona, field: str, text: str) -> str | None:
    """A job where there is none, or another than the persona's."""
    employed = persona.employment_status in EMPLOYED
    duties = (
        r"teaching (?:\w+ )?at the (?:\w+ )*(?:school|college|university)|managing an? (?:team|staff|crew)"
    )
    if not employed and (found := match(duties, text)):
        return found
    office = (
        r"(?<!old )(?<!former )co-?workers?|colleagues|the boss|day job|at the office|"
        r"work shifts?|night shifts?|commut\w+|workdays?"
    )
    if not employed and (found := match(office, text)):
        return found
    group = group_of_occupation(persona.occupation_category)
    for jobs, groups in JOBS.items():
        told = (
            rf"(?:works?|working|worked|job|career|employed|life|shift) as an? (?:[\w-]+ )?(?:{jobs})|"
            rf"(?:{jobs})'s life"
        )
        if (found := match(told, text)) and not (employed and group in groups):
            return found
    return None


@check
def _origin(persona: Persona, field: str, text: str) -> str | None:
    """A race, ancestry or nationality that the persona does not have. A dish or a song is no ancestry."""
    own = " ".join(
        str(value)
        for value in (persona.race, persona.hispanic_origin, persona.ancestry, persona.place_of_birth)
        if value and value != "Not Hispanic"
    ).lower()
    kin = (
        r"americans?|heritage|roots|ancestry|ancestors|descent|family|background|immigrants?|man|woman|"
        r"people|community|culture"
    )
    for people, holds in NATIONS.items():
        found = match(rf"{people}[- ](?:{kin})|(?:proud|being|as an?) {people}", text)
        if found and not re.search(holds, own):
            return found
    if persona.citizenship == "Born in the United States":
        return match(
            r"back in (?:the )?(?:old|home) country|immigrat\w+|green card|citizenship test|homeland", text
        )
    return None


@check
def _disability(persona: Persona, field: str, text: str) -> str | None:
    """A disability that the persona does not have."""
    claims = (
        (r"wheelchair|prosthe\w+|disabled|disability", persona.disability == "With a disability"),
        (r"blindness|white cane|guide dog|braille", persona.vision_difficulty == "Yes"),
        (r"deaf\w*|hearing aids?|lip-?read\w*", persona.hearing_difficulty == "Yes"),
        (r"dementia|memory loss", persona.cognitive_difficulty == "Yes"),
        (
            r"veterans?|military service|deployments?|boot camp",
            persona.veteran_status in ("Veteran", "Active duty"),
        ),
    )
    return next((found for pattern, has in claims if not has and (found := match(pattern, text))), None)


@check
def _parroting(persona: Persona, field: str, text: str) -> str | None:
    """The persona's own attributes repeated word for word."""
    lower = text.lower()
    told = {
        value
        for name, value in persona.attributes().items()
        if isinstance(value, str)
        and len(value) > 3
        and name in _REPEATED
        and match(re.escape(value.lower()), lower)
    }
    if persona.age is not None and match(rf"{persona.age}[- ]years?[- ]old", lower):
        told.add(str(persona.age))
    if persona.income and f"{persona.income:,}" in text:
        told.add(f"{persona.income:,}")
    share = sum(len(words(value)) for value in told) / len(words(text))
    return ", ".join(sorted(told)) if share >= (0.25 if len(told) >= 2 else 0.4) else None
