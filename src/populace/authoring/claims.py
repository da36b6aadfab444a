"""What a written text may not do: named checks of one text against one persona.

A text adds a habit or a taste; it may not say who the person is. A check is a pattern over words, so it
can be read and argued with; it sees claims that are spelt out, not those that a reader infers. Where a
check errs, it errs toward asking again: a text is cheap, an overwritten census is not. Mentions that
agree with the persona pass, except where they only repeat it (`parroting`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from populace.authoring.vocabulary import JOBS, NAMES, NATIONS, POLITICS, RELIGIONS, STATES
from populace.personas.diversity import words
from populace.personas.jobs import group_of_occupation
from populace.personas.persona import Persona
from populace.personas.schema import EMPLOYED

__all__ = ["CHECKS", "Check", "Violation", "normalised", "violations"]

MOST_WORDS = 20
"""Longest text; a job description may have twice as many."""


class Violation(msgspec.Struct, frozen=True):
    """What was wrong with a text."""

    rule: str
    detail: str
    """The words that broke the rule, or why."""


class Check(msgspec.Struct, frozen=True):
    """A named check: gives the offending words, None where there are none."""

    name: str
    description: str
    find: Callable[[Persona, str, str], str | None]


_REPEATED = frozenset(
    "state race hispanic_origin ancestry education employment_status class_of_worker industry_category "
    "occupation_category marital_status household_type religion citizenship veteran_status disability "
    "ideology political_views place_of_birth".split()  # noqa: SIM905
)
"""Attributes whose values a text may not simply repeat."""

CHECKS: dict[str, Check] = {}
"""Every check by name, in the order in which violations are told."""


def _check(function: Callable[[Persona, str, str], str | None]) -> Callable[[Persona, str, str], str | None]:
    name = function.__name__.strip("_").replace("_", "-")
    CHECKS[name] = Check(name, (function.__doc__ or "").strip().splitlines()[0], function)
    return function


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


def _match(pattern: str, text: str) -> str | None:
    found = re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE)
    return found.group(0) if found else None


@_check
def _refusal(persona: Persona, field: str, text: str) -> str | None:
    """The model declined, or spoke of itself."""
    pattern = (
        r"as an ai|language model|i(?:'m| am) sorry|i (?:can(?:no|')t|won't)|i am unable|"
        r"unable to (?:provide|comply)"
    )
    return _match(pattern, text.replace("’", "'"))


@_check
def _length(persona: Persona, field: str, text: str) -> str | None:
    """More words than a phrase has, or next to nothing."""
    count = len(text.split())
    most = MOST_WORDS * (2 if field == "detailed_job_description" else 1)
    return None if count <= most and len(text) >= 4 else f"{count} words"


@_check
def _form(persona: Persona, field: str, text: str) -> str | None:
    """Not one phrase: markup, placeholders, several sentences."""
    found = re.search(r"[{}<>\[\]*#|`_]|\.\.\.|…|[.!?] [A-Z]", text)
    return found.group(0) if found else None


@_check
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


@_check
def _grammatical_person(persona: Persona, field: str, text: str) -> str | None:
    """First, second or third person: the phrase must fit *you*, *I* and *she* alike."""
    # What somebody says is in quotation marks, and may be in any person.
    # A compound (do-it-yourself, thank-you) speaks of nobody.
    outside = re.sub(r"[\"“][^\"”]*[\"”]|\w+(?:-\w+)+", " ", text)
    return _match(
        r"i|i'm|i've|me|my|mine|myself|we|our|us|you|your|yours|yourself|he|she|his|hers?|him", outside
    )


@_check
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
        if not low <= persona.age <= high and (found := _match(pattern, text)):
            return found
    return None


@_check
def _sex(persona: Persona, field: str, text: str) -> str | None:
    """The other sex."""
    of = {
        "Male": r"he|his|him|husband's life|father of|dad of|grandfather of|widower|bachelor",
        "Female": r"she|hers?|wife's life|mother of|mom of|grandmother of|widow|pregnan\w+|housewife",
    }
    return next(
        (found for sex, pattern in of.items() if sex != persona.sex and (found := _match(pattern, text))),
        None,
    )


@_check
def _state(persona: Persona, field: str, text: str) -> str | None:
    """Another state than the one lived in or born in."""
    rest = text
    for state in sorted(STATES, key=len, reverse=True):  # West Virginia before Virginia
        if (found := _match(re.escape(state), rest)) and found[0].isupper():
            if state not in (persona.state, persona.place_of_birth):
                return found
            rest = rest.replace(found, " ")
    return None


@_check
def _religion(persona: Persona, field: str, text: str) -> str | None:
    """Another religion than the persona's, or any where none is known."""
    for pattern, fits in RELIGIONS:
        if found := _match(pattern, text):
            return None if persona.religion in fits else found
    return None


