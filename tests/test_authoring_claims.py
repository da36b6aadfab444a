"""The checks of written texts: each with texts that it must catch and texts that it must let pass."""

import pytest

from populace import population
from populace.authoring.claims import CHECKS, normalised, violations
from populace.authoring.writing import FIELDS
from populace.personas import Persona, build

ANN = Persona(
    age=41,
    sex="Female",
    race="Asian alone",
    hispanic_origin="Not Hispanic",
    state="Ohio",
    place_of_birth="Vietnam",
    citizenship="Naturalized citizen",
    education="Bachelor's degree",
    employment_status="Civilian employed, at work",
    occupation_category="Registered Nurses",
    income=83_000,
    marital_status="Divorced",
    household_type="Female householder, no spouse or partner, with children under 18",
    family_presence_and_age="Related children 5 to 17 only",
    disability="Without a disability",
    veteran_status="Never served",
    religion="Catholic",
    ideology="Liberal",
    political_views="Independent",
)
BOB = Persona(
    age=16,
    sex="Male",
    race="White alone",
    state="West Virginia",
    place_of_birth="West Virginia",
    citizenship="Born in the United States",
    employment_status="Not in labor force",
    marital_status="Never married or under 15",
    household_type="Male householder living alone",
    disability="With a disability",
    hearing_difficulty="Yes",
)

CAM = Persona(
    age=50,
    state="Ohio",
    citizenship="Not a citizen",
    vision_difficulty="Yes",
    ability_to_speak_english="Not at all",
    employment_status="Not in labor force",
)

BAD = [
    (CAM, "citizenship", "voting in every local election"),
    (CAM, "english", "speaking fluent English to tourists"),
    (CAM, "sight", "reading novels by the window"),
    (CAM, "work", "teaching calculus at the nearby high school"),
    (CAM, "work", "managing a team of engineers"),
    (CAM, "state", "saying y'all like a true Texan"),
    (ANN, "refusal", "as an AI I do not have quirks"),
    (ANN, "refusal", "I’m sorry, but that is not something to write"),
    (ANN, "length", "hm"),
    (ANN, "length", " ".join(["very"] * 21)),
    (ANN, "form", "humming **loudly** in the car"),
    (ANN, "form", "humming in the car. Also sings in the shower"),
    (ANN, "form", "knowing [hobby] inside out"),
    (ANN, "language", "собирает старые монеты"),
    (ANN, "language", "coleccionando las monedas con los amigos"),
    (ANN, "grammatical-person", "talking to my plants"),
    (ANN, "grammatical-person", "remembering your birthday"),
    (ANN, "grammatical-person", "losing her keys twice a day"),
    (ANN, "age", "a 38-year-old habit of early runs"),
    (ANN, "age", "learning piano at age 52"),
    (ANN, "age", "enjoying retirement in the garden"),
    (ANN, "age", "a twenty-something's pace"),
    (BOB, "age", "spoiling the grandchildren"),
    (ANN, "sex", "being a proud father of two"),
    (BOB, "sex", "a young widow's quiet life"),
    (ANN, "state", "cheering for every team from Texas"),
    (BOB, "state", "driving back roads of Virginia"),
    (ANN, "religion", "lighting Sabbath candles every Friday"),
    (ANN, "religion", "a proudly secular life"),
    (BOB, "religion", "singing gospel at church"),
    (ANN, "politics", "knocking on doors for Republican candidates"),
    (ANN, "politics", "arguing conservative views at dinner"),
    (BOB, "politics", "handing out leaflets for Democrats"),
    (ANN, "marital-status", "teasing the husband about golf"),
    (ANN, "marital-status", "visiting a late husband's grave"),
    (BOB, "marital-status", "sending money to an ex-wife"),
    (ANN, "household", "living alone with two cats"),
    (BOB, "household", "leaving notes for roommates"),
    (BOB, "household", "singing to a toddler"),
    (ANN, "work", "a career as a truck driver"),
    (ANN, "work", "a farmer's life before dawn"),
    (BOB, "work", "swapping jokes with coworkers"),
    (ANN, "origin", "cooking from a Mexican family notebook"),
    (ANN, "origin", "proud Irish roots"),
    (BOB, "origin", "dreaming of the homeland"),
    (ANN, "disability", "decorating a wheelchair with stickers"),
    (ANN, "disability", "telling war stories among veterans"),
    (ANN, "name", "a cat named Biscuit"),
    (ANN, "name", "baking pies with Martha on Sundays"),
    (ANN, "parroting", "a registered nurses life in Ohio, Divorced"),
    (ANN, "parroting", "a divorced catholic life"),
]
GOOD = [
    (ANN, "voting in every local election"),
    (ANN, "reading novels by the window"),
    (CAM, "reading large-print novels by the window"),
    (ANN, "knowing each regular's coffee order by heart"),
    (ANN, "folding a paper crane from every receipt"),
    (ANN, "a brisk life of early shifts and late soups"),
    (ANN, "going to Catholic school fundraisers"),
    (ANN, "swapping jokes with coworkers"),
    (ANN, "a career as a nurse and a gardener at heart"),
    (ANN, "keeping Vietnamese family recipes in a tin"),
    (ANN, "cheering for Ohio teams out of stubbornness"),
    (ANN, "arriving at 7 with warm bread"),
    (ANN, "being conservative with money and generous with time"),
    (ANN, "cooking Italian dinners on Sundays"),
    (ANN, 'saying "my goodness" at every surprise'),
    (ANN, "a do-it-yourself life"),
    (BOB, "adjusting a hearing aid before hard questions"),
    (BOB, "knowing every trail in West Virginia"),
    (BOB, "birdwatching"),
]


@pytest.mark.parametrize(("persona", "rule", "text"), BAD)
def test_a_bad_text_is_caught_under_its_name(persona, rule, text):
    assert rule in [each.rule for each in violations(persona, "lifestyle", text)]


@pytest.mark.parametrize(("persona", "text"), GOOD)
def test_a_good_text_stands(persona, text):
    assert violations(persona, "lifestyle", text) == []


def test_every_check_has_a_case_and_a_description():
    assert set(CHECKS) == {rule for _, rule, _ in BAD}
    assert all(check.description.endswith((".", "alike.")) for check in CHECKS.values())


def test_nothing_is_empty_and_examples_may_not_come_back():
    assert [each.rule for each in violations(ANN, "lifestyle", None)] == ["empty"]
    assert [each.rule for each in violations(ANN, "lifestyle", " ?! ")] == ["empty"]
    copied = violations(ANN, "lifestyle", "A quiet life.", ["a quiet life"])
    assert [each.rule for each in copied] == ["copies-an-example"]


def test_the_lists_written_by_us_pass_for_the_people_they_are_drawn_for():
    # What people wrote with care, for people drawn from the census: anything caught here is a false alarm.
    people = build(population.build("us-2024", size=600, seed=12), seed=5, adults=False)
    checked = 0
    for one in people:
        for field in FIELDS:
            if (text := getattr(one, field)) is not None:
                checked += 1
                assert violations(one, field, text) == [], text
    assert checked > 2500


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("“Stacking coins.”", "stacking coins"),
        ("  TV at dawn\n every day;", "TV at dawn every day"),
        ("McDonald's fries at noon", "McDonald's fries at noon"),
        ("", ""),
        ("...", ""),
    ],
)
def test_form_is_taken_off(raw, text):
    assert normalised(raw) == text
