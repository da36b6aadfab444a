"""Soft rules: pairs and triples that happen, but seldom enough to be worth a look.

None speaks of race, origin, religion, sex or a disability as such: what is rare about a minority is no
contradiction. How many real people each rule meets is measured (`populace.personas.rules.rates`), and
a rule that meets more than one in fifty is not kept.
"""

from __future__ import annotations

import polars as pl

from populace.personas.rules.registry import among, labels_of_group, rule
from populace.personas.schema import EMPLOYED, attribute
from populace.population.codebook import load_codebook

_age = pl.col("age")
_employment = pl.col("employment_status")
_employed = _employment.is_in(EMPLOYED)
_married = pl.col("marital_status")
_household = pl.col("household_type")
_alone = _household.str.contains("householder living alone")
_income = pl.col("income")
_levels = attribute("education").values
_occupation = "occupation_category"
_occupations = load_codebook("acs_pums").variables["OCCP"].labels
_service = pl.col("veteran_status")


def _schooling_below(level: str) -> pl.Expr:
    return among("education", _levels[: _levels.index(level)])


def _schooling_from(level: str) -> pl.Expr:
    return among("education", _levels[_levels.index(level) :])


@rule("soft")
def married_under_18() -> pl.Expr:
    """Married, separated, divorced or widowed at 15 to 17."""
    return _age.is_between(15, 17) & (_married != "Never married or under 15")


@rule("soft")
def divorced_under_21() -> pl.Expr:
    """Divorced at 18 to 20."""
    return _age.is_between(18, 20) & (_married == "Divorced")


@rule("soft")
def widowed_under_30() -> pl.Expr:
    """Widowed at 18 to 29."""
    return _age.is_between(18, 29) & (_married == "Widowed")


@rule("soft")
def alone_under_18() -> pl.Expr:
    """Living alone at 15 to 17."""
    return _age.is_between(15, 17) & _alone


@rule("soft")
def married_living_alone() -> pl.Expr:
    """Married, and living alone: a spouse elsewhere."""
    return (_married == "Married") & _alone


@rule("soft")
def birth_from_46() -> pl.Expr:
    """A birth in the past year at 46 or later."""
    return (pl.col("fertility") == "Yes") & (_age >= 46)


@rule("soft")
def birth_under_17() -> pl.Expr:
    """A birth in the past year at 15 or 16."""
    return (pl.col("fertility") == "Yes") & (_age < 17)


@rule("soft")
def birth_living_alone() -> pl.Expr:
    """A birth in the past year, and living alone."""
    return (pl.col("fertility") == "Yes") & _alone


@rule("soft")
def birth_without_a_child_at_home() -> pl.Expr:
    """A birth in the past year, in a family household without related children under 5."""
    older = among("family_presence_and_age", ("Related children 5 to 17 only", "No related children"))
    return (pl.col("fertility") == "Yes") & older


@rule("soft")
def no_schooling_at_school_age() -> pl.Expr:
    """No schooling beyond preschool at 9 to 17."""
    return _age.is_between(9, 17) & _schooling_below("Kindergarten")


@rule("soft")
def behind_at_school() -> pl.Expr:
    """Below grade 5 at 14 to 17."""
    return _age.is_between(14, 17) & _schooling_below("Grade 5") & ~_schooling_below("Kindergarten")


@rule("soft")
def diploma_under_17() -> pl.Expr:
    """A high school diploma or more at 15 or 16."""
    return _age.is_between(15, 16) & _schooling_from("Regular high school diploma")


@rule("soft")
def degree_under_20() -> pl.Expr:
    """A bachelor's degree at 18 or 19."""
    return _age.is_between(18, 19) & _schooling_from("Bachelor's degree")


@rule("soft")
def high_degree_under_25() -> pl.Expr:
    """A professional degree or a doctorate at 22 to 24."""
    return _age.is_between(22, 24) & _schooling_from("Professional degree")


@rule("soft")
def law_without_college() -> pl.Expr:
    """Works in law without any college."""
    return (
        _employed
        & among(_occupation, labels_of_group("OCCP", "LGL"))
        & _schooling_below("College, under 1 year")
    )


@rule("soft")
def science_without_college() -> pl.Expr:
    """Works in science without any college."""
    return (
        _employed
        & among(_occupation, labels_of_group("OCCP", "SCI"))
        & _schooling_below("College, under 1 year")
    )


@rule("soft")
def practitioner_without_diploma() -> pl.Expr:
    """Works as a healthcare practitioner or technician without a high school diploma."""
    return (
        _employed
        & among(_occupation, labels_of_group("OCCP", "MED"))
        & _schooling_below("Regular high school diploma")
    )


@rule("soft")
def teaching_without_diploma() -> pl.Expr:
    """Works in teaching or libraries without a high school diploma."""
    return (
        _employed
        & among(_occupation, labels_of_group("OCCP", "EDU"))
        & _schooling_below("Regular high school diploma")
    )


@rule("soft")
def engineering_without_diploma() -> pl.Expr:
    """Works in engineering, architecture, computing or mathematics without a high school diploma."""
    return (
        _employed
        & among(_occupation, labels_of_group("OCCP", "ENG", "CMM"))
        & _schooling_below("Regular high school diploma")
    )


