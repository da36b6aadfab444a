"""What is left out is not told: by construction, by its words, and by what real renderings give away."""

import re
from collections import Counter, defaultdict

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from populace.errors import DataError
from populace.personas import ATTRIBUTES, COLUMNS, Persona, build, render
from populace.personas.leaks import GROUPS, LEAKS, hidden, neutral_household, resolve, told
from populace.personas.lists import entries
from populace.personas.render import LEVELS, TEMPLATES
from populace.personas.schema import BASIC_VALUES, BIG_FIVE, WRITTEN, attribute
from populace.population import build as build_population

FORMS = [(template, level) for template in TEMPLATES for level in LEVELS if template != "release"]
FORMS.append(("release", "standard"))
TEXTS = {name: [entry.text for entry in entries(name)] for name in WRITTEN}


def value(each) -> st.SearchStrategy:
    if each.kind in ("integer", "dollars"):
        return st.integers(each.low, each.high)
    if each.values:
        return st.sampled_from(each.values)
    return st.sampled_from(TEXTS.get(each.name) or ["Irish", "Honduras", "Legal occupations", "Economists"])


VALUES = {each.name: st.one_of(st.none(), value(each)) for each in ATTRIBUTES}
PERSONAS = st.builds(Persona, **VALUES)


def dropped(name):
    """Attributes that go wholly with a name: nothing is left of any value."""
    steps = LEAKS.get(name, {})
    return [
        other
        for other, step in steps.items()
        if all(step(each) is None for each in attribute(other).values or ("some text",))
    ]


@settings(max_examples=400, deadline=None)
@given(PERSONAS, st.sampled_from(COLUMNS), st.sampled_from(FORMS), st.data())
def test_personas_that_differ_in_what_is_left_out_read_the_same(persona, name, form, data):
    """Byte for byte, also where what would tell it differs."""
    template, level = form
    other = {name: data.draw(VALUES[name]) for name in (name, *dropped(name))}
    twin = msgspec.structs.replace(persona, **other)
    text = render(persona, template, level=level, leave_out=[name])
    assert text == render(twin, template, level=level, leave_out=[name])


# Pairs that the left-out attribute alone parts: the value that tells it, in two forms.
TWINS = [
    (
        "sex",
        {"sex": "Male", "household_type": "Male householder living alone"},
        {"sex": "Female", "household_type": "Female householder living alone", "fertility": "No"},
    ),
    ("age", {"age": 9, "education": "Grade 3"}, {"age": 30, "education": "Grade 9"}),
    (
        "employment_status",
        {"employment_status": "Civilian employed, at work", "detailed_job_description": "driving"},
        {"employment_status": "Not in labor force", "class_of_worker": "Never worked or not in 5 years"},
    ),
    (
        "veteran_status",
        {"veteran_status": "Active duty", "employment_status": "Armed forces, at work"},
        {"veteran_status": "Never served", "employment_status": "Civilian employed, at work"},
    ),
    (
        "class_of_worker",
        {
            "class_of_worker": "Federal government",
            "employment_status": "Armed forces, at work",
            "veteran_status": "Active duty",
        },
        {"class_of_worker": "State government", "employment_status": "Civilian employed, not at work"},
    ),
    (
        "family_presence_and_age",
        {
            "family_presence_and_age": "No related children",
            "household_type": "Married couple household, no children under 18",
        },
        {
            "family_presence_and_age": "Related children under 5 only",
            "household_type": "Married couple household with children under 18",
        },
    ),
    (
        "place_of_birth",
        {"place_of_birth": "Ohio", "citizenship": "Born in the United States"},
        {"place_of_birth": "Guam", "citizenship": "Born in US territories"},
    ),
    (
        "ancestry",
        {"ancestry": "Mexican", "hispanic_origin": "Mexican"},
        {"ancestry": "Cuban", "hispanic_origin": "Cuban"},
    ),
    (
        "race",
        {"race": "Asian alone", "household_language": "Asian and Pacific Island"},
        {"race": "White alone", "household_language": "Other Indo-European", "ancestry": "Irish"},
    ),
    (
        "hispanic_origin",
        {"hispanic_origin": "Cuban", "household_language": "Spanish"},
        {"hispanic_origin": "Not Hispanic", "household_language": "Other"},
    ),
    (
        "religion",
        {"religion": "Catholic", "lifestyle": "a life centered on a church community"},
        {"religion": "Unaffiliated", "lifestyle": "a secular life guided by personal conscience"},
    ),
    (
        "income",
        {"income": 9_000, "lifestyle": "a paycheck-to-paycheck life with careful planning"},
        {"income": 900_000, "lifestyle": "a well-traveled life with a suitcase always half packed"},
    ),
]


