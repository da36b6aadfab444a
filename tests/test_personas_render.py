"""Rendering: exact sentences, and nothing missing ever reaches a prompt."""

import re

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.personas import ATTRIBUTES, TEMPLATES, Persona, build, render
from populace.personas.phrases import dollars, phrases
from populace.personas.render import _template
from populace.population import build as build_population
from populace.population.codebook import load_codebook

FULL = Persona(
    age=38,
    sex="Male",
    race="White alone",
    hispanic_origin="Other Central American",
    state="Ohio",
    ancestry="Irish",
    household_language="Spanish",
    education="Associate's degree",
    employment_status="Civilian employed, at work",
    class_of_worker="Local government",
    industry_category="Public administration",
    occupation_category="Office and administrative support occupations",
    detailed_job_description="sorting mail, for a local public employer in public administration",
    income=61_499,
    marital_status="Divorced",
    household_type="Male householder, no spouse or partner, with children under 18",
    family_presence_and_age="Related children 5 to 17 only",
    place_of_birth="Honduras",
    citizenship="Naturalized citizen",
    veteran_status="Veteran",
    disability="With a disability",
    health_insurance="Without health insurance",
    openness="Extremely High",
    conscientiousness="Average",
    extraversion="Low",
    agreeableness="Average",
    neuroticism="High",
    defining_quirks="wearing mismatched socks on purpose",
    mannerisms="talking with both hands",
    personal_time="playing chess",
    lifestyle="a quiet life",
    ideology="Moderate",
    political_views="Independent",
    religion="Catholic",
    cognitive_difficulty="Yes",
    ability_to_speak_english="Well",
    vision_difficulty="No",
    hearing_difficulty="Yes",
)


def test_profile_of_everything():
    assert render(FULL, "profile") == (
        "You are a 38-year-old white man of Central American origin living in Ohio. "
        "You are a naturalized U.S. citizen, born in Honduras. Your ancestry is Irish. "
        "You are divorced and live in a single-adult household with children. "
        "At home there are children aged 5 to 17. You have an associate's degree. "
        "You work in office and administrative support: "
        "sorting mail, for a local public employer in public administration. "
        "You are a military veteran. Your household income is about $61,000 a year. "
        "Your household speaks Spanish; you speak English well. "
        "You have serious difficulty hearing and concentrating or remembering. "
        "You have no health insurance. You are Catholic. "
        "Politically, you are moderate and a political independent. "
        "By temperament, you are extremely curious, reserved, and anxious. You lead a quiet life. "
        "You spend free time playing chess. "
        "You are known for wearing mismatched socks on purpose and for talking with both hands."
    )


def test_story_speaks_of_a_person():
    story = render(FULL, "story").split("\n\n")
    assert len(story) == 3
    assert story[0].startswith(
        "Meet a 38-year-old white man of Central American origin from Ohio. He was born in"
    )
    assert "He lives" not in story[0]
    assert "and lives in a single-adult household" in story[0]
    assert "People who know him would say he is extremely curious" in story[2]
    assert render(Persona(religion="Hindu"), "story") == "They are Hindu."
    assert render(Persona(sex="Female", lifestyle="a quiet life"), "story") == (
        "Meet a woman.\n\nAll in all it is a quiet life."
    )


def test_release_lines():
    lines = dict(line.split(": ", 1) for line in render(FULL, "release").splitlines())
    assert list(lines)[:5] == ["age", "sex", "race", "hispanic origin", "state"]
    assert lines["income"] == "61499"
    assert lines["big five scores"] == (
        "Openness: Extremely High, Conscientiousness: Average, Extraversion: Low, Agreeableness: Average, "
        "Neuroticism: High"
    )
    assert "fertility" not in lines
    # PERSONA's 33 keys less the fertility that is missing, and the two added.
    assert len(lines) == 33 - 1 + 2


