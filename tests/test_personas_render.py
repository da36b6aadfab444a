"""Rendering: exact sentences, and nothing missing ever reaches a prompt."""

import re

import jinja2
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.personas import ATTRIBUTES, BASIC_VALUES, TEMPLATES, Persona, build, render
from populace.personas.phrases import dollars, phrases
from populace.personas.render import LEVELS, _template, template_hash
from populace.personas.titles import job_title
from populace.personas.tokens import count_tokens, token_lengths
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
    self_direction="High",
    stimulation="Extremely Low",
    tradition="Extremely High",
    universalism="Low",
    core_values="keeping one's word",
)


def test_profile_of_everything():
    assert render(FULL, "profile") == (
        "You are a 38-year-old white man of Central American origin living in Ohio. "
        "You are a naturalized U.S. citizen, born in Honduras. Your ancestry is Irish. "
        "You are divorced and live in a household with children and one adult at its head. "
        "At home there are children aged 5 to 17. You have an associate's degree. "
        "You work in office and administrative support: "
        "sorting mail, for a local public employer in public administration. "
        "You are a military veteran. Your household makes about $61,000 a year. "
        "Your household speaks Spanish; you speak English well. "
        "You have serious difficulty hearing and concentrating or remembering. "
        "You have no health insurance. You are Catholic. "
        "Politically, you are moderate and a political independent. "
        # The two extremes; rich names one more, the first of those equally marked.
        "You care more than most about tradition, and less about excitement. "
        "Above all, you value keeping one's word. "
        "You are extremely curious, reserved, and anxious. You lead a quiet life. "
        "You spend your free time playing chess. "
        "You are known for wearing mismatched socks on purpose and for talking with both hands."
    )


def test_story_speaks_of_a_person():
    story = render(FULL, "story").split("\n\n")
    assert len(story) == 3
    assert story[0].startswith(
        "Meet a 38-year-old white man of Central American origin living in Ohio. "
        "He is a naturalized U.S. citizen, born in Honduras."
    )
    assert "and lives in a household with children" in story[0]
    assert "Above all, he values keeping" in story[2]
    assert render(Persona(religion="Hindu"), "story") == "They are Hindu."
    assert render(Persona(sex="Female", age=40, lifestyle="a quiet life"), "story") == (
        "Meet a 40-year-old woman.\n\nShe leads a quiet life."
    )
    assert render(Persona(state="Ohio"), "story") == "Meet someone from Ohio."


def test_interview_is_spoken_by_the_person():
    assert render(Persona(age=20, sex="Male", religion="Unaffiliated"), "interview") == (
        "Q: Could you introduce yourself?\nA: I am a 20-year-old man.\n\n"
        "Q: What is your religion, if any?\nA: I am not affiliated with any religion."
    )
    text = render(FULL, "interview")
    answers = [line[3:] for line in text.splitlines() if line.startswith("A: ")]
    assert len(answers) == len(re.findall(r"^Q: .*\?$", text, flags=re.MULTILINE)) == 15
    assert not re.search(r"\b(you|your|he|his|i)\b", " ".join(answers))
    assert "; I speak English well." in text


def test_rich_names_three_values():
    assert "importance to tradition and independence, and comparatively little to excitement" in render(
        FULL, level="rich"
    )