@pytest.mark.parametrize(("name", "one", "other"), TWINS, ids=[f"{name}" for name, *_ in TWINS])
@pytest.mark.parametrize("form", FORMS, ids="-".join)
def test_twins_read_the_same_without_what_parts_them(name, one, other, form):
    template, level = form
    base = {"state": "Ohio", "openness": "High"}
    texts = [
        render(Persona(**base, **each), template, level=level, leave_out=[name]) for each in (one, other)
    ]
    assert texts[0] == texts[1]
    assert "Ohio" in texts[0]
    # They do differ where it is not left out.
    assert render(Persona(**base, **one), template, level=level) != render(
        Persona(**base, **other), template, level=level
    )


# Written apart from the room's own list of words.
LEXICON = {
    "sex": r"he|she|him|her|his|hers|man|woman|boy|girl|male|female|men|women|gave birth|had a baby|fertility"
    r"|mother|father|wife|husband",
    "age": r"\d+-year-old|newborn|man|woman|boy|girl|retired|retirement|grade \d+"
    r"|through kindergarten|through preschool|teenage|homework|gave birth|grandchildren",
    "race": r"white|black|asian|american indian|multiracial|pacific islander",
    "state": r"ohio|california|texas|new york|florida",
    "marital_status": r"married|divorced|widowed|separated|spouse|couple|husband|wife|partner",
    "occupation_category": r"works? as an?|employed as|worked as|occupation category|working day|this means",
    "employment_status": r"(have|has|had|no) a? ?job|(you|i|he|she|they) works?|employment|for work"
    r"|labor force|retired|working day",
    "religion": r"catholic|protestant|jewish|muslim|buddhist|hindu|christian|church|bible|faith|worship"
    r"|affiliated|mosque|synagogue|prayers?",
    "ideology": r"liberal|conservative|moderate",
    "political_views": r"democrat|republican|political independent|political views|smaller party",
    "income": r"\$[\d,]+|household makes|takes in|annual income|paycheck-to-paycheck|income:",
    "citizenship": r"citizen|citizenship|born",
    "health_insurance": r"health insurance",
    "disability": r"disability|difficulty|hard time",
    "veteran_status": r"military|veteran|active duty",
    "fertility": r"gave birth|had a baby|fertility",
    "core_values": r"above all|what counts most|core values|what matters most",
    "household_language": r"household speaks|speaks? english|household language|spoken in",
    "education": r"degree|diploma|schooling|some college|of college|doctorate|a ged",
}


@pytest.fixture(scope="module")
def people():
    population = build_population("us-2024", size=900, seed=11)
    return list(build(population, seed=11, adults=False))


@pytest.mark.parametrize("name", LEXICON)
def test_no_word_of_it_is_left(name, people):
    """Drawn people of all ages in every form."""
    words = re.compile(rf"(?<!\w)({LEXICON[name]})(?!\w)", flags=re.IGNORECASE)
    heard = 0
    for at, persona in enumerate(people):
        template, level = FORMS[at % len(FORMS)]
        # Questions of an interview are the same for everyone.
        text, full = (
            re.sub(r"^Q: .*$", "", render(persona, template, level=level, leave_out=out), flags=re.MULTILINE)
            for out in ([name], [])
        )
        found = words.search(text)
        assert found is None, (found, text)
        heard += bool(words.search(full))
    # The words are those that renderings do use.
    assert heard > 0


