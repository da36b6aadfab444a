"""Hard rules that hold for every census record, by definition or by the questionnaire's routing.

They almost never fire on microdata; where one does, the census itself imputed an odd pair.
"""

from __future__ import annotations

import polars as pl

from populace.personas.evidence import REGIONS
from populace.personas.rules.registry import among, labels_of_group, rule
from populace.personas.schema import EMPLOYED, attribute

_age = pl.col("age")
_employment = pl.col("employment_status")
_married = pl.col("marital_status")
_household = pl.col("household_type")
_worker = pl.col("class_of_worker")
_children = pl.col("family_presence_and_age")
_education = attribute("education").values
_domestic = ("United States", *(state for states in REGIONS.values() for state in states))
_NEVER_WORKED = "Never worked or not in 5 years"
_no_occupation = labels_of_group("OCCP", "UNE")
_no_industry = labels_of_group("INDP", "UNE")
_military = labels_of_group("OCCP", "MIL")
_territories = (
    *("Puerto Rico", "Guam", "US Virgin Islands", "Commonwealth of the Northern Mariana Islands"),
    "Puerto Rico or U.S. Island Areas",
)


def _schooling_from(level: str) -> pl.Expr:
    return among("education", _education[_education.index(level) :])


@rule("hard")
def married_under_15() -> pl.Expr:
    """Nobody under 15 is, or has been, married."""
    return (_age < 15) & (_married != "Never married or under 15")


@rule("hard")
def widowed_too_young() -> pl.Expr:
    """Nobody under 18 is widowed or divorced."""
    return (_age < 18) & _married.is_in(["Widowed", "Divorced"])


@rule("hard")
def schooling_under_3() -> pl.Expr:
    """Schooling is not asked under 3."""
    return (_age < 3) & pl.col("education").is_not_null()


@rule("hard")
def grade_ahead_of_age() -> pl.Expr:
    """Grade n takes at least n + 3 years of age: two years ahead of the usual."""
    grades = {f"Grade {n}": n + 3 for n in range(1, 12)} | {"12th grade, no diploma": 14}
    return _age < pl.col("education").replace_strict(grades, default=None, return_dtype=pl.Int64)


@rule("hard")
def diploma_before_15() -> pl.Expr:
    """Nobody under 15 has a high school diploma or more."""
    return (_age < 15) & _schooling_from("Regular high school diploma")


@rule("hard")
def bachelor_before_18() -> pl.Expr:
    """Nobody under 18 has a bachelor's degree."""
    return (_age < 18) & _schooling_from("Bachelor's degree")


@rule("hard")
def master_before_20() -> pl.Expr:
    """Nobody under 20 has a master's degree."""
    return (_age < 20) & _schooling_from("Master's degree")


@rule("hard")
def doctorate_before_22() -> pl.Expr:
    """Nobody under 22 has a professional degree or a doctorate."""
    return (_age < 22) & _schooling_from("Professional degree")


@rule("hard")
def employment_under_16() -> pl.Expr:
    """Employment and class of worker are not asked under 16."""
    return (_age < 16) & (_employment.is_not_null() | pl.col("class_of_worker").is_not_null())


@rule("hard")
def employed_without_occupation() -> pl.Expr:
    """The employed have an occupation, a class of worker other than "never worked", or neither is known."""
    never = pl.col("class_of_worker") == "Never worked or not in 5 years"
    lone = pl.col("occupation_category").is_null() & pl.col("class_of_worker").is_not_null()
    return _employment.is_in(EMPLOYED) & (never | lone)


@rule("hard")
def armed_forces_class() -> pl.Expr:
    """The armed forces are part of the federal government."""
    return _employment.str.starts_with("Armed forces") & (pl.col("class_of_worker") != "Federal government")


@rule("hard")
def armed_forces_without_service() -> pl.Expr:
    """Whoever works in the armed forces has served, and whoever is on active duty works there."""
    forces = _employment.str.starts_with("Armed forces")
    service = pl.col("veteran_status")
    return (forces & (service == "Never served")) | (~forces & (service == "Active duty"))


@rule("hard")
def armed_forces_over_70() -> pl.Expr:
    """Nobody over 70 is on active duty."""
    return (_age > 70) & (pl.col("veteran_status") == "Active duty")


@rule("hard")
def veteran_under_17() -> pl.Expr:
    """Military service is not asked under 17."""
    return (_age < 17) & pl.col("veteran_status").is_not_null()


@rule("hard")
def birth_out_of_range() -> pl.Expr:
    """Births in the past year are asked only of women from 15 to 50."""
    return pl.col("fertility").is_not_null() & ((pl.col("sex") == "Male") | ~_age.is_between(15, 50))


