"""Consistency rules: what cannot, or must not, be true of one person at once.

PERSONA asked GPT-4 whether a persona contradicts itself and dropped about 8.5 % (arXiv:2407.17387). Here
every ground for removal is a named expression over the attributes, so that a removal can be read, counted
and argued with. A rule speaks only of what it sees: a missing value never breaks one.

The first group holds for every census record by definition or by the questionnaire's routing and almost
never fires on microdata; where it does, the census itself imputed an odd pair. The second group guards
what is drawn here: it would fire on a list entry with a forgotten tag.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import polars as pl

from populace.personas.evidence import REGIONS
from populace.personas.schema import BIG_FIVE, EMPLOYED, WRITTEN, attribute

__all__ = ["RULES", "Rule", "apply_rules", "rule"]


class Rule(msgspec.Struct, frozen=True):
    """A named ground for removing a persona."""

    name: str
    description: str
    expression: pl.Expr
    """True where the rule is broken."""


RULES: dict[str, Rule] = {}
"""Every rule by name, in the order in which removals are attributed."""

_age = pl.col("age")
_employment = pl.col("employment_status")
_married = pl.col("marital_status")
_household = pl.col("household_type")
_religion = pl.col("religion")
_education = attribute("education").values
_domestic = ("United States", *(state for states in REGIONS.values() for state in states))


def rule(function: Callable[[], pl.Expr]) -> Callable[[], pl.Expr]:
    """Register a rule: the function's name is its name, the docstring its description."""
    name = function.__name__.replace("_", "-")
    description = (function.__doc__ or "").strip().splitlines()[0]
    RULES[name] = Rule(name, description, function().fill_null(False))
    return function


def _schooling_from(level: str) -> pl.Expr:
    return pl.col("education").is_in(_education[_education.index(level) :])


def _text(pattern: str) -> pl.Expr:
    """Whether any written text contains a pattern (case ignored)."""
    return pl.any_horizontal(pl.col(name).str.contains(f"(?i){pattern}").fill_null(False) for name in WRITTEN)


@rule
def married_under_15() -> pl.Expr:
    """Nobody under 15 is, or has been, married."""
    return (_age < 15) & (_married != "Never married or under 15")


@rule
def widowed_too_young() -> pl.Expr:
    """Nobody under 18 is widowed or divorced."""
    return (_age < 18) & _married.is_in(["Widowed", "Divorced"])


@rule
def schooling_under_3() -> pl.Expr:
    """Schooling is not asked under 3."""
    return (_age < 3) & pl.col("education").is_not_null()


@rule
def grade_ahead_of_age() -> pl.Expr:
    """Grade n takes at least n + 3 years of age: two years ahead of the usual."""
    grades = {f"Grade {n}": n + 3 for n in range(1, 12)} | {"12th grade, no diploma": 14}
    return _age < pl.col("education").replace_strict(grades, default=None, return_dtype=pl.Int64)


@rule
def diploma_before_15() -> pl.Expr:
    """Nobody under 15 has a high school diploma or more."""
    return (_age < 15) & _schooling_from("Regular high school diploma")


@rule
def bachelor_before_18() -> pl.Expr:
    """Nobody under 18 has a bachelor's degree."""
    return (_age < 18) & _schooling_from("Bachelor's degree")


@rule
def master_before_20() -> pl.Expr:
    """Nobody under 20 has a master's degree."""
    return (_age < 20) & _schooling_from("Master's degree")


@rule
def doctorate_before_22() -> pl.Expr:
    """Nobody under 22 has a professional degree or a doctorate."""
    return (_age < 22) & _schooling_from("Professional degree")


@rule
def employment_under_16() -> pl.Expr:
    """Employment and class of worker are not asked under 16."""
    return (_age < 16) & (_employment.is_not_null() | pl.col("class_of_worker").is_not_null())


@rule
def employed_without_occupation() -> pl.Expr:
    """The employed have an occupation, a class of worker other than "never worked", or neither is known."""
    never = pl.col("class_of_worker") == "Never worked or not in 5 years"
    lone = pl.col("occupation_category").is_null() & pl.col("class_of_worker").is_not_null()
    return _employment.is_in(EMPLOYED) & (never | lone)


@rule
def armed_forces_class() -> pl.Expr:
    """The armed forces are part of the federal government."""
    return _employment.str.starts_with("Armed forces") & (pl.col("class_of_worker") != "Federal government")


@rule
def armed_forces_without_service() -> pl.Expr:
    """Whoever works in the armed forces has served, and whoever is on active duty works there."""
    forces = _employment.str.starts_with("Armed forces")
    service = pl.col("veteran_status")
    return (forces & (service == "Never served")) | (~forces & (service == "Active duty"))


@rule
def armed_forces_over_70() -> pl.Expr:
    """Nobody over 70 is on active duty."""
    return (_age > 70) & (pl.col("veteran_status") == "Active duty")


@rule
def veteran_under_17() -> pl.Expr:
    """Military service is not asked under 17."""
    return (_age < 17) & pl.col("veteran_status").is_not_null()


@rule
def birth_out_of_range() -> pl.Expr:
    """Births in the past year are asked only of women from 15 to 50."""
    return pl.col("fertility").is_not_null() & ((pl.col("sex") == "Male") | ~_age.is_between(15, 50))