@rule("soft")
def flying_without_diploma() -> pl.Expr:
    """Works as a pilot or in air traffic control without a high school diploma."""
    flying = [_occupations[code] for code in (9030, 9040)]
    return _employed & among(_occupation, flying) & _schooling_below("Regular high school diploma")


@rule("soft")
def learned_manual_work() -> pl.Expr:
    """Works in cleaning, food service, farming or extraction with a doctorate or professional degree."""
    manual = labels_of_group("OCCP", "CLN", "EAT", "FFF", "EXT")
    return _employed & among(_occupation, manual) & _schooling_from("Professional degree")


@rule("soft")
def manager_under_18() -> pl.Expr:
    """Works as a manager, in law or as a financial specialist at 16 or 17."""
    return (
        _employed & _age.is_between(16, 17) & among(_occupation, labels_of_group("OCCP", "MGR", "LGL", "FIN"))
    )


@rule("soft")
def self_employed_under_18() -> pl.Expr:
    """Works in a business of their own at 16 or 17."""
    return _employed & _age.is_between(16, 17) & pl.col("class_of_worker").str.starts_with("Self-employed")


@rule("soft")
def work_from_90() -> pl.Expr:
    """Employed or looking for work at 90 or later."""
    return (_age >= 90) & (_employed | (_employment == "Unemployed"))


@rule("soft")
def forces_from_60() -> pl.Expr:
    """In the armed forces at 60 or later."""
    return (_age >= 60) & (_employment.str.starts_with("Armed forces") | (_service == "Active duty"))


@rule("soft")
def forces_without_diploma() -> pl.Expr:
    """In the armed forces without a high school diploma."""
    return _employment.str.starts_with("Armed forces") & _schooling_below("Regular high school diploma")


@rule("soft")
def forces_uninsured() -> pl.Expr:
    """In the armed forces without health insurance."""
    forces = _employment.str.starts_with("Armed forces")
    return forces & (pl.col("health_insurance") == "Without health insurance")


@rule("soft")
def forces_not_a_citizen() -> pl.Expr:
    """In the armed forces, and not a citizen."""
    return _employment.str.starts_with("Armed forces") & (pl.col("citizenship") == "Not a citizen")


@rule("soft")
def forces_with_sight_difficulty() -> pl.Expr:
    """In the armed forces with serious difficulty seeing."""
    return _employment.str.starts_with("Armed forces") & (pl.col("vision_difficulty") == "Yes")


@rule("soft")
def veteran_under_20() -> pl.Expr:
    """A veteran at 17 to 19."""
    return _age.is_between(17, 19) & (_service == "Veteran")


@rule("soft")
def veteran_not_a_citizen() -> pl.Expr:
    """A veteran, and not a citizen."""
    return (_service == "Veteran") & (pl.col("citizenship") == "Not a citizen")


@rule("soft")
def federal_work_of_a_noncitizen() -> pl.Expr:
    """Works for the federal government, and is not a citizen."""
    federal = pl.col("class_of_worker") == "Federal government"
    return _employed & federal & (pl.col("citizenship") == "Not a citizen")


@rule("soft")
def no_english_born_here() -> pl.Expr:
    """Born in the United States and, at 18 or later, speaks no English."""
    born = pl.col("citizenship") == "Born in the United States"
    return born & (pl.col("ability_to_speak_english") == "Not at all") & (_age >= 18)


@rule("soft")
def no_english_at_a_desk() -> pl.Expr:
    """Speaks no English, and works in law, teaching, community service or an office."""
    desk = labels_of_group("OCCP", "LGL", "EDU", "CMS", "OFF")
    return _employed & among(_occupation, desk) & (pl.col("ability_to_speak_english") == "Not at all")


@rule("soft")
def naturalized_under_2() -> pl.Expr:
    """A naturalized citizen before the second birthday."""
    return (_age < 2) & (pl.col("citizenship") == "Naturalized citizen")


@rule("soft")
def uninsured_from_65() -> pl.Expr:
    """Without health insurance at 65 or later, when Medicare is open to nearly all."""
    return (_age >= 65) & (pl.col("health_insurance") == "Without health insurance")


@rule("soft")
def uninsured_with_high_income() -> pl.Expr:
    """A household income of $500,000 or more, and no health insurance."""
    return (_income >= 500_000) & (pl.col("health_insurance") == "Without health insurance")


@rule("soft")
def at_work_alone_without_income() -> pl.Expr:
    """At work for pay, living alone, with a household income of nothing or less."""
    paid = _employed & (pl.col("class_of_worker") != "Unpaid family worker")
    return paid & _alone & (_income <= 0)


@rule("soft")
def rich_and_young_alone() -> pl.Expr:
    """Living alone under 22 with an income of $150,000 or more."""
    return (_age < 22) & _alone & (_income >= 150_000)


@rule("soft")
def rich_alone_out_of_work() -> pl.Expr:
    """Living alone, looking for work, with an income of $300,000 or more."""
    return (_employment == "Unemployed") & _alone & (_income >= 300_000)


@rule("soft")
def transport_with_sight_difficulty() -> pl.Expr:
    """Works in transport with serious difficulty seeing."""
    driving = among(_occupation, labels_of_group("OCCP", "TRN"))
    return _employed & driving & (pl.col("vision_difficulty") == "Yes")