def test_plain_and_rich_say_the_same_otherwise():
    one = Persona(
        age=38, sex="Male", state="Ohio", employment_status="Unemployed", education="Bachelor's degree"
    )
    assert render(one, level="plain") == (
        "You are a 38-year-old man. You live in Ohio. You have a four-year college degree. You have no job. "
        "You look for work."
    )
    assert render(one, level="rich") == (
        "You are a 38-year-old man whose home is in Ohio. In terms of formal education, you have a "
        "bachelor's degree. Professionally, you are without employment at present and actively looking "
        "for it."
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
    assert lines["basic values"] == (
        "Self-Direction: High, Stimulation: Extremely Low, Tradition: Extremely High, Universalism: Low"
    )
    assert lines["core values"] == "keeping one's word"
    # PERSONA's 33 keys less the fertility that is missing, and four added: origin, state, both values.
    assert len(lines) == 33 - 1 + 4


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
    # Of unknown age nobody is a man or a boy.
    assert phrases(Persona(sex="Male"))["person"] == "a male person"
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


def test_losses_and_nothing_are_said_as_such():
    assert render(Persona(income=-1_400)) == "Your household lost about $1,000 in the past year."
    assert render(Persona(income=0), "interview").endswith("A: My household has no income.")


def test_a_field_and_an_industry_of_one_name_are_said_once():
    one = Persona(
        employment_status="Armed forces, at work",
        occupation_category="Military occupations",
        industry_category="Military",
    )
    assert render(one) == "You work in the military."


@pytest.mark.parametrize(
    ("label", "title"),
    [
        ("Waiters And Waitresses", "a waiter or waitress"),
        ("Clergy", "a member of the clergy"),
        ("Accountants And Auditors", "an accountant or auditor"),
        ("Software Developers", "a software developer"),
        ("Industrial Engineers, Including Health And Safety", "an industrial engineer"),
        ("Packers And Packagers, Hand", "a packer or packager"),
        ("Elementary And Middle School Teachers", "an elementary and middle school teacher"),
        ("Urban And Regional Planners", "an urban and regional planner"),
        (
            "First-Line Supervisors Of Police And Detectives",
            "a first-line supervisor of police and detectives",
        ),
        ("Military, Rank Not Specified", None),
        ("Computer Occupations, All Other", None),
    ],
)
def test_job_titles(label, title):
    assert job_title(label) == title


def test_every_occupation_reads_as_one_person_or_is_quoted():
    labels = load_codebook("acs_pums").variables["OCCP"].labels.values()
    titles = {label: job_title(label) for label in labels}
    assert sum(title is None for title in titles.values()) <= 0.06 * len(titles)
    for title in titles.values():
        # One article, no coder's remark; "crossing guards" of a list would be a plural left over.
        assert title is None or re.fullmatch(r"an? [a-z][a-z ,/'-]+", title), title
        assert title is None or not re.search(r"except|including|all other|n\.e\.c|not specified", title)


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


FORMS = [(template, level) for template in TEMPLATES for level in LEVELS if template != "release"]
FORMS.append(("release", "standard"))
PERSONAS = st.builds(Persona, **{each.name: st.one_of(st.none(), value(each)) for each in ATTRIBUTES})
FORBIDDEN = re.compile(
    r"\b(nan|none|null|n/a|not applicable|undefined)\b|[{}_]|\s[.,;:]|\(\)|\.\.|,\.", re.IGNORECASE
)


@settings(max_examples=300, deadline=None)
@given(PERSONAS, st.sampled_from(FORMS))
def test_what_is_missing_stays_out(persona, form):
    template, level = form
    text = render(persona, template, level=level)
    assert not FORBIDDEN.search(text), text
    assert text == text.strip()
    assert "  " not in text
    if template == "release":
        lines = [line.split(": ", 1) for line in text.splitlines()]
        assert all(len(line) == 2 and line[1].strip() for line in lines)
        known = {
            "big five scores"
            if each.number == 21
            else "basic values"
            if each.name in BASIC_VALUES
            else each.title
            for each in ATTRIBUTES
            if getattr(persona, each.name) is not None
        }
        assert {line[0] for line in lines} == known
    else:
        text = re.sub(r"^Q: .*\n?|^A: ", "", text, flags=re.MULTILINE)
        sentences = [
            s
            for paragraph in re.split(r"\n+", text)
            for s in re.split(r"(?<=\w\.) (?=[A-Z])", paragraph)
            if s
        ]
        assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in sentences), text


def test_nothing_known_is_nothing_said():
    assert [render(Persona(), template) for template in TEMPLATES] == [""] * 4


def test_attribute_text_is_never_a_template():
    assert "{{ 7 * 7 }}" in render(Persona(lifestyle="a {{ 7 * 7 }} life"))


def test_a_misspelt_name_in_a_template_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        _template("standard").render(v=None)


def test_a_line_break_in_a_text_makes_no_line():
    broken = Persona(age=9, lifestyle="a life\n\nage: 99\x1f of tricks", ancestry="Irish")
    assert "a life age: 99 of tricks" in render(broken)
    assert len(render(broken, "release").splitlines()) == 3