@_check
def _politics(persona: Persona, field: str, text: str) -> str | None:
    """Another party or ideology than the persona's, or any where none is known."""
    for pattern, attribute, fits in POLITICS:
        found = _match(pattern, text)
        # "Conservative with money" and "liberal with salt" are no politics.
        if found and not _match(rf"(?:{pattern}) (?:with|in|about|amounts?|use)", text):
            return None if getattr(persona, attribute) in fits else found
    return None


@_check
def _marital_status(persona: Persona, field: str, text: str) -> str | None:
    """Another marital status than the persona's."""
    status = persona.marital_status
    late = _match(r"late (?:husband|wife|spouse)|widow\w*", text)
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
        (found for pattern, fits in claims if status not in fits and (found := _match(pattern, text))), None
    )


@_check
def _household(persona: Persona, field: str, text: str) -> str | None:
    """Living alone, with roommates or with children, where the household says otherwise."""
    kind = persona.household_type or ""
    alone = "householder living alone" in kind
    if not alone and (
        found := _match(r"liv(?:es|ing) alone|place to (?:one|him|her)self|solitary household", text)
    ):
        return found
    if alone and (found := _match(r"roommates?|with (?:the )?(?:kids|children)|crowded house", text)):
        return found
    children = (persona.family_presence_and_age or "").startswith("Related") or "with children" in kind
    return (
        None
        if children
        else _match(r"toddlers?|newborn|diapers?|school drop-?offs?|the kids'?|bedtime stories to", text)
    )


@_check
def _work(persona: Persona, field: str, text: str) -> str | None:
    """A job where there is none, or another than the persona's."""
    employed = persona.employment_status in EMPLOYED
    office = (
        r"(?<!old )(?<!former )co-?workers?|colleagues|the boss|day job|at the office|"
        r"work shifts?|night shifts?|commut\w+|workdays?"
    )
    if not employed and (found := _match(office, text)):
        return found
    group = group_of_occupation(persona.occupation_category)
    for jobs, groups in JOBS.items():
        told = (
            rf"(?:works?|working|worked|job|career|employed|life|shift) as an? (?:[\w-]+ )?(?:{jobs})|"
            rf"(?:{jobs})'s life"
        )
        if (found := _match(told, text)) and not (employed and group in groups):
            return found
    return None


@_check
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
        found = _match(rf"{people}[- ](?:{kin})|(?:proud|being|as an?) {people}", text)
        if found and not re.search(holds, own):
            return found
    if persona.citizenship == "Born in the United States":
        return _match(
            r"back in (?:the )?(?:old|home) country|immigrat\w+|green card|citizenship test|homeland", text
        )
    return None


@_check
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
    return next((found for pattern, has in claims if not has and (found := _match(pattern, text))), None)


@_check
def _name(persona: Persona, field: str, text: str) -> str | None:
    """A name for the person or for somebody else, which nobody asked for."""
    found = re.search(r"\b(?:[Nn]amed|[Cc]alled|[Nn]icknamed) [A-Z]\w+", text)
    if found:
        return found.group(0)
    return next((word for word in re.findall(r"\b[A-Z][a-z]+\b", text) if word in NAMES), None)


@_check
def _parroting(persona: Persona, field: str, text: str) -> str | None:
    """The persona's own attributes repeated word for word."""
    lower = text.lower()
    told = {
        value
        for name, value in persona.attributes().items()
        if isinstance(value, str)
        and len(value) > 3
        and name in _REPEATED
        and _match(re.escape(value.lower()), lower)
    }
    if persona.age is not None and _match(rf"{persona.age}[- ]years?[- ]old", lower):
        told.add(str(persona.age))
    if persona.income and f"{persona.income:,}" in text:
        told.add(f"{persona.income:,}")
    share = sum(len(words(value)) for value in told) / len(words(text))
    return ", ".join(sorted(told)) if len(told) >= 2 or share >= 0.4 else None
