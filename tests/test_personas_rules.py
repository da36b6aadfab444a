"""Every rule fires on what it names, stays silent on its neighbour and on what is missing."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from populace.errors import DataError
from populace.personas import COLUMNS, RULES
from populace.personas.frames import complete
from populace.personas.lists import entries
from populace.personas.rules import (
    apply_rules,
    broken_rules,
    measurement,
    rates,
    rule_named,
    shuffled,
    soften,
    with_flags,
)
from populace.personas.schema import WRITTEN
from populace.population import build

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "acs_pums_2024"
WORK = "Civilian employed, at work"
FORCES = "Armed forces, at work"
ALONE = "Female householder living alone"
BORN = "Born in the United States"
NEVER = "Never worked or not in 5 years"
NO_JOB = "Unemployed, no work in the last 5 years or never worked"


def at_work(occupation, breaks, keeps):
    """The same job with two levels of schooling."""
    person = {"employment_status": WORK, "occupation_category": occupation}
    return {**person, "education": breaks}, {**person, "education": keeps}


# Rule -> (a person who breaks it, the closest person who does not).
CASES = {
    "married-under-15": ({"age": 14, "marital_status": "Married"}, {"age": 15, "marital_status": "Married"}),
    "widowed-too-young": ({"age": 17, "marital_status": "Widowed"}, {"age": 18, "marital_status": "Widowed"}),
    "schooling-under-3": ({"age": 2, "education": "Preschool"}, {"age": 3, "education": "Preschool"}),
    "grade-ahead-of-age": ({"age": 9, "education": "Grade 7"}, {"age": 10, "education": "Grade 7"}),
    "diploma-before-15": ({"age": 14, "education": "GED"}, {"age": 15, "education": "GED"}),
    "bachelor-before-18": (
        {"age": 17, "education": "Bachelor's degree"},
        {"age": 18, "education": "Bachelor's degree"},
    ),
    "master-before-20": (
        {"age": 19, "education": "Master's degree"},
        {"age": 20, "education": "Master's degree"},
    ),
    "doctorate-before-22": ({"age": 21, "education": "Doctorate"}, {"age": 22, "education": "Doctorate"}),
    "employment-under-16": ({"age": 15, "employment_status": WORK}, {"age": 16, "employment_status": WORK}),
    "employed-without-occupation": (
        {"employment_status": WORK, "class_of_worker": "Local government"},
        {
            "employment_status": WORK,
            "class_of_worker": "Local government",
            "occupation_category": "Legal occupations",
        },
    ),
    "armed-forces-class": (
        {"employment_status": "Armed forces, at work", "class_of_worker": "State government"},
        {"employment_status": "Armed forces, at work", "class_of_worker": "Federal government"},
    ),
    "armed-forces-without-service": (
        {"employment_status": "Armed forces, at work", "veteran_status": "Never served"},
        {"employment_status": "Armed forces, at work", "veteran_status": "Training only"},
    ),
    "armed-forces-over-70": (
        {"age": 71, "veteran_status": "Active duty"},
        {"age": 70, "veteran_status": "Active duty"},
    ),
    "veteran-under-17": ({"age": 16, "veteran_status": "Veteran"}, {"age": 17, "veteran_status": "Veteran"}),
    "birth-out-of-range": (
        {"age": 51, "sex": "Female", "fertility": "Yes"},
        {"age": 50, "sex": "Female", "fertility": "Yes"},
    ),
    "english-asked-of-english-only": (
        {"household_language": "English only", "ability_to_speak_english": "Well"},
        {"household_language": "Spanish", "ability_to_speak_english": "Well"},
    ),
    "disability-contradicted": (
        {"vision_difficulty": "Yes", "disability": "Without a disability"},
        {"vision_difficulty": "No", "disability": "Without a disability"},
    ),
    "alone-with-the-other-sex": (
        {"household_type": "Female householder living alone", "sex": "Male"},
        {"household_type": "Female householder living alone", "sex": "Female"},
    ),
    "alone-with-children": (
        {"age": 10, "household_type": "Nonfamily household: male householder living alone"},
        {"age": 10, "household_type": "Nonfamily household: male householder not living alone"},
    ),
    "income-below-floor": ({"income": -65_001}, {"income": -59_999}),
    "birthplace-against-citizenship": (
        {"place_of_birth": "Ohio", "citizenship": "Not a citizen"},
        {"place_of_birth": "Ohio", "citizenship": "Born in the United States"},
    ),
    "views-under-18": ({"age": 17, "ideology": "Liberal"}, {"age": 18, "ideology": "Liberal"}),
    "job-without-employment": (
        {"detailed_job_description": "driving", "employment_status": "Unemployed"},
        {"detailed_job_description": "driving", "employment_status": WORK},
    ),
    "retired-too-young-or-at-work": (
        {"age": 49, "lifestyle": "a retired life"},
        {"age": 50, "lifestyle": "a retired life"},
    ),
    "worship-against-religion": (
        {"religion": "Jewish", "personal_time": "singing in the church choir"},
        {"religion": "Catholic", "personal_time": "singing in the church choir"},
    ),
    "sight-against-difficulty": (
        {"vision_difficulty": "Yes", "personal_time": "birdwatching"},
        {"vision_difficulty": "No", "personal_time": "birdwatching"},
    ),
    "adult-habit-of-a-minor": (
        {"age": 20, "personal_time": "brewing beer at home"},
        {"age": 21, "personal_time": "brewing beer at home"},
    ),
    "work-text-without-work": (
        {"employment_status": "Not in labor force", "lifestyle": "a work-centered life"},
        {"employment_status": WORK, "lifestyle": "a work-centered life"},
    ),
    "some-college-before-15": (
        {"age": 14, "education": "College, under 1 year"},
        {"age": 15, "education": "College, under 1 year"},
    ),
    "never-worked-with-an-occupation": (
        {"class_of_worker": NEVER, "occupation_category": "Sales occupations"},
        {"class_of_worker": NEVER, "occupation_category": NO_JOB},
    ),
    "employed-without-a-trade": (
        {"employment_status": WORK, "industry_category": NO_JOB},
        {"employment_status": "Unemployed", "industry_category": NO_JOB},
    ),
    "military-occupation-of-a-civilian": (
        {"employment_status": WORK, "occupation_category": "Military occupations"},
        {"employment_status": FORCES, "occupation_category": "Military occupations"},
    ),
    "thinking-difficulty-under-5": (
        {"age": 4, "cognitive_difficulty": "No"},
        {"age": 5, "cognitive_difficulty": "No"},
    ),
    "children-outside-a-family": (
        {
            "household_type": "Nonfamily household: male householder not living alone",
            "family_presence_and_age": "No related children",
        },
        {
            "household_type": "Other family household: male householder, no spouse present",
            "family_presence_and_age": "No related children",
        },
    ),
    "children-counted-and-denied": (
        {
            "household_type": "Married couple household with children under 18",
            "family_presence_and_age": "No related children",
        },
        {
            "household_type": "Married couple household, no children under 18",
            "family_presence_and_age": "No related children",
        },
    ),
    "born-in-a-territory-elsewhere": (
        {"place_of_birth": "Guam", "citizenship": "Naturalized citizen"},
        {"place_of_birth": "Guam", "citizenship": "Born in US territories"},
    ),
    "self-employed-in-government": (
        {
            "class_of_worker": "Self-employed, unincorporated",
            "industry_category": "Public administration",
        },
        {"class_of_worker": "State government", "industry_category": "Public administration"},
    ),
    "values-under-18": ({"age": 17, "power": "Low"}, {"age": 18, "power": "Low"}),
    "text-before-words": ({"age": 5, "lifestyle": "a quiet life"}, {"age": 6, "lifestyle": "a quiet life"}),
    "school-text-of-an-adult": (
        {"age": 26, "lifestyle": "a teenage life of homework"},
        {"age": 17, "lifestyle": "a teenage life of homework"},
    ),
    "living-text-against-household": (
        {"lifestyle": "a solitary life", "household_type": "Married couple household"},
        {"lifestyle": "a solitary life", "household_type": "Male householder living alone"},
    ),
    "service-text-without-service": (
        {"lifestyle": "a service member's life", "employment_status": WORK},
        {"lifestyle": "a service member's life", "employment_status": FORCES},
    ),
    "married-under-18": ({"age": 17, "marital_status": "Married"}, {"age": 18, "marital_status": "Married"}),
    "divorced-under-21": (
        {"age": 20, "marital_status": "Divorced"},
        {"age": 21, "marital_status": "Divorced"},
    ),
    "widowed-under-30": ({"age": 29, "marital_status": "Widowed"}, {"age": 30, "marital_status": "Widowed"}),
    "alone-under-18": ({"age": 17, "household_type": ALONE}, {"age": 18, "household_type": ALONE}),
    "married-living-alone": (
        {"marital_status": "Married", "household_type": ALONE},
        {"marital_status": "Separated", "household_type": ALONE},
    ),
    "birth-from-46": ({"age": 46, "fertility": "Yes"}, {"age": 45, "fertility": "Yes"}),
    "birth-under-17": ({"age": 16, "fertility": "Yes"}, {"age": 17, "fertility": "Yes"}),
    "birth-living-alone": (
        {"fertility": "Yes", "household_type": ALONE},
        {"fertility": "No", "household_type": ALONE},
    ),
    "birth-without-a-child-at-home": (
        {"fertility": "Yes", "family_presence_and_age": "No related children"},
        {"fertility": "Yes", "family_presence_and_age": "Related children under 5 only"},
    ),
    "no-schooling-at-school-age": (
        {"age": 9, "education": "Preschool"},
        {"age": 9, "education": "Kindergarten"},
    ),
    "behind-at-school": ({"age": 14, "education": "Grade 4"}, {"age": 14, "education": "Grade 5"}),
    "diploma-under-17": ({"age": 16, "education": "GED"}, {"age": 17, "education": "GED"}),
    "degree-under-20": (
        {"age": 19, "education": "Bachelor's degree"},
        {"age": 20, "education": "Bachelor's degree"},
    ),
    "high-degree-under-25": ({"age": 24, "education": "Doctorate"}, {"age": 25, "education": "Doctorate"}),
    "law-without-college": at_work("Legal occupations", "GED", "College, under 1 year"),
    "science-without-college": at_work(
        "Life, physical and social science occupations", "GED", "College, under 1 year"
    ),
    "practitioner-without-diploma": at_work("Registered Nurses", "Grade 11", "GED"),
    "teaching-without-diploma": at_work("Educational instruction and library occupations", "Grade 11", "GED"),
    "engineering-without-diploma": at_work("Civil Engineers", "12th grade, no diploma", "GED"),
    "flying-without-diploma": at_work("Aircraft Pilots And Flight Engineers", "Grade 8", "GED"),
    "learned-manual-work": at_work("Janitors And Building Cleaners", "Doctorate", "Master's degree"),
    "manager-under-18": (
        {"age": 17, "employment_status": WORK, "occupation_category": "Management occupations"},
        {"age": 18, "employment_status": WORK, "occupation_category": "Management occupations"},
    ),
    "self-employed-under-18": (
        {"age": 17, "employment_status": WORK, "class_of_worker": "Self-employed, unincorporated"},
        {"age": 18, "employment_status": WORK, "class_of_worker": "Self-employed, unincorporated"},
    ),
    "work-from-90": ({"age": 90, "employment_status": WORK}, {"age": 89, "employment_status": WORK}),
    "forces-from-60": ({"age": 60, "employment_status": FORCES}, {"age": 59, "employment_status": FORCES}),
    "forces-without-diploma": (
        {"employment_status": FORCES, "education": "Grade 11"},
        {"employment_status": FORCES, "education": "GED"},
    ),
    "forces-uninsured": (
        {"employment_status": FORCES, "health_insurance": "Without health insurance"},
        {"employment_status": WORK, "health_insurance": "Without health insurance"},
    ),
    "forces-not-a-citizen": (
        {"employment_status": FORCES, "citizenship": "Not a citizen"},
        {"employment_status": FORCES, "citizenship": "Naturalized citizen"},
    ),
    "forces-with-sight-difficulty": (
        {"employment_status": FORCES, "vision_difficulty": "Yes"},
        {"employment_status": FORCES, "vision_difficulty": "No"},
    ),
    "veteran-under-20": ({"age": 19, "veteran_status": "Veteran"}, {"age": 20, "veteran_status": "Veteran"}),
    "veteran-not-a-citizen": (
        {"veteran_status": "Veteran", "citizenship": "Not a citizen"},
        {"veteran_status": "Never served", "citizenship": "Not a citizen"},
    ),
    "federal-work-of-a-noncitizen": (
        {
            "employment_status": WORK,
            "class_of_worker": "Federal government",
            "citizenship": "Not a citizen",
        },
        {"employment_status": WORK, "class_of_worker": "State government", "citizenship": "Not a citizen"},
    ),
    "no-english-born-here": (
        {"age": 18, "citizenship": BORN, "ability_to_speak_english": "Not at all"},
        {"age": 17, "citizenship": BORN, "ability_to_speak_english": "Not at all"},
    ),
    "no-english-at-a-desk": (
        {
            "employment_status": WORK,
            "occupation_category": "Legal occupations",
            "ability_to_speak_english": "Not at all",
        },
        {
            "employment_status": WORK,
            "occupation_category": "Legal occupations",
            "ability_to_speak_english": "Not well",
        },
    ),
    "naturalized-under-2": (
        {"age": 1, "citizenship": "Naturalized citizen"},
        {"age": 2, "citizenship": "Naturalized citizen"},
    ),
    "uninsured-from-65": (
        {"age": 65, "health_insurance": "Without health insurance"},
        {"age": 64, "health_insurance": "Without health insurance"},
    ),
    "uninsured-with-high-income": (
        {"income": 500_000, "health_insurance": "Without health insurance"},
        {"income": 499_999, "health_insurance": "Without health insurance"},
    ),
    "at-work-alone-without-income": (
        {
            "employment_status": WORK,
            "class_of_worker": "State government",
            "household_type": ALONE,
            "income": 0,
        },
        {
            "employment_status": WORK,
            "class_of_worker": "State government",
            "household_type": ALONE,
            "income": 1,
        },
    ),
    "rich-and-young-alone": (
        {"age": 21, "household_type": ALONE, "income": 150_000},
        {"age": 22, "household_type": ALONE, "income": 150_000},
    ),
    "rich-alone-out-of-work": (
        {"employment_status": "Unemployed", "household_type": ALONE, "income": 300_000},
        {"employment_status": "Unemployed", "household_type": ALONE, "income": 299_999},
    ),
    "transport-with-sight-difficulty": (
        {
            "employment_status": WORK,
            "occupation_category": "Transportation and material moving occupations",
            "vision_difficulty": "Yes",
        },
        {
            "employment_status": WORK,
            "occupation_category": "Production occupations",
            "vision_difficulty": "Yes",
        },
    ),
}


def one(**values):
    return complete(pl.DataFrame([values]))


def fires(name, values):
    return one(**values).select(RULES[name].expression).item()


def test_every_rule_has_a_case_and_a_description():
    assert set(CASES) == set(RULES)
    assert all(rule.description.endswith(".") for rule in RULES.values())


@pytest.mark.parametrize("name", CASES)
def test_rule_fires_on_its_case_and_not_on_the_neighbour(name):
    broken, fine = CASES[name]
    assert fires(name, broken)
    assert not fires(name, fine)


@pytest.mark.parametrize("name", CASES)
def test_missing_never_breaks_a_rule(name):
    broken, _ = CASES[name]
    assert not fires(name, dict.fromkeys(COLUMNS))
    for column in broken:
        # A birth at 51 is out of range whoever is asked.
        if (name, column) != ("birth-out-of-range", "sex"):
            assert not fires(name, {**broken, column: None}), column


def test_removals_are_counted_once_and_breaches_every_time():
    # Row 1 breaks two rules (bachelor before 18, then views under 18), row 2 the second only, row 3 none.
    frame = complete(
        pl.DataFrame(
            {
                "age": [16, 17, 40],
                "education": ["Bachelor's degree", None, "Bachelor's degree"],
                "religion": ["Jewish", "Hindu", None],
            }
        )
    )
    kept, removed, broken = apply_rules(frame)
    assert kept["age"].to_list() == [40]
    assert (removed["bachelor-before-18"], removed["views-under-18"]) == (1, 1)
    assert (broken["bachelor-before-18"], broken["views-under-18"]) == (1, 2)
    assert sum(removed.values()) == 2
    assert set(broken) == set(RULES)
    assert set(removed) == {name for name, rule in RULES.items() if rule.kind == "hard"}


def test_soft_rules_are_counted_and_flagged_but_remove_nobody():
    # A widow of 19 breaks one soft rule, a bachelor of 16 a soft and a hard one.
    frame = complete(
        pl.DataFrame(
            {
                "age": [19, 16, 50],
                "marital_status": ["Widowed", None, "Widowed"],
                "education": [None, "Bachelor's degree", None],
            }
        )
    )
    kept, removed, broken = apply_rules(frame)
    assert kept["age"].to_list() == [19, 50]
    assert sum(removed.values()) == 1
    assert broken["widowed-under-30"] == broken["diploma-under-17"] == 1
    assert with_flags(frame)["implausible"].to_list() == [["widowed-under-30"], ["diploma-under-17"], []]


def test_softening_brings_a_share_down_to_that_of_real_people():
    # 10 of 1,000 weights are of widows under 30; real people: about one in nine thousand.
    frame = complete(pl.DataFrame({"age": [20] * 10 + [60] * 990, "marital_status": ["Widowed"] * 1000}))
    softened = soften(frame)
    weight = softened["weight"]
    assert weight.sum() == pytest.approx(1000)
    assert weight[:10].sum() / 1000 == pytest.approx(rates()["widowed-under-30"].real)
    assert weight[10:].n_unique() == 1
    # Rarer than among real people: nothing moves.
    rare = complete(pl.DataFrame({"age": [20, 60], "marital_status": ["Widowed"] * 2, "weight": [1e-9, 1.0]}))
    assert soften(rare)["weight"].to_list() == pytest.approx([1e-9, 1.0])


def test_softening_needs_weights():
    with pytest.raises(DataError, match="no column of weights"):
        soften(pl.DataFrame({"age": [3]}))
    with pytest.raises(DataError, match="sum to nothing"):
        soften(complete(pl.DataFrame({"age": [3], "weight": [0.0]})))


def test_every_rule_has_its_rates_and_none_is_too_common():
    """At most one real person in 200 breaks a hard rule, one in 50 a soft one."""
    assert len(RULES) >= 40
    measured = rates()
    assert list(measured) == list(RULES)
    for name, rule in RULES.items():
        rate = measured[name]
        assert (rate.real or 0) <= (0.005 if rule.kind == "hard" else 0.02), name
        # What no census asks cannot be read off census microdata.
        assert (rate.real is None) == (rule.group == "drawn"), name


def test_shuffled_people_contradict_themselves_far_more_often():
    people = complete(build("us-2024", size=3000, seed=5).frame)
    apart = shuffled(people, np.random.default_rng(5))
    for name in ("age", "sex", "income"):
        assert sorted(apart[name].to_list(), key=repr) == sorted(people[name].to_list(), key=repr)
    whole, joined = (
        broken_rules(frame, "hard").select(pl.any_horizontal(pl.all()).mean()).item()
        for frame in (people, apart)
    )
    assert whole < 0.005
    assert joined > 0.5


def test_unknown_rule():
    assert rule_named("married-under-15").kind == "hard"
    with pytest.raises(DataError, match="no rule 'nonsense'"):
        rule_named("nonsense")


def test_a_text_rule_reads_each_text_once():
    """Searching the different texts finds what searching every row finds."""
    texts = ["brewing beer", "a Beer garden", "bitter", None, "beers"] * 3
    frame = complete(pl.DataFrame({"age": [20] * 15, "lifestyle": texts}))
    naive = frame["lifestyle"].str.contains(r"(?i)\bbeer\b").fill_null(False)
    found = frame.select(RULES["adult-habit-of-a-minor"].expression).to_series()
    assert found.to_list() == naive.to_list() == [True, True, False, False, False] * 3


def test_no_list_entry_breaks_a_rule_for_anyone_it_fits():
    """The youngest person each entry fits, with every flag it asks for, breaks no rule with it."""
    asked = {
        "employed": {"employment_status": WORK, "occupation_category": "Legal occupations"},
        "unemployed": {"employment_status": "Unemployed"},
        "armed_forces": {"employment_status": "Armed forces, at work"},
        "retired": {"employment_status": "Not in labor force"},
        "christian": {"religion": "Catholic"},
        "jewish": {"religion": "Jewish"},
        "muslim": {"religion": "Muslim"},
        "hindu": {"religion": "Hindu"},
        "buddhist": {"religion": "Buddhist"},
        "unaffiliated": {"religion": "Unaffiliated"},
        "religious": {"religion": "Other"},
    }
    people = []
    for name in WRITTEN:
        for entry in entries(name):
            person = {"age": max(entry.min_age, 62 if "retired" in entry.needs else 0), name: entry.text}
            for flag in entry.needs:
                person |= asked.get(flag, {})
            if "vision_difficulty" not in entry.avoid:
                person["vision_difficulty"] = "Yes"
            if not {"religion", *asked}.intersection(entry.needs) and person["age"] >= 18:
                person["religion"] = "Unaffiliated"
            people.append(person)
    frame = complete(pl.DataFrame(people, infer_schema_length=None))
    # A minor may need a religion to fit; that minors have none is another rule's matter.
    broken = broken_rules(frame, "hard").drop("views-under-18")
    wrong = frame.filter(broken.select(pl.any_horizontal(pl.all())).to_series())
    assert wrong.select(WRITTEN).rows() == []


@pytest.mark.skipif(not DATA.exists(), reason="the census microdata are not on this machine")
def test_the_census_almost_never_breaks_a_rule():
    """Rules speak of contradictions; a rule that fires on the census is wrong, or the census imputed."""
    frame = complete(build(DATA, states=[50, 11, 56]).frame)
    _, removed, broken = apply_rules(frame)
    # 19,684 records of Vermont, DC and Wyoming; the stored counts are those of the whole file's script.
    assert frame.height == 6938 + 6547 + 6199
    assert sum(removed.values()) <= 5
    stored = measurement()["small"]
    assert stored["states"] == [50, 11, 56]
    assert broken == stored["records"]
    # Three small states are near the nation: no share is more than 2 points off.
    assert all(abs(n / frame.height - (rates()[name].real or 0)) < 0.02 for name, n in broken.items())
