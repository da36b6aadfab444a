"""Which attributes of a persona a text tells: an explicit lexicon, by value, that anyone can read and mend.

Each value has words, and a text tells it if it has one of them: *in her seventies* an age of 74, *married*
and *husband* a marriage. The words are those of our renderings (`populace.personas.words`) and their kin; the
attributes that only a yes can tell (a disability, military service, a language) go by the words of
`populace.personas.leaks.WORDS`. A written text is told if at least half of its words of four letters or more
are there, by their first five letters. A lexicon misses what is said in other words and is fooled by words
said otherwise: its figures stand beside what it finds with the values of others.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from populace.personas import words as said
from populace.personas.diversity import words
from populace.personas.leaks import WORDS
from populace.personas.phrases import dollars
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, EMPLOYED, WRITTEN, attribute
from populace.personas.titles import job_title

__all__ = ["LEXICON", "tells"]

_MEN = r"he|him|his|man|men|male|father|dad|husband|son|boy|brother|grandfather|gentleman"
_WOMEN = r"she|her|hers|woman|women|female|mother|mom|wife|daughter|girl|sister|grandmother|lady"
_WORKS = r"works?|working|employ(ed|ment)|jobs?|career|occupation|profession(al)?"
_COLLEGE = r"college[- ](educated|degree|graduate)|university|higher education|highly educated"
_CHURCHES = r"christian\w*|church|faith|religio\w+|bible|god"

LEXICON: dict[str, dict[str, str]] = {
    "sex": {"Male": _MEN, "Female": _WOMEN},
    "race": {
        "White alone": r"white|caucasian",
        "Black or African American alone": r"black|african[- ]american",
        "American Indian alone": r"american indian|native american|indigenous",
        "Alaska Native alone": r"alaska native|native american|indigenous",
        "American Indian/Alaska Native unspecified": r"native american|american indian|indigenous",
        "Asian alone": r"asian",
        "Native Hawaiian/Pacific Islander alone": r"pacific islander|hawaiian",
        "Two or More Races": r"multiracial|mixed[- ]race|biracial",
    },
    "marital_status": {
        "Married": r"married|marriage|spouse|husband|wife",
        "Widowed": r"widow\w*|late (husband|wife)",
        "Divorced": r"divorc\w+|ex-(husband|wife)",
        "Separated": r"separated|separation",
        "Never married or under 15": r"never[- ]married|unmarried|single|not married",
    },
    "education": {
        **dict.fromkeys(
            ("Regular high school diploma", "GED"), r"high[- ]school|ged|no college|without college"
        ),
        **dict.fromkeys(
            ("College, under 1 year", "College, 1 or more years, no degree"),
            r"some college|year of college|college but|without a degree|no degree",
        ),
        "Associate's degree": r"associate(['’]s)?( degree)?|two-year (college )?degree|college",
        "Bachelor's degree": rf"bachelor(['’]s)?|four-year (college )?degree|{_COLLEGE}",
        "Master's degree": rf"master['’]?s|graduate degree|advanced degree|postgraduate|{_COLLEGE}",
        "Professional degree": rf"professional degree|advanced degree|{_COLLEGE}",
        "Doctorate": rf"doctora\w+|ph\.?d|advanced degree|{_COLLEGE}",
    },
    "employment_status": {
        **dict.fromkeys(EMPLOYED, _WORKS),
        "Unemployed": r"unemploy\w+|looking for work|job[- ]?seek\w+|out of work|jobless",
        "Not in labor force": r"retire\w*|not working|not in the (labor|work) ?force|outside the workforce",
    },
    "veteran_status": dict.fromkeys(("Active duty", "Veteran"), WORDS["veteran_status"]),
    "health_insurance": {"Without health insurance": r"uninsured|(no|without|lacks?) (health )?insurance"},
    "citizenship": {
        "Naturalized citizen": r"naturali[sz]ed|immigra\w+|foreign-born",
        "Not a citizen": r"non-?citizen|not a (u\.?s\.? )?citizen|immigra\w+|foreign-born",
    },
    "household_language": {"Spanish": r"spanish|bilingual"},
    "ideology": {
        **dict.fromkeys(
            ("Very liberal", "Liberal"), r"(?<!neo)liberal\w*|progressive\w*|left[- ](wing|leaning)"
        ),
        "Moderate": r"moderate\w*|centrist\w*|middle[- ]of[- ]the[- ]road",
        **dict.fromkeys(("Conservative", "Very conservative"), r"conservativ\w+|right[- ](wing|leaning)"),
    },
    "political_views": {
        "Democrat": r"democrat\w*",
        "Republican": r"republican\w*|gop",
        "Independent": r"political(ly)? independen\w+|independent voter|independent of (either|any) party",
        "Other": r"(smaller|third|minor) party",
    },
    "religion": {
        "Protestant": rf"protestant\w*|{_CHURCHES}",
        "Catholic": rf"catholic\w*|{_CHURCHES}",
        "Other Christian": _CHURCHES,
        "Jewish": r"jew(ish|s)?|judaism|synagogue|faith|religio\w+",
        "Muslim": r"muslim\w*|islam\w*|mosque|faith|religio\w+",
        "Buddhist": r"buddhis\w+|faith|religio\w+",
        "Hindu": r"hindu\w*|faith|religio\w+",
        "Other": r"less common religion|faith|religio\w+",
        "Unaffiliated": r"unaffiliated|not (affiliated|religious)|nonreligious|secular|no religion|atheist",
    },
    **{
        name: {"Yes": rf"{WORDS[name]}|(difficulty|trouble) ([\w, ]+ )?({each.replace(' or ', '|')})"}
        for name, each in said.DIFFICULTIES.items()
    },
    "family_presence_and_age": dict.fromkeys(
        said.CHILDREN, r"child|children|kids?|sons?|daughters?|toddlers?|teenagers?|parent\w*|mother|father"
    ),
    "household_type": dict.fromkeys(
        (label for label in attribute("household_type").values if "living alone" in label),
        r"alone|on (his|her|their) own|by (him|her)self|single-person|one-person",
    ),
    "disability": {"With a disability": WORDS["disability"]},
    "fertility": {"Yes": r"gave birth|new mother|newborn|new baby|recently had a (baby|child)"},
}
"""Attribute -> value -> words that tell it, a regular expression between word boundaries."""

_TRAITS = {
    "openness": (r"conventional|traditional", r"curious|curiosity|open[- ]minded\w*|open(ness)? to"),
    "conscientiousness": (r"disorgani[sz]ed|careless|messy", r"(?<!dis)organi[sz]ed|disciplined?|orderly"),
    "extraversion": (r"reserved|introver\w+|quiet|shy", r"outgoing|extraver\w+|extrover\w+|sociable"),
    "agreeableness": (r"blunt\w*|direct|disagreeable", r"warm[- ]?hearted\w*|warm|kind|agreeable"),
    "neuroticism": (r"calm|steady|emotionally stable", r"anxious|anxiety|worr\w+|nervous"),
}
"""Trait -> words of its low and of its high levels."""
_VALUES = {
    # The political independent is told by `political_views`.
    "self_direction": r"(?<!political )(?<!politically )independen\w+(?! voter| of (either|any) party)"
    r"|self-directed|autonomy|freedom",
    "stimulation": r"excit\w+|adventur\w+|novelty",
    "hedonism": r"enjoy\w*( life)?|pleasures?",
    "achievement": r"success\w*|achiev\w+|ambitio\w+",
    "power": r"status|power|influence",
    "security": r"safe|safety|secur\w+|stability",
    "conformity": r"rules?|obedien\w+|conform\w+",
    "tradition": r"tradition\w*|customs",
    "benevolence": r"helping|close by|loved ones|those (close|near)",
    "universalism": r"good of all|all people|equality|justice|humanity",
}
_AGES = (
    (0, 12, r"child|kid|boy|girl|young"),
    (13, 19, r"teen\w*|young|adolescent\w*"),
    (20, 34, r"young(er)?|early adulthood"),
    (40, 64, r"middle[- ]aged?|midlife|mid-life"),
    (62, 99, r"(?<!-)old(er)?( age)?|elderly|senior\w*|retire\w*|aging|ageing"),
)
_DECADES = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")
_PLACES = ("state", "ancestry", "place_of_birth", "hispanic_origin")


def tells(text: str, persona: Mapping[str, Any]) -> dict[str, bool]:
    """Say of each attribute that the lexicon has words for whether a text tells its value.

    Parameters
    ----------
    text
        A description, a summary, an answer.
    persona
        Attributes by name. Values without words (average traits, no disability) are left out of the result.

    Examples
    --------
    >>> her = {"age": 74, "sex": "Female", "openness": "Average", "income": 61_480, "lifestyle": "quiet"}
    >>> tells("A woman in her seventies with $61,000 a year.", her)
    {'age': True, 'sex': True, 'income': True, 'lifestyle': False}
    """
    found = {}
    for name, value in persona.items():
        if value is None:
            continue
        if name in WRITTEN or name in ("detailed_job_description", "occupation_category"):
            if stems := _stems(job_title(value) or value if name == "occupation_category" else value):
                found[name] = 2 * len(stems & _stems(text)) >= len(stems)
        elif pattern := _pattern(name, value):
            found[name] = pattern.search(text) is not None
    return found


@functools.lru_cache(maxsize=16384)
def _pattern(name: str, value: Any) -> re.Pattern[str] | None:
    """Give the words of a value; None where it has none."""
    if name == "age":
        told = _age(value)
    elif name == "income":
        told = _income(value)
    elif name in BIG_FIVE or name in BASIC_VALUES:
        told = None if value == "Average" else _VALUES.get(name) or _TRAITS[name]["High" in value]
    elif name in _PLACES:
        told = None if value in ("Not Hispanic", "United States") else re.escape(value)
    else:
        told = LEXICON.get(name, {}).get(value)
    return None if told is None else re.compile(rf"(?<!\w)({told})(?!\w)", re.IGNORECASE)


def _age(age: int) -> str:
    told = [rf"{age}(-year-old)?", *(words for low, high, words in _AGES if low <= age <= high)]
    if 20 <= age <= 99:
        told += [_DECADES[age // 10 - 2], rf"{age // 10}0['’]?s"]
    return "|".join(told)


def _income(income: int) -> str | None:
    if income <= 0:
        return r"no income|without (an )?income|lost money" if income == 0 else r"loss\w*|lost money"
    figure = re.escape(dollars(income).removeprefix("about ")).replace(r"\$", r"\$?")
    told = [figure, rf"\$?{round(income / 1000)}k", rf"\$?{income:,}"]
    if income < 40_000:
        told.append(
            r"(low|modest|limited|tight|fixed)(er)?[- ](income|means|budget)s?|low-income|poor|poverty"
        )
    elif income > 150_000:
        told.append(r"high(er)?[- ](income|earning)|wealth\w*|affluent|well[- ]off|rich|comfortable income")
    else:
        told.append(r"middle[- ](income|class)|(modest|moderate|comfortable) income")
    return "|".join(told)


@functools.lru_cache(maxsize=16384)
def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:5] for word in words(text) if len(word) > 3)
