"""The attributes a persona may have: PERSONA's 33 in their order; Hispanic origin, state, values added.

Each has one normalised form. Census attributes carry the labels of the population room's codebook;
those no census asks carry the closed lists below. A value outside its list is an error with a place,
never a new stratum.

Attributes and order: Castricato et al. (2024), *PERSONA: A Reproducible Testbed for Pluralistic
Alignment*, arXiv:2407.17387.
"""

from __future__ import annotations

import difflib
from typing import Literal

import msgspec
import polars as pl

from populace.errors import DataError
from populace.population.codebook import load_codebook

__all__ = [
    "ATTRIBUTES",
    "BASIC_VALUES",
    "BIG_FIVE",
    "COLUMNS",
    "EMPLOYED",
    "TRAIT_LEVELS",
    "WRITTEN",
    "Attribute",
    "attribute",
]

Kind = Literal["integer", "dollars", "category", "text"]
_POLARS: dict[str, type[pl.DataType]] = {
    "integer": pl.Int64,
    "dollars": pl.Int64,
    "category": pl.String,
    "text": pl.String,
}


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """One attribute: what it is called, which values it may take and where they come from."""

    name: str
    """Column of `personas.parquet`."""
    title: str
    """Key in a release-style rendering, as the public PERSONA release spells it."""
    number: int | None
    """Place among PERSONA's 33; None for those added here. The five traits share number 21."""
    kind: Kind
    values: tuple[str, ...] = ()
    """Allowed values of a category; empty where the list is open (codebook labels of long code lists)."""
    ordered: bool = False
    """Whether `values` run from low to high."""
    low: int | None = None
    """Smallest allowed value of an integer or an amount of dollars."""
    high: int | None = None
    """Largest allowed value."""
    source: str
    """Census variable, survey table or written list the value comes from."""
    description: str

    @property
    def dtype(self) -> type[pl.DataType]:
        """Polars type of the column."""
        return _POLARS[self.kind]

    def out_of_range(self) -> pl.Expr:
        """Boolean expression: the value is present but not allowed."""
        column = pl.col(self.name)
        if self.values:
            return ~column.is_in(self.values)
        if self.kind in ("integer", "dollars"):
            return ~column.is_between(self.low, self.high)
        return column.str.strip_chars().str.len_chars() == 0


TRAIT_LEVELS = ("Extremely Low", "Low", "Average", "High", "Extremely High")
"""Levels of each Big Five trait and each basic value, low to high, among US adults."""

_GRADES = tuple(f"Grade {grade}" for grade in range(1, 12))

_TRAITS = {
    "openness": "Curiosity and readiness for what is new.",
    "conscientiousness": "Order, diligence and self-discipline.",
    "extraversion": "Sociability and energy among people.",
    "agreeableness": "Warmth and readiness to accommodate others.",
    "neuroticism": "Readiness to worry and to be upset.",
}
BIG_FIVE = tuple(_TRAITS)
"""Columns of the five traits, in the order O, C, E, A, N."""

_VALUES = {
    "self_direction": "Independent thought and action.",
    "stimulation": "Excitement, novelty and challenge.",
    "hedonism": "Pleasure and enjoyment.",
    "achievement": "Personal success by common standards.",
    "power": "Status, wealth and control over others.",
    "security": "Safety and stability of self and society.",
    "conformity": "Restraint from what upsets others or breaks rules.",
    "tradition": "Respect for custom and religion.",
    "benevolence": "The welfare of those close by.",
    "universalism": "The welfare of all people and of nature.",
}
BASIC_VALUES = tuple(_VALUES)
"""Columns of the ten basic values in the order of their circle (Schwartz, 1992, Adv. Exp. Soc. Psych. 25)."""

_YES_NO = ("Yes", "No")


def _codebook_labels(*variables: str) -> tuple[str, ...]:
    """Labels of long closed lists, read from the census codebook rather than typed twice."""
    book = load_codebook("acs_pums").variables
    return tuple(label for name in variables for label in book[name].labels.values())


_HISPANIC, _STATES, _HOUSEHOLD_TYPES = (
    _codebook_labels(*names) for names in (("HISP",), ("STATE",), ("HHT2", "HHT"))
)


