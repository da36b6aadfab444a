"""Golden renderings: eight invented people in every form, kept in tests/golden/personas.

`python tests/test_personas_golden.py --update` writes them again; look at the difference before a commit.
"""

import sys
from pathlib import Path

import pytest

from populace.personas import Persona, render
from populace.personas.render import LEVELS, TEMPLATES

GOLDEN = Path(__file__).parent / "golden" / "personas"
FORMS = [(template, level) for template in TEMPLATES for level in LEVELS if template != "release"]
FORMS.append(("release", "standard"))

# Nobody here is a record of any survey.
PEOPLE = {
    "newborn": Persona(
        age=0,
        sex="Female",
        race="Two or More Races",
        hispanic_origin="Not Hispanic",
        state="Hawaii",
        income=84_300,
        household_type="Married couple household with children under 18",
        family_presence_and_age="Related children under 5 only",
        health_insurance="With health insurance",
    ),
    "pupil": Persona(
        age=9,
        sex="Male",
        race="Asian alone",
        hispanic_origin="Not Hispanic",
        state="Washington",
        education="Grade 3",
        household_language="Asian and Pacific Island",
        ability_to_speak_english="Very well",
        household_type="Male householder, no spouse or partner, with children under 18",
        income=61_000,
        defining_quirks="collecting bottle caps",
        personal_time="building model bridges",
        lifestyle="a life of home, school, and weekend practices",
    ),
    "student": Persona(
        age=17,
        sex="Female",
        race="Black or African American alone",
        hispanic_origin="Not Hispanic",
        state="Georgia",
        education="Grade 11",
        employment_status="Civilian employed, at work",
        class_of_worker="For-profit employee",
        occupation_category="Cashiers",
        industry_category="Supermarkets And Other Grocery Stores",
        detailed_job_description="scanning and bagging groceries, at a private company in retail",
        household_type="Other family household: female householder, no spouse present",
        marital_status="Never married or under 15",
        income=38_200,
        mannerisms="humming while thinking",
        core_values="being trusted with responsibility",
    ),
    "sailor": Persona(
        age=24,
        sex="Male",
        race="White alone",
        hispanic_origin="Mexican",
        state="Virginia",
        education="College, under 1 year",
        employment_status="Armed forces, at work",
        class_of_worker="Federal government",
        occupation_category="Military occupations",
        industry_category="Military",
        veteran_status="Active duty",
        marital_status="Married",
        household_type="Married couple household",
        openness="High",
        neuroticism="Extremely Low",
        religion="Unaffiliated",
        ideology="Conservative",
        political_views="Independent",
        income=55_499,
        self_direction="Low",
        security="Extremely High",
        conformity="High",
    ),
    "mother": Persona(
        age=31,
        sex="Female",
        race="Some Other Race alone",
        hispanic_origin="Salvadoran",
        state="California",
        ancestry="Salvadoran",
        place_of_birth="El Salvador",
        citizenship="Naturalized citizen",
        household_language="Spanish",
        ability_to_speak_english="Well",
        education="Associate's degree",
        employment_status="Civilian employed, not at work",
        occupation_category="Healthcare support occupations",
        detailed_job_description="helping patients bathe and dress, at a nonprofit in health care",
        marital_status="Never married or under 15",
        household_type="Cohabiting couple household with children under 18",
        family_presence_and_age="Related children under 5 and 5 to 17",
        fertility="Yes",
        health_insurance="Without health insurance",
        religion="Catholic",
        ideology="Liberal",
        political_views="Democrat",
        agreeableness="Extremely High",
        income=72_900,
        benevolence="Extremely High",
        stimulation="Low",
        core_values="looking after the people close by",
        lifestyle="a hectic life of work and small children",
    ),
    "jobless": Persona(
        age=52,
        sex="Male",
        race="American Indian alone",
        state="Oklahoma",
        education="GED",
        employment_status="Unemployed",
        occupation_category="Roofers",
        class_of_worker="Self-employed, unincorporated",
        marital_status="Divorced",
        household_type="Nonfamily household: male householder living alone",
        veteran_status="Veteran",
        disability="With a disability",
        hearing_difficulty="Yes",
        cognitive_difficulty="Yes",
        income=-1_400,
        extraversion="Low",
        conscientiousness="Extremely Low",
        religion="Other",
        political_views="Other",
        defining_quirks="answering every question with a proverb",
        mannerisms="looking at the horizon",
        personal_time="fishing at dawn",
    ),
    "widow": Persona(
        age=88,
        sex="Female",
        race="White alone",
        hispanic_origin="Not Hispanic",
        state="District of Columbia",
        citizenship="Born in the United States",
        education="Doctorate",
        employment_status="Not in labor force",
        occupation_category="Unemployed, no work in the last 5 years or never worked",
        marital_status="Widowed",
        household_type="Female householder living alone",
        disability="With a disability",
        income=1_260_000,
        religion="Jewish",
        ideology="Very liberal",
        political_views="Democrat",
        lifestyle="an unhurried retired life with mornings free",
        tradition="Extremely Low",
        universalism="Extremely High",
        achievement="High",
        core_values="gratitude for each ordinary day",
    ),
    "unknown": Persona(religion="Hindu", state="Ohio", openness="Low", income=0),
}


def texts(name: str) -> str:
    """Every rendering of one person, and three with something left out, under headings."""
    one = PEOPLE[name]
    said = {f"{template}, {level}": render(one, template, level=level) for template, level in FORMS}
    for leave_out in (["sex"], ["age", "work"], ["family", "views"]):
        said[f"profile without {', '.join(leave_out)}"] = render(one, leave_out=leave_out)
    said["story of only age, state, religion"] = render(one, "story", only=["age", "state", "religion"])
    return "".join(f"## {title}\n\n{text}\n\n" for title, text in said.items()).rstrip() + "\n"


@pytest.mark.parametrize("name", PEOPLE)
def test_renderings_are_the_golden_ones(name):
    assert texts(name) == (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.iterdir()} == set(PEOPLE)


if __name__ == "__main__":
    if sys.argv[1:] != ["--update"]:
        sys.exit(__doc__)
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for each in PEOPLE:
        (GOLDEN / f"{each}.txt").write_text(texts(each), "utf-8")