def test_articles_and_ages():
    said = {
        age: phrases(Persona(age=age, sex="Female"))["person"] for age in (0, 1, 8, 11, 17, 18, 80, 89, 90)
    }
    assert said == {
        0: "a newborn girl",
        1: "a 1-year-old girl",
        8: "an 8-year-old girl",
        11: "an 11-year-old girl",
        17: "a 17-year-old girl",
        18: "an 18-year-old woman",
        80: "an 80-year-old woman",
        89: "an 89-year-old woman",
        90: "a 90-year-old woman",
    }
    assert phrases(Persona(race="Asian alone"))["person"] == "an Asian person"
    assert phrases(Persona(hispanic_origin="Cuban"))["person"] == "a person of Cuban origin"
    assert phrases(Persona(hispanic_origin="Not Hispanic"))["person"] is None


def test_marriage_is_said_once():
    home = {"household_type": "Married couple household"}
    assert render(Persona(marital_status="Married", **home)) == "You are married."
    assert render(Persona(marital_status="Divorced", **home)) == (
        "You are divorced and live in a married-couple household."
    )


def test_nobody_works_in_having_no_work():
    # The codebook's label for people without a job for five years is a label of OCCP.
    last = load_codebook("acs_pums").variables["OCCP"].label_of(9920)
    text = render(Persona(employment_status="Unemployed", occupation_category=last))
    assert text == "You are looking for work."


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "nothing"),
        (99, "less than $100"),
        (100, "about $100"),
        (951, "about $1,000"),
        (99_600, "about $100,000"),
        (104_999, "about $100,000"),
        (105_001, "about $110,000"),
        (949_999, "about $950,000"),
        (999_999, "about $1 million"),
        (-800, "a loss of about $800"),
    ],
)
def test_dollars(amount, text):
    assert dollars(amount) == text


def value(each) -> st.SearchStrategy:
    if each.kind in ("integer", "dollars"):
        return st.integers(each.low, each.high)
    if each.values:
        return st.sampled_from(each.values)
    return st.sampled_from(["Irish", "Honduras", "Legal occupations", "Retail trade", "reading at home"])


PERSONAS = st.builds(Persona, **{each.name: st.one_of(st.none(), value(each)) for each in ATTRIBUTES})
FORBIDDEN = re.compile(
    r"\b(nan|none|null|n/a|not applicable|undefined)\b|[{}_]|\s[.,;:]|\(\)|\.\.|,\.", re.IGNORECASE
)


@settings(max_examples=300, deadline=None)
@given(PERSONAS, st.sampled_from(sorted(TEMPLATES)))
def test_what_is_missing_stays_out(persona, template):
    text = render(persona, template)
    assert not FORBIDDEN.search(text), text
    assert text == text.strip()
    assert "  " not in text
    if template == "release":
        lines = [line.split(": ", 1) for line in text.splitlines()]
        assert all(len(line) == 2 and line[1].strip() for line in lines)
        known = {
            "big five scores" if each.number == 21 else each.title
            for each in ATTRIBUTES
            if getattr(persona, each.name) is not None
        }
        assert {line[0] for line in lines} == known
    else:
        sentences = [
            s for paragraph in text.split("\n\n") for s in re.split(r"(?<=\w\.) (?=[A-Z])", paragraph) if s
        ]
        assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences), text


def test_nothing_known_is_nothing_said():
    assert [render(Persona(), template) for template in TEMPLATES] == ["", "", ""]


def test_attribute_text_is_never_a_template():
    assert "{{ 7 * 7 }}" in render(Persona(lifestyle="a {{ 7 * 7 }} life"))


def test_a_misspelt_name_in_a_template_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        _template("profile").render(v=None)


def test_unknown_template():
    with pytest.raises(DataError, match="no template 'poem'"):
        render(Persona(age=3), "poem")


def test_profiles_are_short():
    people = build_population("us-2024", size=500, seed=2, adults=True)
    words = sorted(len(render(persona).split()) for persona in build(people, seed=2))
    # 220 tokens are about 165 words of plain English.
    assert words[len(words) // 2] < 135
    assert words[int(len(words) * 0.99)] < 165