@rule
def english_asked_of_english_only() -> pl.Expr:
    """Ability to speak English is asked only of those who speak another language, from age 5."""
    asked = pl.col("ability_to_speak_english").is_not_null()
    return asked & ((pl.col("household_language") == "English only") | (_age < 5))


@rule
def disability_contradicted() -> pl.Expr:
    """A difficulty with seeing, hearing or thinking is a disability."""
    difficulties = ("vision_difficulty", "hearing_difficulty", "cognitive_difficulty")
    some = pl.any_horizontal((pl.col(name) == "Yes").fill_null(False) for name in difficulties)
    return some & (pl.col("disability") == "Without a disability")


@rule
def alone_with_the_other_sex() -> pl.Expr:
    """Who lives alone is the householder, of the sex the household type names."""
    # Case ignored: "Male householder living alone", "Nonfamily household: female householder ...".
    male = _household.str.contains(r"(?i)\bmale householder living alone")
    female = _household.str.contains(r"(?i)\bfemale householder living alone")
    return (male & (pl.col("sex") == "Female")) | (female & (pl.col("sex") == "Male"))


@rule
def alone_with_children() -> pl.Expr:
    """Nobody lives alone with related children, or alone under 15."""
    children = pl.col("family_presence_and_age").str.starts_with("Related").fill_null(False)
    return _household.str.contains("householder living alone") & (children | (_age < 15).fill_null(False))


@rule
def income_below_floor() -> pl.Expr:
    """The census bottom-codes household losses: nobody loses more than about $60,000."""
    # -59,999 in dollars of the survey's month; adjusted to one year's dollars it may be a little more.
    return pl.col("income") < -65_000


@rule
def birthplace_against_citizenship() -> pl.Expr:
    """Those born in the United States were born in one of the states, and nobody else was."""
    place = pl.col("place_of_birth")
    domestic = place.is_in(_domestic)
    return domestic != (pl.col("citizenship") == "Born in the United States")


@rule
def views_under_18() -> pl.Expr:
    """Nobody under 18 has an ideology, a party, a religion or scored traits: no survey asked them."""
    asked = ("ideology", "political_views", "religion", *BIG_FIVE)
    return (_age < 18) & pl.any_horizontal(pl.col(name).is_not_null() for name in asked)


@rule
def job_without_employment() -> pl.Expr:
    """Only the employed have a job description."""
    described = pl.col("detailed_job_description").is_not_null()
    return described & ~_employment.is_in(EMPLOYED)


@rule
def retired_too_young_or_at_work() -> pl.Expr:
    """Texts speak of retirement only for people from 50 who do not work."""
    unfit = (_age < 50).fill_null(False) | _employment.is_in(EMPLOYED).fill_null(False)
    return _text(r"\bretire") & unfit


@rule
def worship_against_religion() -> pl.Expr:
    """Texts name a house or practice of worship only for people of that religion."""
    christian = ~_religion.is_in(["Protestant", "Catholic", "Other Christian"])
    return (
        (_text(r"\b(church|bible|saying grace)\b") & christian)
        | (_text(r"\bsynagogue\b") & (_religion != "Jewish"))
        | (_text(r"\bmosque\b") & (_religion != "Muslim"))
        | (_text(r"\b(worship|faith)\b") & (_religion == "Unaffiliated"))
        | (_text(r"\bsecular\b") & (_religion != "Unaffiliated"))
    )


@rule
def sight_against_difficulty() -> pl.Expr:
    """Texts describe reading, driving or watching only for people who see well enough."""
    patterns = r"\b(reading|driving|watching|painting|sketching|birdwatching|photographs)\b"
    return _text(patterns) & (pl.col("vision_difficulty") == "Yes")


@rule
def adult_habit_of_a_minor() -> pl.Expr:
    """Texts speak of alcohol, betting, dating or shopping for gas only for adults of the age for it."""
    return (_text(r"\b(beer|betting|toast|date nights)\b") & (_age < 21)) | (
        _text(r"\bgas prices\b") & (_age < 16)
    )


@rule
def work_text_without_work() -> pl.Expr:
    """Texts speak of work only for the employed, and of the search for it only for the unemployed."""
    working = _text(r"\b(work-centered|between work and home|paycheck-to-paycheck|hectic life of work)\b")
    seeking = _text(r"\bjob-hunting\b")
    return (working & ~_employment.is_in(EMPLOYED)) | (seeking & (_employment != "Unemployed"))


def apply_rules(frame: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int], dict[str, int]]:
    """Remove every row that breaks a rule.

    Parameters
    ----------
    frame
        Every attribute as a column.

    Returns
    -------
    tuple
        The rows that break none, in order; per rule, rows removed under its name (the first rule a row
        breaks); per rule, rows that break it at all. Both counts name every rule.

    Examples
    --------
    >>> from populace.personas.frames import complete
    >>> people = complete(pl.DataFrame({"age": [9, 40], "marital_status": ["Married", "Married"]}))
    >>> kept, removed, broken = apply_rules(people)
    >>> kept["age"].to_list(), removed["married-under-15"]
    ([40], 1)
    """
    broken = frame.select(each.expression.alias(name) for name, each in RULES.items())
    totals = {name: int(broken[name].sum()) for name in RULES}
    first = dict.fromkeys(RULES, 0)
    clean = pl.Series(values=[True] * frame.height, dtype=pl.Boolean)
    for name in RULES:
        first[name] = int((broken[name] & clean).sum())
        clean = clean & ~broken[name]
    return frame.filter(clean), first, totals