def test_nothing_left_in_a_text_gives_it_away(people):
    """No sentence that many adults share belongs to one value of what was left out."""
    adults = [one for one in people if (one.age or 0) >= 18][:600]
    asked = ("sex", "race", "marital_status", "employment_status", "religion", "citizenship", "ideology",
             "political_views", "disability", "household_type", "veteran_status", *BIG_FIVE)  # fmt: skip
    for name in asked:
        shares = Counter(getattr(one, name) for one in adults)
        seen = defaultdict(Counter)
        for one in adults:
            text = f"{render(one, leave_out=[name])}\n{render(one, 'release', leave_out=[name])}"
            for sentence in set(re.split(r"(?<=\w\.) (?=[A-Z])|\n", text)):
                seen[sentence][getattr(one, name)] += 1
        for sentence, values in seen.items():
            kind, count = values.most_common(1)[0]
            sole = len(values) == 1 and count >= 25 and shares[kind] < 0.75 * len(adults)
            # A question that some are not asked is told by who they are: not a value, and no leak.
            assert not sole or kind is None, (name, kind, sentence)


def test_the_table_names_attributes_and_keeps_them_apart():
    assert set(LEAKS) <= set(COLUMNS)
    for name, others in LEAKS.items():
        assert set(others) <= set(COLUMNS) - {name}
    assert all(set(members) <= set(COLUMNS) for members in GROUPS.values())
    assert not set(GROUPS) & set(COLUMNS)


def test_groups_and_names():
    assert resolve(["politics", "age"]) == {"ideology", "political_views", "age"}
    assert resolve("politics") == {"ideology", "political_views"}
    with pytest.raises(DataError, match=r"no attribute 'big_fiv'"):
        resolve(["big_fiv"])
    hide, guarded = hidden(["sex"], only=["sex", "age"])
    assert hide == frozenset(COLUMNS) - {"age"}
    assert guarded == {"sex"}


def test_leaving_everything_out_leaves_nothing():
    one = Persona(age=40, sex="Female", lifestyle="a quiet life", income=7)
    assert [render(one, template, leave_out=COLUMNS) for template in TEMPLATES] == [""] * 4
    assert render(one, only=[]) == ""


def test_only_shows_in_full_what_is_named():
    one = Persona(
        age=40, sex="Female", marital_status="Widowed", household_type="Female householder living alone"
    )
    assert (
        render(one, "release", only=["household_type"]) == "household type: Female householder living alone"
    )
    # Guarded as well: the type stays, without the householder's sex.
    assert render(one, "release", only=["household_type"], leave_out=["sex"]) == (
        "household type: Householder living alone"
    )
    assert render(one, only=["age", "sex"]) == "You are a 40-year-old woman."


def test_texts_tell_by_tag_and_by_word():
    # By tag: the entry needs the flag `christian`, which reads the religion.
    assert "religion" in told("a life centered on a church community")
    # By word, for a text of no list.
    assert {"sex", "family_presence_and_age"} <= told("chasing her toddlers round the yard")
    assert told("skimming stones") == frozenset()


def test_every_household_type_has_no_sex():
    kinds = attribute("household_type").values
    assert not any(re.search(r"male", neutral_household(kind), re.IGNORECASE) for kind in kinds)
    assert len({neutral_household(kind) for kind in kinds}) == len(kinds) - 4 - 1 - 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("openness", "a curious life, always taking some class"),
        ("conscientiousness", "a life organized around lists and deadlines"),
        ("neuroticism", "a calm life guarded against hurry"),
        ("tradition", "a traditional life that keeps to familiar ways"),
        ("benevolence", "looking after the people close by"),  # by its tag alone
        ("extraversion", "somebody outgoing in every company"),  # by its words alone
        ("security", "a safe harbor above all"),
    ],
)
def test_traits_and_values_are_not_told_by_a_text(name, text):
    assert name in told(text)
    assert text not in render(Persona(age=40, lifestyle=text), leave_out=[name])
    assert text in render(Persona(age=40, lifestyle=text), leave_out=["race"])


def test_leaving_out_one_trait_or_value_leaves_most_texts():
    for name in (*BIG_FIVE, *BASIC_VALUES):
        kept = [name not in told(text) for texts in TEXTS.values() for text in texts]
        assert sum(kept) / len(kept) >= 0.9, name