def _category(
    number: int | None,
    name: str,
    source: str,
    description: str,
    *values: str,
    ordered: bool = False,
    title: str | None = None,
) -> Attribute:
    return Attribute(
        name=name,
        title=title or name.replace("_", " "),
        number=number,
        kind="category",
        values=values,
        ordered=ordered,
        source=source,
        description=description,
    )


def _written(number: int | None, name: str, description: str) -> Attribute:
    source = f"list written for this project ({name})"
    return Attribute(
        name=name,
        title=name.replace("_", " "),
        number=number,
        kind="text",
        source=source,
        description=description,
    )


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute(
        name="age",
        title="age",
        number=1,
        kind="integer",
        low=0,
        high=99,
        source="AGEP",
        description="Age in years.",
    ),
    _category(2, "sex", "SEX", "Sex as the census records it.", "Male", "Female"),
    _category(
        3,
        "race",
        "RAC1P",
        "Race, one answer.",
        "White alone",
        "Black or African American alone",
        "American Indian alone",
        "Alaska Native alone",
        "American Indian/Alaska Native unspecified",
        "Asian alone",
        "Native Hawaiian/Pacific Islander alone",
        "Some Other Race alone",
        "Two or More Races",
    ),
    _category(None, "hispanic_origin", "HISP", "Hispanic origin, asked apart from race.", *_HISPANIC),
    _category(None, "state", "STATE", "State of residence.", *_STATES),
    _category(4, "ancestry", "ANC1P", "First ancestry reported."),
    _category(
        5,
        "household_language",
        "HHL",
        "Language spoken in the household.",
        "English only",
        "Spanish",
        "Other Indo-European",
        "Asian and Pacific Island",
        "Other",
    ),
    _category(
        6,
        "education",
        "SCHL",
        "Highest level of schooling (age 3 and over).",
        "No schooling",
        "Preschool",
        "Kindergarten",
        *_GRADES,
        "12th grade, no diploma",
        "Regular high school diploma",
        "GED",
        "College, under 1 year",
        "College, 1 or more years, no degree",
        "Associate's degree",
        "Bachelor's degree",
        "Master's degree",
        "Professional degree",
        "Doctorate",
        ordered=True,
    ),
    _category(
        7,
        "employment_status",
        "ESR",
        "Employment status (age 16 and over).",
        "Civilian employed, at work",
        "Civilian employed, not at work",
        "Unemployed",
        "Armed forces, at work",
        "Armed forces, not at work",
        "Not in labor force",
    ),
    _category(
        8,
        "class_of_worker",
        "COW",
        "Class of worker of the current or most recent job.",
        "For-profit employee",
        "Not-for-profit employee",
        "Local government",
        "State government",
        "Federal government",
        "Self-employed, unincorporated",
        "Self-employed, incorporated",
        "Unpaid family worker",
        "Never worked or not in 5 years",
    ),
    _category(9, "industry_category", "INDP", "Industry of the current or most recent job."),
    _category(10, "occupation_category", "OCCP", "Occupation of the current or most recent job."),
    Attribute(
        name="detailed_job_description",
        title="detailed job description",
        number=11,
        kind="text",
        source="templates written for this project, from occupation, class of worker and industry",
        description="What the person does at work; only for the employed.",
    ),
    Attribute(
        name="income",
        title="income",
        number=12,
        kind="dollars",
        low=-100_000,
        high=9_999_999,
        source="HINCP",
        description="Household income of the past 12 months, in dollars.",
    ),
    _category(
        13,
        "marital_status",
        "MAR",
        "Marital status.",
        "Married",
        "Widowed",
        "Divorced",
        "Separated",
        "Never married or under 15",
    ),
    _category(14, "household_type", "HHT2, else HHT", "Type of household.", *_HOUSEHOLD_TYPES),
    _category(
        15,
        "family_presence_and_age",
        "FPARC",
        "Related children in a family household, by age.",
        "Related children under 5 only",
        "Related children 5 to 17 only",
        "Related children under 5 and 5 to 17",
        "No related children",
    ),
    _category(16, "place_of_birth", "POBP", "State or country of birth."),
    _category(
        17,
        "citizenship",
        "CIT",
        "Citizenship.",
        "Born in the United States",
        "Born in US territories",
        "Born abroad of US parents",
        "Naturalized citizen",
        "Not a citizen",
    ),
    _category(
        18,
        "veteran_status",
        "MIL",
        "Military service (age 17 and over).",
        "Active duty",
        "Veteran",
        "Training only",
        "Never served",
    ),
    _category(
        19, "disability", "DIS", "Any of six disabilities.", "With a disability", "Without a disability"
    ),
    _category(
        20,
        "health_insurance",
        "HICOV",
        "Health insurance coverage.",
        "With health insurance",
        "Without health insurance",
    ),
    *(
        _category(21, trait, "traits.json", description, *TRAIT_LEVELS, ordered=True)
        for trait, description in _TRAITS.items()
    ),
    _written(22, "defining_quirks", "A habit the person is known for."),
    _written(23, "mannerisms", "How the person carries themselves."),
    _written(24, "personal_time", "What the person does with free time."),
    _written(25, "lifestyle", "How the person lives."),
    _category(
        26,
        "ideology",
        "views.json",
        "Political outlook (adults).",
        "Very liberal",
        "Liberal",
        "Moderate",
        "Conservative",
        "Very conservative",
        ordered=True,
    ),
    _category(
        27,
        "political_views",
        "views.json",
        "Party the person identifies with (adults); those leaning to a party count as Independent.",
        "Democrat",
        "Republican",
        "Independent",
        "Other",
    ),
    _category(
        28,
        "religion",
        "views.json",
        "Religious affiliation (adults).",
        "Protestant",
        "Catholic",
        "Other Christian",
        "Jewish",
        "Muslim",
        "Buddhist",
        "Hindu",
        "Other",
        "Unaffiliated",
    ),
    _category(
        29, "cognitive_difficulty", "DREM", "Difficulty concentrating, remembering or deciding.", *_YES_NO
    ),
    _category(
        30,
        "ability_to_speak_english",
        "ENG",
        "Ability to speak English, asked only of those who speak another language at home.",
        "Not at all",
        "Not well",
        "Well",
        "Very well",
        ordered=True,
    ),
    _category(
        31, "vision_difficulty", "DEYE", "Blind, or serious difficulty seeing even with glasses.", *_YES_NO
    ),
    _category(32, "fertility", "FER", "Gave birth in the past 12 months (women 15 to 50).", *_YES_NO),
    _category(33, "hearing_difficulty", "DEAR", "Deaf, or serious difficulty hearing.", *_YES_NO),
    *(
        _category(None, value, "values.json", description, *TRAIT_LEVELS, ordered=True)
        for value, description in _VALUES.items()
    ),
    _written(
        None,
        "core_values",
        "What the person holds dear (PERSONA's human study shows it; the release does not).",
    ),
)
"""Every attribute in the order of `personas.parquet`."""

COLUMNS = tuple(each.name for each in ATTRIBUTES)
"""Names of the attributes, in order."""

EMPLOYED = (
    "Civilian employed, at work",
    "Civilian employed, not at work",
    "Armed forces, at work",
    "Armed forces, not at work",
)
"""Employment statuses of people who have a job."""

WRITTEN = ("defining_quirks", "mannerisms", "personal_time", "lifestyle", "core_values")
"""Attributes drawn from lists written for this project."""

_BY_NAME = {each.name: each for each in ATTRIBUTES}


def attribute(name: str) -> Attribute:
    """Look an attribute up by its column name.

    Raises
    ------
    DataError
        If there is none of that name.

    Examples
    --------
    >>> attribute("religion").values[:2]
    ('Protestant', 'Catholic')
    >>> attribute("religon")
    Traceback (most recent call last):
    populace.errors.DataError: there is no attribute 'religon'. To mend it: write 'religion'.
    """
    if name not in _BY_NAME:
        close = difflib.get_close_matches(name, COLUMNS, n=1)
        fix = f"write '{close[0]}'" if close else f"use one of {', '.join(COLUMNS)}"
        raise DataError(f"there is no attribute '{name}'", fix=fix)
    return _BY_NAME[name]