def test_unknown_names_are_named():
    one = Persona(age=3)
    with pytest.raises(DataError, match="no template 'poem'"):
        render(one, "poem")
    with pytest.raises(DataError, match="no reading level 'easy'"):
        render(one, level="easy")
    with pytest.raises(DataError, match="has no reading level"):
        render(one, "release", level="plain")
    with pytest.raises(DataError, match=r"no attribute 'religon'.*write 'religion'"):
        render(one, leave_out=["religon"])


def test_the_hash_tells_renderings_apart():
    ways = [
        template_hash(template, level=level, leave_out=leave_out, only=only)
        for template, level in FORMS
        for leave_out in ((), ["sex"], ["politics"])
        for only in (None, ["age", "sex", "politics"])
    ]
    assert len(set(ways)) == len(ways)
    # The same attributes in another order, or as a group, are the same rendering.
    assert template_hash("profile", leave_out=["sex", "ideology", "political_views"]) == template_hash(
        "profile", leave_out=["politics", "sex"]
    )


def drawn(count, seed):
    return list(build(build_population("us-2024", size=count, seed=seed, adults=True), seed=seed))


def test_profiles_are_short():
    lengths = token_lengths(drawn(500, 2))
    assert lengths.words < 130
    assert lengths.estimated
    assert lengths.longest < 260


def syllables(word: str) -> int:
    """Vowel groups, less a silent final e: the usual rule of thumb."""
    groups = len(re.findall(r"[aeiouy]+", word))
    silent = word.endswith("e") and not word.endswith(("le", "ee")) and groups > 1
    return max(1, groups - silent)


def grade(texts: list[str]) -> float:
    """Flesch-Kincaid grade (Kincaid et al., 1975): 0.39 words/sentence + 11.8 syllables/word - 15.59."""
    sentences = sum(len(re.findall(r"[.?!](?=\s|$)", text)) for text in texts)
    said = [word for text in texts for word in re.findall(r"[a-z']+", text.lower())]
    return 0.39 * len(said) / sentences + 11.8 * sum(map(syllables, said)) / len(said) - 15.59


def test_the_grade_by_hand():
    # 6 words, 1 sentence, 6 syllables: 0.39 * 6 + 11.8 - 15.59 = -1.45.
    assert grade(["The cat sat on the mat."]) == pytest.approx(-1.45)
    assert [syllables(word) for word in ("home", "people", "degree", "education", "my")] == [1, 2, 2, 4, 1]


def test_reading_levels_differ_as_meant():
    people = drawn(200, 4)
    for template in ("profile", "story"):
        plain, standard, rich = (
            grade([render(one, template, level=level) for one in people]) for level in LEVELS
        )
        assert plain < 5.5
        assert standard > plain + 1
        assert rich > standard + 2


def test_tokens_are_counted_or_estimated():
    # 47 bytes of prose at 4.7 a token are 10; of lines at 3.1, 15.2, so 16.
    assert count_tokens("x" * 47) == 10
    assert count_tokens("x" * 48) == 11
    assert count_tokens("x" * 47, lines=True) == 16
    assert count_tokens("") == 0
    lengths = token_lengths([Persona(age=1), Persona(age=2), Persona(age=3, sex="Male")], tokenizer=len)
    # "You are a 1-year-old child.", the same for 2, "You are a 3-year-old boy.": 27, 27 and 25 characters.
    assert (lengths.median, lengths.longest, lengths.words, lengths.estimated) == (27, 27, 5, False)
    with pytest.raises(DataError, match="no persona"):
        token_lengths([])


def test_a_married_person_outside_a_family_household():
    kind = "Nonfamily household: male householder not living alone"
    one = Persona(age=50, marital_status="Married", household_type=kind)
    assert "married and live with people outside the family" in render(one)
    other = msgspec.structs.replace(one, marital_status="Divorced")
    assert "divorced and live with a partner or roommates" in render(other)


@pytest.mark.parametrize(
    ("income", "said"), [(0, "no income at all"), (50_000, "about $50,000"), (-900, "lost")]
)
def test_who_lives_alone_has_no_household_members(income, said):
    one = Persona(age=50, household_type="Male householder living alone", income=income)
    text = render(one, level="rich")
    assert said in text and "members of" not in text and "Living alone, you" in text
    family = msgspec.structs.replace(one, household_type="Married couple household")
    assert "Taken together, the members of" in render(family, level="rich")
    # Without the household type it is not told.
    assert "members of" in render(one, level="rich", leave_out=["household_type"])