@rule("hard")
def english_asked_of_english_only() -> pl.Expr:
    """Ability to speak English is asked only of those who speak another language, from age 5."""
    asked = pl.col("ability_to_speak_english").is_not_null()
    return asked & ((pl.col("household_language") == "English only") | (_age < 5))


@rule("hard")
def disability_contradicted() -> pl.Expr:
    """A difficulty with seeing, hearing or thinking is a disability."""
    difficulties = ("vision_difficulty", "hearing_difficulty", "cognitive_difficulty")
    some = pl.any_horizontal((pl.col(name) == "Yes").fill_null(False) for name in difficulties)
    return some & (pl.col("disability") == "Without a disability")


@rule("hard")
def alone_with_the_other_sex() -> pl.Expr:
    """Who lives alone is the householder, of the sex the household type names."""
    # Case ignored: "Male householder living alone", "Nonfamily household: female householder ...".
    male = _household.str.contains(r"(?i)\bmale householder living alone")
    female = _household.str.contains(r"(?i)\bfemale householder living alone")
    return (male & (pl.col("sex") == "Female")) | (female & (pl.col("sex") == "Male"))


@rule("hard")
def alone_with_children() -> pl.Expr:
    """Nobody lives alone with related children, or alone under 15."""
    children = pl.col("family_presence_and_age").str.starts_with("Related").fill_null(False)
    return _household.str.contains("householder living alone") & (children | (_age < 15).fill_null(False))


@rule("hard")
def income_below_floor() -> pl.Expr:
    """The census bottom-codes household losses: nobody loses more than about $60,000."""
    # -59,999 in dollars of the survey's month; adjusted to one year's dollars it may be a little more.
    return pl.col("income") < -65_000


@rule("hard")
def birthplace_against_citizenship() -> pl.Expr:
    """Those born in the United States were born in one of the states, and nobody else was."""
    place = pl.col("place_of_birth")
    domestic = place.is_in(_domestic)
    return domestic != (pl.col("citizenship") == "Born in the United States")


@rule("hard")
def some_college_before_15() -> pl.Expr:
    """Nobody under 15 has been to college."""
    return (_age < 15) & _schooling_from("College, under 1 year")


@rule("hard")
def never_worked_with_an_occupation() -> pl.Expr:
    """Whoever has not worked in five years has no occupation and no industry."""
    named = [
        pl.col("occupation_category").is_not_null() & ~among("occupation_category", _no_occupation),
        pl.col("industry_category").is_not_null() & ~among("industry_category", _no_industry),
    ]
    return (_worker == _NEVER_WORKED) & pl.any_horizontal(named)


@rule("hard")
def employed_without_a_trade() -> pl.Expr:
    """The employed have worked in the last five years."""
    none = among("occupation_category", _no_occupation) | among("industry_category", _no_industry)
    return _employment.is_in(EMPLOYED) & none


@rule("hard")
def military_occupation_of_a_civilian() -> pl.Expr:
    """Whoever has a civilian job has no military occupation."""
    return _employment.str.starts_with("Civilian employed") & among("occupation_category", _military)


@rule("hard")
def thinking_difficulty_under_5() -> pl.Expr:
    """Difficulty concentrating or remembering is not asked under 5."""
    return (_age < 5) & pl.col("cognitive_difficulty").is_not_null()


@rule("hard")
def children_outside_a_family() -> pl.Expr:
    """Related children are counted only where the household is a family."""
    # Couples who are not married may be a family or not: only households that cannot be one count.
    nonfamily = _household.str.starts_with("Nonfamily household") | _household.str.contains(
        "living alone|only nonrelatives present"
    )
    return nonfamily & _children.is_not_null()


@rule("hard")
def children_counted_and_denied() -> pl.Expr:
    """A household with children of the householder under 18 has related children."""
    return _household.str.contains("with children under 18") & (_children == "No related children")


@rule("hard")
def born_in_a_territory_elsewhere() -> pl.Expr:
    """Whoever was born in a US territory was born in one of them."""
    place = pl.col("place_of_birth")
    # American Samoa is left out: its people are nationals, and the two answers have been coded apart.
    territory = place.is_in(_territories)
    other = place.is_not_null() & ~territory & (place != "American Samoa")
    territorial = pl.col("citizenship") == "Born in US territories"
    return (territorial & other) | (territory & ~territorial)


@rule("hard")
def self_employed_in_government() -> pl.Expr:
    """Public administration employs nobody who works for themselves."""
    return _worker.str.starts_with("Self-employed") & (
        among("industry_category", labels_of_group("INDP", "ADM", "MIL"))
    )
