"""What must go with an attribute that is left out: everything else whose words would tell it.

An attribute is told by another's words where the other's value entails it, or nearly: *gave birth* tells the
sex, *Grade 3* the age, *a single-adult household* the marital status. `LEAKS` says so attribute by
attribute: what is dropped, and what is only coarsened. Written texts are read from their lists: an entry
that needs a flag tells every attribute the flag is made of, one for a narrow range of ages tells the age.
An entry kept from those low in a trait or a value ("always taking some class") was written about the high,
and tells it; what other flags keep an entry from (a text about sight from the blind) is told by so many
texts of so many people that it is no leak. Texts of other origin are searched for words.

What statistics can guess is no leak: a Spanish-speaking household makes some origins likelier than others
and stays. Nor is it hidden that a person is an adult: whoever has an occupation is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Mapping

import msgspec

from populace.personas.lists import FLAGS, entries
from populace.personas.persona import Persona
from populace.personas.rules.registry import labels_of_group
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, COLUMNS, WRITTEN, attribute

__all__ = ["GROUPS", "LEAKS", "WORDS", "hidden", "masked", "neutral_household", "resolve", "told"]

_DIFFICULTIES = ("cognitive_difficulty", "vision_difficulty", "hearing_difficulty")

GROUPS: dict[str, tuple[str, ...]] = {
    "big_five": BIG_FIVE,
    "basic_values": BASIC_VALUES,
    "politics": ("ideology", "political_views"),
    "views": ("ideology", "political_views", "religion"),
    "texts": WRITTEN,
    "work": (
        *("employment_status", "class_of_worker", "industry_category", "occupation_category"),
        "detailed_job_description",
    ),
    "family": ("marital_status", "household_type", "family_presence_and_age", "fertility"),
    "origin": ("race", "hispanic_origin", "ancestry", "place_of_birth", "citizenship"),
    "languages": ("household_language", "ability_to_speak_english"),
    "difficulties": ("disability", *_DIFFICULTIES),
}
"""Name of each group that `leave_out` and `only` accept beside attributes -> its attributes."""

Coarsen = Callable[[str], str | None]


def neutral_household(kind: str) -> str:
    """Take the householder's sex out of a household type.

    Examples
    --------
    >>> neutral_household("Female householder living alone")
    'Householder living alone'
    >>> neutral_household("Other family household: male householder, no spouse present")
    'Other family household: householder, no spouse present'
    """
    text = re.sub(r"\b(fe)?male householder", "householder", kind, flags=re.IGNORECASE)
    return text[0].upper() + text[1:]


def _childless_household(kind: str) -> str:
    # Named children say what the family's children say; the rest of the type stays.
    kind = kind.replace(", with relatives, no children under 18", ", with family")
    kind = kind.replace(", with children under 18", ", with family")
    return kind.replace(" with children under 18", "").replace(", no children under 18", "")


def _merge(name: str, *values: str) -> Coarsen:
    return lambda value: name if value in values else value


def _drop(*values: str) -> Coarsen:
    gone = frozenset(values)
    return lambda value: None if value in gone else value


def _employed(status: str) -> str:
    return "Employed" if status.startswith(("Civilian employed", "Armed forces")) else status


def _origin(value: str) -> str:
    return value if value == "Not Hispanic" else "Hispanic"


def _from_diploma(level: str) -> str | None:
    levels = attribute("education").values
    return level if level in levels[levels.index("Regular high school diploma") :] else None


def _nothing(value: str) -> None:
    return None


_MILITARY = (*labels_of_group("OCCP", "MIL"), *labels_of_group("INDP", "MIL"))
_NO_TRADES = (*labels_of_group("OCCP", "UNE"), *labels_of_group("INDP", "UNE"))
_CIVILIAN = _drop(*_MILITARY)
_CIVILIAN_TRADE = _drop(*_MILITARY, *_NO_TRADES)
_NO_WORK = "Never worked or not in 5 years"

LEAKS: dict[str, dict[str, Coarsen]] = {
    "age": {"education": _from_diploma, "fertility": _nothing},
    "sex": {"household_type": neutral_household, "fertility": _nothing},
    "race": {
        "ancestry": _nothing,
        "household_language": _merge("Other", "Other Indo-European", "Asian and Pacific Island"),
    },
    "hispanic_origin": {"ancestry": _nothing, "household_language": _merge("Other", "Spanish")},
    "ancestry": {"hispanic_origin": _origin},
    "household_language": {"ability_to_speak_english": _nothing},
    "education": {},
    "employment_status": {
        "detailed_job_description": _nothing,
        "class_of_worker": _drop(_NO_WORK),
        "occupation_category": _CIVILIAN_TRADE,
        "industry_category": _CIVILIAN_TRADE,
        "veteran_status": _drop("Active duty"),
    },
    "class_of_worker": {
        "detailed_job_description": _nothing,
        "employment_status": _employed,
        "occupation_category": _CIVILIAN_TRADE,
        "industry_category": _CIVILIAN_TRADE,
        "veteran_status": _drop("Active duty"),
    },
    "industry_category": {
        "detailed_job_description": _nothing,
        "class_of_worker": _drop(_NO_WORK),
        "occupation_category": _CIVILIAN_TRADE,
    },
    "occupation_category": {
        "detailed_job_description": _nothing,
        "class_of_worker": _drop(_NO_WORK),
        "industry_category": _CIVILIAN_TRADE,
    },
    "marital_status": {"household_type": _nothing},
    "household_type": {"family_presence_and_age": _nothing},
    "family_presence_and_age": {"household_type": _childless_household},
    "place_of_birth": {
        "citizenship": lambda value: "Citizen by birth" if value.startswith("Born") else value
    },
    "citizenship": {"place_of_birth": _nothing},
    "veteran_status": {
        "employment_status": _employed,
        "occupation_category": _CIVILIAN,
        "industry_category": _CIVILIAN,
    },
    "disability": dict.fromkeys(_DIFFICULTIES, _nothing),
    **{name: {"disability": _nothing} for name in _DIFFICULTIES},
}
"""Attribute left out -> attributes that would tell it -> what is left of them; None is nothing."""

WORDS: dict[str, str] = {
    "age": r"retire\w*|pension\w*|homework|teen\w*|school|classmates?|cartoons|grand(child|children|kid|kids)"
    r"|grandp\w+|grandm\w+|elderly|senior|young|old age|years old|college student",
    "sex": r"he|she|him|her|his|hers|man|men|woman|women|boys?|girls?|male|female|mother\w*|father\w*|mom|dad"
    r"|wife|husband|son|daughter|sister|brother|grandmother|grandfather|lady|gentleman|pregnan\w*",
    "race": r"white|black|asian|indian|native american|pacific islander|multiracial|african",
    "hispanic_origin": r"hispanic|latin[oax]|mexican|cuban|puerto rican|spanish",
    "marital_status": r"married|marriage|spouse|wife|husband|divorced?|widow\w*|partner|wedding|date nights?",
    "household_type": r"alone|solitary|roommates?|housemates?|partner|shared-household|of one's own",
    "family_presence_and_age": r"child|children|kids?|son|daughter|toddlers?|babies|baby|parent\w*"
    r"|drop-offs|bedtime",
    "employment_status": r"work|working|job\w*|boss|cowork\w*|colleagues?|retire\w*|paycheck\w*|commut\w*"
    r"|co-work\w*|employ\w*|business|unemployed|office|lunch breaks?|shifts?",
    "class_of_worker": r"own business|small business|self-employed|self-directed life|service member\w*",
    "income": r"paycheck\w*|budget|wealth\w*|frugal|dollars?|luxur\w+|poor|rich|coupons?",
    "citizenship": r"immigrant|two cultures|old country|home country|citizen\w*",
    "place_of_birth": r"immigrant|two cultures|old country|home country|abroad",
    "household_language": r"two languages|spanish|second language|native tongue",
    "ability_to_speak_english": r"two languages|english|second language",
    "veteran_status": r"military|veterans?|service member\w*|army|navy|marines",
    "disability": r"disabilit\w+|wheelchair|good days and bad days|medical appointments|cane",
    "vision_difficulty": r"blind|braille|low vision|large print|audiobooks?",
    "hearing_difficulty": r"deaf|hearing aids?|captions?|lip-?read\w*|sign language",
    "cognitive_difficulty": r"forget\w*|reminders?|memory",
    "religion": r"church|bible|synagogue|mosque|temple|worship|faith|secular|pray\w*|grace|sabbath|shabbat"
    r"|ramadan|diwali|hindu|buddhis\w+|christian|catholic|muslim|jewish|god|religio\w+|meditat\w+|spiritual\w*",
    "ideology": r"liberal|conservative|progressive|moderate",
    "political_views": r"democrat\w*|republican\w*|party politics|campaign\w*",
    # The words of a rendering for both ends of each trait and for each value, and their kin.
    "openness": r"conventional|curious|curiosity|creativ\w+|open-minded",
    "conscientiousness": r"organi[sz]\w+|disorgani[sz]\w+|orderly|tidy|messy|disciplined?|well-ordered",
    "extraversion": r"reserved|outgoing|shy|sociable|social life|talkative",
    "agreeableness": r"blunt|warm-hearted|kind|kindness|generous|stubborn",
    "neuroticism": r"calm|anxious|anxiety|worr\w+|nervous|easygoing",
    "self_direction": r"independen\w+|self-directed|free to choose|freedom",
    "stimulation": r"excit\w+|adventur\w+|thrill\w*|risk-taking",
    "hedonism": r"enjoy\w*|pleasures?|having fun|comfort-loving",
    "achievement": r"success\w*|ambitio\w+|achiev\w+",
    "power": r"status|power|powerful|in charge",
    "security": r"safe|safety|secur\w+|cautious",
    "conformity": r"rules?|obedien\w+|conform\w+|by-the-book|politeness",
    "tradition": r"tradition\w*|customs|old ways",
    "benevolence": r"helping\b.*\b(friends?|neighbors?|others)|helpful|generous",
    "universalism": r"fairness|equality|justice|the good of all|peace between people",
}
"""Attribute -> words of a written text that tell it, as a regular expression between word boundaries."""

_SCORED = frozenset((*BIG_FIVE, *BASIC_VALUES))
_NARROW = 30
"""Years: an entry for a narrower range of ages than this, or from this age up, tells the age."""


def resolve(names: Iterable[str]) -> frozenset[str]:
    """Turn attributes and groups into attributes.

    Raises
    ------
    DataError
        If a name is neither.
    """
    found: set[str] = set()
    for name in [names] if isinstance(names, str) else names:
        found.update(GROUPS[name] if name in GROUPS else [attribute(name).name])
    return frozenset(found)


def hidden(
    leave_out: Iterable[str] = (), only: Iterable[str] | None = None
) -> tuple[frozenset[str], frozenset[str]]:
    """Give what is hidden by name, and what is guarded: the attributes that nothing else may tell.

    What `only` leaves unnamed is hidden but not guarded: the attributes asked for are shown in full.

    Examples
    --------
    >>> hidden(["politics"])[0] == {"ideology", "political_views"}
    True
    >>> hidden(only=["age", "sex"])[1]
    frozenset()
    """
    guarded = resolve(leave_out)
    unnamed = frozenset() if only is None else frozenset(COLUMNS) - resolve(only)
    return guarded | unnamed, guarded


@functools.lru_cache(maxsize=1024)
def _coarsenings(guarded: frozenset[str]) -> Mapping[str, tuple[Coarsen, ...]]:
    """Attribute -> what is done to its value, one after the other, when some attributes are guarded."""
    found: dict[str, list[Coarsen]] = {}
    for name in COLUMNS:
        for other, coarsen in LEAKS.get(name, {}).items() if name in guarded else ():
            found.setdefault(other, []).append(coarsen)
    return {name: tuple(steps) for name, steps in found.items()}


@functools.cache
def _told_by_flag(flag: str) -> frozenset[str]:
    return frozenset(FLAGS[flag].meta.root_names()) & frozenset(COLUMNS)


@functools.cache
def _told_by_entry() -> Mapping[str, frozenset[str]]:
    """Text of the lists -> attributes it tells."""
    told: dict[str, frozenset[str]] = {}
    for name in WRITTEN:
        for entry in entries(name):
            scored = [flag for flag in entry.avoid if flag.partition("_")[2] in _SCORED]
            found = frozenset[str]().union(*(_told_by_flag(flag) for flag in (*entry.needs, *scored)))
            narrow = entry.max_age - entry.min_age < _NARROW or entry.min_age >= _NARROW or entry.max_age < 60
            told[entry.text] = (
                told.get(entry.text, frozenset()) | found | ({"age"} if narrow else frozenset())
            )
    return told


@functools.lru_cache(maxsize=8192)
def told(text: str) -> frozenset[str]:
    """Attributes that a written text tells: by the tags of its list, and by its words."""
    by_words = {
        name for name, words in WORDS.items() if re.search(rf"\b({words})\b", text, flags=re.IGNORECASE)
    }
    return _told_by_entry().get(text, frozenset()) | by_words


@functools.lru_cache(maxsize=1024)
def _closed(guarded: frozenset[str]) -> frozenset[str]:
    """Guarded attributes, and those that vanish with them: a text may tell none of these."""
    gone = {other for name in guarded for other, step in LEAKS.get(name, {}).items() if step is _nothing}
    return guarded | gone


def masked(persona: Persona, hide: frozenset[str], guarded: frozenset[str]) -> Persona:
    """Take out what is hidden, and everything that would tell what is guarded.

    Values that are only coarsened may be outside the schema: the result is for rendering alone.
    """
    if not hide:
        return persona
    changes: dict[str, str | None] = dict.fromkeys(hide)
    for name, steps in _coarsenings(guarded).items():
        value = None if name in hide else getattr(persona, name)
        for step in steps:
            value = value and step(value)
        changes[name] = value
    if guarded:
        silent = _closed(guarded)
        for name in (*WRITTEN, "detailed_job_description"):
            value = getattr(persona, name)
            if value is not None and not silent.isdisjoint(_text_tells(name, value)):
                changes[name] = None
    return msgspec.structs.replace(persona, **changes)


def _text_tells(name: str, text: str) -> frozenset[str]:
    # What a job description tells of the work is in the table; its other words may be the trade's own.
    return told(text) & {"sex", "age", "veteran_status"} if name == "detailed_job_description" else told(text)
