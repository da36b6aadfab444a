"""Hard rules that guard what is drawn here: opinions, traits, jobs and texts.

Tags already keep these silent, so one fires where somebody edits a list carelessly or imports personas
that another tool wrote.
"""

from __future__ import annotations

import polars as pl

from populace.personas.lists import MIN_AGE
from populace.personas.rules.registry import rule, text
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, EMPLOYED, WRITTEN

_age = pl.col("age")
_employment = pl.col("employment_status")
_household = pl.col("household_type")
_religion = pl.col("religion")


@rule("hard")
def views_under_18() -> pl.Expr:
    """Nobody under 18 has an ideology, a party, a religion or scored traits: no survey asked them."""
    asked = ("ideology", "political_views", "religion", *BIG_FIVE)
    return (_age < 18) & pl.any_horizontal(pl.col(name).is_not_null() for name in asked)


@rule("hard")
def job_without_employment() -> pl.Expr:
    """Only the employed have a job description."""
    described = pl.col("detailed_job_description").is_not_null()
    return described & ~_employment.is_in(EMPLOYED)


@rule("hard")
def retired_too_young_or_at_work() -> pl.Expr:
    """Texts speak of retirement only for people from 50 who do not work."""
    unfit = (_age < 50).fill_null(False) | _employment.is_in(EMPLOYED).fill_null(False)
    return text(r"\bretire") & unfit


@rule("hard")
def worship_against_religion() -> pl.Expr:
    """Texts name a house or practice of worship only for people of that religion."""
    christian = ~_religion.is_in(["Protestant", "Catholic", "Other Christian"])
    return (
        (text(r"\b(church|bible|saying grace)\b") & christian)
        | (text(r"\bsynagogue\b") & (_religion != "Jewish"))
        | (text(r"\bmosque\b") & (_religion != "Muslim"))
        | (text(r"\b(worship|faith)\b") & (_religion == "Unaffiliated"))
        | (text(r"\bsecular\b") & (_religion != "Unaffiliated"))
    )


@rule("hard")
def sight_against_difficulty() -> pl.Expr:
    """Texts describe reading, driving, watching and the like only for people who see well enough."""
    patterns = (
        r"\b(reading|driving|watching|painting|sketching|birdwatching|photographs|squinting|stargazing"
        r"|telescope|typos?|gas prices|steering wheel|sightseeing|eye contact)\b"
    )
    return text(patterns) & (pl.col("vision_difficulty") == "Yes")


@rule("hard")
def adult_habit_of_a_minor() -> pl.Expr:
    """Texts speak of alcohol, betting, dating or shopping for gas only for adults of the age for it."""
    return (text(r"\b(beer|betting|toast|date nights)\b") & (_age < 21)) | (
        text(r"\bgas prices\b") & (_age < 16)
    )


@rule("hard")
def work_text_without_work() -> pl.Expr:
    """Texts speak of work only for the employed, and of the search for it only for the unemployed."""
    working = text(r"\b(work-centered|between work and home|paycheck-to-paycheck|hectic life of work)\b")
    seeking = text(r"\bjob-hunting\b")
    return (working & ~_employment.is_in(EMPLOYED)) | (seeking & (_employment != "Unemployed"))


@rule("hard")
def values_under_18() -> pl.Expr:
    """Nobody under 18 has scored values: no survey asked them."""
    return (_age < 18) & pl.any_horizontal(pl.col(name).is_not_null() for name in BASIC_VALUES)


@rule("hard")
def text_before_words() -> pl.Expr:
    """Nobody under 6 has quirks, mannerisms, pastimes, a lifestyle or core values."""
    return (_age < MIN_AGE) & pl.any_horizontal(pl.col(name).is_not_null() for name in WRITTEN)


@rule("hard")
def school_text_of_an_adult() -> pl.Expr:
    """Texts speak of homework and of a teenage life only for the young."""
    return text(r"\b(homework|teenage life|cartoons)\b", ("lifestyle", "personal_time")) & (_age > 25)


@rule("hard")
def living_text_against_household() -> pl.Expr:
    """Texts name living alone, or a life with a partner, only for people who live so."""
    alone = text(r"\b(solitary life|in a place of one's own)\b", ("lifestyle",))
    partner = text(r"\bwith a partner\b", ("lifestyle",))
    single = _household.str.contains("living alone")
    return (alone & ~single) | (partner & single)


@rule("hard")
def service_text_without_service() -> pl.Expr:
    """Texts speak of military service only for those who serve or have served."""
    serving = text(r"\bservice member's life\b", ("lifestyle",)) & ~_employment.str.starts_with("Armed")
    served = text(r"\bfrom military service\b", ("lifestyle",)) & (pl.col("veteran_status") == "Never served")
    return serving | served
